use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, Name};

use super::collector_without_gateway::awaited_collector;
use super::context::is_told as is_told_to_istiods;
use super::reads::{GATEWAYS, NETWORKS, REPORTERS, TOLD_NETWORKS};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::SEVERAL_NETWORKS)
    .reads(&[NETWORKS, GATEWAYS, REPORTERS, TOLD_NETWORKS, &["tracing.zipkin.cluster"]])
    .refuses("networks[].gateways");

const RULE: Rule = Rule::error("network-without-gateway", include_str!("../../docs/rules/network-without-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let networks = context.populated_networks();
    // The gateway of a cluster whose network is unknown could be the one that is missing.
    let has_strays = context.clusters().any(|(_, cluster)| !context.has_network(cluster.network.as_str()));
    if networks.len() < 2 || has_strays {
        return;
    }
    let remotes = context.remotes();
    let collector = awaited_collector(context).map(|(collector, _)| &collector.name);
    for (index, clusters) in networks {
        // A cluster that needs a gateway for itself is told so by another rule.
        let is_told =
            |cluster: &Cluster| remotes.contains_key(cluster.name.as_str()) || Some(&cluster.name) == collector;
        if clusters.iter().any(|(_, cluster)| cluster.east_west_gateway.is_some() || is_told(cluster)) {
            continue;
        }
        let name = &context.topology.networks[index].name;
        if is_told_to_istiods(context, name.as_str()) {
            continue;
        }
        let clusters = names(clusters.iter().map(|(_, cluster)| Name::as_str(&cluster.name)));
        let path = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            RULE.at(path, format!("other networks cannot reach `{name}`: it has no east-west gateway"))
                .label(format!("network of {clusters}"))
                .help("add `eastWestGateway:` to at least one cluster of this network"),
        );
    }
}
