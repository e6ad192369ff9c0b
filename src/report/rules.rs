//! Rules for programs; `schemas/explain.schema.json` describes them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::rule::Rule;
use crate::schema;
use crate::words::report_json;

use super::json::Level;

/// The format of the JSON report.
pub const FORMAT: &str = "meshgen-rules-1";

/// Some rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// `meshgen-rules-1`.
    pub format: &'static str,
    /// The rules, in the order of their names.
    pub rules: Vec<Explained>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Rule")]
pub struct Explained {
    /// Its name.
    pub name: &'static str,
    /// Whether what it finds stops a build.
    pub severity: Level,
    /// Whether a topology may allow what it finds.
    pub can_be_allowed: bool,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
}

impl Rules {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("explain.schema.json")
    }
}

/// Rules for programs.
pub fn rules_json(rules: &[Rule]) -> String {
    let explained = |rule: &Rule| Explained {
        name: rule.name,
        severity: match rule.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        can_be_allowed: rule.can_be_allowed(),
        summary: rule.first_sentence(),
        page: rule.page,
    };
    let mut rules: Vec<Explained> = rules.iter().map(explained).collect();
    rules.sort_unstable_by_key(|rule| rule.name);
    let report = Rules { format: FORMAT, rules };
    report_json(&report)
}
