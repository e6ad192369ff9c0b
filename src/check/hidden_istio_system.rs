use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::layout::ISTIO_SYSTEM;
use crate::rule::Rule;
use crate::topology::{Cluster, FreeForm};

use super::reads::{GATEWAYS, NETWORKS, REMOTES};
use super::{About, Check, Context, free_forms};

pub(super) const CHECK: Check = Check::of(RULE, check).about(SELECTIVE).reads(&[
    GATEWAYS,
    NETWORKS,
    REMOTES,
    &["mesh.id", "tracing", "istio.meshConfig.discoverySelectors", "clusters[].istio.meshConfig.discoverySelectors"],
]);

const RULE: Rule = Rule::warning("hidden-istio-system", include_str!("../../docs/rules/hidden-istio-system.md"));

const SELECTIVE: About =
    About::Mesh(|topology| free_forms(topology).any(|(_, mesh_config, _)| selectors(mesh_config).is_some()));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let mut gateways = topology.clusters.iter().filter_map(|cluster| cluster.east_west_gateway.as_ref());
    if gateways.next().is_none() && topology.tracing.is_none() {
        return;
    }
    let is_multi_network = context.populated_count() > 1;
    for (index, (path, mesh_config, _)) in free_forms(topology).enumerate() {
        let Some(selectors) = selectors(mesh_config) else { continue };
        // The first are those of the whole mesh. A list of a cluster replaces them, and a remote reads the list of its primary.
        let mut primaries = topology.clusters.iter().filter(|cluster| cluster.primary().is_none());
        let is_read = match index.checked_sub(1) {
            None => primaries.any(|primary| self::selectors(&primary.istio.mesh_config).is_none()),
            Some(position) => topology.clusters.get(position).is_some_and(|cluster| cluster.primary().is_none()),
        };
        let is_hidden = |cluster: &Cluster| {
            let mut labels = vec![
                ("kubernetes.io/metadata.name", ISTIO_SYSTEM),
                ("app.kubernetes.io/managed-by", "meshgen"),
                ("app.kubernetes.io/part-of", topology.mesh.id.as_str()),
            ];
            if is_multi_network {
                labels.push(("topology.istio.io/network", cluster.network.as_str()));
            }
            !selectors.iter().any(|selector| selects(selector, &labels))
        };
        if is_read && topology.clusters.iter().any(is_hidden) {
            findings.push(
                RULE.at(
                    path.child("meshConfig").child("discoverySelectors"),
                    format!("these selectors hide `{ISTIO_SYSTEM}` from istiod"),
                )
                .label("istiod sees no gateway and no configuration there")
                .help(format!("add `{{matchLabels: {{kubernetes.io/metadata.name: {ISTIO_SYSTEM}}}}}`"))
                .help("allow this if somebody else labels the namespace in every cluster"),
            );
        }
    }
}

/// The selectors, if there are any: without one, istiod sees every namespace.
fn selectors(mesh_config: &FreeForm) -> Option<&Vec<Value>> {
    mesh_config.get("discoverySelectors")?.as_array().filter(|selectors| !selectors.is_empty())
}

/// Whether a selector takes a namespace with these labels. Of what is no selector, another rule or Istio speaks.
fn selects(selector: &Value, labels: &[(&str, &str)]) -> bool {
    let value = |key: &str| labels.iter().find(|(label, _)| *label == key).map(|(_, value)| *value);
    let equal = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    equal.is_none_or(|equal| equal.iter().all(|(key, wanted)| value(key) == wanted.as_str()))
        && expressions.is_none_or(|expressions| {
            expressions.iter().all(|expression| {
                let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
                let found = value(text("key"));
                let values = expression.get("values").and_then(Value::as_array);
                let is_listed = values.is_some_and(|values| values.iter().any(|value| value.as_str() == found));
                match text("operator") {
                    "In" => found.is_some() && is_listed,
                    "NotIn" => found.is_none() || !is_listed,
                    "Exists" => found.is_some(),
                    "DoesNotExist" => found.is_none(),
                    _ => true,
                }
            })
        })
}
