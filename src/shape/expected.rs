//! What a schema expects of a value.

use serde_json::Value;

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
