//! What fuzzing once found is answered as everything must be.

use std::fs;

use self::answer::Target;
use crate::common;

#[expect(dead_code, reason = "only the fuzzer makes inputs of a mesh")]
#[path = "../../examples/fuzz/answer/mod.rs"]
mod answer;
#[path = "../../examples/fuzz/damage.rs"]
pub(crate) mod damage;

#[test]
fn what_was_once_found_is_answered() {
    let inputs = common::entries(&common::repository().join("tests/fuzz"));
    assert!(!inputs.is_empty());
    for input in inputs {
        let answer = Target::of(&input).answer(&fs::read(&input).unwrap(), true);
        assert_eq!(answer.has_errors, answer.findings > 0);
        // None of them was a topology that is right. The bundles of companies are: others are made from them.
        match Target::of(&input) {
            Target::Topology => assert!(answer.has_errors, "{}", input.display()),
            Target::Bundle => assert!(!answer.has_errors, "{}", input.display()),
            Target::Lock | Target::Journal | Target::Seed | Target::Ciphertext => {}
        }
    }
}
