use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::diagnostic::{Cause, Certainty, Diagnostic, FieldPath, Hole, Place, Replacement, nearest};
use crate::rule::{INVALID_VALUE, MISSING_FIELD, SYNTAX, UNKNOWN_FIELD, WRONG_TYPE};
use crate::syntax::{Document, Kind, Mapping, NodeId};
use crate::written::in_brackets;

use super::Shape;
use super::expected::Expected;
use super::faults::Faults;
use super::wording::{describe, describe_type, example, first_sentence};

/// A walk of a document along the schema.
pub(super) struct Walk<'a> {
    document: &'a Document,
    faults: Faults<'a>,
    /// The values that aliases repeat, what they were to be, and where.
    walked: Vec<(NodeId, &'a Expected, FieldPath)>,
    repeats: BTreeMap<FieldPath, FieldPath>,
}

impl<'a> Walk<'a> {
    pub(super) fn over(
        document: &'a Document,
        schema: &'a Expected,
        findings: &'a mut Vec<Diagnostic>,
    ) -> Result<Shape, Diagnostic> {
        let faults = Faults { document, whole: schema, findings, holes: Vec::new() };
        let mut walk = Walk { document, faults, walked: Vec::new(), repeats: BTreeMap::new() };
        let value = walk.value(document.root(), schema, &FieldPath::root())?;
        Ok(Shape { value, holes: walk.faults.holes, repeats: walk.repeats })
    }

    fn value(&mut self, id: NodeId, schema: &'a Expected, path: &FieldPath) -> Result<Value, Diagnostic> {
        let schema = schema.resolve(self.faults.whole);
        if !self.document.is_repeated(id) {
            return self.written(id, schema, path);
        }
        let earlier = self.walked.iter().find(|(other, was, _)| *other == id && std::ptr::eq(*was, schema));
        let Some((_, _, first)) = earlier else {
            self.walked.push((id, schema, path.clone()));
            return self.written(id, schema, path);
        };
        // Findings about a value are reported where it is written, and not again for each alias.
        self.repeats.insert(path.clone(), first.clone());
        let said = std::mem::take(self.faults.findings);
        let value = self.written(id, schema, path);
        *self.faults.findings = said;
        value
    }

    fn written(&mut self, id: NodeId, schema: &'a Expected, path: &FieldPath) -> Result<Value, Diagnostic> {
        SYNTAX.stop_at(self.faults.findings, || path.clone())?;
        let node = self.document.node(id);
        Ok(match (&node.kind, schema.kind) {
            (_, None) => {
                self.repeated_in(id, path);
                self.document.value(id)
            }
            (Kind::Mapping(mapping), Some("object")) => self.mapping(id, mapping, schema, path)?,
            (Kind::Sequence(items), Some("array")) => {
                if (items.len() as u64) < schema.least_items {
                    let help = "write at least one item".to_owned();
                    return Ok(self.faults.hole(
                        schema,
                        path,
                        INVALID_VALUE,
                        format!("{} is empty", self.faults.in_words(path)),
                        help,
                    ));
                }
                let items = items.iter().enumerate();
                let values = items.map(|(index, item)| self.value(*item, schema.items(), &path.index(index)));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            (Kind::Scalar(value, text), Some(kind @ ("string" | "boolean" | "integer" | "number"))) => {
                self.faults.scalar(value, text, kind, schema, path)
            }
            (found, Some(kind)) => {
                let message =
                    format!("{} is {}, not {}", self.faults.in_words(path), describe(found), describe_type(kind));
                let help = match (found, kind) {
                    (Kind::Scalar(Value::Null, _), "object") => {
                        "write its fields, `{}` for none, or remove the line".to_owned()
                    }
                    (_, "array") => "write a list: one `- ` for each item".to_owned(),
                    (_, "object") => "write fields: `name: value`".to_owned(),
                    _ => example(schema)
                        .map_or_else(|| "write one value".to_owned(), |example| format!("write it like `{example}`")),
                };
                let filler = self.faults.hole(schema, path, WRONG_TYPE, message, help);
                if let (Kind::Scalar(Value::String(text), _), "array") = (found, kind)
                    && let Some(list) = self.list_of(text, schema, path)
                {
                    self.faults.offer(Certainty::Certain, Replacement::Yaml(list));
                }
                filler
            }
        })
    }

    /// The list that one value was meant to be, or several with commas between them.
    fn list_of(&self, text: &str, schema: &Expected, path: &FieldPath) -> Option<String> {
        let item = schema.items().resolve(self.faults.whole);
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        let fits = |text: &&str| !text.is_empty() && self.faults.refuse(&Value::from(*text), item, path).is_none();
        (item.kind == Some("string") && items.iter().all(fits)).then(|| in_brackets(&items))
    }

    fn mapping(
        &mut self,
        id: NodeId,
        mapping: &'a Mapping,
        schema: &'a Expected,
        path: &FieldPath,
    ) -> Result<Value, Diagnostic> {
        self.repeated(mapping, path);
        let mut fields = Map::new();
        let mut unknown = Vec::new();
        for entry in &mapping.entries {
            let (path, expected) = match schema.property(&entry.key) {
                Some((name, property)) => (path.child(name), property),
                None if schema.is_closed => {
                    unknown.push((entry.key.as_str(), path.child(entry.key.clone())));
                    continue;
                }
                None => (path.child(entry.key.clone()), schema.additional()),
            };
            fields.insert(entry.key.clone(), self.value(entry.value, expected, &path)?);
        }
        let is_absent = |name: &&str| !fields.contains_key(*name);
        let missing: Vec<&str> = schema.required.iter().copied().filter(is_absent).collect();
        let absent: Vec<&str> = schema.names().filter(is_absent).collect();
        let meant: Vec<Option<&str>> = unknown.iter().map(|(name, _)| nearest(name, absent.iter().copied())).collect();
        // A field with a misspelt name is not missing too. Its value is not known.
        let mut filled = BTreeSet::new();
        for ((name, field), known) in unknown.into_iter().zip(&meant) {
            SYNTAX.stop_at(self.faults.findings, || Place::Key(field.clone()))?;
            // What has no similar name can be any field that is not there.
            let possible = known.as_ref().map_or(absent.as_slice(), std::slice::from_ref);
            let hole =
                |name: &&str| Hole { path: path.child((*name).to_owned()), cause: Cause::Unknown(field.clone()) };
            self.faults.holes.extend(possible.iter().map(hole));
            filled.extend(*known);
            let message = format!("unknown field `{name}` in {}", self.faults.in_words(path));
            let finding = UNKNOWN_FIELD.at(Place::Key(field), message).label("unknown field");
            self.faults.findings.push(if let Some(known) = *known {
                let is_only = meant.iter().filter(|other| **other == Some(known)).count() == 1;
                let certainty = Certainty::of_word(name, known, absent.iter().copied());
                let certainty = if is_only { certainty } else { Certainty::Likely };
                finding.help(format!("did you mean `{known}`?")).patch_as(certainty, known)
            } else {
                let known: Vec<String> = schema.names().map(|name| format!("`{name}`")).collect();
                finding.help(format!("the fields are {}", known.join(", ")))
            });
        }
        for name in missing {
            if !filled.insert(name) {
                continue;
            }
            let field = path.child(name.to_owned());
            self.faults.holes.push(Hole { path: field.clone(), cause: Cause::Missing(field) });
            let property = schema.field(name).resolve(self.faults.whole);
            let message = format!("missing field `{name}` in {}", self.faults.in_words(path));
            let help = match example(property) {
                Some(example) if property.choices.len() == 1 => format!("add `{name}: {example}`"),
                Some(example) => format!("add it, for example `{name}: {example}`"),
                None => format!("add `{name}:` ({})", first_sentence(property)),
            };
            let place = if path.segments().is_empty() { Place::Whole } else { Place::Field(path.clone()) };
            let finding = MISSING_FIELD.at(place, message).label(format!("no `{name}` here")).help(help);
            let line = match property.choices.as_slice() {
                [only] => self.start_for(name, id, mapping).map(|start| (start, format!("{name}: {only}\n"))),
                _ => None,
            };
            self.faults.findings.push(match line {
                Some((start, line)) => finding.patch_at(start..start, Certainty::Certain, Replacement::Yaml(line)),
                None => finding,
            });
        }
        for name in filled {
            fields.insert(name.to_owned(), schema.field(name).filler(self.faults.whole));
        }
        Ok(Value::Object(fields))
    }

    /// A key that stands twice has no known value.
    fn repeated(&mut self, mapping: &Mapping, path: &FieldPath) {
        let hole =
            |name: &String| Hole { path: path.child(name.clone()), cause: Cause::Duplicate(path.child(name.clone())) };
        self.faults.holes.extend(mapping.repeated.iter().map(hole));
    }

    /// The same in a value whose fields no schema knows.
    fn repeated_in(&mut self, id: NodeId, path: &FieldPath) {
        let document = self.document;
        match &document.node(id).kind {
            Kind::Mapping(mapping) => {
                self.repeated(mapping, path);
                mapping.entries.iter().for_each(|entry| self.repeated_in(entry.value, &path.child(entry.key.clone())));
            }
            Kind::Sequence(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.repeated_in(*item, &path.index(index)));
            }
            Kind::Scalar(..) => {}
        }
    }

    /// The place for a missing field at the head of a topology that is written without braces.
    fn start_for(&self, name: &str, id: NodeId, Mapping { entries, .. }: &Mapping) -> Option<usize> {
        const HEAD: [&str; 2] = ["apiVersion", "kind"];
        let before = &HEAD[..HEAD.iter().position(|head| *head == name)?];
        let is_open = entries.first()?.key_range.start == self.document.node(id).range.start;
        let next = entries.iter().find(|entry| !before.contains(&entry.key.as_str()))?;
        (id == self.document.root() && is_open).then_some(next.key_range.start)
    }
}
