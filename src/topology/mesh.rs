use schemars::JsonSchema;
use serde::Deserialize;

use super::{MeshId, Name, TrustDomain};

/// What all clusters of the mesh have in common.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mesh {
    /// The mesh ID of every cluster.
    pub id: MeshId,
    /// The SPIFFE trust domain of every workload.
    #[serde(default)]
    pub trust_domain: TrustDomain,
    /// Findings that are meant to be so.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// A finding that is meant to be so, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Allow {
    /// The rule that is to be silent.
    pub rule: String,
    /// Why that is right here.
    #[schemars(length(min = 1))]
    pub reason: String,
}

/// The applications in the mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workloads {
    /// Namespaces whose pods are restarted when a change of mesh config asks for it.
    #[serde(default)]
    pub namespaces: Vec<Name>,
}
