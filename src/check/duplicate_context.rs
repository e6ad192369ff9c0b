use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).reads(&[&["cluster.name", "cluster.context"]]).refuses("cluster.context");

const RULE: Rule = Rule::error("duplicate-context", include_str!("../../docs/rules/duplicate-context.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        let place = if cluster.context.is_some() { path.child("context") } else { path.child("name") };
        let name = cluster.kubectl_context();
        let Some(first) = seen.insert(name, place.clone()) else { continue };
        if first != place && context.cluster_path(cluster.name.as_str()) == path {
            findings.push(
                RULE.at(place, format!("two clusters are reached by the context `{name}`"))
                    .label("the same context")
                    .and(first, "also here")
                    .help("write each cluster's own context, as `kubectl config get-contexts` lists them"),
            );
        }
    }
}
