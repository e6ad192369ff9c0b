use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "duplicate-context";

const EXPLAIN: &str = include_str!("../../docs/rules/duplicate-context.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in subject.clusters() {
        let written = cluster.context.as_deref();
        let place = if written.is_some() { path.child("context") } else { path.child("name") };
        let context = written.unwrap_or(cluster.name.as_str());
        let Some(first) = seen.insert(context, place.clone()) else { continue };
        if first != place && subject.cluster_path(cluster.name.as_str()) == path {
            findings.push(
                Diagnostic::error(NAME, place, format!("two clusters are reached by the context `{context}`"))
                    .label("the same context")
                    .and(first, "also here")
                    .help("write each cluster's own context, as `kubectl config get-contexts` lists them"),
            );
        }
    }
}
