//! The topology's JSON Schema: what editors know, and what the reader of topologies goes by. The schemas of reports are made
//! beside them.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::topology::Topology;

/// The JSON Schema of a topology, draft 2020-12.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(topology);
    &SCHEMA
}

fn topology() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Topology>();
    RecursiveTransform(|schema: &mut Schema| {
        refuse_null(schema);
        drop_rust_formats(schema);
        say_what_is_wanted(schema);
        keep_markup(schema);
    })
    .transform(&mut schema);
    with_id(schema, "topology.schema.json")
}

/// An optional field is there or it is not; `field:` without a value is neither.
fn refuse_null(schema: &mut Schema) {
    let is_null = |schema: &Value| schema.get("type") == Some(&Value::from("null"));
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            object.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| !is_null(choice));
        if let [Value::Object(choice)] = choices.as_slice() {
            let choice = choice.clone();
            object.remove("anyOf");
            object.extend(choice);
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

/// JSON Schema has no formats such as `uint16`; `minimum` and `maximum` say the same.
fn drop_rust_formats(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
    if format.starts_with("uint") || format.starts_with("int") {
        schema.remove("format");
    }
}

/// Editors say this instead of showing the regular expression that a value does not match.
fn say_what_is_wanted(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut().filter(|object| object.contains_key("pattern")) else { return };
    let examples = object.get("examples").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let examples: Vec<String> = examples.map(|example| format!("`{example}`")).collect();
    if !examples.is_empty() {
        object.insert("patternErrorMessage".to_owned(), format!("Write it like {}.", examples.join(" or ")).into());
    }
}

/// Editors escape the markup of a description, so that it shows as "\`{}\`". They show this as Markdown.
fn keep_markup(schema: &mut Schema) {
    let description = schema.get("description").and_then(Value::as_str).filter(|text| text.contains(['`', '<']));
    if let Some(description) = description.map(str::to_owned) {
        schema.insert("markdownDescription".to_owned(), description.into());
    }
}

/// The JSON Schema of what the program writes, draft 2020-12; `name` is its file's in `schemas/`.
pub(crate) fn of_output<T: JsonSchema>(name: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    RecursiveTransform(|schema: &mut Schema| drop_rust_formats(schema)).transform(&mut schema);
    with_id(schema, name)
}

fn with_id(schema: Schema, name: &str) -> Value {
    let mut schema = schema.to_value();
    if let Some(kind) = schema.as_object_mut() {
        let id = format!("https://meshgen.dev/schemas/{}/{name}", env!("CARGO_PKG_VERSION"));
        kind.insert("$id".to_owned(), Value::from(id));
    }
    schema
}

/// The schema as `schemas/topology.schema.json` holds it.
pub fn text() -> String {
    format!("{:#}\n", schema())
}
