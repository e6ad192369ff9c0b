use clap::Args;

use crate::check::every_rule;
use crate::diagnostic::{Severity, nearest};

use super::{Outcome, Refusal, print};

/// The options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rule, as a report names it. Default: the list of all
    rule: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Some(name) = arguments.rule.as_deref() else { return list() };
    match every_rule().find(|rule| rule.name == name) {
        Some(rule) => print(rule.page),
        None => Err(Refusal(match nearest(name, every_rule().map(|rule| rule.name)) {
            Some(meant) => format!("there is no rule `{name}`; did you mean `{meant}`?"),
            None => format!("there is no rule `{name}`; `meshgen explain` lists the rules"),
        })),
    }
}

/// Every rule by its name, errors first.
fn list() -> Outcome {
    let mut rules: Vec<(Severity, &str)> = every_rule().map(|rule| (rule.severity, rule.name)).collect();
    rules.sort_unstable();
    let lines = rules.into_iter().map(|(severity, name)| match severity {
        Severity::Error => format!("error    {name}\n"),
        Severity::Warning => format!("warning  {name}\n"),
    });
    print(&lines.collect::<String>())
}
