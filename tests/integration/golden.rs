//! Every topology of the repository compiles to its golden tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::common;

/// A tree as it is committed: without private keys, whose digests stand in its lock.
fn emitted(topology: &Path) -> BTreeMap<String, Vec<u8>> {
    let tree = common::compile(&common::read(topology));
    let public = tree.iter().filter(|(path, _)| !path.ends_with("ca-key.pem"));
    public.map(|(path, file)| (path.to_owned(), file.bytes.clone())).collect()
}

fn committed(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn accept(directory: &Path, wanted: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(directory);
    for (name, bytes) in wanted {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn difference(name: &str, old: Option<&Vec<u8>>, new: Option<&Vec<u8>>) -> String {
    let text = |bytes: Option<&Vec<u8>>| String::from_utf8_lossy(bytes.map_or(&[], Vec::as_slice)).into_owned();
    let (old, new) = (text(old), text(new));
    TextDiff::from_lines(&old, &new).unified_diff().header(&format!("golden/{name}"), name).to_string()
}

#[test]
fn every_file_is_of_a_shape_that_the_next_build_takes_for_its_own() {
    for topology in common::topologies() {
        for (path, _) in common::compile(&common::read(&topology)).iter() {
            assert!(
                meshgen::emit::is_emitted(path),
                "{path}: name it in src/emit.rs, or the next build refuses its lock"
            );
        }
    }
}

#[test]
fn every_topology_compiles_to_its_golden_tree() {
    let mut differences = String::new();
    let mut known = Vec::new();
    for topology in common::topologies() {
        let name = topology.file_stem().unwrap().to_str().unwrap().to_owned();
        let directory = common::repository().join("golden").join(&name);
        let new = emitted(&topology);
        if common::is_accepting() {
            accept(&directory, &new);
        }
        let old = committed(&directory);
        for path in old.keys().chain(new.keys().filter(|path| !old.contains_key(*path))) {
            if old.get(path) != new.get(path) {
                differences.push_str(&difference(&format!("{name}/{path}"), old.get(path), new.get(path)));
            }
        }
        known.push(name);
    }
    let golden: Vec<PathBuf> = common::entries(&common::repository().join("golden"));
    for directory in golden {
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        if !known.contains(&name) {
            differences.extend(["golden/", &name, " belongs to no topology\n"]);
        }
    }
    assert!(differences.is_empty(), "`make golden` accepts this:\n{differences}");
    assert!(!known.is_empty());
}
