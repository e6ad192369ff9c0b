//! Writes topologies of many clusters, as the tests of pages make them: `large_topologies DIRECTORY`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a tool of the tests writes files, and fails where that fails"
)]

use std::path::PathBuf;

#[path = "../tests/integration/large/mod.rs"]
mod large;

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).expect("usage: large_topologies DIRECTORY"));
    for (name, clusters, networks) in large::SIZES {
        std::fs::write(directory.join(format!("{name}.yaml")), large::topology(clusters, networks)).unwrap();
    }
}
