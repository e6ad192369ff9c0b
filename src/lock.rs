//! `meshgen.lock`: what a build wrote, so that the next one knows its own files.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::mesh::Mesh;
use crate::tree::Tree;

/// The lock's path in a tree.
pub const FILE: &str = "meshgen.lock";

/// The first line of every lock that this meshgen reads and writes.
const FORMAT: &str = "meshgen-lock-1";

/// The lock of a tree.
///
/// Each directory's lines stand under a heading: two branches that change neighbouring clusters change no neighbouring lines.
pub(crate) fn text(mesh: &Mesh<'_>, root_fingerprint: &str, tree: &Tree) -> String {
    let mut text = format!("{FORMAT}\nmeshgen {}\n", env!("CARGO_PKG_VERSION"));
    let root = &mesh.root;
    writeln!(text, "root sha256:{root_fingerprint} expires {}", root.not_after).expect("a String takes everything");
    let mut heading = None;
    for (path, file) in tree.iter() {
        let directory = path.split_once('/').map_or("", |(directory, _)| directory);
        if heading != Some(directory) {
            heading = Some(directory);
            writeln!(text, "\n# {}", if directory.is_empty() { "the mesh" } else { directory })
                .expect("a String takes everything");
        }
        writeln!(text, "{} {path}", digest(&file.bytes)).expect("a String takes everything");
    }
    text
}

/// The paths that a lock lists, with their digests; `None` where the text is no lock of ours.
pub fn entries(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut lines = text.lines();
    if lines.next() != Some(FORMAT) {
        return None;
    }
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(
        lines
            .filter_map(|line| line.split_once(' '))
            .filter(|(digest, _)| is_digest(digest))
            .map(|(digest, path)| (path, digest))
            .collect(),
    )
}

/// The fingerprints of the roots that a lock names: one, but for a merge that nobody has finished.
pub fn roots(text: &str) -> Vec<&str> {
    let fingerprints = text.lines().filter_map(|line| line.strip_prefix("root sha256:")?.split(' ').next());
    fingerprints.collect()
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}
