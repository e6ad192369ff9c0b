use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "duplicate-node";

const EXPLAIN: &str = include_str!("../../docs/rules/duplicate-node.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in subject.clusters() {
        for (index, node) in cluster.nodes.iter().enumerate() {
            let place = path.child("nodes").index(index).child("address");
            if let Some(first) = seen.insert((cluster.network.as_str(), node.address.0), place.clone()) {
                findings.push(
                    Diagnostic::error(NAME, place, format!("`{}` is the address of two nodes", node.address.0))
                        .label("the same node")
                        .and(first, "also here")
                        .help("write each node once, with its own address"),
                );
            }
        }
    }
}
