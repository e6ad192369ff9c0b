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
    /// Warnings to accept.
    #[serde(default)]
    pub allow: Vec<Allow>,
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
