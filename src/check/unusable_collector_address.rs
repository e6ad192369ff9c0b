use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::{Cluster, Target};

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context, collector_override_path};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::OVERRIDES).reads(&[
    VERSION,
    REMOTES,
    &["mesh.clusterDomain", "clusters[].network", "tracing.zipkin.cluster"],
]);

const RULE: Rule =
    Rule::error("unusable-collector-address", include_str!("../../docs/rules/unusable-collector-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let is_central =
        release(context.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Provider);
    let Some(tracing) = context.topology.tracing.as_ref().filter(|_| is_central) else { return };
    let collector = context.cluster(tracing.zipkin.cluster.as_str());
    let remotes = context.remotes();
    let domain = context.topology.mesh.cluster_domain.as_str();
    for (path, cluster) in context.clusters() {
        let Some(address) = cluster.collector_override().filter(|_| cluster.primary().is_none()) else { continue };
        let place = collector_override_path(&path);
        match address.as_str().and_then(Target::parse).map(|target| target.service(domain).is_some()) {
            None => findings.push(malformed(place, address)),
            Some(true) => {
                let served = remotes.get(cluster.name.as_str()).into_iter().flatten().copied().chain([cluster]);
                let is_elsewhere =
                    |served: &&Cluster| collector.is_some_and(|collector| collector.network != served.network);
                if let Some(served) = served.into_iter().find(is_elsewhere) {
                    findings.push(unreachable(place, served));
                }
            }
            Some(false) => {}
        }
    }
}

fn malformed(place: FieldPath, address: &serde_json::Value) -> Diagnostic {
    let shown = address.as_str().map_or_else(|| address.to_string(), str::to_owned);
    RULE.at(place, format!("`{shown}` is not the address of a collector"))
        .label("not a host and a port")
        .help("write it like `zipkin.istio-system:9411` or `192.0.2.10:9411`")
}

fn unreachable(place: FieldPath, served: &Cluster) -> Diagnostic {
    let message = format!("the proxies of `{}` cannot reach a Service on the collector's network", served.name);
    RULE.at(place, message)
        .label(format!("`{}` is on `{}`", served.name, served.network))
        .help("remove it: traces then go through the collector's gateway")
}
