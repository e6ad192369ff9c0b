//! Inputs of the largest size: one thing many times, as a program could write it, or somebody who means ill.

use std::fmt::Write;

use fastrand::Rng;

use super::input::{MAXIMUM_BYTES, key, token};
use super::tree::{Layout, Tree};

/// A field of a mapping, or an item of a sequence, which has no key.
type Part = (Option<String>, Tree);
/// Makes the part at a position.
type Make = fn(usize, &mut Rng) -> Part;

/// Where a topology is grown, as keys and positions, and what by.
const PLACES: [(&str, Make); 20] = [
    ("clusters", |index, rng| (None, cluster(index, rng))),
    ("clusters", |index, rng| (None, chained(index, rng))),
    ("clusters", |_, _| (None, mapping([("name", "a".to_owned())]))),
    // The shortest parts, of which there are the most.
    ("clusters", |_, _| (None, mapping([]))),
    ("networks", |_, _| (None, mapping([]))),
    ("clusters 0 nodes", |_, _| (None, mapping([]))),
    ("istio meshConfig defaultConfig", |index, _| (Some(format!("k{index}")), Tree::Raw("1".to_owned()))),
    ("clusters 0 allow", |index, _| (None, mapping([("rule", format!("r{index}"))]))),
    ("networks", |index, rng| (None, mapping([("name", format!("n{}", index / rng.usize(1..3)))]))),
    ("istio meshConfig", |index, rng| misspelt(index, rng, "1")),
    ("istio values global", |index, rng| misspelt(index, rng, "1")),
    ("mesh allow", |index, rng| {
        let rule = ["full-sampling", "shared-gatewey", "owned-field", "x"][rng.usize(..4)];
        let rule = if rng.bool() { rule.to_owned() } else { format!("{rule}{index}") };
        (None, mapping([("rule", rule), ("reason", "r".to_owned())]))
    }),
    ("clusters 0 nodes", |index, rng| (None, node(index, rng))),
    ("clusters 0 eastWestGateway externalIPs", |index, rng| {
        let index = if rng.u8(..4) == 0 { 0 } else { index };
        (None, Tree::Raw(format!("10.{}.{}.{}", rng.u8(..4), index / 256, index % 256)))
    }),
    ("clusters 0 eastWestGateway serviceAnnotations", |index, rng| {
        (Some(format!("a{index}")), Tree::Raw(token(rng).to_owned()))
    }),
    ("clusters 0", |index, rng| misspelt(index, rng, "a")),
    ("", |index, rng| misspelt(index, rng, "")),
    ("", |index, _| (Some(format!("a{}", index / 2)), Tree::Raw("b".to_owned()))),
    ("workloads namespaces", |_, rng| (None, Tree::Raw(token(rng).to_owned()))),
    // One mistake, and aliases that repeat it.
    ("clusters", |index, rng| match index {
        0 => (None, Tree::Marked("&a".to_owned(), Box::new(cluster(0, rng)))),
        _ => (None, Tree::Raw("*a".to_owned())),
    }),
];

pub(crate) fn grown(mut tree: Tree, rng: &mut Rng) -> Vec<u8> {
    let room = rng.usize(MAXIMUM_BYTES / 4..=MAXIMUM_BYTES);
    match rng.usize(..PLACES.len() + 2) {
        0 => aliases(rng).into_bytes(),
        1 => {
            let part = [token(rng), token(rng), token(rng)].concat();
            part.repeat(room / part.len().max(1)).into_bytes()
        }
        kind => {
            let (path, make) = PLACES[kind - 2];
            let place = path.split_whitespace().fold(&mut tree, |place, step| match step {
                "0" => first(place),
                key => place.field(key),
            });
            *place = filled(room, make, rng);
            tree.text(if rng.bool() { Layout::Block } else { Layout::Flow }).into_bytes()
        }
    }
}

/// As many parts as there is room for.
fn filled(room: usize, make: Make, rng: &mut Rng) -> Tree {
    let (mut items, mut fields) = (Vec::new(), Vec::new());
    let (mut length, mut index) = (0, 0);
    while length < room {
        let (key, value) = make(index, rng);
        length += value.text(Layout::Flow).len() + key.as_ref().map_or(6, |key| key.len() + 6);
        match key {
            Some(key) => fields.push((key, value)),
            None => items.push(value),
        }
        index += 1;
    }
    if items.is_empty() { Tree::Mapping(fields) } else { Tree::Sequence(items) }
}

/// Sequences of aliases of sequences of aliases.
fn aliases(rng: &mut Rng) -> String {
    let mut text = String::from("a: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 0..rng.usize(1..60) {
        let alias = format!("*a{level}, ").repeat(rng.usize(1..12));
        writeln!(text, "b{level}: &a{} [{alias}]", level + 1).unwrap();
    }
    text
}

/// Something like a key, for which a reader looks for the key that was meant.
fn misspelt(index: usize, rng: &mut Rng, value: &str) -> Part {
    let keys = ["accessLogFil", "defaultConfg", "imagePullPolicies", "eastWestGatewy", "nets", "x", "certificate"];
    (Some(format!("{}{index}", keys[rng.usize(..keys.len())])), Tree::Raw(value.to_owned()))
}

/// The first item of a sequence, made where it is none.
fn first(tree: &mut Tree) -> &mut Tree {
    if !matches!(tree, Tree::Sequence(items) if !items.is_empty()) {
        *tree = Tree::Sequence(vec![Tree::Mapping(Vec::new())]);
    }
    let Tree::Sequence(items) = tree else { unreachable!("it has become a sequence") };
    &mut items[0]
}

fn mapping<const N: usize>(fields: [(&str, String); N]) -> Tree {
    Tree::Mapping(fields.map(|(key, value)| (key.to_owned(), Tree::Raw(value))).to_vec())
}

fn node(index: usize, rng: &mut Rng) -> Tree {
    let pods = match rng.u8(..4) {
        0 => format!("10.{}.0.0/{}", rng.u8(..), rng.u8(..34)),
        1 => "10.0.0.0/8".to_owned(),
        _ => format!("10.{}.{}.0/24", index / 256, index % 256),
    };
    let address = format!("172.16.{}.{}", index / 256, if rng.bool() { index % 256 } else { 1 });
    mapping([("address", address), ("podCIDR", pods)])
}

/// A cluster whose control plane is that of the next.
fn chained(index: usize, rng: &mut Rng) -> Tree {
    let next = if rng.u8(..64) == 0 { rng.usize(..=index) } else { index + 1 };
    mapping([
        ("name", format!("c{index}")),
        ("network", "n".to_owned()),
        ("apiServer", format!("https://a{index}")),
        ("controlPlane", format!("c{next}")),
    ])
}

fn cluster(index: usize, rng: &mut Rng) -> Tree {
    let name = if rng.u8(..8) == 0 { 0 } else { index };
    let mut cluster = mapping([
        ("name", format!("c{name}")),
        ("network", format!("n{}", rng.usize(..4))),
        ("apiServer", format!("https://10.1.{}.{}", index / 256, index % 256)),
    ]);
    if rng.bool() {
        *cluster.field("controlPlane") = Tree::Raw(format!("c{}", rng.usize(..=index)));
    }
    if rng.bool() {
        *cluster.field("nodes") = Tree::Sequence((0..rng.usize(..3)).map(|at| node(index * 3 + at, rng)).collect());
    }
    if rng.bool() {
        *cluster.field("eastWestGateway").field("address") = Tree::Raw(format!("10.2.{}.{}", index / 256, index % 256));
    }
    if rng.u8(..8) == 0 {
        *cluster.field(&key(rng)) = Tree::Raw(token(rng).to_owned());
    }
    cluster
}
