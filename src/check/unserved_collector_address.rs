use std::net::IpAddr;

use crate::diagnostic::Diagnostic;
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::Address;

use super::reads::{GATEWAY_ADDRESSES, NAMES, VERSION};
use super::{About, Check, Context, collector_override_path, collector_path, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::OVERRIDES).reads(&[
    VERSION,
    NAMES,
    GATEWAY_ADDRESSES,
    &["mesh.clusterDomain", "tracing.zipkin.cluster", "tracing.zipkin.gatewayPort"],
]);

const RULE: Rule =
    Rule::warning("unserved-collector-address", include_str!("../../docs/rules/unserved-collector-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let is_told_by_bootstrap =
        release(context.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Bootstrap);
    let Some(tracing) = context.topology.tracing.as_ref().map(|tracing| &tracing.zipkin) else { return };
    let domain = context.topology.mesh.cluster_domain.as_str();
    for (path, cluster) in context.clusters() {
        let Some(address) = cluster.collector_override().and_then(serde_json::Value::as_str) else { continue };
        let place = collector_override_path(&path);
        let Some((host, port)) = address.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) else {
            if is_told_by_bootstrap {
                let finding = RULE.at(place, format!("nothing can be reached at `{address}`"));
                findings.push(finding.label("not a host and a port").help("write it like `zipkin.istio-system:9411`"));
            }
            continue;
        };
        let runs_here = cluster.name == tracing.cluster;
        let fault = if has_usual_domain(host, domain) {
            format!("the domain of Services is `{domain}`")
        } else if is_collector(host, domain) {
            match (runs_here, port == "9411") {
                (false, _) if is_told_by_bootstrap => {
                    format!("Zipkin runs in `{}`, not in `{}`", tracing.cluster, cluster.name)
                }
                (_, false) => "Zipkin's Service has port 9411 only".to_owned(),
                _ => continue,
            }
        } else {
            let host: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
            let gateway = gateways(context).find(|(_, _, gateway)| {
                let dialled = match gateway.address {
                    Some(Address::Ip(address)) => Some(address),
                    _ => None,
                };
                host.is_some() && (dialled == host || gateway.external_ips.iter().any(|own| Some(own.0) == host))
            });
            match gateway {
                Some((_, other, _)) if other.name != tracing.cluster => {
                    format!("this is the gateway of `{}`, and Zipkin runs in `{}`", other.name, tracing.cluster)
                }
                Some(_) if port != tracing.gateway_port.to_string() => {
                    format!("the gateway takes traces at port {}", tracing.gateway_port)
                }
                _ => continue,
            }
        };
        findings.push(
            RULE.at(place, format!("nothing serves `{address}` for the proxies of `{}`", cluster.name))
                .label(fault)
                .and(collector_path(), "the collector's cluster")
                .help("remove the override: meshgen writes the address that serves every cluster"),
        );
    }
}

/// Whether a host is the Service of the collector.
fn is_collector(host: &str, domain: &str) -> bool {
    let rest = host.strip_prefix("zipkin.istio-system");
    rest.is_some_and(|rest| ["", ".svc"].contains(&rest) || rest.strip_prefix(".svc.") == Some(domain))
}

/// Whether a host is a Service by its full name under the usual domain, which is not that of the mesh.
fn has_usual_domain(host: &str, domain: &str) -> bool {
    domain != "cluster.local" && host.ends_with(".svc.cluster.local")
}
