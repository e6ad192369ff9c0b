use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::words::{joined, plural};

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
            "cluster.eastWestGateway.discovery",
            "cluster.eastWestGateway.serviceType",
            "cluster.eastWestGateway.serviceAnnotations",
        ],
    ])
    .refuses("cluster.eastWestGateway.address");

const RULE: Rule =
    Rule::warning("gateway-without-address", include_str!("../../docs/rules/gateway-without-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut remotes = context.remotes();
    for (path, cluster) in context.clusters() {
        let Some(gateway) = cluster.east_west_gateway.as_ref().filter(|gateway| gateway.dialled().is_none()) else {
            continue;
        };
        let name = cluster.name.as_str();
        let remotes = remotes.remove(name).unwrap_or_default();
        let is_collector = context.cluster(name).is_some()
            && context.topology.tracing.as_ref().is_some_and(|tracing| tracing.zipkin.cluster.as_str() == name);
        let traces_wait = is_collector && !context.reporters().is_empty();
        if remotes.is_empty() && !traces_wait {
            continue;
        }
        let clusters = (!remotes.is_empty()).then(|| plural(remotes.len(), "cluster"));
        let needed: Vec<String> = clusters.into_iter().chain(traces_wait.then(|| "tracing".to_owned())).collect();
        let place = if gateway == &crate::topology::EastWestGateway::default() {
            path.child("name")
        } else {
            path.child("eastWestGateway")
        };
        let mut finding = RULE
            .at(place, format!("the east-west gateway of `{name}` has no address"))
            .label(format!("needed by {}", joined(&needed, "and")));
        if !remotes.is_empty() {
            let remotes = names(remotes.iter().map(|remote| remote.name.as_str()));
            finding =
                finding.help(format!("for now, only the namespace and the certificates of {remotes} are written"));
        }
        if traces_wait {
            finding = finding.help("for now, proxies are not told of the collector");
        }
        let kubectl = cluster.kubectl_context();
        findings.push(finding.help(format!(
            "when the gateway runs, read its address: kubectl --context={kubectl} -n istio-system get service \
             istio-eastwestgateway \
             -o jsonpath='{{.status.loadBalancer.ingress[0].ip}}{{.status.loadBalancer.ingress[0].hostname}}'; \
             write it as `address:` and build again"
        )));
    }
}
