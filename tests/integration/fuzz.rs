//! What fuzzing once found is answered as everything must be.

use std::fs;

use crate::common;

#[path = "../../examples/fuzz/answer.rs"]
mod answer;

#[test]
fn what_was_once_found_is_answered() {
    let inputs = common::entries(&common::repository().join("tests/fuzz"));
    assert!(!inputs.is_empty());
    for input in inputs {
        let answer = answer::answer(&fs::read(&input).unwrap(), true);
        // None of them was a topology that is right.
        assert!(answer.has_errors && answer.findings > 0, "{}", input.display());
    }
}
