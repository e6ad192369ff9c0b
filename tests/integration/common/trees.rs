//! Trees of some clusters, and what stands on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use meshgen::source::Source;
use meshgen::tree::Tree;

use crate::common;

pub(crate) fn topology(clusters: usize, version: &str) -> String {
    let mut text = format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: {version}}}\n\
         certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}]\nclusters:\n"
    );
    for cluster in 0..clusters {
        text += &[
            "  - {name: c",
            &cluster.to_string(),
            ", network: lan, apiServer: 'https://192.0.2.",
            &(cluster + 1).to_string(),
            ":6443'}\n",
        ]
        .concat();
    }
    text
}

pub(crate) fn tree(clusters: usize, version: &str) -> Tree {
    common::compile(&Source::new("topology.yaml", topology(clusters, version)))
}

/// The same tree as an earlier version wrote it, which ignored less.
pub(crate) fn of_an_earlier_version(tree: &Tree) -> Tree {
    let ignored = "# As an earlier version wrote it.\n";
    let digest = |bytes: &[u8]| meshgen::lock::Digest::of(bytes).to_string();
    let mut earlier = Tree::default();
    for (path, file) in tree.iter() {
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        let text = match path {
            ".gitignore" => ignored.to_owned(),
            "meshgen.lock" => {
                text.replace(&digest(&tree.get(".gitignore").unwrap().bytes), &digest(ignored.as_bytes()))
            }
            _ => text,
        };
        earlier.add(path, file.mode, text);
    }
    earlier
}

/// Whether a key is being written; at no moment would `git add` take one.
pub(crate) fn writes_keys(found: &BTreeMap<String, Vec<u8>>) -> bool {
    let is_written = found.keys().any(|path| path.ends_with("/.meshgen-ca-key.pem"));
    let ignored = found.get(".gitignore").map_or(String::new(), |bytes| String::from_utf8(bytes.clone()).unwrap());
    let is_ignored = ignored.lines().any(|line| line == ".meshgen-*");
    assert!(is_ignored || !is_written, "a key is written that nothing ignores");
    is_written
}

pub(crate) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for path in common::entries(&next) {
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

pub(crate) fn bytes(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    tree.iter().map(|(path, file)| (path.to_owned(), file.bytes.clone())).collect()
}

/// Every file is of one of the trees; left-overs have their own names.
pub(crate) fn is_of_either(found: &BTreeMap<String, Vec<u8>>, old: &Tree, new: &Tree) {
    for (path, bytes) in found {
        let is_temporary = path.rsplit('/').next().unwrap().starts_with(".meshgen-");
        let is_of = |tree: &Tree| tree.get(path).is_some_and(|file| file.bytes == *bytes);
        assert!(is_temporary || is_of(old) || is_of(new), "{path} is torn");
    }
}

/// The paths of which two trees hold different files.
pub(crate) fn differing(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    paths.into_iter().filter(|path| left.get(*path) != right.get(*path)).cloned().collect()
}
