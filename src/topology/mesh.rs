use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClusterDomain, Line, MeshId, Name, TrustDomain};

/// The settings that all clusters of the mesh have in common.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mesh {
    /// The mesh ID of every cluster.
    pub id: MeshId,
    /// The SPIFFE trust domain of every workload.
    #[serde(default)]
    pub trust_domain: TrustDomain,
    /// The DNS domain of the Services of every cluster, as kubelets have it.
    #[serde(default)]
    pub cluster_domain: ClusterDomain,
    /// How the tree shows the mesh.
    #[serde(default)]
    pub picture: Picture,
    /// Warnings to accept.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// How the tree shows the mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Picture {
    /// The README has a Mermaid picture.
    #[default]
    Mermaid,
    /// The README also links `mesh.svg`, which shows gateways with their addresses, as `meshgen draw` does.
    Svg,
}

/// A warning to accept, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Allow {
    /// The rule of the warning.
    pub rule: String,
    /// Why the warning can be accepted here.
    pub reason: Line,
}

/// The applications in the mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workloads {
    /// Namespaces whose pods `install.sh` restarts if a change of the mesh config requires it.
    #[serde(default)]
    pub namespaces: Vec<Name>,
}
