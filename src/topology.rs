//! The topology as its author writes it.

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::address::{Address, ApiServer, Cidr, IpAddress};
pub use self::certificates::{CertificateAuthority, Certificates, ClusterCertificates};
pub use self::cluster::{Cluster, ClusterIstio, Node};
pub use self::gateway::{EastWestGateway, ServiceType};
pub use self::istio::{FreeForm, Istio};
pub use self::mend::mend;
pub use self::mesh::{Allow, Mesh, Workloads};
pub use self::network::{Network, PodRouting};
pub use self::text::{Grammar, MeshId, Name, Revision, TrustDomain, grammar};
pub use self::tracing::{SamplingPercent, Tracing, Via, Zipkin};
pub use self::version::{Date, IstioVersion, KubernetesVersion};

mod address;
mod certificates;
mod cluster;
mod gateway;
mod istio;
mod mend;
mod mesh;
mod network;
mod text;
mod tracing;
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
    /// What all clusters have in common.
    pub mesh: Mesh,
    /// The Istio that is installed in every cluster.
    pub istio: Istio,
    /// The Kubernetes that the clusters run; switches the compatibility checks on.
    pub kubernetes: Option<Kubernetes>,
    /// The mesh's certificate authority: one root, and one intermediate for every cluster that runs a CA.
    pub certificates: Certificates,
    /// Where traces go. Without it nothing about tracing is emitted.
    pub tracing: Option<Tracing>,
    /// The applications in the mesh.
    #[serde(default)]
    pub workloads: Workloads,
    /// The networks: pods of one network reach each other directly, others through an east-west gateway.
    #[schemars(length(min = 1))]
    pub networks: Vec<Network>,
    /// The Kubernetes clusters that make up the mesh.
    #[schemars(length(min = 1))]
    pub clusters: Vec<Cluster>,
}

/// The version of the topology's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first format.
    #[serde(rename = "meshgen/v1")]
    V1,
}

/// What a file for meshgen describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Kind {
    /// A mesh.
    Topology,
}

/// The Kubernetes that clusters run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubernetes {
    /// The version, with or without its patch. Quoted: 1.30 without quotes is the number 1.3.
    pub version: KubernetesVersion,
}
