//! What a schema expects of a value.

use serde_json::Value;

use crate::words::without_controls;

pub(super) fn resolve<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        Some(name) => resolve(&definitions[name], definitions),
        None => schema,
    }
}

/// The type that a schema asks for; `None` where it takes anything.
pub(super) fn type_of(schema: &Value) -> Option<&str> {
    schema["type"].as_str().or_else(|| (!choices(schema).is_empty()).then_some("string"))
}

pub(super) fn choices(schema: &Value) -> Vec<&str> {
    if let Some(choice) = schema["const"].as_str() {
        return vec![choice];
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices.iter().filter_map(Value::as_str).collect();
    }
    schema["oneOf"].as_array().into_iter().flatten().flat_map(choices).collect()
}

/// A value that serde can read in the place of one that it could not.
pub(super) fn filler(schema: &Value, definitions: &Value) -> Value {
    let schema = resolve(schema, definitions);
    if let Some(example) = schema["examples"].get(0).or(schema.get("default")) {
        return example.clone();
    }
    if let Some(choice) = choices(schema).first() {
        return Value::from(*choice);
    }
    match type_of(schema) {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields = required.map(|name| (name.to_owned(), filler(&schema["properties"][name], definitions)));
            Value::Object(fields.collect())
        }
        Some("array") => Value::Array(Vec::new()),
        Some("boolean") => Value::Bool(false),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(0)),
        Some("string") => Value::from(""),
        _ => Value::Null,
    }
}

pub(super) fn example(schema: &Value) -> Option<String> {
    let value =
        schema["examples"].get(0).cloned().or_else(|| choices(schema).first().map(|choice| Value::from(*choice)))?;
    Some(shown(&value))
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

pub(super) fn first_sentence(schema: &Value) -> String {
    let description = schema["description"].as_str().unwrap_or("it is required");
    let sentence = description.split(". ").next().unwrap_or(description).replace('\n', " ");
    let mut letters = sentence.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
