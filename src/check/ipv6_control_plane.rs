use std::net::IpAddr;

use crate::diagnostic::Diagnostic;
use crate::release::{ControlPlaneAddress, release};
use crate::rule::Rule;
use crate::topology::{Address, EastWestGateway, Name};

use super::reads::{GATEWAY_ADDRESSES, REMOTES, VERSION};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        let dialled = cluster.east_west_gateway.as_ref().and_then(EastWestGateway::dialled);
        matches!(dialled, Some(Address::Ip(IpAddr::V6(_))))
    }))
    .reads(&[VERSION, REMOTES, GATEWAY_ADDRESSES])
    .refuses("cluster.eastWestGateway.address");

const RULE: Rule = Rule::error("ipv6-control-plane", include_str!("../../docs/rules/ipv6-control-plane.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    if release(version).is_none_or(|release| release.control_plane_address != ControlPlaneAddress::Ipv4OrName) {
        return;
    }
    for (name, remotes) in context.remotes() {
        let gateway = context.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Ip(IpAddr::V6(ip))) = gateway.and_then(EastWestGateway::dialled) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let message = format!("{remotes} cannot dial `{ip}`: Istio {version} takes only an IPv4 address");
        findings.push(
            RULE.at(context.cluster_path(name).child("eastWestGateway"), message)
                .label("its address is IPv6")
                .help("write an IPv4 address of the gateway as `address:`, or use Istio 1.30"),
        );
    }
}
