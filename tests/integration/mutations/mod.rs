//! Every rule speaks of its own fault: a topology that is right, broken in one place, is reported by one rule.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use fastrand::Rng;
use meshgen::check::every_rule;
use meshgen::diagnostic::{Diagnostic, Place, Severity};
use meshgen::rule::Stage;
use meshgen::source::Source;
use meshgen::topology::Date;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::{common, generator};

mod errors;
mod topology;
mod warnings;

use errors::ERRORS;
use generator::Generated;
use topology::Case;
use warnings::WARNINGS;

/// A rule, and a way to break it; that says where, and nothing where a topology has no place for it.
pub(crate) struct Mutation(&'static str, fn(&mut Case) -> Option<String>);

/// So many topologies at once, of all so many that have a place for a mutation, and so often until there are.
const CASES: u32 = 96;
const LEAST: usize = 4;
const ROUNDS: u64 = 64;

#[test]
fn every_rule_is_broken_by_a_mutation() {
    for (severity, table) in [(Severity::Error, ERRORS), (Severity::Warning, WARNINGS)] {
        // No topology alone breaks a rule about files beside it.
        let known = every_rule().filter(|rule| rule.severity == severity && rule.stage != Stage::Beside);
        let known: BTreeSet<&str> = known.map(|rule| rule.name).collect();
        assert_eq!(known, table.iter().map(|mutation| mutation.0).collect(), "the table of {severity:?}s");
        assert_eq!(known.len(), table.len(), "a rule is in the table of {severity:?}s twice");
    }
}

#[test]
fn a_broken_rule_is_reported_and_no_other_error() {
    for_each(ERRORS, |case, at, mutation, shown| {
        let errors = errors_of(case);
        // One fault, one finding.
        let rules: Vec<&str> = errors.iter().map(|finding| finding.rule).collect();
        prop_assert_eq!(rules, [mutation.0], "{}", shown());
        prop_assert!(
            at.is_empty() || errors.iter().any(|finding| is_at(finding, at)),
            "nothing at {}: {}",
            at,
            shown()
        );
        Ok(true)
    });
}

#[test]
fn a_doubtful_thing_is_warned_of_and_no_error() {
    for_each(WARNINGS, |case, at, mutation, shown| {
        prop_assert!(errors_of(case).is_empty(), "{}", shown());
        let of_rule = |findings: Vec<Diagnostic>| -> Vec<Diagnostic> {
            findings.into_iter().filter(|finding| finding.rule == mutation.0).collect()
        };
        // What depends on the day does not yet hold on a day long ago, and what has yet to begin holds no more long after.
        let other = if mutation.0 == "not-yet-valid" { "2100-01-01" } else { "2000-01-01" };
        let other = case.today.map(|_| Date::from_str(other).unwrap());
        let before = of_rule(findings(&source(&case.before), other));
        let after = of_rule(findings(&source(&case.value), case.today));
        prop_assert!(after.iter().any(|finding| is_at(finding, at)), "nothing at {}: {}", at, shown());
        // Some random topologies have the warning there already.
        Ok(!before.iter().any(|finding| is_at(finding, at)))
    });
}

/// Breaks random topologies in every way of a table, and sees to it that each way has been gone.
fn for_each(
    table: &[Mutation],
    holds: impl Fn(&Case, &str, &Mutation, &dyn Fn() -> String) -> Result<bool, TestCaseError>,
) {
    let applied: RefCell<BTreeMap<&str, usize>> = RefCell::default();
    let config = ProptestConfig { cases: common::cases(CASES), failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (generator::topologies(), any::<u64>());
    let break_one = |(generated, choices): (Generated, u64)| {
        prop_assert!(!meshgen::has_errors(&findings(&source(&generated.value), None)), "{}", generated.text);
        for mutation in table {
            let mut case = case(&generated, choices, table);
            let Some(at) = (mutation.1)(&mut case) else { continue };
            // Drawing a report takes longer than finding what is in it.
            let shown = || {
                let source = case.source();
                let report = common::report(&source, &findings(&source, case.today));
                format!("{} at `{at}`\n{report}\n{}", mutation.0, source.text())
            };
            if holds(&case, &at, mutation, &shown)? {
                *applied.borrow_mut().entry(mutation.0).or_default() += 1;
            }
        }
        Ok(())
    };
    let rarest = || table.iter().map(|mutation| (times(&applied, mutation), mutation.0)).min().unwrap();
    for round in 0..ROUNDS {
        // A runner runs once, and one of the same seed makes the same topologies.
        let rng_seed = match config.rng_seed {
            RngSeed::Fixed(seed) => RngSeed::Fixed(seed.wrapping_add(round)),
            RngSeed::Random => RngSeed::Random,
        };
        let mut runner = TestRunner::new(ProptestConfig { rng_seed, ..config.clone() });
        if let Err(failure) = runner.run(&strategy, break_one) {
            panic!("{failure}");
        }
        if rarest().0 >= common::share(LEAST, 1) {
            return;
        }
    }
    panic!("{:?}: so often had {ROUNDS} times {CASES} topologies a place for it", rarest());
}

fn times(applied: &RefCell<BTreeMap<&str, usize>>, mutation: &Mutation) -> usize {
    applied.borrow().get(mutation.0).copied().unwrap_or_default()
}

fn case(generated: &Generated, choices: u64, table: &[Mutation]) -> Case {
    let is_warned = std::ptr::eq(table, WARNINGS);
    let value = if is_warned { warnings::prepared(&generated.value) } else { generated.value.clone() };
    Case { before: value.clone(), value, text: None, today: None, rng: Rng::with_seed(choices) }
}

impl Case {
    fn source(&self) -> Source {
        self.text
            .as_ref()
            .map_or_else(|| source(&self.value), |text| common::of_tests(Source::new("broken.yaml", text.as_bytes())))
    }
}

fn source(value: &serde_json::Value) -> Source {
    common::of_tests(Source::new("random.yaml", meshgen::yaml::print(value)))
}

fn findings(source: &Source, today: Option<Date>) -> Vec<Diagnostic> {
    today.map_or_else(|| meshgen::check(source), |today| meshgen::check_on(source, today, Vec::new()).list)
}

fn errors_of(case: &Case) -> Vec<Diagnostic> {
    let mut errors = findings(&case.source(), case.today);
    errors.retain(|finding| finding.severity == Severity::Error);
    errors
}

/// Whether a finding names a place.
fn is_at(finding: &Diagnostic, at: &str) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => path.to_string() == at,
        _ => false,
    })
}
