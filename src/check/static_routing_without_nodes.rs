use crate::diagnostic::{Diagnostic, FieldPath};
use crate::topology::PodRouting;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "static-routing-without-nodes";

const EXPLAIN: &str = include_str!("../../docs/rules/static-routing-without-nodes.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (index, clusters) in subject.populated_networks() {
        let network = &subject.topology.networks[index];
        if network.pod_routing != PodRouting::Static || clusters.len() < 2 {
            continue;
        }
        for cluster in clusters.iter().filter(|cluster| cluster.nodes.is_empty()) {
            let name = &cluster.name;
            if subject.cluster(name.as_str()).is_none() {
                continue;
            }
            let routing = FieldPath::root().child("networks").index(index).child("podRouting");
            findings.push(
                Diagnostic::error(
                    NAME,
                    subject.cluster_path(name.as_str()).child("name"),
                    format!("`{name}` has no `nodes`, and `{}` routes statically", network.name),
                )
                .label("no `nodes` in this cluster")
                .and(routing, "asks for routes")
                .help("add `nodes:` with `{address: …, podCIDR: …}` for each node, or use `podRouting: native`"),
            );
        }
    }
}
