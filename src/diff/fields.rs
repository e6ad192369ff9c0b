//! What a change of an object's field means.

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
const GATEWAY: &str = "eastwest-gateway";

/// The first that fits a field decides. Paths are those of the emitted objects.
const FIELDS: &[FieldRule] = &[
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: "",
        path: "spec.values.global.meshID",
        means: Kind::NotInPlace,
        why: "the mesh ID is part of every proxy's identity and of the root certificate's name: clusters with another one are another mesh",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig.trustDomain",
        means: Kind::NotInPlace,
        why: "the trust domain is in every certificate's SPIFFE name: while proxies of both run, they refuse each other (istiod takes the old one as an alias only where `trustDomainAliases` names it)",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.values.global.network",
        means: Kind::NotInPlace,
        why: "istiod takes the network of every running pod from what was injected into it: until the last pod was restarted, calls go to addresses that lead nowhere",
    },
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
        path: "spec.meshConfig.extensionProviders",
        means: Kind::Reapply,
        why: "istiod hands extension providers to running proxies, and nothing restarts",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig.defaultConfig",
        means: Kind::RestartProxies,
        why: "proxies read `defaultConfig` when they start, and only then",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.meshConfig",
        means: Kind::RestartProxies,
        why: "some of the mesh config goes into a proxy's bootstrap; `install.sh` restarts what runs with an older one",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.values.global.remotePilotAddress",
        means: Kind::Reapply,
        why: "the endpoints behind the control plane's Service lead to another address; proxies connect again by themselves",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.values.global.proxy",
        means: Kind::RestartProxies,
        why: "the injection template changes: running sidecars keep what was injected into them",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.values.sidecarInjectorWebhook",
        means: Kind::RestartProxies,
        why: "the injection template changes: running sidecars keep what was injected into them",
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
        means: Kind::RestartIstiod,
        why: "another profile changes istiod's Deployment, which istioctl rolls out anew, and which gateways there are",
    },
    FieldRule {
        kind: ISTIO_OPERATOR,
        name: ISTIO,
        path: "spec.components.pilot",
        means: Kind::RestartIstiod,
        why: "istiod's Deployment changes, and istioctl rolls it out anew",
    },
    FieldRule {
        kind: "Deployment",
        name: "zipkin",
        path: "spec.template",
        means: Kind::Reapply,
        why: "the collector starts anew, and traces that it keeps in memory are gone",
    },
];

/// What the change of a field means, and why.
pub(super) fn meaning(object: &ObjectChange, path: &str) -> (Kind, &'static str) {
    let is_under =
        |parent: &str| path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let fits = |rule: &&FieldRule| {
        rule.kind == object.kind
            && (rule.name.is_empty() || Some(rule.name) == object.name.as_deref())
            && (is_under(rule.path) || rule.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    };
    if let Some(rule) = FIELDS.iter().find(fits) {
        return (rule.means, rule.why);
    }
    let why = match (object.kind.as_str(), object.name.as_deref()) {
        (ISTIO_OPERATOR, Some(GATEWAY)) => "istioctl rolls out the gateway anew where its pods change",
        (ISTIO_OPERATOR, _) => "istioctl applies it",
        ("Gateway" | "VirtualService" | "Telemetry" | "ServiceEntry", _) => {
            "istiod hands it to running proxies, and nothing restarts"
        }
        _ => "applying it is all",
    };
    (Kind::Reapply, why)
}
