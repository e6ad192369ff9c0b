use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::boolean;
use crate::release::release;
use crate::rule::Rule;
use crate::topology::FreeForm;

use super::reads::VERSION;
use super::{About, Check, Context, free_forms};

pub(super) const CHECK: Check = Check::of(RULE, check).about(SWITCHED_ON).reads(&[
    VERSION,
    &["istio.values.pilot.env.PILOT_ENABLE_AMBIENT", "clusters[].istio.values.pilot.env.PILOT_ENABLE_AMBIENT"],
]);

const SWITCHED_ON: About =
    About::Mesh(|topology| free_forms(topology).any(|(_, _, values)| says(values, VARIABLE) == Some(true)));

const RULE: Rule = Rule::warning("ambient-multi-network", include_str!("../../docs/rules/ambient-multi-network.md"));

/// What lets ambient workloads of several networks reach each other.
const VARIABLE: &str = "AMBIENT_ENABLE_MULTI_NETWORK";
/// Without it, istiod ignores the other (`1.30.3:pilot/pkg/features/ambient.go`).
const AMBIENT: &str = "PILOT_ENABLE_AMBIENT";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.clusters.len() < 2 || !release(topology.istio.version).is_some_and(|release| release.scopes_services) {
        return;
    }
    let forms: Vec<(FieldPath, &FreeForm)> =
        free_forms(topology).map(|(path, _, values)| (path.child("values"), values)).collect();
    // The first are those of the whole mesh, which those of a cluster are merged over.
    let whole = says(&topology.istio.values, AMBIENT);
    for (index, (path, values)) in forms.iter().enumerate() {
        let is_ambient = match index {
            0 => whole == Some(true) || forms.iter().any(|(_, own)| says(own, AMBIENT) == Some(true)),
            _ => says(values, AMBIENT).or(whole) == Some(true),
        };
        if is_ambient && says(values, VARIABLE) == Some(true) {
            let place = path.child("pilot").child("env").child(VARIABLE);
            findings.push(
                RULE.at(place, format!("`{VARIABLE}` takes the services of other clusters from sidecars"))
                    .label("a service without a label counts as local to its cluster")
                    .help("remove it; or label each Service that other clusters call with `istio.io/global: \"true\"` first, and allow this"),
            );
        }
    }
}

/// What values say of a variable of istiod that is on or off.
fn says(values: &FreeForm, variable: &str) -> Option<bool> {
    match values.get("pilot")?.get("env")?.get(variable)? {
        Value::Bool(is_on) => Some(*is_on),
        Value::String(text) => Some(boolean(text) == Some(true)),
        _ => None,
    }
}
