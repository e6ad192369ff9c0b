use crate::diagnostic::Diagnostic;
use crate::release::release;
use crate::topology::Address;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "host-name-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/host-name-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    let drops_names = release(version).is_some_and(|release| !release.resolves_gateway_names);
    if !drops_names || subject.populated_networks().len() < 2 {
        return;
    }
    for (path, cluster) in subject.clusters() {
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let Some(Address::Dns(host)) = &gateway.address else { continue };
        if !gateway.external_ips.is_empty() {
            continue;
        }
        let name = cluster.name.as_str();
        findings.push(
            Diagnostic::warning(
                NAME,
                path.child("eastWestGateway").child("address"),
                format!("other networks do not reach the services of `{name}` through `{host}`"),
            )
            .label(format!("istiod {version} drops gateways with a host name"))
            .help("give the gateway an `externalIPs` entry, or a load balancer with an IP address; or take an Istio from 1.13 on"),
        );
    }
}
