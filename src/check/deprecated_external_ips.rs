use crate::diagnostic::{Diagnostic, FieldPath};

use super::{Rule, Subject, gateways};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "deprecated-external-ips";

const EXPLAIN: &str = include_str!("../../docs/rules/deprecated-external-ips.md");

/// The minor version of Kubernetes 1 whose API server warns of `spec.externalIPs` (KEP-5707).
const DEPRECATED_FROM: u32 = 36;

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster, gateway) in gateways(subject) {
        let mesh = subject.topology.kubernetes.as_ref().map(|own| (FieldPath::root(), own));
        let own = cluster.kubernetes.as_ref().map(|own| (subject.cluster_path(cluster.name.as_str()), own));
        let Some((place, kubernetes)) = own.or(mesh) else { continue };
        if gateway.external_ips.is_empty() || kubernetes.version.minor < DEPRECATED_FROM {
            continue;
        }
        findings.push(
            Diagnostic::warning(
                NAME,
                path.child("externalIPs"),
                format!("the Kubernetes of `{}` may not implement external IPs any more", cluster.name),
            )
            .label("deprecated from Kubernetes 1.36 on")
            .and(place.child("kubernetes").child("version"), "this Kubernetes")
            .help("use a load balancer (a cloud's, or MetalLB) and write what it gives as `address`, or allow this where you know that your kube-proxy serves them"),
        );
    }
}
