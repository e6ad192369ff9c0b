//! The tables of artifacts: what a cluster may need, and how it gets there. Each row is a function of the mesh.

use serde_json::{Value, json};

use crate::layout::{
    CACERTS, EASTWEST_GATEWAY, EGRESS_GATEWAY, EXPOSURE, GATEWAYS, ISTIO, ISTIO_SYSTEM, NAMESPACE, REMOTE_ACCESS,
    REMOTE_SECRETS, ROOTS, ROUTES, STORED_SECRETS, TELEMETRY, ZIPKIN,
};
use crate::mesh::{Cluster, Mesh};
use crate::topology::FreeForm;

mod charts;
mod collector;
pub(crate) mod eastwest_gateway;
pub(crate) mod egress_gateway;
pub(crate) mod expose_istiod;
mod expose_services;
mod expose_zipkin;
mod gateway_objects;
pub(crate) mod helm_releases;
mod istio;
mod mesh_config;
mod namespace;
mod profile_gateways;
pub(crate) mod remote_access;
mod remote_secrets;
mod root_bundle;
mod routes;
pub(crate) mod sail;
mod telemetry;
mod zipkin;

/// A numbered directory, which never changes its meaning.
pub(crate) struct Directory {
    pub(crate) name: &'static str,
    /// What is in it, for people.
    pub(crate) what: &'static str,
    /// How it is applied.
    pub(crate) means: Means,
    /// When it is applied.
    pub(crate) when: When,
}

/// Whether a cluster takes a directory only when the address of its primary's gateway is known.
pub(crate) fn waits(directory: &str) -> bool {
    DIRECTORIES.iter().any(|row| row.name == directory && row.when > When::Prepared)
}

/// How a cluster takes what a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// As objects, which anybody may apply.
    Objects,
    /// As objects, and the collector has to answer before the installation goes on.
    Collector,
    /// As what brings a Secret with a private key.
    Secret,
    /// istioctl, Helm or the Sail operator installs the control plane, or the way to one.
    Istio,
    /// istioctl installs the east-west gateway, in a command of its own: together with Istio's it would lose istiod. Elsewhere, it is
    /// plain objects.
    Gateway,
    /// Helm installs charts.
    Charts,
    /// As objects, and the External Secrets Operator has to push what they name before the installation goes on.
    Pushed,
    /// As objects, and the External Secrets Operator has to get what they name.
    Fetched,
}

/// When a cluster takes something, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    /// On its nodes, by hand.
    Routes,
    /// Before everything else.
    Prepared,
    /// With its control plane, or the way to it.
    ControlPlane,
    /// With its east-west gateway.
    Gateway,
    /// With the egress gateway of a remote without an istiod.
    EgressGateway,
    /// Once it has the account by which others read it.
    Access,
    /// Once its control plane may read the other clusters.
    Credentials,
    /// Once all clusters are connected.
    Collector,
}

/// The directories of a cluster, in the order of their numbers.
pub(crate) const DIRECTORIES: &[Directory] = &[
    Directory {
        name: NAMESPACE,
        what: "the namespace `istio-system`, labelled",
        means: Means::Objects,
        when: When::Prepared,
    },
    Directory {
        name: CACERTS,
        what: "the Secret `cacerts` that istiod signs with",
        means: Means::Secret,
        when: When::Prepared,
    },
    Directory {
        name: ROOTS,
        what: "the mesh's root certificates, for the authority that signs in the cluster",
        means: Means::Objects,
        when: When::Prepared,
    },
    Directory { name: ISTIO, what: "Istio", means: Means::Istio, when: When::ControlPlane },
    Directory { name: EASTWEST_GATEWAY, what: "the east-west gateway", means: Means::Gateway, when: When::Gateway },
    Directory {
        name: GATEWAYS,
        what: "the ordinary gateways of the profile, as values of Helm charts",
        means: Means::Charts,
        when: When::Gateway,
    },
    Directory {
        name: EGRESS_GATEWAY,
        what: "the egress gateway of a remote",
        means: Means::Gateway,
        when: When::EgressGateway,
    },
    Directory { name: EXPOSURE, what: "what the gateways let through", means: Means::Objects, when: When::Gateway },
    Directory {
        name: TELEMETRY,
        what: "how much is traced, and where it goes",
        means: Means::Objects,
        when: When::Gateway,
    },
    Directory { name: ZIPKIN, what: "the trace collector", means: Means::Collector, when: When::Collector },
    Directory {
        name: REMOTE_ACCESS,
        what: "the token with which other control planes read the cluster, pushed to the store",
        means: Means::Pushed,
        when: When::Access,
    },
    Directory {
        name: STORED_SECRETS,
        what: "the other clusters' credentials, from the store",
        means: Means::Fetched,
        when: When::Credentials,
    },
];

/// A file of objects that a cluster may need.
pub(crate) struct Manifest {
    pub(crate) directory: &'static str,
    pub(crate) file: &'static str,
    pub(crate) role: Role,
    /// The file's documents; none where the cluster does not need it.
    pub(crate) documents: fn(&Mesh<'_>, &Cluster<'_>) -> Vec<Value>,
}

/// What a file is to the kustomization of its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Objects of their own.
    Resource,
    /// An IstioOperator: a resource where the in-cluster operator exists.
    Operator,
    /// A patch of the IstioOperator beside it.
    OperatorPatch,
    /// A resource that the Sail operator reads.
    Sail,
    /// A patch of the one of kind `Istio` beside it.
    SailPatch,
    /// Releases for Flux, which stand where the controller is.
    Release,
    /// Values of a Helm chart: kustomize makes a `ConfigMap` of them where there are releases for Flux, and reads no others.
    Values,
    /// Which fields name objects.
    Configuration,
}

/// A file of a cluster that is no manifest.
pub(crate) struct Script {
    pub(crate) file: &'static str,
    /// What it gives the cluster, for people.
    pub(crate) what: &'static str,
    pub(crate) when: When,
    /// The text; `None` where the cluster does not need it.
    pub(crate) text: fn(&Mesh<'_>, &Cluster<'_>) -> Option<String>,
}

/// Every manifest, by directory.
pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest { directory: NAMESPACE, file: "namespace.yaml", role: Role::Resource, documents: namespace::documents },
    Manifest { directory: ROOTS, file: "roots.yaml", role: Role::Resource, documents: root_bundle::documents },
    Manifest { directory: ISTIO, file: "istio.yaml", role: Role::Operator, documents: istio::documents },
    Manifest {
        directory: ISTIO,
        file: "mesh-config.yaml",
        role: Role::OperatorPatch,
        documents: mesh_config::documents,
    },
    Manifest {
        directory: EASTWEST_GATEWAY,
        file: "eastwest-gateway.yaml",
        role: Role::Operator,
        documents: eastwest_gateway::documents,
    },
    Manifest { directory: ISTIO, file: "base.values.yaml", role: Role::Values, documents: charts::base },
    Manifest { directory: ISTIO, file: "cni.values.yaml", role: Role::Values, documents: charts::cni },
    Manifest { directory: ISTIO, file: "istiod.values.yaml", role: Role::Values, documents: charts::istiod },
    Manifest { directory: ISTIO, file: "mesh-config.values.yaml", role: Role::Values, documents: charts::mesh_config },
    Manifest { directory: ISTIO, file: "helmreleases.yaml", role: Role::Release, documents: helm_releases::istio },
    Manifest {
        directory: ISTIO,
        file: "kustomizeconfig.yaml",
        role: Role::Configuration,
        documents: helm_releases::names_of_istio,
    },
    Manifest { directory: ISTIO, file: "istio.yaml", role: Role::Sail, documents: sail::istio },
    Manifest { directory: ISTIO, file: "mesh-config.yaml", role: Role::SailPatch, documents: sail::mesh_config },
    Manifest { directory: ISTIO, file: "cni.yaml", role: Role::Sail, documents: sail::cni },
    Manifest {
        directory: EASTWEST_GATEWAY,
        file: "eastwest-gateway.yaml",
        role: Role::Resource,
        documents: gateway_objects::documents,
    },
    Manifest {
        directory: GATEWAYS,
        file: "ingress.values.yaml",
        role: Role::Values,
        documents: profile_gateways::ingress,
    },
    Manifest {
        directory: GATEWAYS,
        file: "egress.values.yaml",
        role: Role::Values,
        documents: profile_gateways::egress,
    },
    Manifest {
        directory: GATEWAYS,
        file: "helmreleases.yaml",
        role: Role::Release,
        documents: helm_releases::gateways,
    },
    Manifest {
        directory: GATEWAYS,
        file: "kustomizeconfig.yaml",
        role: Role::Configuration,
        documents: helm_releases::names_of_gateways,
    },
    Manifest {
        directory: EGRESS_GATEWAY,
        file: "egress-gateway.yaml",
        role: Role::Operator,
        documents: egress_gateway::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-istiod.yaml",
        role: Role::Resource,
        documents: expose_istiod::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-services.yaml",
        role: Role::Resource,
        documents: expose_services::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-zipkin.yaml",
        role: Role::Resource,
        documents: expose_zipkin::documents,
    },
    Manifest { directory: TELEMETRY, file: "telemetry.yaml", role: Role::Resource, documents: telemetry::documents },
    Manifest { directory: TELEMETRY, file: "collector.yaml", role: Role::Resource, documents: collector::documents },
    Manifest { directory: ZIPKIN, file: "zipkin.yaml", role: Role::Resource, documents: zipkin::documents },
    Manifest {
        directory: REMOTE_ACCESS,
        file: "reader-token.yaml",
        role: Role::Resource,
        documents: remote_access::token,
    },
    Manifest { directory: REMOTE_ACCESS, file: PUSH_FILE, role: Role::Resource, documents: remote_access::push },
    Manifest {
        directory: STORED_SECRETS,
        file: STORED_SECRETS_FILE,
        role: Role::Resource,
        documents: remote_access::remote_secrets,
    },
];

/// What pushes to the store, in a file of its own: the installation waits for it.
pub(crate) const PUSH_FILE: &str = "push.yaml";
/// What gets from the store.
pub(crate) const STORED_SECRETS_FILE: &str = "remote-secrets.yaml";

/// Every script of a cluster.
pub(crate) const SCRIPTS: &[Script] = &[
    Script {
        file: REMOTE_SECRETS,
        what: "the other clusters' credentials",
        when: When::Credentials,
        text: remote_secrets::text,
    },
    Script { file: ROUTES, what: "node routes", when: When::Routes, text: routes::text },
];

/// The metadata of an object in `istio-system`.
fn metadata(mesh: &Mesh<'_>, name: &str) -> Value {
    json!({ "name": name, "namespace": ISTIO_SYSTEM, "labels": labels(mesh) })
}

/// The Secrets with which pods get their images, as a list of a pod or of an account; none if `values.global` names none.
fn pull_secrets(global: &FreeForm) -> Option<Value> {
    let secrets = global.get("imagePullSecrets")?.as_array().filter(|secrets| !secrets.is_empty())?;
    Some(secrets.iter().map(|name| json!({ "name": name })).collect())
}

/// The labels of every object that we state or that our scripts make.
pub(crate) fn labels(mesh: &Mesh<'_>) -> Value {
    json!({ "app.kubernetes.io/managed-by": "meshgen", "app.kubernetes.io/part-of": mesh.id })
}
