use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::{Address, EastWestGateway, Name};

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::HOST_NAMES).reads(&[VERSION, REMOTES]);

const RULE: Rule =
    Rule::warning("host-name-control-plane", include_str!("../../docs/rules/host-name-control-plane.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if !context.has_thin_remotes() {
        return;
    }
    for (name, remotes) in context.remotes() {
        let gateway = context.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Dns(host)) = gateway.and_then(EastWestGateway::dialled) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let place = context.cluster_path(name).child("eastWestGateway").child("address");
        findings.push(
            RULE.at(place, format!("{remotes} cannot inject sidecars through `{host}`, unless it serves port 443"))
                .label("a DNS name")
                .help("write the IP address that the name resolves to, or forward port 443 of the load balancer to port 15017 of the gateway and allow this"),
        );
    }
}
