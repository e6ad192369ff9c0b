//! What a change of an object's field means.

use serde_json::Value;

use crate::fact::{FACTS, Fact, Impact, MESH_CONFIG_AT_START, NOT_AT_START, VALUES_AT_START};

use crate::artifact::eastwest_gateway::NAME as GATEWAY_NAME;

use super::controllers::HELM_RELEASE;
use super::manifest::VALUES;
use super::{Kind, ObjectChange};

/// What a change of a field means.
struct FieldRule {
    kind: &'static str,
    /// The object's name; empty for any.
    name: &'static str,
    /// The field's path, or one that it begins with.
    path: &'static str,
    means: Kind,
    why: &'static str,
}

pub(super) const ISTIO_OPERATOR: &str = "IstioOperator";
pub(super) const ISTIO: &str = "istio";
/// The kind of the resource that says the same to the Sail operator.
const SAIL: &str = "Istio";
pub(super) const GATEWAY: &str = "eastwest-gateway";

/// What istioctl does with a gateway when what it says of its pods changes.
pub(super) const ROLLED_OUT: &str = "istioctl rolls out the gateway anew";
/// The same of a gateway's Deployment.
pub(super) const ROLLS_OUT: &str = "the pods of the gateway change, and it rolls out anew";
/// What istiod decides once (`1.30.3:pilot/pkg/bootstrap/configcontroller.go`).
pub(super) const READ_AT_START: &str = "istiod reads this part of the mesh config when it starts, and only then";
/// What Flux does when a release has another chart or other values.
const UPGRADES: &str = "Flux upgrades the release";

/// The first that fits a field decides, after the facts that Istio is told. Paths are those of the emitted objects.
const FIELDS: &[FieldRule] = &[
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.revision",
        means: Kind::RestartProxies,
        why: "another revision is another istiod: workloads go over to it when their namespace's label names it and they are injected anew",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig.configSources",
        means: Kind::RestartIstiod,
        why: READ_AT_START,
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig.ingressControllerMode",
        means: Kind::RestartIstiod,
        why: READ_AT_START,
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig",
        means: Kind::Reapply,
        why: "istiod hands this part of the mesh config to running proxies",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.values",
        means: Kind::RestartIstiod,
        why: "values reach istiod's Deployment, which istioctl rolls out anew; running proxies reconnect",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.profile",
        means: Kind::RestartProxies,
        why: "another profile changes istiod's Deployment, which istioctl rolls out anew, which gateways there are, and what istiod injects",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.components.cni",
        means: Kind::RestartProxies,
        why: "istioctl installs Istio's CNI plugin or removes it, and istiod injects pods that rely on it or that do not: those that run keep what was injected into them",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.version",
        means: Kind::Reapply,
        why: "istioctl installs this version in place of the other one",
    },
    FieldRule {
        kind: "IstioCNI",
        name: "",
        path: "",
        means: Kind::Reapply,
        why: "istioctl rolls out Istio's CNI plugin anew, if its pods change",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.components.pilot",
        means: Kind::RestartIstiod,
        why: "istiod's Deployment changes, and istioctl rolls it out anew",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.service.type",
        means: Kind::Reapply,
        why: "the type of the gateway's Service changes: with `LoadBalancer`, a load balancer and its address come or go",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.service.ports[name=tcp-zipkin]",
        means: Kind::Reapply,
        why: "the gateway's port for traces opens or closes, for which its pods may roll out, new ones first: what proxies report until they know the new way is lost",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.service.ports[name=tls].port",
        means: Kind::GatewayAddress,
        why: "other networks dial another port for services: firewalls and load balancers have to let it through",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.service",
        means: Kind::Reapply,
        why: "the gateway's Service changes, and no pod restarts",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.serviceAnnotations",
        means: Kind::Reapply,
        why: "the gateway's Service changes, and no pod restarts",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.components.ingressGateways[name=istio-eastwestgateway].k8s.overlays[kind=Service]",
        means: Kind::Reapply,
        why: "the gateway's Service changes, and no pod restarts",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.values.gateways.istio-ingressgateway.autoscaleMin",
        means: Kind::Reapply,
        why: "the least number of the gateway's pods changes, and no pod restarts: from two on, a PodDisruptionBudget keeps one of them",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: GATEWAY,
        path: "spec.values.gateways.istio-ingressgateway.autoscaleMax",
        means: Kind::Reapply,
        why: "the largest number of the gateway's pods changes, and no pod restarts",
    },
    FieldRule {
        kind: "Service",
        name: GATEWAY_NAME,
        path: "spec.type",
        means: Kind::Reapply,
        why: "the type of the gateway's Service changes: with `LoadBalancer`, a load balancer and its address come or go",
    },
    FieldRule {
        kind: "Service",
        name: GATEWAY_NAME,
        path: "spec.ports[name=tcp-zipkin]",
        means: Kind::Reapply,
        why: "the gateway's port for traces opens or closes: what proxies report until they know the new way is lost",
    },
    FieldRule {
        kind: "Service",
        name: GATEWAY_NAME,
        path: "spec.ports[name=tls].port",
        means: Kind::GatewayAddress,
        why: "other networks dial another port for services: firewalls and load balancers have to let it through",
    },
    FieldRule {
        kind: "Service",
        name: GATEWAY_NAME,
        path: "",
        means: Kind::Reapply,
        why: "the gateway's Service changes, and no pod restarts for it",
    },
    FieldRule {
        kind: "HorizontalPodAutoscaler",
        name: GATEWAY_NAME,
        path: "spec.minReplicas",
        means: Kind::Reapply,
        why: "the least number of the gateway's pods changes, and no pod restarts: from two on, a PodDisruptionBudget keeps one of them",
    },
    FieldRule {
        kind: "HorizontalPodAutoscaler",
        name: GATEWAY_NAME,
        path: "spec.maxReplicas",
        means: Kind::Reapply,
        why: "the largest number of the gateway's pods changes, and no pod restarts",
    },
    FieldRule { kind: "Deployment", name: GATEWAY_NAME, path: "spec", means: Kind::Reapply, why: ROLLS_OUT },
    // What its pods started with stands there too.
    FieldRule {
        kind: "Deployment",
        name: GATEWAY_NAME,
        path: "metadata.annotations",
        means: Kind::Reapply,
        why: ROLLS_OUT,
    },
    FieldRule { kind: HELM_RELEASE, name: "", path: "spec.chart", means: Kind::Reapply, why: UPGRADES },
    FieldRule { kind: HELM_RELEASE, name: "", path: "spec.values", means: Kind::Reapply, why: UPGRADES },
    FieldRule { kind: HELM_RELEASE, name: "", path: "spec.valuesFrom", means: Kind::Reapply, why: UPGRADES },
    FieldRule {
        kind: VALUES,
        name: "base",
        path: "",
        means: Kind::Reapply,
        why: "Helm applies the definitions and the account of readers, and nothing restarts",
    },
    FieldRule {
        kind: VALUES,
        name: "cni",
        path: "",
        means: Kind::Reapply,
        why: "Helm rolls out Istio's CNI plugin anew, if its pods change",
    },
    FieldRule {
        kind: VALUES,
        name: "",
        path: "service",
        means: Kind::Reapply,
        why: "the Service of the profile's gateway changes, and no pod restarts",
    },
    FieldRule {
        kind: VALUES,
        name: "",
        path: "",
        means: Kind::Reapply,
        why: "Helm rolls out the profile's gateway anew, if its pods change",
    },
    FieldRule {
        kind: "ExternalSecret",
        name: "",
        path: "spec.target.template.data",
        means: Kind::Reapply,
        why: "the External Secrets Operator writes the Secret anew, and istiod reads it while it runs",
    },
    FieldRule {
        kind: "Deployment",
        name: "zipkin",
        path: "spec.template",
        means: Kind::Reapply,
        why: "the collector starts anew, and traces that it keeps in memory are gone",
    },
];

impl From<Impact> for Kind {
    fn from(impact: Impact) -> Self {
        match impact {
            Impact::Interrupts => Self::Interrupts,
            Impact::Reapply => Self::Reapply,
        }
    }
}

/// The paths of what differs, down to what is no mapping or overlay: a mapping that is added says nothing of the fields that it does not have.
pub(super) fn paths(object: &ObjectChange) -> Vec<String> {
    fn add(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(name, value)| add(&format!("{path}.{name}"), value, found));
            }
            // Overlays say of which kind of object they are.
            Value::Array(items) if !items.is_empty() && items.iter().all(|item| item["kind"].is_string()) => {
                let kinds = items.iter().filter_map(|item| item["kind"].as_str());
                found.extend(kinds.map(|kind| format!("{path}[kind={kind}]")));
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    for field in &object.fields {
        [&field.before, &field.after].into_iter().flatten().for_each(|value| add(&field.path, value, &mut found));
    }
    if is_of_istiod(object) {
        for path in &mut found {
            match (object.kind.as_str(), path.strip_prefix("spec.values.")) {
                (VALUES, _) => *path = as_of_an_operator(path),
                (SAIL, Some(value)) => *path = as_of_an_operator(value),
                _ => {}
            }
        }
    }
    found
}

/// The path of the field of an IstioOperator that a value of the chart `istiod` is the same as.
fn as_of_an_operator(path: &str) -> String {
    match path.split(['.', '[']).next() {
        Some("meshConfig" | "profile" | "revision") => ["spec.", path].concat(),
        _ if path.starts_with("pilot.cni.enabled") => "spec.components.cni.enabled".to_owned(),
        _ => ["spec.values.", path].concat(),
    }
}

/// Whether a field is the network that proxies are told.
pub(super) fn is_network(path: &str) -> bool {
    path == "spec.values.global.network"
}

/// Whether a field is where the istiod of another cluster is dialled.
pub(super) fn is_address_of_primary(path: &str) -> bool {
    path == "spec.values.global.remotePilotAddress"
}

/// Whether an object is what installs istiod.
pub(super) fn is_of_istiod(object: &ObjectChange) -> bool {
    matches!(
        (object.kind.as_str(), object.name.as_deref()),
        (ISTIO_OPERATOR, Some(ISTIO)) | (VALUES, Some("istiod" | "mesh-config")) | (SAIL, _)
    )
}

/// Whether an object that goes is the mesh config: a patch has the name of what it changes, which stays.
pub(super) fn is_mesh_config(object: &ObjectChange) -> bool {
    is_of_istiod(object) && (object.kind != VALUES || object.name.as_deref() == Some("mesh-config"))
}

/// What the change of a field means, and why.
pub(super) fn meaning(object: &ObjectChange, path: &str) -> (Kind, &'static str) {
    let is_told = object.kind == ISTIO_OPERATOR || is_of_istiod(object);
    if is_told {
        if let Some((impact, why)) = told(object, path) {
            return (impact.into(), why);
        }
        if is_of_istiod(object)
            && let Some(why) = at_start(path)
        {
            return (Kind::RestartProxies, why);
        }
    }
    // The port stays.
    if path.ends_with("ports[name=tcp-zipkin].nodePort") {
        return (Kind::Reapply, "the node port of the gateway's port for traces changes, and no pod restarts");
    }
    let fits = |rule: &&FieldRule| {
        let (kind, name) = if is_of_istiod(object) {
            (ISTIO_OPERATOR, Some(ISTIO))
        } else {
            (object.kind.as_str(), object.name.as_deref())
        };
        rule.kind == kind
            && (rule.name.is_empty() || Some(rule.name) == name)
            && (rule.path.is_empty() || touches(path, rule.path))
    };
    if let Some(rule) = FIELDS.iter().find(fits) {
        return (rule.means, rule.why);
    }
    let why = match (object.kind.as_str(), object.name.as_deref()) {
        (ISTIO_OPERATOR, Some(GATEWAY | "egress-gateway")) => ROLLED_OUT,
        (ISTIO_OPERATOR | VALUES, _) => "istioctl applies this",
        ("Gateway" | "VirtualService" | "Telemetry" | "ServiceEntry", _) => {
            "istiod hands this to running proxies, and nothing restarts"
        }
        _ => "nothing restarts",
    };
    (Kind::Reapply, why)
}

/// Why running proxies do not take the change of a field, where they know it from their start alone.
fn at_start(path: &str) -> Option<&'static str> {
    let is_one = |list: &str, fields: &[&str]| fields.iter().any(|field| touches(path, &format!("{list}.{field}")));
    if is_one("spec.meshConfig", MESH_CONFIG_AT_START) {
        return Some("proxies read this part of the mesh config when they start, and only then");
    }
    let is_injected = is_one("spec.values", VALUES_AT_START) && !is_one("spec.values.global", NOT_AT_START);
    is_injected.then_some("it is in what istiod injects: running sidecars keep what was injected into them")
}

/// What the change of a fact means that an IstioOperator tells.
fn told(object: &ObjectChange, path: &str) -> Option<(Impact, &'static str)> {
    let is_told = |fact: &&Fact| fact.is_for_gateways || is_of_istiod(object);
    let mut facts = FACTS.iter().filter(is_told).filter(|fact| fact.impact.is_some());
    let is_changed =
        |fact: &&Fact| path == "spec" || path.strip_prefix("spec.").is_some_and(|path| touches(path, fact.path));
    facts.find(is_changed)?.impact
}

/// Whether the change of a field changes another: itself, one in it, or one that it is in.
pub(super) fn touches(path: &str, other: &str) -> bool {
    let is_in = |path: &str, parent: &str| {
        path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    is_in(path, other) || is_in(other, path)
}
