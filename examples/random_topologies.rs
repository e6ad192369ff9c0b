//! Writes random topologies that are right, as the property tests make them: `random_topologies DIRECTORY COUNT SEED`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a tool of the tests writes files, and fails where that fails"
)]

use std::path::PathBuf;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../tests/integration/generator/mod.rs"]
#[expect(dead_code, reason = "only the tests ask for what was meant")]
mod generator;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("usage: random_topologies DIRECTORY COUNT SEED");
    let (directory, count, seed) =
        (PathBuf::from(next()), next().parse::<usize>().unwrap(), next().parse::<u64>().unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    for index in 0..count {
        let generated = generator::topologies().new_tree(&mut runner).unwrap().current();
        std::fs::write(directory.join(format!("random-{index:03}.yaml")), generated.text).unwrap();
    }
}
