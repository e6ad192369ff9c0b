use crate::diagnostic::Diagnostic;
use crate::topology::PodRouting;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "single-node-service-route";

const EXPLAIN: &str = include_str!("../../docs/rules/single-node-service-route.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 4;
    for (index, clusters) in subject.populated_networks() {
        let network = &subject.topology.networks[index];
        if network.pod_routing != PodRouting::Static || clusters.len() < 2 {
            continue;
        }
        let routed = clusters.iter().filter(|cluster| cluster.service_cidr.is_some() && !cluster.nodes.is_empty());
        let mut places = routed.map(|cluster| {
            let place = subject.cluster_path(cluster.name.as_str()).child("serviceCIDR");
            (place, format!("by way of {} only", cluster.nodes[0].address.0))
        });
        let Some((place, label)) = places.next() else { continue };
        let message = format!("on `{}` the Services of a cluster are reached through one node each", network.name);
        let finding = Diagnostic::warning(NAME, place, message).label(label);
        let finding = places.take(SHOWN - 1).fold(finding, |finding, (place, label)| finding.and(place, label));
        findings.push(finding.help(
            "remove `serviceCIDR`: Istio sends to pods and needs no routes to Services; or allow this where something else uses them",
        ));
    }
}
