//! What it means that workloads are told other roots of whoever signs instead of istiod.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::layout::ROOTS;

use super::super::ObjectChange;
use super::super::impact::Kind;
use super::super::objects::FieldChange;
use super::Found;

/// Whether a change is one of the roots; what it means then.
pub(super) fn roots(object: &ObjectChange, found: &mut Found) -> bool {
    let texts = |value: fn(&FieldChange) -> Option<&Value>| {
        let values = object.fields.iter().filter(|field| field.path.starts_with("spec.sources")).filter_map(value);
        certificates(&values.map(Value::to_string).collect::<String>())
    };
    let [before, after] = [texts(|field| field.before.as_ref()), texts(|field| field.after.as_ref())];
    if !object.file.contains(ROOTS) || before == after {
        return false;
    }
    if !after.is_subset(&before) {
        found.add(
            Kind::Reapply,
            "20-roots: workloads trust a further root, once the authority that signs there has read it",
        );
    }
    if !before.is_subset(&after) {
        found.add(
            Kind::Interrupts,
            "20-roots: workloads trust a root no more, and refuse those whose certificates are still of it",
        );
    }
    true
}

/// The certificates of a text, without what stands between them.
fn certificates(text: &str) -> BTreeSet<String> {
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    blocks.filter_map(|block| Some(block.split_once("-----END CERTIFICATE-----")?.0.to_owned())).collect()
}
