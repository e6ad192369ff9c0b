//! What fuzzing once found is answered as everything must be, and what is large takes no longer for each byte.

use std::fs;

use fastrand::Rng;

use self::answer::Target;
use crate::common;

#[path = "../../examples/fuzz/answer/mod.rs"]
mod answer;
#[path = "../../examples/fuzz/bundles.rs"]
#[expect(dead_code, reason = "only the fuzzer makes any bundle")]
mod bundles;
#[path = "../../examples/fuzz/damage.rs"]
pub(crate) mod damage;
#[path = "../../examples/fuzz/der.rs"]
mod der;

/// What `bundles` needs of the fuzzer's inputs.
mod input {
    pub(super) fn few(_: &mut fastrand::Rng) -> usize {
        1
    }
}

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
            Target::Lock | Target::Journal | Target::Seed => {}
        }
    }
}

/// Four times as large takes four times as long, and not sixteen times.
#[test]
#[cfg(target_os = "linux")]
fn a_bundle_takes_as_much_time_for_each_byte_however_large_it_is() {
    for kind in 0..bundles::KINDS {
        let time = |size: usize| {
            let bundle = bundles::grown(kind, size, &mut Rng::with_seed(1));
            let began = processor_time();
            Target::Bundle.answer(&bundle, false);
            processor_time().saturating_sub(began).as_secs_f64()
        };
        let (small, large) = (time(24 << 10), time(96 << 10));
        assert!(
            large < 8.0 * small + 0.5,
            "bundles of kind {kind} take {small:.3} s, and {large:.3} s where four times as large"
        );
    }
}

/// The time that this thread took of a processor: other tests run meanwhile.
#[cfg(target_os = "linux")]
fn processor_time() -> std::time::Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    std::time::Duration::from_micros(micros.cast_unsigned())
}
