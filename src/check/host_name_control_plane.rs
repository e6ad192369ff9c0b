use crate::diagnostic::Diagnostic;
use crate::mesh::address;
use crate::topology::{Address, Name};

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "host-name-control-plane";

const EXPLAIN: &str = include_str!("../../docs/rules/host-name-control-plane.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    if !subject.has_thin_remotes() {
        return;
    }
    for (name, remotes) in subject.remotes() {
        let gateway = subject.cluster(name).and_then(|cluster| cluster.east_west_gateway.as_ref());
        let Some(Address::Dns(host)) = gateway.and_then(address) else { continue };
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let place = subject.cluster_path(name).child("eastWestGateway").child("address");
        findings.push(
            Diagnostic::warning(NAME, place, format!("{remotes} cannot inject sidecars through `{host}`, unless it takes port 443"))
                .label("a DNS name")
                .help("write the IP address that the name resolves to, or let the load balancer lead port 443 to the gateway's 15017 and allow this"),
        );
    }
}
