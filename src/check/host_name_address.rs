use crate::diagnostic::Diagnostic;
use crate::mesh::address;
use crate::release::{ControlPlaneAddress, release};
use crate::topology::{Address, Name};

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "host-name-address";

const EXPLAIN: &str = include_str!("../../docs/rules/host-name-address.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    if release(version).is_none_or(|release| release.control_plane_address != ControlPlaneAddress::Ip) {
        return;
    }
    for (name, remotes) in subject.remotes() {
        let gateway = subject.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Dns(host)) = gateway.and_then(address) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let path = subject.cluster_path(name).child("eastWestGateway").child("address");
        findings.push(
            Diagnostic::error(
                NAME,
                path,
                format!("{remotes} cannot dial `{host}`: Istio {version} takes only an IP address"),
            )
            .label("a DNS name")
            .help("write the IP address that the name resolves to"),
        );
    }
}
