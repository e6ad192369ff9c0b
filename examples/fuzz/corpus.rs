//! What inputs are made from: files of the repository, and random topologies.

use std::fs;
use std::path::{Path, PathBuf};

use meshgen::layout::bundle_path;
use meshgen::pki::{Authority, EXTERNAL_FILES, Seed};
use meshgen::source::Source;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::answer::ciphertext;
use super::bundles;
use super::generator;
use super::input::{Corpus, MAXIMUM_BYTES};
use super::repository;
use super::tree::Tree;

/// Random topologies among the others.
const RANDOM: usize = 150;
/// The topology of whose certificates bundles are made.
const TOPOLOGY: &str = "topologies/2-clusters-2-control-planes-2-networks.yaml";

impl Corpus {
    /// The topologies of the repository, right and wrong, and random ones that are right; all locks; and bundles of each kind.
    pub(crate) fn read() -> Self {
        let mut texts = vec![repository().join("tests/example.yaml")];
        for directory in ["topologies", "tests/check", "tests/fuzz", "tests/diff"] {
            texts.extend(files(directory, "yaml"));
        }
        let mut texts = contents(texts);
        texts.retain(|text| text.len() < MAXIMUM_BYTES / 4);
        let mut runner = TestRunner::deterministic();
        let random = (0..RANDOM).map(|_| generator::topologies().new_tree(&mut runner).unwrap().current());
        texts.extend(random.map(|generated| generated.text.into_bytes()));
        let values =
            texts.iter().filter_map(|text| meshgen::load::to_value(&Source::new("corpus.yaml", text.as_slice())).ok());
        let trees = values.map(|value| Tree::of(&value)).collect();
        let locks = ["golden", "tests/lock"].into_iter().flat_map(|directory| files(directory, "lock"));
        let mut bundles = contents(files("tests/fuzz", "pem"));
        bundles.extend(own_bundles());
        let mut ciphertexts = contents(files("tests/fuzz", "ciphertext"));
        ciphertexts.extend(ciphertext::files());
        Self { texts, trees, locks: contents(locks), bundles, ciphertexts }
    }
}

/// Bundles that meshgen makes from a seed.
fn own_bundles() -> impl Iterator<Item = Vec<u8>> {
    let source = Source::new("mesh.yaml", fs::read(repository().join(TOPOLOGY)).unwrap());
    let tree = meshgen::compile(&source, &Authority::from(Seed::new([7; 32]))).unwrap().tree;
    ["cluster1", "cluster2"].into_iter().map(move |cluster| {
        let file = |name| String::from_utf8(tree.get(&bundle_path(cluster, name)).unwrap().bytes.clone()).unwrap();
        bundles::text(&EXTERNAL_FILES.map(|name| Some(file(name))))
    })
}

fn contents(files: impl IntoIterator<Item = PathBuf>) -> Vec<Vec<u8>> {
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The files of the repository below a directory whose names end so.
fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&repository().join(directory), extension, &mut files);
    files
}

fn collect(directory: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, extension, files);
        } else if path.extension().is_some_and(|other| other == extension) {
            files.push(path);
        }
    }
}
