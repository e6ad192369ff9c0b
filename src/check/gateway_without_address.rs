use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::Cluster;

use super::reads::REPORTERS;
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        cluster.east_west_gateway.as_ref().is_none_or(|gateway| gateway.dialled().is_none())
    }))
    .reads(&[
        REPORTERS,
        &[
            "tracing.zipkin.cluster",
            "cluster.context",
            "cluster.eastWestGateway.address",
            "cluster.eastWestGateway.externalIPs",
            "cluster.eastWestGateway.serviceType",
            "cluster.eastWestGateway.serviceAnnotations",
        ],
    ])
    .refuses("cluster.eastWestGateway.address");

const RULE: Rule = Rule::error("gateway-without-address", include_str!("../../docs/rules/gateway-without-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(release) = release(context.topology.istio.version) else { return };
    let mut remotes = context.remotes();
    for (path, cluster) in context.clusters() {
        let Some(gateway) = cluster.east_west_gateway.as_ref().filter(|gateway| gateway.dialled().is_none()) else {
            continue;
        };
        let name = cluster.name.as_str();
        let mut files = BTreeSet::new();
        for remote in remotes.remove(name).unwrap_or_default() {
            files.insert(format!("{}/30-istio/istio.yaml", remote.name));
        }
        let is_collector = context.cluster(name).is_some()
            && context.topology.tracing.as_ref().is_some_and(|tracing| tracing.zipkin.cluster.as_str() == name);
        if is_collector {
            let files_of = |cluster: &Cluster| match release.tracing {
                TracingMeans::Bootstrap => Some(format!("{}/30-istio/mesh-config.yaml", cluster.name)),
                TracingMeans::Provider if cluster.primary().is_some() => None,
                TracingMeans::Provider => Some(format!("{}/55-telemetry/collector.yaml", cluster.name)),
            };
            files.extend(context.reporters().into_iter().filter_map(files_of));
        }
        if files.is_empty() {
            continue;
        }
        let kubectl = cluster.kubectl_context();
        let place = if gateway == &crate::topology::EastWestGateway::default() {
            path.child("name")
        } else {
            path.child("eastWestGateway")
        };
        findings.push(
            RULE.at(place, format!("the east-west gateway of `{name}` has no address"))
                .label(match files.len() {
                    1 => "one file waits for it".to_owned(),
                    count => format!("{count} files wait for it"),
                })
                .help(format!("waiting: {}", names(files.iter().map(String::as_str))))
                .help(format!(
                    "write `address:` or `externalIPs:`; if the gateway runs already, this command reads its address: \
                     kubectl --context={kubectl} -n istio-system get service istio-eastwestgateway \
                     -o jsonpath='{{.status.loadBalancer.ingress[0].ip}}{{.status.loadBalancer.ingress[0].hostname}}'"
                )),
        );
    }
}
