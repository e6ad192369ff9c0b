use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;
use crate::rule::Rule;
use crate::topology::{Cluster, EastWestGateway, FreeForm, ServiceType, quantity};

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| cluster.east_west_gateway.as_ref().is_some_and(is_configured)))
    .reads(&[
        VERSION,
        &[
            "kubernetes.version",
            "cluster.name",
            "cluster.kubernetes.version",
            "cluster.eastWestGateway.serviceType",
            "cluster.eastWestGateway.externalIPs",
            "cluster.eastWestGateway.replicas",
            "cluster.eastWestGateway.pod.resources.limits",
        ],
    ]);

const RULE: Rule = Rule::error("contradictory-gateway", include_str!("../../docs/rules/contradictory-gateway.md"));

/// The first minor version of Kubernetes 1 that keeps `spec.loadBalancerClass` (KEP-1959: alpha in 1.21, on by default from 1.22).
const HAS_CLASSES_FROM: u32 = 22;

/// The first minor version of Kubernetes 1 that takes `spec.externalTrafficPolicy` of a `ClusterIP` Service with external IPs
/// (kubernetes/kubernetes#119150).
const HAS_POLICY_OF_EXTERNAL_IPS_FROM: u32 = 29;

fn is_configured(gateway: &EastWestGateway) -> bool {
    gateway.load_balancer_class.is_some()
        || gateway.external_traffic_policy.is_some()
        || gateway.replicas.is_some()
        || gateway.pod != crate::topology::Pod::default()
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (owner, cluster) in context.clusters() {
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let path = owner.child("eastWestGateway");
        class(context, &owner, cluster, gateway, findings);
        policy(context, gateway, &path, findings);
        if let Some(replicas) = gateway.replicas.filter(|replicas| replicas.least() > replicas.most()) {
            let place = path.child("replicas");
            let (written, other) = if replicas.min.is_some() { ("min", "max") } else { ("max", "min") };
            let finding = RULE
                .at(
                    place.child(written),
                    format!(
                        "the gateway of `{}` would have at least {} and at most {} pods",
                        cluster.name,
                        replicas.least(),
                        replicas.most()
                    ),
                )
                .label("the least number is the larger one");
            findings.push(match (replicas.min, replicas.max) {
                (Some(_), Some(_)) => finding
                    .and(place.child(other), "the largest number")
                    .help("write a `max` that is no less than `min`"),
                _ => finding
                    .help(format!("write `{other}` too: Istio's chart has a least number of 1 and a largest of 5")),
            });
        }
        resources(gateway, &path.child("pod").child("resources"), findings);
    }
}

fn class(
    context: &Context<'_>,
    owner: &FieldPath,
    cluster: &Cluster,
    gateway: &EastWestGateway,
    findings: &mut Vec<Diagnostic>,
) {
    let Some(class) = &gateway.load_balancer_class else { return };
    let path = owner.child("eastWestGateway");
    let place = path.child("loadBalancerClass");
    if gateway.service_type != ServiceType::LoadBalancer {
        findings.push(
            RULE.at(place, format!("the gateway of `{}` has no load balancer", cluster.name))
                .label("the class of a load balancer")
                .and(path.child("serviceType"), format!("a {} Service", gateway.service_type.as_str()))
                .help("remove one of the two lines"),
        );
        return;
    }
    let Some((kubernetes, version)) = context.kubernetes_version(owner, cluster) else { return };
    // An older Kubernetes than that Istio runs on is refused by another rule.
    let oldest = release(context.topology.istio.version).map_or(0, |release| release.kubernetes.0);
    if version.major == 1 && (oldest..HAS_CLASSES_FROM).contains(&version.minor) {
        findings.push(
            RULE.at(place, format!("the API server of `{}` would drop the class `{}`", cluster.name, class.as_str()))
                .label(format!("kept from Kubernetes 1.{HAS_CLASSES_FROM} on"))
                .and(kubernetes, "this Kubernetes")
                .help("remove the line, or upgrade the cluster first"),
        );
    }
}

fn policy(context: &Context<'_>, gateway: &EastWestGateway, path: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let newest = release(context.topology.istio.version).map_or(0, |release| release.kubernetes.1);
    let takes_policy = !gateway.external_ips.is_empty() && newest >= HAS_POLICY_OF_EXTERNAL_IPS_FROM;
    if gateway.external_traffic_policy.is_none() || gateway.service_type != ServiceType::ClusterIp || takes_policy {
        return;
    }
    findings.push(
        RULE.at(path.child("externalTrafficPolicy"), "the API server refuses this policy of the gateway's Service")
            .label("a policy for traffic from outside")
            .and(path.child("serviceType"), "a ClusterIP Service")
            .help("remove one of the two lines"),
    );
}

/// What the chart says where the author does not (`resources` of `manifests/charts/gateways/istio-ingress/values.yaml`, 1.11.2 and
/// 1.30.3).
const LIMITS: [(&str, &str); 2] = [("cpu", "2000m"), ("memory", "1024Mi")];

/// An API server takes no pod that asks for more than its limit.
fn resources(gateway: &EastWestGateway, path: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let resources = &gateway.pod.resources;
    let lists: [(&str, &FreeForm); 2] = [("requests", &resources.requests), ("limits", &resources.limits)];
    for (list, quantities) in lists {
        for (name, value) in quantities.iter().filter(|(_, value)| quantity(value).is_none()) {
            findings.push(
                RULE.at(path.child(list).child(name.clone()), format!("{value} is not a quantity"))
                    .label("Kubernetes refuses it")
                    .help("write it like `500m`, `2` or `512Mi`"),
            );
        }
    }
    for (name, request) in &resources.requests {
        let chart = LIMITS.iter().find(|(resource, _)| resource == name).map(|(_, limit)| Value::from(*limit));
        let written = resources.limits.get(name);
        let limit = written.or(chart.as_ref());
        let (Some(asked), Some(most)) = (quantity(request), limit.and_then(quantity)) else { continue };
        if asked <= most {
            continue;
        }
        let finding = RULE
            .at(
                path.child("requests").child(name.clone()),
                format!("the gateway would ask for more {name} than it may use"),
            )
            .label("more than the limit");
        findings.push(match written {
            Some(_) => {
                finding.and(path.child("limits").child(name.clone()), "the limit").help("write a limit that is no less")
            }
            None => finding.help(format!(
                "write the limit too: Istio's chart has {}",
                chart.as_ref().and_then(Value::as_str).unwrap_or_default()
            )),
        });
    }
}
