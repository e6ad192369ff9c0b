use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, Error};

use crate::check::every_rule;
use crate::diagnostic::nearest;
use crate::rule::Rule;

/// The rules that a report is about.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Report only this rule; can be repeated, and takes several names with commas between them
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = AnyRule.try_map(name), hide_possible_values = true)]
    select: Vec<&'static str>,
    /// Do not report this rule; can be repeated, and takes several names with commas between them
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = AnyRule.try_map(name), hide_possible_values = true)]
    ignore: Vec<&'static str>,
}

/// Takes every text, because whoever uses it says which rule is near. Shells complete the names of the rules.
#[derive(Clone)]
pub(super) struct AnyRule;

impl TypedValueParser for AnyRule {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(every_rule().map(|rule| PossibleValue::new(rule.name).help(rule.first_sentence()))))
    }
}

impl Selection {
    /// Whether a rule is reported.
    pub(super) fn has(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the parser before gives the text away")]
fn name(name: String) -> Result<&'static str, String> {
    rule(&name).map(|rule| rule.name)
}

/// The rule of a name.
pub(super) fn rule(name: &str) -> Result<Rule, String> {
    every_rule().find(|rule| rule.name == name).ok_or_else(|| match nearest(name, every_rule().map(|rule| rule.name)) {
        Some(meant) => format!("no such rule: `{name}`; did you mean `{meant}`?"),
        None => format!("no such rule: `{name}`; `meshgen explain` lists the rules"),
    })
}
