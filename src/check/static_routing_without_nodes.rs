use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::PodRouting;

use super::reads::{NAMES, NETWORKS};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.networks.iter().any(|network| network.pod_routing == PodRouting::Static)))
    .reads(&[NETWORKS, NAMES, &["clusters[].nodes"]])
    .refuses("cluster.nodes");

const RULE: Rule =
    Rule::error("static-routing-without-nodes", include_str!("../../docs/rules/static-routing-without-nodes.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (index, clusters) in context.populated_networks() {
        let network = &context.topology.networks[index];
        if network.pod_routing != PodRouting::Static || clusters.len() < 2 {
            continue;
        }
        for (path, cluster) in clusters.iter().filter(|(_, cluster)| cluster.nodes.is_empty()) {
            let name = &cluster.name;
            let routing = FieldPath::root().child("networks").index(index).child("podRouting");
            findings.push(
                RULE.at(
                    path.child("name"),
                    format!("`{name}` has no `nodes`, and `{}` routes statically", network.name),
                )
                .label("no `nodes` in this cluster")
                .and(routing, "asks for routes")
                .help("add `nodes:` with `{address: …, podCIDRs: […]}` for each node, or use `podRouting: native`"),
            );
        }
    }
}
