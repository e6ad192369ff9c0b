//! Mistakes of shape, found by one walk of the text along the schema.
//!
//! serde stops at the first mistake and seldom knows its place. This walk finds them all: fields that are unknown or
//! missing, values of another type, strings outside their grammar, numbers out of range. It also mends a copy of the
//! topology, with an example in each hole, so that rules about names still run over the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::diagnostic::{Certainty, Diagnostic, FieldPath, Place, Replacement, nearest};
use crate::rule::{INVALID_VALUE, MISSING_FIELD, Rule, UNKNOWN_FIELD, WRONG_TYPE};
use crate::syntax::{self, Document, Kind, Mapping, NodeId, stop_at};
use crate::topology::{grammar, mend};
use crate::written::in_brackets;

use self::expected::{choices, describe_type, example, filler, first_sentence, resolve, shown, type_of};

mod expected;

/// A topology's value with every hole filled by an example, and where the holes are.
#[derive(Debug)]
pub struct Shape {
    /// What serde can read.
    pub value: Value,
    /// The places whose value is not what the author wrote.
    pub holes: Vec<FieldPath>,
    /// The places where an alias repeats a value, and where that was first.
    pub repeats: BTreeMap<FieldPath, FieldPath>,
}

/// Walks the document along the schema.
///
/// # Errors
/// That so much is wrong that the walk ended before the document did.
pub fn check(document: &Document, schema: &Value, findings: &mut Vec<Diagnostic>) -> Result<Shape, Diagnostic> {
    let mut walk = Walk {
        document,
        definitions: &schema["$defs"],
        findings,
        holes: Vec::new(),
        walked: Vec::new(),
        repeats: BTreeMap::new(),
    };
    let value = walk.value(document.root(), schema, &FieldPath::root())?;
    Ok(Shape { value, holes: walk.holes, repeats: walk.repeats })
}

struct Walk<'a> {
    document: &'a Document,
    definitions: &'a Value,
    findings: &'a mut Vec<Diagnostic>,
    holes: Vec<FieldPath>,
    /// The values that aliases repeat, what they were to be, and where.
    walked: Vec<(NodeId, &'a Value, FieldPath)>,
    repeats: BTreeMap<FieldPath, FieldPath>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, id: NodeId, schema: &'a Value, path: &FieldPath) -> Result<Value, Diagnostic> {
        let schema = resolve(schema, self.definitions);
        if !self.document.is_repeated(id) {
            return self.written(id, schema, path);
        }
        let earlier = self.walked.iter().find(|(other, was, _)| *other == id && std::ptr::eq(*was, schema));
        let Some((_, _, first)) = earlier else {
            self.walked.push((id, schema, path.clone()));
            return self.written(id, schema, path);
        };
        // What is wrong with a value is said where it is written, and not again for each alias of it.
        self.repeats.insert(path.clone(), first.clone());
        let said = std::mem::take(self.findings);
        let value = self.written(id, schema, path);
        *self.findings = said;
        value
    }

    fn written(&mut self, id: NodeId, schema: &'a Value, path: &FieldPath) -> Result<Value, Diagnostic> {
        stop_at(self.findings, || path.clone())?;
        let node = self.document.node(id);
        Ok(match (&node.kind, type_of(schema)) {
            (_, None) => self.document.value(id),
            (Kind::Mapping(mapping), Some("object")) => self.mapping(id, mapping, schema, path)?,
            (Kind::Sequence(items), Some("array")) => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                if (items.len() as u64) < least {
                    let help = "write at least one item".to_owned();
                    return Ok(self.hole(schema, path, INVALID_VALUE, format!("`{path}` is empty"), help));
                }
                let items = items.iter().enumerate();
                let values = items.map(|(index, item)| self.value(*item, &schema["items"], &path.index(index)));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            (Kind::Scalar(value, text), Some(kind @ ("string" | "boolean" | "integer" | "number"))) => {
                self.scalar(value, text, kind, schema, path)
            }
            (found, Some(kind)) => {
                let message = format!("`{path}` is {}, not {}", describe(found), describe_type(kind));
                let help = match (found, kind) {
                    (Kind::Scalar(Value::Null, _), "object") => {
                        "write its fields, `{}` for none, or remove the line".to_owned()
                    }
                    (_, "array") => "write a list: one `- ` for each item".to_owned(),
                    (_, "object") => "write fields: `name: value`".to_owned(),
                    _ => example(schema)
                        .map_or_else(|| "write one value".to_owned(), |example| format!("write it like `{example}`")),
                };
                let filler = self.hole(schema, path, WRONG_TYPE, message, help);
                if let (Kind::Scalar(Value::String(text), _), "array") = (found, kind)
                    && let Some(list) = self.list_of(text, schema, path)
                {
                    self.offer(Certainty::Certain, Replacement::Yaml(list));
                }
                filler
            }
        })
    }

    /// The list that one value was meant to be, or several with commas between them.
    fn list_of(&self, text: &str, schema: &'a Value, path: &FieldPath) -> Option<String> {
        let item = resolve(&schema["items"], self.definitions);
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        let fits =
            |text: &&str| !text.is_empty() && refuse(&Value::from(*text), item, path, self.definitions).is_none();
        (type_of(item) == Some("string") && items.iter().all(fits)).then(|| in_brackets(&items))
    }

    /// Adds a change of the first place to the finding that was made last.
    fn offer(&mut self, certainty: Certainty, replacement: Replacement) {
        let finding = self.findings.pop().expect("a finding was made");
        let place = finding.labels[0].place.clone();
        self.findings.push(finding.patch_at(place, certainty, replacement));
    }

    fn mapping(
        &mut self,
        id: NodeId,
        mapping: &'a Mapping,
        schema: &'a Value,
        path: &FieldPath,
    ) -> Result<Value, Diagnostic> {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let mut fields = Map::new();
        let mut unknown = Vec::new();
        for entry in &mapping.entries {
            let path = path.child(&entry.key);
            match schema["properties"].get(&entry.key) {
                Some(property) => {
                    fields.insert(entry.key.clone(), self.value(entry.value, property, &path)?);
                }
                None => match &schema["additionalProperties"] {
                    Value::Bool(false) => unknown.push((entry.key.as_str(), path)),
                    additional => {
                        fields.insert(entry.key.clone(), self.value(entry.value, additional, &path)?);
                    }
                },
            }
        }
        let missing: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !fields.contains_key(*name))
            .collect();
        let absent: Vec<&str> =
            properties.keys().map(String::as_str).filter(|known| !fields.contains_key(*known)).collect();
        let meant: Vec<Option<&str>> = unknown.iter().map(|(name, _)| nearest(name, absent.iter().copied())).collect();
        for ((name, field), known) in unknown.into_iter().zip(&meant) {
            stop_at(self.findings, || Place::Key(field.clone()))?;
            let message = format!("`{name}` is no field {}", of(path));
            let finding = UNKNOWN_FIELD.at(Place::Key(field), message).label("unknown field");
            self.findings.push(if let Some(known) = *known {
                let is_only = meant.iter().filter(|other| **other == Some(known)).count() == 1;
                let certainty = Certainty::of_word(name, known, absent.iter().copied());
                let certainty = if is_only { certainty } else { Certainty::Likely };
                finding.help(format!("did you mean `{known}`?")).patch_as(certainty, known)
            } else {
                let known: Vec<String> = properties.keys().map(|name| format!("`{name}`")).collect();
                finding.help(format!("the fields are {}", known.join(", ")))
            });
        }
        // A field that is there under a misspelt name is not missing too, and nobody knows what it holds.
        let mut holes: BTreeSet<&str> = meant.into_iter().flatten().collect();
        for name in missing {
            if !holes.insert(name) {
                continue;
            }
            let property = resolve(&schema["properties"][name], self.definitions);
            let message = format!("`{name}` is missing {}", inside(path));
            let help = match example(property) {
                Some(example) if choices(property).len() == 1 => format!("add `{name}: {example}`"),
                Some(example) => format!("add it, for example `{name}: {example}`"),
                None => format!("add `{name}:` ({})", first_sentence(property)),
            };
            let place = if path.segments().is_empty() { Place::Whole } else { Place::Field(path.clone()) };
            let finding = MISSING_FIELD.at(place, message).label(format!("no `{name}` here")).help(help);
            let line = match choices(property).as_slice() {
                [only] => self.start_for(name, id, mapping).map(|start| (start, format!("{name}: {only}\n"))),
                _ => None,
            };
            self.findings.push(match line {
                Some((start, line)) => finding.patch_at(start..start, Certainty::Certain, Replacement::Yaml(line)),
                None => finding,
            });
        }
        for name in holes {
            fields.insert(name.to_owned(), filler(&schema["properties"][name], self.definitions));
            self.holes.push(path.child(name));
        }
        Ok(Value::Object(fields))
    }

    /// Where a line for a field that heads the topology belongs, which is written without braces.
    fn start_for(&self, name: &str, id: NodeId, Mapping { entries, .. }: &Mapping) -> Option<usize> {
        const HEAD: [&str; 2] = ["apiVersion", "kind"];
        let before = &HEAD[..HEAD.iter().position(|head| *head == name)?];
        let is_open = entries.first()?.key_range.start == self.document.node(id).range.start;
        let next = entries.iter().find(|entry| !before.contains(&entry.key.as_str()))?;
        (id == self.document.root() && is_open).then_some(next.key_range.start)
    }

    fn scalar(&mut self, value: &Value, text: &str, kind: &str, schema: &'a Value, path: &FieldPath) -> Value {
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => value.is_number(),
        };
        if !fits {
            return self.wrong_scalar(value, text, kind, schema, path);
        }
        if let Some((message, help)) = refuse(value, schema, path, self.definitions) {
            let choices = choices(schema);
            let written = value.as_str().unwrap_or_default();
            let meant = nearest(written, choices.iter().copied())
                .map(|meant| (meant.to_owned(), Certainty::of_word(written, meant, choices.iter().copied())))
                .or_else(|| mend(schema["format"].as_str()?, written));
            let help = match &meant {
                Some((meant, Certainty::Certain)) if choices.is_empty() => format!("write `{meant}`"),
                Some((meant, _)) if help.starts_with("an example") => format!("did you mean `{meant}`?"),
                _ => help,
            };
            let filler = self.hole(schema, path, INVALID_VALUE, message, help);
            if let Some((meant, certainty)) = meant {
                self.offer(certainty, Replacement::Text(meant));
            }
            return filler;
        }
        value.clone()
    }

    fn wrong_scalar(&mut self, value: &Value, text: &str, kind: &str, schema: &'a Value, path: &FieldPath) -> Value {
        if value.is_null() {
            let help = match example(schema) {
                Some(example) => format!("write one, for example `{example}`, or remove the line"),
                None => "write one, or remove the line".to_owned(),
            };
            return self.hole(schema, path, WRONG_TYPE, format!("`{path}` has no value"), help);
        }
        let found = match value {
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            _ => "text",
        };
        let message = format!("`{path}` is {found} here, not {}", describe_type(kind));
        let (help, meant) = match kind {
            "string" => {
                // What is wrong in quotes too is better said at once.
                if let Some((message, help)) = refuse(&Value::from(text), schema, path, self.definitions) {
                    return self.hole(schema, path, INVALID_VALUE, message, help);
                }
                ("put it in quotes, so that YAML reads it as text", Some(Replacement::Text(text.to_owned())))
            }
            "boolean" => (
                "write `true` or `false`, without quotes",
                truth(text).map(|truth| Replacement::Yaml(truth.to_owned())),
            ),
            _ => {
                let number = syntax::plain(text.trim());
                let fits = if kind == "integer" { number.is_i64() || number.is_u64() } else { number.is_number() };
                let fits = fits && refuse(&number, schema, path, self.definitions).is_none();
                ("write a number, without quotes", fits.then(|| Replacement::Yaml(text.trim().to_owned())))
            }
        };
        let filler = self.hole(schema, path, WRONG_TYPE, message, help.to_owned());
        if let Some(meant) = meant {
            self.offer(Certainty::Certain, meant);
        }
        filler
    }

    /// Reports a fault and fills its place with an example.
    fn hole(&mut self, schema: &Value, path: &FieldPath, rule: Rule, message: String, help: String) -> Value {
        self.findings.push(rule.at(path.clone(), message).help(help));
        self.holes.push(path.clone());
        filler(schema, self.definitions)
    }
}

/// The truth that a word of YAML 1.1, or one in quotes, was to be.
fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// What is wrong with a scalar of the right type, and what to do.
fn refuse(value: &Value, schema: &Value, path: &FieldPath, definitions: &Value) -> Option<(String, String)> {
    let choices = choices(schema);
    if !choices.is_empty() && value.as_str().is_some_and(|value| !choices.contains(&value)) {
        let known: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        return Some((format!("`{}` is no value of `{path}`", shown(value)), format!("write {}", or(&known))));
    }
    if let (Some(format), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        let fault = (grammar(format)?.refuse)(text)?;
        let what = if text.is_empty() { path.to_string() } else { shown(value) };
        // A grammar that knows a way out says it behind a colon.
        let (fault, help) = match fault.split_once(": ") {
            Some((fault, help)) => (fault, help.to_owned()),
            None => (fault.as_str(), format!("an example: `{}`", shown(&filler(schema, definitions)))),
        };
        return Some((format!("`{what}` {fault}"), help));
    }
    if let (Some(least), Some(text)) = (schema["minLength"].as_u64(), value.as_str())
        && (text.len() as u64) < least
    {
        return Some((format!("`{path}` is empty"), "write it, or remove the line".to_owned()));
    }
    let number = value.as_f64()?;
    let least = schema["minimum"].as_f64().filter(|least| number < *least);
    let most = schema["maximum"].as_f64().filter(|most| number > *most);
    if least.is_none() && most.is_none() {
        return None;
    }
    let message = format!("`{path}` is {value}, which is out of range");
    Some(match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => (message, format!("write a number from {least} to {most}")),
        (Some(least), None) => (message, format!("write a number from {least} on")),
        _ => (message, "write a smaller number".to_owned()),
    })
}

fn describe(kind: &Kind) -> &'static str {
    match kind {
        Kind::Scalar(Value::Null, _) => "empty",
        Kind::Scalar(..) => "one value",
        Kind::Sequence(_) => "a list",
        Kind::Mapping(_) => "a mapping",
    }
}

fn of(path: &FieldPath) -> String {
    if path.segments().is_empty() { "of a topology".to_owned() } else { format!("of `{path}`") }
}

fn inside(path: &FieldPath) -> String {
    if path.segments().is_empty() { "in the topology".to_owned() } else { format!("in `{path}`") }
}

fn or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} or {last}", words.join(", ")),
    }
}
