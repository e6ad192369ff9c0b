//! Mistakes of shape, found by one walk of the text along the schema.
//!
//! serde stops at the first mistake and seldom knows its place. This walk finds them all: fields that are unknown or
//! missing, values of another type, strings outside their grammar, numbers out of range. It also fills the holes in a copy of the
//! topology, with an example in each hole, so that rules about names still run over the rest.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath, Hole};
use crate::syntax::Document;

pub use self::expected::Expected;

use self::walk::Walk;

mod expected;
mod faults;
mod head;
mod scalar;
mod walk;
mod wording;

/// A topology's value with every hole filled by an example, and where the holes are.
#[derive(Debug)]
pub struct Shape {
    /// What serde can read.
    pub value: Value,
    /// The places whose value is not known.
    pub holes: Vec<Hole>,
    /// The places where an alias repeats a value, and where that was first.
    pub repeats: BTreeMap<FieldPath, FieldPath>,
}

/// Walks the document along the schema.
///
/// # Errors
/// The document is not a topology, or there are too many findings, so the walk stopped early.
pub fn check(document: &Document, schema: &Expected, findings: &mut Vec<Diagnostic>) -> Result<Shape, Diagnostic> {
    match head::refuse(document, schema) {
        Some(refusal) => Err(refusal),
        None => Walk::over(document, schema, findings),
    }
}

#[cfg(test)]
mod tests {
    use crate::topology::grammar;

    use super::*;

    /// What the walk reads of a schema.
    const READ: [&str; 18] = [
        "$defs",
        "$ref",
        "additionalProperties",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "format",
        "items",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "properties",
        "required",
        "type",
    ];
    /// What refuses no value.
    const REMARKS: [&str; 5] = ["$id", "$schema", "markdownDescription", "patternErrorMessage", "title"];
    /// What a grammar checks, which `format` names: for editors, which do not know it.
    const OF_A_GRAMMAR: [&str; 3] = ["maxLength", "minLength", "pattern"];

    /// What a schema, or one inside it, asks of values and the walk would not check.
    fn unchecked(schema: &Value, place: &str, found: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else { return };
        let has_grammar = schema["format"].as_str().is_some_and(|format| grammar(format).is_some());
        let is_text = |value: &Value| value.is_string();
        for (keyword, value) in keywords {
            let is_checked = match keyword.as_str() {
                // A reference stands for all that is beside it.
                "$ref" => keywords
                    .keys()
                    .all(|keyword| ["$ref", "description", "markdownDescription"].contains(&keyword.as_str())),
                "format" => has_grammar,
                "type" | "const" => is_text(value),
                "enum" => value.as_array().is_some_and(|choices| choices.iter().all(is_text)),
                "oneOf" => {
                    value.as_array().is_some_and(|choices| choices.iter().all(|choice| is_text(&choice["const"])))
                }
                keyword if has_grammar && OF_A_GRAMMAR.contains(&keyword) => true,
                keyword => READ.contains(&keyword) || REMARKS.contains(&keyword),
            };
            if !is_checked {
                found.push(format!("{place}/{keyword}"));
            }
            let inside: Vec<(&str, &Value)> = match (keyword.as_str(), value) {
                ("properties" | "$defs", Value::Object(schemas)) => {
                    schemas.iter().map(|(name, schema)| (name.as_str(), schema)).collect()
                }
                ("oneOf", Value::Array(schemas)) => schemas.iter().map(|schema| ("", schema)).collect(),
                ("items" | "additionalProperties", schema) => vec![("", schema)],
                _ => Vec::new(),
            };
            for (name, schema) in inside {
                unchecked(schema, &format!("{place}/{keyword}/{name}"), found);
            }
        }
    }

    #[test]
    fn the_walk_checks_all_that_the_schema_asks_for() {
        let mut found = Vec::new();
        unchecked(crate::schema::schema(), "", &mut found);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn what_the_walk_would_pass_over_is_found() {
        for schema in [
            serde_json::json!({ "type": "array", "items": { "type": "object", "maxProperties": 1 } }),
            serde_json::json!({ "properties": { "a": { "type": ["string", "integer"] } } }),
            serde_json::json!({ "$defs": { "A": { "oneOf": [{ "type": "object" }] } } }),
            serde_json::json!({ "type": "string", "pattern": "^a$" }),
            serde_json::json!({ "type": "string", "format": "date-time" }),
            serde_json::json!({ "$ref": "#/$defs/A", "minimum": 1 }),
        ] {
            let mut found = Vec::new();
            unchecked(&schema, "", &mut found);
            assert_eq!(found.len(), 1, "{schema}: {found:?}");
        }
    }
}
