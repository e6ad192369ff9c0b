use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        cluster.east_west_gateway.as_ref().is_some_and(|gateway| !gateway.external_ips.is_empty())
    }))
    .reads(&[&["cluster.name", "cluster.nodes[].address", "cluster.eastWestGateway.externalIPs[]"]]);

const RULE: Rule =
    Rule::warning("external-ip-without-node", include_str!("../../docs/rules/external-ip-without-node.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster, gateway) in gateways(context) {
        let is_node = |address: &std::net::IpAddr| cluster.nodes.iter().any(|node| node.address.0 == *address);
        let lone = gateway.external_ips.iter().enumerate().find(|(_, address)| !is_node(&address.0));
        let Some((index, address)) = lone.filter(|_| !cluster.nodes.is_empty()) else { continue };
        findings.push(
            RULE.at(path.child("externalIPs").index(index),
                format!("no node of `{}` has the address {}", cluster.name, address.0),
            )
            .label("a node must answer for it")
            .help("write the address of a node, or make a node answer ARP for this one (MetalLB, a virtual IP, kube-proxy in IPVS mode without strictARP), and allow this"),
        );
    }
}
