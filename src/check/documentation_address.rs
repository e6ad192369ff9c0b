use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Address;

use super::{Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::warning("documentation-address", include_str!("../../docs/rules/documentation-address.md"));

/// RFC 5737, RFC 3849, and RFC 9637.
const RESERVED: [&str; 5] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"];

/// The domains of RFC 2606, section 3.
const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 4;
    let reserved: Vec<IpNet> = RESERVED.iter().map(|net| net.parse().expect("the list holds ranges")).collect();
    let is_reserved = |address: IpAddr| reserved.iter().any(|net| net.contains(&address));
    let mut places: Vec<FieldPath> = Vec::new();
    let mut judge = |address: &Address, place: FieldPath| {
        let is_example = match address {
            Address::Ip(address) => is_reserved(*address),
            Address::Dns(name) => is_example(name),
        };
        if is_example && context.is_known(&place) {
            places.push(place);
        }
    };
    for (path, cluster) in context.clusters() {
        judge(cluster.api_server.host(), path.child("apiServer"));
        if let Some(proxy) = &cluster.proxy_url {
            judge(proxy.url().host(), path.child("proxyURL"));
        }
        for (index, node) in cluster.nodes.iter().enumerate() {
            judge(&Address::Ip(node.address.0), path.child("nodes").index(index).child("address"));
        }
    }
    for (path, _, gateway) in gateways(context) {
        for (index, address) in gateway.external_ips.iter().enumerate() {
            judge(&Address::Ip(address.0), path.child("externalIPs").index(index));
        }
        if let Some(address) = &gateway.address {
            judge(address, path.child("address"));
        }
    }
    places.sort();
    let Some((first, others)) = places.split_first() else { return };
    let message = match others.len() {
        0 => "this address is reserved for examples".to_owned(),
        more => format!("{} addresses are reserved for examples", more + 1),
    };
    let finding = RULE.at(first.clone(), message).label("reserved for documentation");
    let finding = others.iter().take(SHOWN - 1).fold(finding, |finding, place| finding.and(place.clone(), ""));
    findings.push(finding.help("write the addresses of your own machines"));
}

fn is_example(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_below =
        |domain: &&str| name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.ends_with(".example") || DOMAINS.iter().any(is_below)
}
