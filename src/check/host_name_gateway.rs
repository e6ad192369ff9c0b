use crate::diagnostic::Diagnostic;
use crate::release::release;
use crate::rule::Rule;
use crate::topology::Address;

use super::reads::{NETWORKS, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::HOST_NAMES).reads(&[
    VERSION,
    NETWORKS,
    &["cluster.name", "cluster.eastWestGateway.externalIPs"],
]);

const RULE: Rule = Rule::warning("host-name-gateway", include_str!("../../docs/rules/host-name-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let drops_names = release(version).is_some_and(|release| !release.resolves_gateway_names);
    if !drops_names || context.populated_networks().len() < 2 {
        return;
    }
    for (path, cluster) in context.clusters() {
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let Some(Address::Dns(host)) = &gateway.address else { continue };
        if !gateway.external_ips.is_empty() {
            continue;
        }
        let name = cluster.name.as_str();
        findings.push(
            RULE.at(path.child("eastWestGateway").child("address"),
                format!("other networks do not reach the services of `{name}` through `{host}`"),
            )
            .label(format!("istiod {version} drops gateways with a host name"))
            .help("give the gateway an `externalIPs` entry or a load balancer with an IP address, or use Istio 1.13 or later"),
        );
    }
}
