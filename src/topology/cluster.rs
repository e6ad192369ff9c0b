use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Allow, ApiServer, Cidr, ClusterCertificates, EastWestGateway, FreeForm, IpAddress, Kubernetes, Name, Revision,
};

/// A Kubernetes cluster of the mesh.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// The cluster ID, everywhere.
    pub name: Name,
    /// The network that the cluster's pods are on.
    #[schemars(extend("examples" = ["network1"]))]
    pub network: Name,
    /// The cluster whose istiod serves this one. Default: its own, which makes it a primary.
    pub control_plane: Option<Name>,
    /// The kubeconfig context that the scripts use. Default: the name.
    #[schemars(length(min = 1))]
    pub context: Option<String>,
    /// The API server, as the primaries reach it.
    pub api_server: ApiServer,
    /// The range of Service addresses; with static routing it is routed too, through the first node.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Option<Cidr>,
    /// The nodes and the pods on each. Needed for static routing.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// Present: this cluster has an east-west gateway. `{}` is enough where nobody needs its address.
    pub east_west_gateway: Option<EastWestGateway>,
    /// This cluster's own intermediate certificate.
    pub certificates: Option<ClusterCertificates>,
    /// This cluster's own Kubernetes version.
    pub kubernetes: Option<Kubernetes>,
    /// This cluster's own settings of Istio, merged last.
    #[serde(default)]
    pub istio: ClusterIstio,
    /// Findings about this cluster that are meant to be so.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

impl Cluster {
    /// The name of the cluster whose istiod serves this one; `None` for a primary.
    pub(crate) fn primary(&self) -> Option<&str> {
        self.control_plane.as_ref().filter(|primary| **primary != self.name).map(Name::as_str)
    }

    /// The kubeconfig context: what is written, or the name.
    pub(crate) fn kubectl_context(&self) -> &str {
        self.context.as_deref().unwrap_or(self.name.as_str())
    }

    /// Where this cluster's own mesh config says that its traces go.
    pub(crate) fn collector_override(&self) -> Option<&Value> {
        self.istio.mesh_config.get("defaultConfig")?.pointer("/tracing/zipkin/address")
    }
}

/// A node and the pods on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// The node's address, as other nodes reach it.
    pub address: IpAddress,
    /// The range of the addresses of the pods on this node.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Cidr,
}

/// One cluster's own settings of Istio.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterIstio {
    /// The revision of this cluster's control plane. Default: `istio.revision`.
    pub revision: Option<Revision>,
    /// MeshConfig of this cluster, merged last.
    #[serde(default)]
    pub mesh_config: FreeForm,
    /// Helm values of this cluster, merged last.
    #[serde(default)]
    pub values: FreeForm,
}
