use camino::Utf8Path;
use serde_json::Value;

use crate::syntax::Document;

/// The kind of values of a Helm chart, in reports.
pub(super) const VALUES: &str = "Values";

/// Whether a file states objects.
pub(super) fn is_manifest(path: &str) -> bool {
    Utf8Path::new(path).extension() == Some("yaml")
}

/// The name of values of a Helm chart, by the path of their file.
pub(super) fn values_name(path: &str) -> Option<&str> {
    Utf8Path::new(path).file_name()?.strip_suffix(".values.yaml")
}

/// The documents of a manifest, if all of them read as mappings.
pub(super) fn documents(text: &str) -> Option<Vec<Value>> {
    // Text of a PEM file may end with the same characters.
    let documents = text.strip_prefix("---\n").unwrap_or(text).split("\n---\n").filter(|text| !text.trim().is_empty());
    documents
        .map(|text| {
            let document = Document::parse(text, &mut Vec::new()).ok()?;
            Some(document.value(document.root())).filter(Value::is_object)
        })
        .collect()
}
