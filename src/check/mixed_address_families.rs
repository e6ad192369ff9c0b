use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, PodRouting};

use super::ranges::{PODS, cluster_ranges, node_ranges, service_ranges};
use super::reads::{NAMES, NETWORKS};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::RANGES).reads(&[
    NETWORKS,
    NAMES,
    &["networks[].podRouting", "clusters[].nodes[].address"],
]);

const RULE: Rule = Rule::error("mixed-address-families", include_str!("../../docs/rules/mixed-address-families.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (index, clusters) in context.populated_networks() {
        if clusters.len() < 2 {
            continue;
        }
        let network = &context.topology.networks[index];
        if network.pod_routing == PodRouting::Static {
            for (path, cluster) in &clusters {
                routes(context, path, cluster, findings);
            }
        }
        apart(context, network.name.as_str(), &clusters, findings);
    }
}

/// The ranges that no node of a cluster can be the next hop of.
fn routes(context: &Context<'_>, path: &FieldPath, cluster: &Cluster, findings: &mut Vec<Diagnostic>) {
    for (index, node) in cluster.nodes.iter().enumerate() {
        let path = path.child("nodes").index(index);
        let address = path.child("address");
        for (range, place) in node_ranges(&path, node) {
            let is_other = range.0.addr().is_ipv4() != node.address.0.is_ipv4();
            if is_other && context.is_known(&place) && context.is_known(&address) {
                findings.push(
                    RULE.at(place, format!("no route to `{}` can go through `{}`", range.0, node.address.0))
                        .and(address.clone(), "of another address family")
                        .help("list the node a second time, with its address of that family and these ranges"),
                );
            }
        }
    }
    for (range, place) in service_ranges(path, cluster) {
        if !cluster.nodes.is_empty() && cluster.first_node_for(range).is_none() && context.is_known(&place) {
            findings.push(
                RULE.at(place, format!("no node of `{}` can be the next hop to `{}`", cluster.name, range.0))
                    .label("no node has an address of this family")
                    .help("add a node with an address of this family, or remove the range"),
            );
        }
    }
}

/// The first two clusters of a network whose pods have no address family in common.
fn apart(context: &Context<'_>, network: &str, clusters: &[(FieldPath, &Cluster)], findings: &mut Vec<Diagnostic>) {
    // The first range of pods in IPv4, and in IPv6.
    let stated: Vec<(&Cluster, [Option<FieldPath>; 2])> = clusters
        .iter()
        .map(|(path, cluster)| {
            let ranges = cluster_ranges(path, cluster);
            let first = |is_ipv4: bool| {
                let mut pods = ranges.iter().filter(|range| range.what == PODS);
                pods.find(|range| range.net.addr().is_ipv4() == is_ipv4).map(|range| range.place.clone())
            };
            (*cluster, [first(true), first(false)])
        })
        .collect();
    let only = |family: usize| {
        stated.iter().find_map(|(cluster, ranges)| {
            let place =
                ranges[family].clone().filter(|place| ranges[1 - family].is_none() && context.is_known(place))?;
            Some((*cluster, place))
        })
    };
    if let (Some((four, first)), Some((six, second))) = (only(0), only(1)) {
        findings.push(
            RULE.at(
                second,
                format!("the pods of `{}` and `{}` cannot reach each other on `{network}`", four.name, six.name),
            )
            .label(format!("`{}` has IPv6 alone", six.name))
            .and(first, format!("`{}` has IPv4 alone", four.name))
            .help("put the clusters on separate networks, each with a gateway"),
        );
    }
}
