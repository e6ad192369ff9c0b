//! What a schema expects of a value.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

/// A schema as the walk goes by it: its keywords are read once, and not again for each value.
#[derive(Debug, Default)]
pub struct Expected {
    /// The type that it asks for; `None` where it takes anything.
    pub(super) kind: Option<&'static str>,
    /// The texts that it takes; none where a text is not one of a list.
    pub(super) choices: Vec<&'static str>,
    pub(super) format: Option<&'static str>,
    pub(super) description: Option<&'static str>,
    pub(super) example: Option<&'static Value>,
    pub(super) minimum: Option<&'static Value>,
    pub(super) maximum: Option<&'static Value>,
    pub(super) least_length: u64,
    pub(super) least_items: u64,
    pub(super) required: Vec<&'static str>,
    /// Whether a mapping may have no other fields.
    pub(super) is_closed: bool,
    properties: Vec<(&'static str, Self)>,
    default: Option<&'static Value>,
    additional: Option<Box<Self>>,
    items: Option<Box<Self>>,
    reference: Option<&'static str>,
    definitions: BTreeMap<&'static str, Self>,
}

static ANYTHING: LazyLock<Expected> = LazyLock::new(Expected::default);

impl Expected {
    /// Reads a schema.
    pub fn of(schema: &'static Value) -> Self {
        let mut expected = Self::default();
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "$defs" => expected.definitions = fields(value).collect(),
                "$ref" => expected.reference = value.as_str().and_then(|path| path.strip_prefix("#/$defs/")),
                "additionalProperties" if *value == Value::Bool(false) => expected.is_closed = true,
                "additionalProperties" => expected.additional = Some(Box::new(Self::of(value))),
                "const" => expected.choices.extend(value.as_str()),
                "default" => expected.default = Some(value),
                "description" => expected.description = value.as_str(),
                "enum" => expected.choices.extend(texts(value)),
                "examples" => expected.example = value.get(0),
                "format" => expected.format = value.as_str(),
                "items" => expected.items = Some(Box::new(Self::of(value))),
                "maximum" => expected.maximum = Some(value),
                "minItems" => expected.least_items = value.as_u64().unwrap_or_default(),
                "minLength" => expected.least_length = value.as_u64().unwrap_or_default(),
                "minimum" => expected.minimum = Some(value),
                "oneOf" => expected.choices.extend(list(value).flat_map(|choice| Self::of(choice).choices)),
                "properties" => expected.properties = fields(value).collect(),
                "required" => expected.required = texts(value).collect(),
                "type" => expected.kind = value.as_str(),
                _ => {}
            }
        }
        expected.kind = expected.kind.or((!expected.choices.is_empty()).then_some("string"));
        expected
    }

    /// What a reference leads to, in the schema that is around all.
    pub(super) fn resolve<'e>(&'e self, whole: &'e Self) -> &'e Self {
        match self.reference {
            Some(name) => whole.definitions[name].resolve(whole),
            None => self,
        }
    }

    /// The name of a field, and what is expected of it.
    pub(super) fn property(&self, name: &str) -> Option<(&'static str, &Self)> {
        self.properties.iter().find(|(known, _)| *known == name).map(|(known, expected)| (*known, expected))
    }

    /// What is expected of a field with a name of its own.
    pub(super) fn field(&self, name: &str) -> &Self {
        self.property(name).map_or(&ANYTHING, |(_, expected)| expected)
    }

    /// The names of the fields that are known.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.properties.iter().map(|(name, _)| *name)
    }

    /// What is expected of each field without a name of its own.
    pub(super) fn additional(&self) -> &Self {
        self.additional.as_deref().unwrap_or(&ANYTHING)
    }

    /// What is expected of each item.
    pub(super) fn items(&self) -> &Self {
        self.items.as_deref().unwrap_or(&ANYTHING)
    }

    /// A value that serde can read in the place of one that it could not.
    pub(super) fn filler(&self, whole: &Self) -> Value {
        let expected = self.resolve(whole);
        if let Some(example) = expected.example.or(expected.default) {
            return example.clone();
        }
        if let Some(choice) = expected.choices.first() {
            return Value::from(*choice);
        }
        match expected.kind {
            Some("object") => {
                let required = expected.required.iter();
                let fields = required.map(|name| ((*name).to_owned(), expected.field(name).filler(whole)));
                Value::Object(fields.collect())
            }
            Some("array") => Value::Array(Vec::new()),
            Some("boolean") => Value::Bool(false),
            Some("integer" | "number") => expected.minimum.cloned().unwrap_or_else(|| Value::from(0)),
            Some("string") => Value::from(""),
            _ => Value::Null,
        }
    }
}

fn list(value: &'static Value) -> impl Iterator<Item = &'static Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &'static Value) -> impl Iterator<Item = &'static str> {
    list(value).filter_map(Value::as_str)
}

fn fields(value: &'static Value) -> impl Iterator<Item = (&'static str, Expected)> {
    value.as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), Expected::of(schema)))
}
