use crate::diagnostic::Diagnostic;

use super::{Rule, Subject, gateways};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "external-ip-without-node";

const EXPLAIN: &str = include_str!("../../docs/rules/external-ip-without-node.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster, gateway) in gateways(subject) {
        let is_node = |address: &std::net::IpAddr| cluster.nodes.iter().any(|node| node.address.0 == *address);
        let lone = gateway.external_ips.iter().enumerate().find(|(_, address)| !is_node(&address.0));
        let Some((index, address)) = lone.filter(|_| !cluster.nodes.is_empty()) else { continue };
        findings.push(
            Diagnostic::warning(
                NAME,
                path.child("externalIPs").index(index),
                format!("no node of `{}` has the address {}", cluster.name, address.0),
            )
            .label("somebody has to answer for it")
            .help("write a node's address, or see to it that a node answers ARP for this one (MetalLB, a virtual IP, kube-proxy in IPVS mode without strictARP), and allow this"),
        );
    }
}
