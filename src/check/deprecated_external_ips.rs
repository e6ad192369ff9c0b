use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        cluster.east_west_gateway.as_ref().is_some_and(|gateway| !gateway.external_ips.is_empty())
    }))
    .reads(&[&["cluster.name", "cluster.kubernetes.version"]]);

const RULE: Rule =
    Rule::warning("deprecated-external-ips", include_str!("../../docs/rules/deprecated-external-ips.md"));

/// The minor version of Kubernetes 1 whose API server warns of `spec.externalIPs` (KEP-5707).
const DEPRECATED_FROM: u32 = 36;

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let Some((place, version)) = context.kubernetes_version(&path, cluster) else { continue };
        if gateway.external_ips.is_empty() || version.minor < DEPRECATED_FROM {
            continue;
        }
        findings.push(
            RULE.at(
                path.child("eastWestGateway").child("externalIPs"),
                format!("the Kubernetes of `{}` may no longer implement external IPs", cluster.name),
            )
            .label("deprecated from Kubernetes 1.36 on")
            .and(place, "this Kubernetes")
            .help("use a load balancer (a cloud's, or MetalLB) and write its address as `address`, or allow this if your kube-proxy serves them"),
        );
    }
}
