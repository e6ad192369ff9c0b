use std::net::IpAddr;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Address;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&["cluster.proxyURL"]]);

const RULE: Rule = Rule::error("unusable-address", include_str!("../../docs/rules/unusable-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut judge = |address: IpAddr, place: FieldPath, what: &str| {
        if let Some(kind) = kind(address) {
            findings.push(
                RULE.at(place, format!("other machines cannot reach {what} at `{address}`"))
                    .label(format!("a {kind} address"))
                    .help("write the address at which other machines reach it"),
            );
        }
    };
    for (path, cluster) in context.clusters() {
        if let (field, Address::Ip(address)) = cluster.dialled_host() {
            judge(*address, path.child(field), what(field));
        }
        for (index, node) in cluster.nodes.iter().enumerate() {
            judge(node.address.0, path.child("nodes").index(index).child("address"), "a node");
        }
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let path = path.child("eastWestGateway");
        for (index, address) in gateway.external_ips.iter().enumerate() {
            judge(address.0, path.child("externalIPs").index(index), "a gateway");
        }
        if let Some(Address::Ip(address)) = gateway.address {
            judge(address, path.child("address"), "a gateway");
        }
    }
    let localhost = |address: &Address| matches!(address, Address::Dns(name) if name == "localhost" || name.ends_with(".localhost"));
    for (path, cluster) in context.clusters().filter(|(_, cluster)| localhost(cluster.dialled_host().1)) {
        let (field, host) = cluster.dialled_host();
        findings.push(
            RULE.at(path.child(field), format!("other machines cannot reach {} at `{host}`", what(field)))
                .label("a loopback name")
                .help("write the address at which other machines reach it"),
        );
    }
}

fn what(field: &str) -> &'static str {
    if field == "proxyURL" { "a proxy" } else { "an API server" }
}

fn kind(address: IpAddr) -> Option<&'static str> {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    match address {
        _ if address.is_loopback() => Some("loopback"),
        _ if address.is_unspecified() => Some("unspecified"),
        _ if address.is_multicast() => Some("multicast"),
        _ if is_link_local => Some("link-local"),
        _ => None,
    }
}
