use clap::Args;

use crate::check::{ELSEWHERE, RULES};
use crate::diagnostic::nearest;

use super::{Outcome, Refusal, print};

/// The options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rule, as a report names it
    rule: String,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let name = arguments.rule.as_str();
    let known = || RULES.iter().map(|rule| (rule.name, rule.explain)).chain(ELSEWHERE.iter().copied());
    match known().find(|(known, _)| *known == name) {
        Some((name, explanation)) => print(&format!("{name}\n\n{explanation}\n")),
        None => Err(Refusal(match nearest(name, known().map(|(name, _)| name)) {
            Some(meant) => format!("there is no rule `{name}`; did you mean `{meant}`?"),
            None => format!("there is no rule `{name}`"),
        })),
    }
}
