use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::PodRouting;

use super::ranges::service_ranges;
use super::reads::{NAMES, NETWORKS};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| cluster.service_ranges().next().is_some()))
    .reads(&[NETWORKS, NAMES, &["networks[].podRouting", "clusters[].nodes[].address"]]);

const RULE: Rule =
    Rule::warning("single-node-service-route", include_str!("../../docs/rules/single-node-service-route.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 4;
    for (index, clusters) in context.populated_networks() {
        let network = &context.topology.networks[index];
        if network.pod_routing != PodRouting::Static || clusters.len() < 2 {
            continue;
        }
        let places = clusters.iter().flat_map(|(path, cluster)| {
            let ranges = service_ranges(path, cluster);
            ranges.into_iter().filter_map(|(range, place)| {
                let node = cluster.first_node_for(range)?;
                Some((place, format!("by way of {} only", node.address.0)))
            })
        });
        let mut places = places.filter(|(place, _)| context.is_known(place));
        let Some((place, label)) = places.next() else { continue };
        let message = format!("on `{}` the Services of a cluster are reached through one node each", network.name);
        let finding = RULE.at(place, message).label(label);
        let finding = places.take(SHOWN - 1).fold(finding, |finding, (place, label)| finding.and(place, label));
        findings.push(finding.help(
            "remove this field: Istio sends to pods and needs no routes to Services; or allow this if something else uses them",
        ));
    }
}
