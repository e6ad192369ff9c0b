use std::net::IpAddr;

use crate::diagnostic::Diagnostic;
use crate::mesh::address;
use crate::release::{ControlPlaneAddress, release};
use crate::topology::{Address, Name};

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "ipv6-control-plane";

const EXPLAIN: &str = include_str!("../../docs/rules/ipv6-control-plane.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    if release(version).is_none_or(|release| release.control_plane_address != ControlPlaneAddress::Ipv4OrName) {
        return;
    }
    for (name, remotes) in subject.remotes() {
        let gateway = subject.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Ip(IpAddr::V6(ip))) = gateway.and_then(address) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let message = format!("{remotes} cannot dial `{ip}`: Istio {version} takes only an IPv4 address");
        findings.push(
            Diagnostic::error(NAME, subject.cluster_path(name).child("eastWestGateway"), message)
                .label("its address is IPv6")
                .help("write an IPv4 address of the gateway as `address:`, or use Istio 1.30"),
        );
    }
}
