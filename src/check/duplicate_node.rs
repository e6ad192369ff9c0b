use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::NODES).reads(&[&["cluster.network"]]);

const RULE: Rule = Rule::error("duplicate-node", include_str!("../../docs/rules/duplicate-node.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        for (index, node) in cluster.nodes.iter().enumerate() {
            let place = path.child("nodes").index(index).child("address");
            if !context.is_known(&place) {
                continue;
            }
            if let Some(first) = seen.insert((cluster.network.as_str(), node.address.0), place.clone()) {
                findings.push(
                    RULE.at(place, format!("`{}` is the address of two nodes", node.address.0))
                        .label("the same node")
                        .and(first, "also here")
                        .help("write each node once, with its own address; a node with several ranges has `podCIDRs`"),
                );
            }
        }
    }
}
