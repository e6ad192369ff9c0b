//! Whether a file is a topology at all. One that is not gets one finding, not one for each field that it lacks.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath, nearest};
use crate::rule::{INVALID_VALUE, MISSING_FIELD, SYNTAX, WRONG_TYPE};
use crate::syntax::{Document, Kind, Mapping};

use super::expected::Expected;
use super::wording::{describe, shown};

/// What every topology begins with.
const HELP: &str = "begin with `apiVersion: meshgen/v1` and `kind: Topology`";

/// The finding for a file that is not a topology of this format.
pub(super) fn refuse(document: &Document, schema: &Expected) -> Option<Diagnostic> {
    let root = document.node(document.root());
    let place = root.range.clone();
    let mapping = match &root.kind {
        Kind::Scalar(Value::Null, _) => return Some(SYNTAX.at(place, "the file is empty").help(HELP)),
        Kind::Mapping(mapping) => mapping,
        other => {
            let message = format!("the file is {}, not a topology", describe(other));
            return Some(WRONG_TYPE.at(place, message).help(HELP));
        }
    };
    let text = |field: &str| match &document.node(mapping.get(field)?.value).kind {
        Kind::Scalar(value @ Value::String(_), _) => Some(shown(value)),
        _ => None,
    };
    // The text of a head that is not, and was not to be, the one that a topology has.
    let other = |field: &str| {
        let wanted = &schema.field(field).resolve(schema).choices;
        text(field).filter(|text| !wanted.contains(&text.as_str()) && nearest(text, wanted.iter().copied()).is_none())
    };
    let at = |field: &'static str| FieldPath::root().child(field);
    if let Some(version) = text("apiVersion").filter(|version| is_another_version(version)) {
        let help = "write `meshgen/v1`, or use a meshgen that reads this version";
        return Some(INVALID_VALUE.at(at("apiVersion"), format!("this meshgen does not read `{version}`")).help(help));
    }
    if has_section(mapping, schema) {
        return None;
    }
    let named = |field, what: String| INVALID_VALUE.at(at(field), format!("{what} is not a topology")).help(HELP);
    match (other("kind"), other("apiVersion")) {
        (Some(kind), Some(version)) => Some(named("kind", format!("`{kind}` of `{version}`"))),
        (Some(kind), None) => Some(named("kind", format!("`{kind}`"))),
        (None, Some(version)) => Some(named("apiVersion", format!("a file of `{version}`"))),
        (None, None) if mapping.get("apiVersion").is_none() && mapping.get("kind").is_none() => {
            let place = mapping.entries.first().map_or(place, |entry| entry.key_range.clone());
            Some(MISSING_FIELD.at(place, "the file has none of the fields of a topology").help(HELP))
        }
        (None, None) => None,
    }
}

/// Whether a text is the version of a format that another meshgen reads.
fn is_another_version(version: &str) -> bool {
    let number = version.strip_prefix("meshgen/v").unwrap_or_default();
    version != "meshgen/v1" && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a field is, or was to be, one of those that say what the mesh is.
fn has_section(Mapping { entries, .. }: &Mapping, schema: &Expected) -> bool {
    let sections = || schema.names().filter(|name| !["apiVersion", "kind"].contains(name));
    let is_one = |key: &str| sections().any(|name| name == key) || nearest(key, sections()).is_some();
    entries.iter().any(|entry| is_one(&entry.key))
}
