use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, EastWestGateway, FreeForm, Name, Pod, ServiceType};

use super::{About, Check, Context, free_forms, names};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[&[
    "istio.install",
    "clusters[].istio.install",
    "clusters[].name",
    "clusters[].eastWestGateway",
    "clusters[].eastWestGateway.replicas",
    "clusters[].eastWestGateway.pod",
    "clusters[].eastWestGateway.pod.resources",
    "clusters[].eastWestGateway.pod.nodeSelector",
    "clusters[].eastWestGateway.pod.tolerations",
    "clusters[].eastWestGateway.pod.affinity",
    "clusters[].eastWestGateway.externalTrafficPolicy",
    "clusters[].eastWestGateway.serviceType",
    "clusters[].eastWestGateway.serviceAnnotations",
]]);

const RULE: Rule = Rule::warning("ingress-gateway-only", include_str!("../../docs/rules/ingress-gateway-only.md"));

/// A value of the chart of ingress gateways, the field of an east-west gateway that says the same, and whether a gateway says it.
type Counterpart = (&'static str, &'static str, fn(&EastWestGateway) -> bool);

const COUNTERPARTS: [Counterpart; 12] = [
    ("autoscaleMin", "replicas.min", |gateway| gateway.replicas.is_some()),
    ("autoscaleMax", "replicas.max", |gateway| gateway.replicas.is_some()),
    ("autoscaleEnabled", "replicas", |gateway| gateway.replicas.is_some()),
    ("replicaCount", "replicas", |gateway| gateway.replicas.is_some()),
    ("resources", "pod.resources", |gateway| gateway.pod.resources != Pod::default().resources),
    ("nodeSelector", "pod.nodeSelector", |gateway| !gateway.pod.node_selector.is_empty()),
    ("tolerations", "pod.tolerations", |gateway| !gateway.pod.tolerations.is_empty()),
    ("podAntiAffinityLabelSelector", "pod.affinity", |gateway| !gateway.pod.affinity.is_empty()),
    ("podAntiAffinityTermLabelSelector", "pod.affinity", |gateway| !gateway.pod.affinity.is_empty()),
    ("externalTrafficPolicy", "externalTrafficPolicy", |gateway| gateway.external_traffic_policy.is_some()),
    ("type", "serviceType", |gateway| gateway.service_type != ServiceType::default()),
    ("serviceAnnotations", "serviceAnnotations", |gateway| !gateway.service_annotations.is_empty()),
];

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (index, (path, _, values)) in free_forms(context.topology).enumerate() {
        // The first are those of the whole mesh.
        let clusters: Vec<&Cluster> = match index.checked_sub(1) {
            None => context.topology.clusters.iter().collect(),
            Some(position) => context.topology.clusters.get(position).into_iter().collect(),
        };
        // Of Helm and of the Sail operator, another rule says that nothing reads these values.
        if clusters.iter().any(|cluster| context.topology.install(cluster).states_gateways()) {
            continue;
        }
        findings.extend(spoken_of(values, &path.child("values"), &clusters));
    }
}

fn spoken_of(values: &FreeForm, path: &FieldPath, clusters: &[&Cluster]) -> Option<Diagnostic> {
    let chart = values.get("gateways")?.get("istio-ingressgateway")?.as_object()?;
    let written = COUNTERPARTS.iter().filter(|(value, ..)| chart.contains_key(*value));
    let says_nothing = |cluster: &&&Cluster, (_, _, says): &Counterpart| {
        cluster.east_west_gateway.as_ref().is_some_and(|gateway| !says(gateway))
    };
    let unsaid: Vec<&Counterpart> =
        written.filter(|counterpart| clusters.iter().any(|cluster| says_nothing(&cluster, counterpart))).collect();
    let (value, ..) = unsaid.first()?;
    let concerned =
        clusters.iter().filter(|cluster| unsaid.iter().any(|counterpart| says_nothing(cluster, counterpart)));
    let concerned = names(concerned.map(|cluster| Name::as_str(&cluster.name)));
    let mut fields: Vec<&str> = unsaid.iter().map(|(_, field, _)| *field).collect();
    fields.dedup();
    let place = path.child("gateways").child("istio-ingressgateway").child(*value);
    Some(
        RULE.at(place, format!("this does not reach the east-west gateway of {concerned}"))
            .label("reaches the ingress gateway alone")
            .help(format!(
                "for the east-west gateway, write {} under `eastWestGateway`; allow this if only the ingress gateway is meant",
                names(fields)
            )),
    )
}
