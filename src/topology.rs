//! The topology as its author writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::address::{Address, Cidr, IpAddress};
pub use self::certificates::{
    CertificateAuthority, Certificates, ClusterCertificates, NextRoot, Retired, RootPhase, RootSeed,
};
pub use self::cluster::{Cluster, ClusterIstio, Node};
pub use self::delivery::{ChartRepository, ClusterGitOps, Controller, GitOps, Install};
pub use self::fix::fix;
pub(crate) use self::gateway::SERVICES_PORT;
pub use self::gateway::{Discovery, EastWestGateway, ExternalTrafficPolicy, NodePorts, Replicas, ServiceType};
pub use self::grammar::{Grammar, grammar};
pub use self::istio::{Cni, FreeForm, Istio};
pub use self::mesh::{Allow, Mesh, Picture, Workloads};
pub use self::network::{Network, PodRouting};
pub use self::pod::{
    NodeInclusionPolicy, Pod, Resources, TaintEffect, Toleration, TolerationOperator, TopologySpreadConstraint,
    WhenUnsatisfiable,
};
pub(crate) use self::quantity::quantity;
pub use self::recipient::AgeRecipient;
pub use self::secrets::{ClusterSecrets, RemoteAccess, SecretForm, SecretStore, Secrets, StoreKind};
pub use self::text::{ClusterDomain, Image, Line, LoadBalancerClass, MeshId, Name, Revision, TrustDomain};
pub(crate) use self::tracing::Target;
pub use self::tracing::{SamplingPercent, Tracing, Via, Zipkin};
pub use self::url::{ApiServer, ProxyUrl};
pub use self::version::{Date, IstioVersion, KubernetesVersion, NodePortRange};

mod address;
mod certificates;
mod cluster;
mod delivery;
mod fix;
mod gateway;
mod grammar;
mod istio;
mod mesh;
mod network;
mod pod;
mod quantity;
mod recipient;
mod secrets;
mod text;
mod tracing;
mod url;
mod version;

/// One Istio mesh over several Kubernetes clusters.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "meshgen topology")]
pub struct Topology {
    /// The version of this file's format.
    pub api_version: ApiVersion,
    /// What this file describes.
    pub kind: Kind,
    /// The settings that all clusters have in common.
    pub mesh: Mesh,
    /// The Istio that is installed in every cluster.
    pub istio: Istio,
    /// The Kubernetes version of the clusters. It turns the compatibility checks on.
    pub kubernetes: Option<Kubernetes>,
    /// The mesh's certificate authority: one root, and one intermediate for every cluster that runs a CA.
    pub certificates: Certificates,
    /// The collector of traces. Default: meshgen does not configure tracing.
    pub tracing: Option<Tracing>,
    /// The controller that applies the tree from Git. Default: none; scripts do.
    pub gitops: Option<GitOps>,
    /// How private keys reach the clusters. Default: as files that Git ignores.
    #[serde(default)]
    pub secrets: Secrets,
    /// How control planes get the credentials of the other clusters.
    #[serde(default)]
    pub remote_access: RemoteAccess,
    /// The applications in the mesh.
    #[serde(default)]
    pub workloads: Workloads,
    /// The addresses of workstations and pipelines, from which the scripts run. `meshgen flows` names them. Default: not stated, and the
    /// table says so in words.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.0/24"]]))]
    pub workstations: Vec<Cidr>,
    /// The networks. Pods on one network reach each other directly; pods on different networks use an east-west gateway.
    #[schemars(length(min = 1))]
    pub networks: Vec<Network>,
    /// The Kubernetes clusters of the mesh.
    #[schemars(length(min = 1))]
    pub clusters: Vec<Cluster>,
}

/// The profile that makes Istio fit for OpenShift, and the platform that it tells the charts.
pub(crate) const OPENSHIFT: &str = "openshift";

impl Topology {
    /// The positions of the networks that have clusters, each with the positions of its clusters.
    pub(crate) fn populated_networks(&self) -> Vec<(usize, Vec<usize>)> {
        let mut networks = BTreeMap::new();
        for (position, network) in self.networks.iter().enumerate() {
            networks.entry(&network.name).or_insert(position);
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, cluster) in self.clusters.iter().enumerate() {
            if let Some(network) = networks.get(&cluster.network) {
                members.entry(*network).or_default().push(position);
            }
        }
        members.into_iter().collect()
    }

    /// The revision of a cluster's control plane: its own, or the mesh's.
    pub(crate) fn revision<'t>(&'t self, cluster: &'t Cluster) -> Option<&'t str> {
        cluster.istio.revision.as_ref().or(self.istio.revision.as_ref()).map(Revision::as_str)
    }

    /// What installs Istio in a cluster.
    pub(crate) fn install(&self, cluster: &Cluster) -> Install {
        cluster.istio.install.unwrap_or(self.istio.install)
    }

    /// Whether the author says that a cluster is OpenShift: by the profile, or by the value that the profile sets.
    pub(crate) fn is_on_openshift(&self, cluster: &Cluster) -> bool {
        let platform = |values: &FreeForm| values.get("global")?.get("platform").cloned();
        match platform(&cluster.istio.values).or_else(|| platform(&self.istio.values)) {
            Some(platform) => platform == OPENSHIFT,
            None => self.istio.profile == OPENSHIFT,
        }
    }

    /// Whether Istio's CNI plugin runs in a cluster, where the author says so: by the field, or with OpenShift, where pods get no
    /// privileges.
    pub(crate) fn has_cni(&self, cluster: &Cluster) -> Option<bool> {
        let stated = cluster.istio.cni.or(self.istio.cni).map(|cni| cni.enabled);
        stated.or_else(|| self.is_on_openshift(cluster).then_some(true))
    }
}

/// The version of the topology's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first format.
    #[serde(rename = "meshgen/v1")]
    V1,
}

/// The kind of a file for meshgen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Kind {
    /// A mesh.
    Topology,
}

/// The Kubernetes of clusters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubernetes {
    /// The version, with or without its patch. Quote it, because 1.30 without quotes is the number 1.3.
    pub version: Option<KubernetesVersion>,
    /// The node ports that API servers assign (`--service-node-port-range`), such as `1-65535`. Default: 30000-32767.
    pub node_port_range: Option<NodePortRange>,
}
