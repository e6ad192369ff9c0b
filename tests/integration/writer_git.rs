//! What Git would take of a build that ends at any operation. It has a process of its own, so that no other test's child
//! inherits a claim.

use std::path::Path;
use std::process::Command;

use camino::Utf8Path;
use meshgen::disk::{Barrier, Claim, Writer};
use meshgen::tree::Tree;

use crate::common::trees::{files, of_an_earlier_version, tree};
use crate::common::{is_alone, share};

fn put(directory: &Path, tree: &Tree, writer: &Writer) -> bool {
    let directory = Utf8Path::from_path(directory).unwrap();
    let claim = Claim::take(directory).unwrap();
    let plan = claim.plan(tree).unwrap();
    writer.write(&claim, tree, &plan).is_ok()
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(directory).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn git_takes_no_key_of_a_build_that_ended() {
    if !is_alone() {
        return;
    }
    let new = tree(2, "1.11.2");
    for old in [None, Some(of_an_earlier_version(&tree(1, "1.30.3")))] {
        let mut seen = 0;
        for moment in (0..).step_by(share(1, 4)) {
            let directory = tempfile::tempdir().unwrap();
            let out = directory.path().join("out");
            git(directory.path(), &["init", "--quiet"]);
            if let Some(old) = &old {
                put(&out, old, &Writer::default());
            }
            let is_done = put(&out, &new, &Writer::ending_after(moment).waiting_for(Barrier::None));
            let taken = git(&out, &["add", "--dry-run", "--all", "."]);
            let keys: Vec<String> = files(&out).into_keys().filter(|path| path.ends_with("ca-key.pem")).collect();
            // What an earlier version did not ignore was there before.
            if keys.iter().any(|key| key.ends_with("/.meshgen-ca-key.pem")) || is_done {
                assert!(!taken.contains("ca-key.pem"), "after {moment} operations: {taken}");
                let arguments: Vec<&str> =
                    ["check-ignore"].into_iter().chain(keys.iter().map(String::as_str)).collect();
                assert_eq!(git(&out, &arguments).lines().count(), keys.len(), "after {moment} operations: {keys:?}");
                seen += 1;
            }
            if is_done {
                break;
            }
        }
        assert!(seen > share(10, 2), "{seen} moments with a key");
    }
}
