//! The kinds of objects, as `kubectl api-resources` lists them.

use crate::state::Cluster;

/// A kind, and how it is called on a command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) group: &'static str,
    pub(crate) is_namespaced: bool,
}

const fn kind(
    name: &'static str,
    singular: &'static str,
    plural: &'static str,
    group: &'static str,
    is_namespaced: bool,
) -> Kind {
    Kind { name, singular, plural, group, is_namespaced }
}

pub(crate) const KINDS: &[Kind] = &[
    kind("Namespace", "namespace", "namespaces", "", false),
    kind("Node", "node", "nodes", "", false),
    kind("Service", "service", "services", "", true),
    kind("Endpoints", "endpoints", "endpoints", "", true),
    kind("ConfigMap", "configmap", "configmaps", "", true),
    kind("Secret", "secret", "secrets", "", true),
    kind("ServiceAccount", "serviceaccount", "serviceaccounts", "", true),
    kind("Deployment", "deployment", "deployments", "apps", true),
    kind("StatefulSet", "statefulset", "statefulsets", "apps", true),
    kind("DaemonSet", "daemonset", "daemonsets", "apps", true),
    kind("EndpointSlice", "endpointslice", "endpointslices", "discovery.k8s.io", true),
    kind("HorizontalPodAutoscaler", "horizontalpodautoscaler", "horizontalpodautoscalers", "autoscaling", true),
    kind("PodDisruptionBudget", "poddisruptionbudget", "poddisruptionbudgets", "policy", true),
    kind("Lease", "lease", "leases", "coordination.k8s.io", true),
    kind("NetworkPolicy", "networkpolicy", "networkpolicies", "networking.k8s.io", true),
    kind("Role", "role", "roles", "rbac.authorization.k8s.io", true),
    kind("RoleBinding", "rolebinding", "rolebindings", "rbac.authorization.k8s.io", true),
    kind("ClusterRole", "clusterrole", "clusterroles", "rbac.authorization.k8s.io", false),
    kind("ClusterRoleBinding", "clusterrolebinding", "clusterrolebindings", "rbac.authorization.k8s.io", false),
    kind(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfiguration",
        "mutatingwebhookconfigurations",
        "admissionregistration.k8s.io",
        false,
    ),
    kind(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfiguration",
        "validatingwebhookconfigurations",
        "admissionregistration.k8s.io",
        false,
    ),
    kind(
        "CustomResourceDefinition",
        "customresourcedefinition",
        "customresourcedefinitions",
        "apiextensions.k8s.io",
        false,
    ),
    kind("Gateway", "gateway", "gateways", "networking.istio.io", true),
    kind("VirtualService", "virtualservice", "virtualservices", "networking.istio.io", true),
    kind("ServiceEntry", "serviceentry", "serviceentries", "networking.istio.io", true),
    kind("Sidecar", "sidecar", "sidecars", "networking.istio.io", true),
    kind("EnvoyFilter", "envoyfilter", "envoyfilters", "networking.istio.io", true),
    kind("DestinationRule", "destinationrule", "destinationrules", "networking.istio.io", true),
    kind("ProxyConfig", "proxyconfig", "proxyconfigs", "networking.istio.io", true),
    kind("WorkloadEntry", "workloadentry", "workloadentries", "networking.istio.io", true),
    kind("WorkloadGroup", "workloadgroup", "workloadgroups", "networking.istio.io", true),
    kind("TrafficExtension", "trafficextension", "trafficextensions", "extensions.istio.io", true),
    kind("WasmPlugin", "wasmplugin", "wasmplugins", "extensions.istio.io", true),
    kind("PeerAuthentication", "peerauthentication", "peerauthentications", "security.istio.io", true),
    kind("RequestAuthentication", "requestauthentication", "requestauthentications", "security.istio.io", true),
    kind("IstioOperator", "istiooperator", "istiooperators", "install.istio.io", true),
    kind("Telemetry", "telemetry", "telemetries", "telemetry.istio.io", true),
    kind("Kustomization", "kustomization", "kustomizations", "kustomize.toolkit.fluxcd.io", true),
    kind("HelmRelease", "helmrelease", "helmreleases", "helm.toolkit.fluxcd.io", true),
    kind("GitRepository", "gitrepository", "gitrepositories", "source.toolkit.fluxcd.io", true),
    kind("HelmRepository", "helmrepository", "helmrepositories", "source.toolkit.fluxcd.io", true),
    kind("Application", "application", "applications", "argoproj.io", true),
    kind("AppProject", "appproject", "appprojects", "argoproj.io", true),
    kind("ExternalSecret", "externalsecret", "externalsecrets", "external-secrets.io", true),
    kind("SealedSecret", "sealedsecret", "sealedsecrets", "bitnami.com", true),
    kind("PushSecret", "pushsecret", "pushsecrets", "external-secrets.io", true),
    kind("Bundle", "bundle", "bundles", "trust.cert-manager.io", false),
    kind("Istio", "istio", "istios", "sailoperator.io", false),
    kind("IstioCNI", "istiocni", "istiocnis", "sailoperator.io", false),
    kind("IstioRevision", "istiorevision", "istiorevisions", "sailoperator.io", false),
    kind("AuthorizationPolicy", "authorizationpolicy", "authorizationpolicies", "security.istio.io", true),
];

impl Kind {
    /// The kinds of Istio, of controllers, of Sealed Secrets, of trust-manager and of the External Secrets Operator exist once their definitions do.
    pub(crate) fn is_custom(&self) -> bool {
        self.group.ends_with(".istio.io")
            || ["external-secrets.io", "bitnami.com", "sailoperator.io", "trust.cert-manager.io"].contains(&self.group)
            || self.is_of_controllers()
    }

    pub(crate) fn is_of_controllers(&self) -> bool {
        [".fluxcd.io", "argoproj.io"].iter().any(|group| self.group.ends_with(group))
    }

    /// `services`, `deployments.apps`.
    pub(crate) fn full(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `service/istiod`, `deployment.apps/istiod`.
    pub(crate) fn named(&self, name: &str) -> String {
        let kind =
            if self.group.is_empty() { self.singular.to_owned() } else { format!("{}.{}", self.singular, self.group) };
        format!("{kind}/{name}")
    }

    pub(crate) fn is_served(&self, cluster: &Cluster) -> bool {
        !self.is_custom() || cluster.objects.contains_key(&format!("CustomResourceDefinition//{}", self.full()))
    }
}

pub(crate) fn by_kind(kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.name == kind)
}

/// The kind that a word of a command line names.
pub(crate) fn by_word(word: &str) -> Option<&'static Kind> {
    let (name, group) = word.split_once('.').map_or((word, None), |(name, group)| (name, Some(group)));
    let name = name.to_lowercase();
    KINDS
        .iter()
        .find(|kind| (kind.singular == name || kind.plural == name) && group.is_none_or(|group| group == kind.group))
}
