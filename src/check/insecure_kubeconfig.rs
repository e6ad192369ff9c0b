use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::FreeForm;

use super::reads::VERSION;
use super::{About, Check, Context, free_forms};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[VERSION]);

const RULE: Rule = Rule::warning("insecure-kubeconfig", include_str!("../../docs/rules/insecure-kubeconfig.md"));

/// What of a remote secret's kubeconfig istiod takes though it runs programs or reads files (`1.30.3:pilot/pkg/features/pilot.go`).
const VARIABLE: &str = "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, _, values) in free_forms(context.topology) {
        for place in allowing(values, &path.child("values").child("pilot")) {
            findings.push(
                RULE.at(place, format!("`{VARIABLE}` opens istiod to what is in remote secrets"))
                    .label("istiod runs programs or reads files that a kubeconfig names")
                    .help("remove it: the remote secrets of meshgen hold tokens and need none of this"),
            );
        }
    }
}

/// Where values allow anything.
fn allowing(values: &FreeForm, pilot: &FieldPath) -> Vec<FieldPath> {
    let Some(Value::Object(fields)) = values.get("pilot") else { return Vec::new() };
    let mut places = Vec::new();
    if fields.get("env").and_then(|variables| variables.get(VARIABLE)).is_some_and(allows) {
        places.push(pilot.child("env").child(VARIABLE));
    }
    let others = fields.get("envVarFrom").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, variable) in others.iter().enumerate() {
        // Where the value comes from elsewhere, it is not known here.
        let is_meant = variable.get("name").and_then(Value::as_str) == Some(VARIABLE);
        if is_meant && variable.get("value").is_none_or(allows) {
            places.push(pilot.child("envVarFrom").index(index));
        }
    }
    places
}

/// Whether a list names anything: `none` is the name of no method.
fn allows(list: &Value) -> bool {
    list.as_str().is_none_or(|list| list.split(',').any(|method| !["", "none"].contains(&method.trim())))
}
