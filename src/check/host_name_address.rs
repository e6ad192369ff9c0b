use crate::diagnostic::Diagnostic;
use crate::release::{ControlPlaneAddress, release};
use crate::rule::Rule;
use crate::topology::{Address, EastWestGateway, Name};

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::HOST_NAMES).reads(&[VERSION, REMOTES]);

const RULE: Rule = Rule::error("host-name-address", include_str!("../../docs/rules/host-name-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    if release(version).is_none_or(|release| release.control_plane_address != ControlPlaneAddress::Ip) {
        return;
    }
    for (name, remotes) in context.remotes() {
        let gateway = context.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Dns(host)) = gateway.and_then(EastWestGateway::dialled) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let path = context.cluster_path(name).child("eastWestGateway").child("address");
        findings.push(
            RULE.at(path, format!("{remotes} cannot dial `{host}`: Istio {version} takes only an IP address"))
                .label("a DNS name")
                .help("write the IP address that the name resolves to"),
        );
    }
}
