use clap::Args;

use crate::check::RULES;
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
    match RULES.iter().find(|rule| rule.name == name) {
        Some(rule) => print(&format!("{}\n\n{}\n", rule.name, rule.explain)),
        None => Err(Refusal(match nearest(name, RULES.iter().map(|rule| rule.name)) {
            Some(meant) => format!("there is no rule `{name}`; did you mean `{meant}`?"),
            None => format!("there is no rule `{name}`"),
        })),
    }
}
