use clap::Args;

use crate::check::every_rule;
use crate::diagnostic::nearest;
use crate::rule::Rule;

/// The rules that a report is about.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Report only this rule; can be repeated, and takes several names with commas between them
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = name)]
    select: Vec<&'static str>,
    /// Do not report this rule; can be repeated, and takes several names with commas between them
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = name)]
    ignore: Vec<&'static str>,
}

impl Selection {
    /// Whether a rule is reported.
    pub(super) fn has(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }
}

fn name(name: &str) -> Result<&'static str, String> {
    rule(name).map(|rule| rule.name)
}

/// The rule of a name.
pub(super) fn rule(name: &str) -> Result<Rule, String> {
    every_rule().find(|rule| rule.name == name).ok_or_else(|| match nearest(name, every_rule().map(|rule| rule.name)) {
        Some(meant) => format!("no such rule: `{name}`; did you mean `{meant}`?"),
        None => format!("no such rule: `{name}`; `meshgen explain` lists the rules"),
    })
}
