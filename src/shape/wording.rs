//! The wording of findings about shape.

use serde_json::Value;

use crate::syntax::Kind;
use crate::words::without_controls;

use super::expected::Expected;

pub(super) fn example(schema: &Expected) -> Option<String> {
    let choice = || schema.choices.first().map(|choice| shown(&Value::from(*choice)));
    schema.example.map(shown).or_else(choice)
}

/// A value as it is shown between backticks.
pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = without_controls(&text, ' ');
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

pub(super) fn describe_type(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        _ => "a mapping",
    }
}

pub(super) fn first_sentence(schema: &Expected) -> String {
    let description = schema.description.unwrap_or("it is required");
    let sentence = description.split(". ").next().unwrap_or(description).replace('\n', " ");
    let mut letters = sentence.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) fn describe(kind: &Kind) -> &'static str {
    match kind {
        Kind::Scalar(Value::Null, _) => "empty",
        Kind::Scalar(..) => "one value",
        Kind::Sequence(_) => "a list",
        Kind::Mapping(_) => "a mapping",
    }
}
