//! Inputs: files of the repository and random topologies, changed as bytes, as trees, or grown to the largest size.
//! An input depends on nothing but the seed and its number, so that each can be made again alone.

use fastrand::Rng;

use super::answer::Target;
use super::tree::{Layout, Tree};
use super::{bundles, growth, lines};

/// The largest input for which the time is bounded.
pub(crate) const MAXIMUM_BYTES: usize = 64 << 10;

/// One in so many inputs of a target is grown to the largest size.
const GROWN: u64 = 2048;

/// Whose turn it is, from number to number: half of the inputs are topologies, of which there is most to find.
const TURNS: [Target; 16] = {
    use Target::{Bundle, Ciphertext, Journal, Lock, Seed, Topology};
    [
        Topology, Bundle, Topology, Lock, Topology, Bundle, Topology, Journal, Lock, Topology, Bundle, Topology, Seed,
        Topology, Ciphertext, Topology,
    ]
};

/// What inputs are made from.
pub(crate) struct Corpus {
    pub(crate) texts: Vec<Vec<u8>>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) locks: Vec<Vec<u8>>,
    pub(crate) bundles: Vec<Vec<u8>>,
    pub(crate) ciphertexts: Vec<Vec<u8>>,
}

/// Something to answer.
pub(crate) struct Input {
    pub(crate) target: Target,
    pub(crate) made: Made,
    pub(crate) bytes: Vec<u8>,
}

/// How an input was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Made {
    Bytes,
    Structure,
    Growth,
}

/// Words that mean something to a reader of YAML, to a schema, or to a rule.
const TOKENS: [&str; 74] = [
    "~",
    "null",
    "true",
    "no",
    "0",
    "-1",
    "1.30",
    "1e400",
    "0x7f",
    "0o17",
    "99999999999999999999",
    "18446744073709551615",
    "-0.0",
    "100.0",
    ".5",
    "65536",
    "15012",
    "30000",
    "\"\"",
    "\" \"",
    "'a",
    "\"\\x00\"",
    "\"\\u2028\"",
    "é",
    "\u{1f980}",
    "\u{85}",
    "\u{feff}",
    "a: b",
    "- a",
    "? a",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    "[[]]",
    "&a b",
    "*a",
    "!!str a",
    "!",
    "<<: *a",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "# ",
    "|\n",
    ">-\n",
    "\t",
    "\r\n",
    "\0",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "::/0",
    "fd00::/64",
    "::ffff:10.0.0.1",
    "127.0.0.1",
    "224.0.0.1",
    "fe80::1",
    "255.255.255.255",
    "https://[::1]:6443",
    "https://a:b@c/d?e#f",
    "http://localhost",
    "https://10.0.0.1:65535",
    "2026-02-30",
    "2199-12-31",
    "2000-01-01",
    "1.11.2",
    "1.30.3",
    "1.28.0",
    "\"1.21\"",
    "\"1.36\"",
    "gateway.example.com",
];

/// Keys of a topology, and of what it passes on.
const KEYS: [&str; 63] = [
    "apiVersion",
    "kind",
    "mesh",
    "id",
    "trustDomain",
    "clusterDomain",
    "naming",
    "image",
    "nodePortRange",
    "podCIDRs",
    "serviceCIDRs",
    "allow",
    "rule",
    "reason",
    "istio",
    "version",
    "profile",
    "revision",
    "egressGateway",
    "cni",
    "enabled",
    "install",
    "charts",
    "gitops",
    "controller",
    "hub",
    "namespace",
    "repository",
    "path",
    "meshConfig",
    "values",
    "caAddress",
    "kubernetes",
    "certificates",
    "authority",
    "directory",
    "issuedOn",
    "rootValidityDays",
    "intermediatesIssuedOn",
    "intermediateValidityDays",
    "generation",
    "tracing",
    "zipkin",
    "cluster",
    "samplingPercent",
    "via",
    "gatewayPort",
    "nodePort",
    "networks",
    "podRouting",
    "clusters",
    "name",
    "network",
    "controlPlane",
    "context",
    "apiServer",
    "apiServerCA",
    "proxyURL",
    "serviceCIDR",
    "nodes",
    "podCIDR",
    "eastWestGateway",
    "externalIPs",
];

impl Corpus {
    /// The input of a number, of one target or of each in turn.
    pub(crate) fn input(&self, seed: u64, number: u64, target: Option<Target>) -> Input {
        // Two odd constants keep neighbouring numbers and seeds apart.
        let mut rng =
            Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let turn = usize::try_from(number % TURNS.len() as u64).expect("it is a small number");
        let target = target.unwrap_or(TURNS[turn]);
        let is_grown = (number / TURNS.len() as u64).is_multiple_of(GROWN);
        let (made, mut bytes) = match (is_grown, target) {
            (true, Target::Topology) => (Made::Growth, growth::grown(self.tree(&mut rng).clone(), &mut rng)),
            (true, Target::Lock) => (Made::Growth, lines::grown_lock(&mut rng)),
            (true, Target::Journal) => (Made::Growth, lines::grown_journal(&mut rng)),
            (true, Target::Bundle) => {
                (Made::Growth, bundles::grown(rng.usize(..bundles::KINDS), MAXIMUM_BYTES, &mut rng))
            }
            (_, Target::Ciphertext) => (Made::Bytes, Self::bytes(&self.ciphertexts, &mut rng)),
            (false, Target::Topology) if rng.bool() => (Made::Bytes, Self::bytes(&self.texts, &mut rng)),
            (false, Target::Topology) => (Made::Structure, self.structure(&mut rng)),
            (false, Target::Lock) => (Made::Structure, lines::lock(&self.locks, &mut rng)),
            (false, Target::Journal) => (Made::Structure, lines::journal(&mut rng)),
            (false, Target::Bundle) => (Made::Structure, bundles::bundle(&self.bundles, &mut rng)),
            (_, Target::Seed) => (Made::Structure, lines::seed(&mut rng)),
        };
        bytes.truncate(MAXIMUM_BYTES);
        Input { target, made, bytes }
    }

    /// The smaller of two: more inputs are answered in the same time, and the large ones come up too.
    fn text<'t>(texts: &'t [Vec<u8>], rng: &mut Rng) -> &'t [u8] {
        let mut one = || &texts[rng.usize(..texts.len())];
        let (one, other) = (one(), one());
        if one.len() < other.len() { one } else { other }
    }

    /// The smaller of two trees.
    fn tree(&self, rng: &mut Rng) -> &Tree {
        let mut one = || &self.trees[rng.usize(..self.trees.len())];
        let (one, other) = (one(), one());
        if one.size() < other.size() { one } else { other }
    }

    fn bytes(texts: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
        let mut bytes = match rng.u8(..16) {
            0 => (0..rng.usize(..256)).map(|_| rng.u8(..)).collect(),
            1 => (0..rng.usize(..64)).flat_map(|_| token(rng).bytes().chain([b" \n"[rng.usize(..2)]])).collect(),
            _ => Self::text(texts, rng).to_vec(),
        };
        for _ in 0..few(rng) {
            let at = rng.usize(..=bytes.len());
            let end = (at + rng.usize(..=32)).min(bytes.len());
            match rng.u8(..10) {
                0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
                1 => bytes.insert(at, rng.u8(..)),
                2 | 3 => drop(bytes.splice(at..at, token(rng).bytes())),
                4 => drop(bytes.splice(at..end, token(rng).bytes())),
                5 => drop(bytes.drain(at..end)),
                6 => {
                    let other = Self::text(texts, rng);
                    let from = rng.usize(..=other.len());
                    let length = rng.usize(..=200).min(other.len() - from);
                    bytes.splice(at..at, other[from..from + length].iter().copied());
                }
                7 => {
                    let part = bytes[at..end].repeat(rng.usize(1..8));
                    bytes.splice(at..at, part);
                }
                8 => {
                    let line: Vec<u8> = bytes[at..].iter().copied().take_while(|byte| *byte != b'\n').collect();
                    let other = rng.usize(..=bytes.len());
                    bytes.splice(other..other, line.into_iter().chain([b'\n']));
                }
                _ if rng.u8(..4) == 0 => bytes.truncate(at),
                _ => {}
            }
        }
        bytes
    }

    fn structure(&self, rng: &mut Rng) -> Vec<u8> {
        let mut tree = self.tree(rng).clone();
        for _ in 0..few(rng) {
            self.change(&mut tree, rng);
        }
        let layout = if rng.u8(..8) == 0 { Layout::Flow } else { Layout::Block };
        tree.text(layout).into_bytes()
    }

    fn change(&self, tree: &mut Tree, rng: &mut Rng) {
        let other = rng.usize(..tree.size());
        let other = tree.at(other).clone();
        let position = rng.usize(..tree.size());
        if rng.bool() {
            let collections = tree.collections();
            if let Some(position) = collections.get(rng.usize(..collections.len().max(1))) {
                return change_collection(tree.at(*position), other, rng);
            }
        }
        let value = tree.at(position);
        match rng.u8(..12) {
            0..3 => *value = Tree::Raw(token(rng).to_owned()),
            3 => *value = other,
            4 => {
                let mut stranger = self.tree(rng).clone();
                let position = rng.usize(..stranger.size());
                *value = stranger.at(position).clone();
            }
            5 => {
                for _ in 0..rng.usize(1..80) {
                    *value = if rng.bool() {
                        Tree::Sequence(vec![value.clone()])
                    } else {
                        Tree::Mapping(vec![(key(rng), value.clone())])
                    };
                }
            }
            6 => *value = Tree::Raw("a".repeat(rng.usize(1..5000))),
            7 => *value = Tree::Marked("&a".to_owned(), Box::new(value.clone())),
            8 => *value = Tree::Raw("*a".to_owned()),
            9 => *value = Tree::Marked("!t".to_owned(), Box::new(value.clone())),
            _ => {
                if let Tree::Raw(text) = value {
                    let mut characters: Vec<char> = text.chars().collect();
                    let at = rng.usize(..=characters.len());
                    match rng.u8(..4) {
                        0 if at < characters.len() => drop(characters.remove(at)),
                        1 => characters.insert(at, rng.char(..)),
                        2 => characters.splice(at..at, token(rng).chars()).for_each(drop),
                        _ => characters.insert(at, rng.char('0'..='9')),
                    }
                    *text = characters.into_iter().collect();
                }
            }
        }
    }
}

fn change_collection(collection: &mut Tree, other: Tree, rng: &mut Rng) {
    match collection {
        Tree::Sequence(items) => {
            let at = rng.usize(..=items.len());
            match rng.u8(..6) {
                0 if at < items.len() => drop(items.remove(at)),
                1 => items.insert(at, other),
                2 => items.clear(),
                3 => items.reverse(),
                _ if !items.is_empty() => {
                    let item = items[rng.usize(..items.len())].clone();
                    items.splice(at..at, std::iter::repeat_n(item, rng.usize(1..4))).for_each(drop);
                }
                _ => items.push(Tree::Raw(token(rng).to_owned())),
            }
        }
        Tree::Mapping(fields) => {
            let at = rng.usize(..=fields.len());
            let is_inside = at < fields.len();
            match rng.u8(..8) {
                0 | 1 if is_inside => drop(fields.remove(at)),
                2 if is_inside => fields.push(fields[at].clone()),
                3 if is_inside => {
                    let key = &mut fields[at].0;
                    let cut = key.floor_char_boundary(rng.usize(..=key.len()));
                    if rng.bool() {
                        key.insert(cut, rng.char('a'..='z'));
                    } else {
                        key.truncate(cut);
                    }
                }
                4 if is_inside => fields[at].0 = key(rng),
                5 if is_inside => {
                    let place = rng.usize(..fields.len());
                    let value = fields[at].1.clone();
                    fields[place].1 = value;
                }
                6 => fields.insert(at, (key(rng), other)),
                _ => fields.insert(at, (key(rng), Tree::Raw(token(rng).to_owned()))),
            }
        }
        Tree::Raw(_) | Tree::Marked(..) => {}
    }
}

/// Mostly one change, seldom many: a reader stops at the first fault of syntax.
pub(crate) fn few(rng: &mut Rng) -> usize {
    let most = rng.usize(1..5);
    1 << rng.usize(..most)
}

pub(crate) fn token(rng: &mut Rng) -> &'static str {
    TOKENS[rng.usize(..TOKENS.len())]
}

pub(crate) fn key(rng: &mut Rng) -> String {
    KEYS[rng.usize(..KEYS.len())].to_owned()
}
