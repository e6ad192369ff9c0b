//! Locks, journals and seeds: real ones that were damaged, changed line by line or merged, and ones of nothing but known words.

use std::fmt::Write;

use fastrand::Rng;
use meshgen::lock::Digest;
use meshgen::pki::Seed;

use super::answer::journal::{STANDING, held};
use super::damage::damaged;
use super::input::{MAXIMUM_BYTES, few, token};

/// What the lines of a lock begin with, and shapes of what follows.
const FACTS: [(&str, &str); 20] = [
    ("meshgen", "0.1.0"),
    ("istio", "1.30.3 by istioctl"),
    ("workloads", "NAME"),
    ("retired", "NAME generation 1"),
    ("traces", "wait for NAME"),
    ("step", "NAME/30-istio"),
    ("root", "sha256:00 serial 00 valid 2026-11-01 to 2036-10-29"),
    ("root", "none"),
    ("network of", "NAME NAME"),
    ("primary of", "NAME NAME"),
    ("wait of", "NAME for the address of its primary"),
    ("server of", "NAME https://10.0.0.1:6443"),
    ("proxies of", "NAME NAME"),
    ("route of", "NAME 10.0.0.0/8 via 10.0.0.1"),
    ("context of", "NAME \"NAME\""),
    ("gateway of", "NAME none"),
    ("gateway of", "NAME at NAME"),
    ("issuer of", "NAME sha256:00 serial 00 valid 2026-11-01 to 2036-10-29"),
    ("certificate of", "NAME generation 1 valid 2026-11-01 to 2028-10-31 serial 00 sha256:00"),
    ("#", "NAME"),
];

const NAMES: [&str; 16] = [
    "east",
    "west",
    "east-1",
    "",
    " ",
    "  ",
    "none",
    "at",
    "of",
    "via",
    "generation",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\"",
    "\\n",
];

/// Paths that are none of a tree, lead out of it, or are written otherwise than builds write them.
const PATHS: [&str; 16] = [
    "../mesh.yaml",
    "../outside/namespace.yaml",
    "/etc/passwd",
    ".git/HEAD",
    "ca.seed",
    "notes.txt",
    "east/notes.txt",
    "linked/10-namespace/namespace.yaml",
    "linked/10-namespace/../../../mesh.yaml",
    "./README.md",
    "east//10-namespace/namespace.yaml",
    "east/10-namespace/namespace.yaml/",
    "east/10-namespace/.meshgen-kustomization.yaml",
    "EAST/10-namespace/namespace.yaml",
    ".meshgen-journal",
    "",
];

/// A lock made from others.
pub(crate) fn lock(locks: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let one = &locks[rng.usize(..locks.len())];
    match rng.u8(..8) {
        0..3 => damaged(one, rng),
        3 | 4 => merged(one, &locks[rng.usize(..locks.len())], rng),
        5 | 6 => changed(one, &locks[rng.usize(..locks.len())], rng),
        _ => (0..rng.usize(1..40)).fold("meshgen-lock-2\n".to_owned(), |lock, _| lock + &fact(rng)).into_bytes(),
    }
}

/// One line of a lock.
fn fact(rng: &mut Rng) -> String {
    let name = |rng: &mut Rng| match rng.u8(..4) {
        0 => token(rng).to_owned(),
        _ => NAMES[rng.usize(..NAMES.len())].to_owned(),
    };
    if rng.u8(..3) == 0 {
        let path = [name(rng), "/10-namespace/namespace.yaml".to_owned()].concat();
        return format!("{} {path}\n", Digest::of(path.as_bytes()));
    }
    let (word, rest) = FACTS[rng.usize(..FACTS.len())];
    let rest = rest.split("NAME").fold(String::new(), |rest, part| {
        if rest.is_empty() && part.is_empty() { name(rng) } else { [rest, part.to_owned(), name(rng)].concat() }
    });
    format!("{word} {rest}\n")
}

/// What Git makes of two branches: the lines of both, in the order of each, with or without its markers.
fn merged(one: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let lines = |text: &'static str| text.as_bytes().to_vec();
    let split =
        |text: &[u8]| -> Vec<Vec<u8>> { text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let mut sides = [split(one), split(other)].map(Vec::into_iter);
    let (mut out, has_markers) = (Vec::new(), rng.u8(..8) == 0);
    while sides.iter().any(|side| side.len() > 0) {
        // Lines that both have are there once.
        let [left, right] = &mut sides;
        if left.as_slice().first() == right.as_slice().first() && rng.u8(..16) > 0 {
            right.next();
            out.extend(left.next().into_iter().flatten());
            continue;
        }
        for (side, marker) in sides.iter_mut().zip(["<<<<<<< ours\n", "=======\n"]) {
            if has_markers {
                out.extend(lines(marker));
            }
            out.extend(side.take(rng.usize(..6)).flatten());
        }
        if has_markers {
            out.extend(lines(">>>>>>> theirs\n"));
        }
    }
    out
}

/// A text with lines twice, elsewhere, cut, joined, of another text, or with another word.
fn changed(text: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let split =
        |text: &[u8]| -> Vec<Vec<u8>> { text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let (mut lines, others) = (split(text), split(other));
    for _ in 0..few(rng) {
        if lines.is_empty() || others.is_empty() {
            break;
        }
        let (at, to) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
        match rng.u8(..8) {
            0 => lines.swap(at, to),
            1 => drop(lines.remove(at)),
            2 => {
                let line = lines[at].clone();
                lines.splice(to..to, std::iter::repeat_n(line, rng.usize(1..4))).for_each(drop);
            }
            3 => lines.insert(at, others[rng.usize(..others.len())].clone()),
            4 => lines.insert(at, fact(rng).into_bytes()),
            5 => {
                let mut words: Vec<&[u8]> = lines[at].split(|byte| *byte == b' ').collect();
                let word = rng.usize(..words.len());
                words[word] = NAMES[rng.usize(..NAMES.len())].as_bytes();
                lines[at] = words.join(&b' ');
            }
            6 => {
                let end = rng.usize(..=lines[at].len());
                lines[at].truncate(end);
            }
            // Line ends of another system.
            _ => {
                let end = lines[at].len().saturating_sub(1);
                lines[at].splice(end.., *b"\r\n").for_each(drop);
            }
        }
    }
    lines.concat()
}

/// A journal that lists what stands there, and what is none of meshgen's business.
pub(crate) fn journal(rng: &mut Rng) -> Vec<u8> {
    let mut text = String::new();
    for _ in 0..rng.usize(..10) {
        let (path, what) = STANDING[rng.usize(..STANDING.len())];
        let path = path.strip_prefix("out/").unwrap_or(path);
        let digest = Digest::of(held(path, ["old", "new", "edited", what][rng.usize(..4)]).as_bytes());
        let path = match rng.u8(..32) {
            0 => PATHS[rng.usize(..PATHS.len())],
            1 => token(rng),
            _ if meshgen::emit::is_emitted(path) => path,
            _ => "README.md",
        };
        writeln!(text, "{digest} {path}").unwrap();
    }
    match rng.u8(..4) {
        0 => damaged(text.as_bytes(), rng),
        1 => changed(text.as_bytes(), text.as_bytes(), rng),
        _ => text.into_bytes(),
    }
}

/// A seed, or two.
pub(crate) fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut line = || Seed::new(std::array::from_fn(|_| rng.u8(..))).line();
    let (one, other) = (line(), line());
    let comment = format!("# a remark {}\n", token(rng));
    let (word, rest) = one.split_once(' ').unwrap();
    let text = match rng.u8(..6) {
        0 => [one.as_str(), &other].concat(),
        1 => [word, " ", &rest[..rng.usize(..rest.len())], &other].concat(),
        2 => one.split(' ').rev().collect::<Vec<_>>().join(" "),
        3 => [&comment, token(rng), one.as_str(), token(rng)].concat(),
        _ => [&comment, one.as_str()].concat(),
    };
    if rng.bool() { damaged(text.as_bytes(), rng) } else { text.into_bytes() }
}

/// As many lines as there is room for.
pub(crate) fn grown(mut text: String, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut index = 0;
    while text.len() < MAXIMUM_BYTES {
        text.push_str(&line(index));
        index += 1;
    }
    text.into_bytes()
}

/// A lock of one fact or file many times, of one cluster or of many.
pub(crate) fn grown_lock(rng: &mut Rng) -> Vec<u8> {
    let start = "meshgen-lock-2\nroot sha256:00 serial 00 valid 2026-11-01 to 2036-10-29\n";
    let kind = rng.usize(..=FACTS.len());
    let is_one = rng.bool();
    let file = |cluster: &str| format!("{} {cluster}/10-namespace/namespace.yaml\n", Digest::of(b""));
    grown(start.to_owned(), |index| {
        let name = if is_one { "east".to_owned() } else { format!("c{index}") };
        match FACTS.get(kind) {
            Some((word, rest)) => format!(
                "{word} {}\n{}",
                rest.replace("NAME", &name),
                if index % 8 == 0 { file(&name) } else { String::new() }
            ),
            None => file(&name),
        }
    })
}

/// A journal of many files, all of which a tree can have.
pub(crate) fn grown_journal(rng: &mut Rng) -> Vec<u8> {
    let is_one = rng.bool();
    grown(String::new(), |index| {
        let name = if is_one { "gone".to_owned() } else { format!("c{index}") };
        format!("{} {name}/10-namespace/namespace.yaml\n", Digest::of(&index.to_be_bytes()))
    })
}
