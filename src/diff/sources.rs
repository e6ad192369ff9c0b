//! What decides for all clusters, and stands in no object of theirs: where charts and the tree itself are taken from, and whose workloads
//! restart.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::controllers::title;
use super::facts::Known;

/// A fact of the mesh as a whole that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeshChange {
    /// What it is, in words.
    pub fact: String,
    /// On the first side; null where it says nothing.
    pub before: Option<String>,
    /// On the second side; null where it says nothing.
    pub after: Option<String>,
}

pub(super) fn compare(before: &Known<'_>, after: &Known<'_>) -> Vec<MeshChange> {
    // A mesh that is new or gone has everything of its own.
    if before.members.is_empty() || after.members.is_empty() {
        return Vec::new();
    }
    let (before, after) = (facts(before), facts(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |fact: &String| MeshChange {
        fact: fact.clone(),
        before: before.get(fact).cloned(),
        after: after.get(fact).cloned(),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

fn facts(side: &Known<'_>) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    if let Some(charts) = &side.record.charts {
        facts.insert("Istio's charts come from".to_owned(), charts.clone());
    }
    if !side.record.workloads.is_empty() {
        facts.insert("workloads restart in".to_owned(), side.record.workloads.join(", "));
    }
    for root in &side.roots {
        let place = root.cluster.map(|cluster| format!(" in {cluster}")).unwrap_or_default();
        if let Some(source) = root.source() {
            facts.insert(format!("{}{place} reads", title(root.controller)), source);
        }
    }
    facts
}
