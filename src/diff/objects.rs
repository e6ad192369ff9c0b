use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::manifest::{VALUES, documents, is_manifest, values_name};
use super::text::{self, TextChange};
use super::what::What;
use super::{ClusterChange, one_line};

/// An object that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// The object's kind; `Values` for values of a Helm chart.
    pub kind: String,
    /// The object's namespace, if it has one.
    pub namespace: Option<String>,
    /// The object's name, or that of the chart's values; none for a file that only kustomize reads.
    pub name: Option<String>,
    /// The file that states the object; if the object was removed, the file that stated it.
    pub file: String,
    /// What happened to it.
    pub what: What,
    /// Where it was before: another file, another name, or another cluster's file.
    pub from: Option<String>,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// The whole object, if only one side has it.
    pub value: Option<Value>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field's path. An item of a list is named by what identifies it, `ports[name=tls]`, `hosts[="*.local"]`, or by its position
    /// in the first side's list, `match[0]`; one that is added without an identity, `match[+]`. A key that is not a plain word is
    /// quoted: `labels["app.kubernetes.io/name"]`.
    pub path: String,
    /// The first side's value; none if the field is added.
    pub before: Option<Value>,
    /// The second side's value; none if the field is removed.
    pub after: Option<Value>,
}

/// An object and the file that states it.
struct Object<'f> {
    file: &'f str,
    value: Value,
}

impl Object<'_> {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    fn identity(&self) -> (&str, Option<&str>, Option<&str>) {
        // They have no kind, and may have fields that are called like those of an object.
        if let Some(name) = values_name(self.file) {
            return (VALUES, None, Some(name));
        }
        (self.text("/kind").unwrap_or_default(), self.text("/metadata/namespace"), self.text("/metadata/name"))
    }

    /// The object without its name.
    fn body(&self) -> Value {
        let mut body = self.value.clone();
        if let Some(metadata) = body.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("name");
        }
        body
    }

    fn change(&self, what: What) -> ObjectChange {
        let (kind, namespace, name) = self.identity();
        ObjectChange {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            file: self.file.to_owned(),
            what,
            from: None,
            fields: Vec::new(),
            value: matches!(what, What::Added | What::Removed).then(|| self.value.clone()),
        }
    }
}

/// Compares the files of a cluster: as objects if both sides are manifests, and otherwise as texts.
pub(super) fn compare<'f>(
    before: &BTreeMap<&'f str, &'f str>,
    after: &BTreeMap<&'f str, &'f str>,
) -> (Vec<ObjectChange>, Vec<TextChange>) {
    let (mut old, mut new, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let paths: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for path in paths {
        let (one, other) = (before.get(path).copied(), after.get(path).copied());
        if one == other {
            continue;
        }
        let read = |text: Option<&str>| text.map_or(Some(Vec::new()), documents);
        match (is_manifest(path), read(one), read(other)) {
            (true, Some(one), Some(other)) => {
                old.extend(one.into_iter().map(|value| Object { file: path, value }));
                new.extend(other.into_iter().map(|value| Object { file: path, value }));
            }
            _ => texts.push(text::compare(path, one, other)),
        }
    }
    (pair(old, new), texts)
}

fn pair(mut old: Vec<Object<'_>>, mut new: Vec<Object<'_>>) -> Vec<ObjectChange> {
    let mut changes = Vec::new();
    let mut take = |is_pair: &dyn Fn(&Object<'_>, &Object<'_>) -> bool, changes: &mut Vec<ObjectChange>| {
        old.retain(|one| {
            let Some(position) = new.iter().position(|other| is_pair(one, other)) else { return true };
            changes.extend(difference(one, &new.remove(position)));
            false
        });
    };
    take(&|one, other| one.file == other.file && one.identity() == other.identity(), &mut changes);
    take(&|one, other| one.identity() == other.identity() && one.identity().2.is_some(), &mut changes);
    take(
        &|one, other| one.identity().2.is_some() && one.identity().0 != VALUES && one.body() == other.body(),
        &mut changes,
    );
    changes.extend(old.iter().map(|object| object.change(What::Removed)));
    changes.extend(new.iter().map(|object| object.change(What::Added)));
    changes.sort_by(|one, other| (&one.file, &one.kind, &one.name).cmp(&(&other.file, &other.kind, &other.name)));
    changes
}

fn difference(one: &Object<'_>, other: &Object<'_>) -> Option<ObjectChange> {
    let fields = compare_fields_of(&one.value, &other.value);
    let (what, from) = if one.identity() != other.identity() {
        (What::Renamed, one.identity().2.map(str::to_owned))
    } else if one.file != other.file {
        (What::Moved, Some(one.file.to_owned()))
    } else if fields.is_empty() {
        return None;
    } else {
        (What::Changed, None)
    };
    Some(ObjectChange { from, fields, ..other.change(what) })
}

/// Marks an added object as moved if another cluster lost an equal one.
pub(super) fn say_where_from(clusters: &mut [ClusterChange]) {
    let gone: Vec<(usize, Value, String)> = clusters
        .iter()
        .enumerate()
        .flat_map(|(index, cluster)| cluster.objects.iter().map(move |object| (index, object)))
        .filter(|(_, object)| object.what == What::Removed && object.kind == "Deployment")
        .filter_map(|(index, object)| Some((index, object.value.clone()?, object.file.clone())))
        .collect();
    for (index, cluster) in clusters.iter_mut().enumerate() {
        for object in cluster.objects.iter_mut().filter(|object| object.what == What::Added) {
            let was = gone.iter().find(|(other, value, _)| *other != index && Some(value) == object.value.as_ref());
            object.from = was.map(|(_, _, file)| file.clone());
        }
    }
}

/// The fields in which two values differ.
pub(super) fn compare_fields_of(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    compare_values(&mut String::new(), before, after, &mut fields);
    fields
}

fn compare_values(path: &mut String, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => compare_fields(path, before, after, changes),
        (Value::Array(before), Value::Array(after)) => compare_items(path, before, after, changes),
        _ if before != after => push(path, Some(before), Some(after), changes),
        _ => {}
    }
}

fn compare_fields(
    path: &mut String,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<FieldChange>,
) {
    for (key, old) in before {
        at(path, &field(path, key), |path| match after.get(key) {
            Some(new) => compare_values(path, old, new, changes),
            None => push(path, Some(old), None, changes),
        });
    }
    for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        at(path, &field(path, key), |path| push(path, None, Some(new), changes));
    }
}

fn compare_items(path: &mut String, before: &[Value], after: &[Value], changes: &mut Vec<FieldChange>) {
    match identifying(before, after) {
        Some(field) => compare_named(path, field, before, after, changes),
        None => compare_unnamed(path, before, after, changes),
    }
}

fn compare_named(path: &mut String, field: &str, before: &[Value], after: &[Value], changes: &mut Vec<FieldChange>) {
    let find = |items: &[Value], identity: &str| {
        items.iter().find(|item| identity_by(item, field).as_deref() == Some(identity)).cloned()
    };
    let identities =
        |items: &[Value]| items.iter().filter_map(|item| identity_by(item, field)).collect::<Vec<String>>();
    for identity in identities(before) {
        let old = find(before, &identity).expect("the item was just seen");
        at(path, &format!("[{field}={identity}]"), |path| match find(after, &identity) {
            Some(new) => compare_values(path, &old, &new, changes),
            None => push(path, Some(&old), None, changes),
        });
    }
    for identity in identities(after).into_iter().filter(|identity| find(before, identity).is_none()) {
        let new = find(after, &identity).expect("the item was just seen");
        at(path, &format!("[{field}={identity}]"), |path| push(path, None, Some(&new), changes));
    }
}

/// Compares items without an identity. Items that both lists have are equal, whatever their position. One scalar in the place of
/// another is a change; otherwise scalars are added and removed by value, and the rest is matched in order.
fn compare_unnamed(path: &mut String, before: &[Value], after: &[Value], changes: &mut Vec<FieldChange>) {
    let mut added: Vec<&Value> = after.iter().collect();
    let mut removed: Vec<(usize, &Value)> = before.iter().enumerate().collect();
    removed.retain(|(_, old)| match added.iter().position(|new| new == old) {
        Some(position) => {
            added.remove(position);
            false
        }
        None => true,
    });
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    let (mut added, scalars): (Vec<&Value>, Vec<&Value>) = added.into_iter().partition(|value| !is_scalar(value));
    if let ([(index, old)], [new], []) = (&removed[..], &scalars[..], &added[..])
        && is_scalar(old)
    {
        at(path, &format!("[{index}]"), |path| push(path, Some(old), Some(new), changes));
        return;
    }
    for (index, old) in removed {
        if is_scalar(old) {
            at(path, &format!("[={old}]"), |path| push(path, Some(old), None, changes));
        } else if added.is_empty() {
            at(path, &format!("[{index}]"), |path| push(path, Some(old), None, changes));
        } else {
            let new = added.remove(0);
            at(path, &format!("[{index}]"), |path| compare_values(path, old, new, changes));
        }
    }
    for new in scalars {
        at(path, &format!("[={new}]"), |path| push(path, None, Some(new), changes));
    }
    for new in added {
        at(path, "[+]", |path| push(path, None, Some(new), changes));
    }
}

/// The field that identifies every item of both lists.
fn identifying(before: &[Value], after: &[Value]) -> Option<&'static str> {
    const FIELDS: [&str; 7] = ["kind", "name", "port", "number", "host", "address", "path"];
    let is_known_by = |field: &str, items: &[Value]| {
        let identities: Option<BTreeSet<String>> = items.iter().map(|item| identity_by(item, field)).collect();
        identities.is_some_and(|identities| identities.len() == items.len())
    };
    let is_empty = before.is_empty() && after.is_empty();
    FIELDS.into_iter().find(|field| !is_empty && is_known_by(field, before) && is_known_by(field, after))
}

/// The value of a field that identifies an item. A port of a Gateway's server is a mapping with a number.
fn identity_by(item: &Value, field: &str) -> Option<String> {
    let value = item.get(field)?;
    let value = value.get("number").unwrap_or(value);
    let is_plain = value.as_str().is_none_or(|text| !text.contains(['[', ']']));
    (is_plain && !value.is_object() && !value.is_array()).then(|| one_line(value))
}

fn field(path: &str, key: &str) -> String {
    let is_word =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    match is_word {
        true if path.is_empty() => key.to_owned(),
        true => format!(".{key}"),
        false => format!("[{}]", Value::from(key)),
    }
}

fn at(path: &mut String, step: &str, inside: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push_str(step);
    inside(path);
    path.truncate(length);
}

fn push(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    changes.push(FieldChange { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
}
