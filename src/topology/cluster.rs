use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Address, Allow, ApiServer, Cidr, ClusterCertificates, ClusterGitOps, ClusterSecrets, Cni, EastWestGateway,
    FreeForm, Install, IpAddress, Kubernetes, Line, Name, ProxyUrl, Revision,
};

/// A Kubernetes cluster of the mesh.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// The name and the cluster ID.
    pub name: Name,
    /// The network of the cluster's pods.
    #[schemars(extend("examples" = ["network1"]))]
    pub network: Name,
    /// The primary whose istiod serves this cluster. Default: its own istiod, which makes it a primary.
    pub control_plane: Option<Name>,
    /// The kubeconfig context that the scripts use. Default: the name.
    pub context: Option<Line>,
    /// The URL at which the primaries reach the API server.
    pub api_server: ApiServer,
    /// The file of the CA certificates that the primaries trust at that URL, in PEM, relative to this file: those of the proxy in
    /// front of the API server. Default: the CA of the cluster.
    #[serde(rename = "apiServerCA")]
    #[schemars(extend("examples" = ["ca/cluster1.pem"]))]
    pub api_server_ca: Option<Line>,
    /// The URL of the proxy through which the primaries reach the API server: http, https or socks5. Default: no proxy.
    #[serde(rename = "proxyURL")]
    pub proxy_url: Option<ProxyUrl>,
    /// The ranges of pod addresses of the whole cluster. meshgen looks for ranges that overlap.
    #[serde(default, rename = "podCIDRs")]
    pub pod_cidrs: Vec<Cidr>,
    /// The range of Service addresses. With static routing, a route through the first node leads to it.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Option<Cidr>,
    /// The ranges of Service addresses, instead of `serviceCIDR`: one of each address family.
    #[serde(default, rename = "serviceCIDRs")]
    pub service_cidrs: Vec<Cidr>,
    /// The addresses that its pods have for other networks, such as those of a NAT gateway. `meshgen flows` names them. Default: not
    /// stated, and the table says so in words.
    #[serde(default)]
    #[schemars(extend("examples" = [["198.51.100.0/28"]]))]
    pub egress: Vec<Cidr>,
    /// The addresses that its API server has where it calls out, as it calls the webhook of a primary. `meshgen flows` names them.
    /// Default: not stated, and the table says so in words.
    #[serde(default)]
    #[schemars(extend("examples" = [["198.51.100.16/28"]]))]
    pub api_server_egress: Vec<Cidr>,
    /// The nodes and the pods on each. Required for static routing.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// The east-west gateway of this cluster. Write `{}` if no other cluster needs its address. Default: no gateway.
    pub east_west_gateway: Option<EastWestGateway>,
    /// The intermediate certificate of this cluster.
    pub certificates: Option<ClusterCertificates>,
    /// The Kubernetes version of this cluster.
    pub kubernetes: Option<Kubernetes>,
    /// The Istio settings of this cluster, merged last.
    #[serde(default)]
    pub istio: ClusterIstio,
    /// How the controller of `gitops` knows this cluster.
    #[serde(default)]
    pub gitops: ClusterGitOps,
    /// Who can read the secrets of this cluster.
    #[serde(default)]
    pub secrets: ClusterSecrets,
    /// Warnings to accept for this cluster.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

impl Cluster {
    /// The name of the cluster whose istiod serves this one; `None` for a primary.
    pub(crate) fn primary(&self) -> Option<&str> {
        self.control_plane.as_ref().filter(|primary| **primary != self.name).map(Name::as_str)
    }

    /// The ranges of its Services.
    pub(crate) fn service_ranges(&self) -> impl Iterator<Item = &Cidr> {
        self.service_cidr.iter().chain(&self.service_cidrs)
    }

    /// The first node that packets of a range's address family can go through.
    pub(crate) fn first_node_for(&self, range: &Cidr) -> Option<&Node> {
        self.nodes.iter().find(|node| node.address.0.is_ipv4() == range.0.addr().is_ipv4())
    }

    /// Whether ranges of its pods or Services are stated.
    pub(crate) fn has_ranges(&self) -> bool {
        self.service_ranges().next().is_some() || !self.pod_cidrs.is_empty() || !self.nodes.is_empty()
    }

    /// The host that primaries dial to reach the API server, and the field that names it: the proxy's, if there is one.
    pub(crate) fn dialled_host(&self) -> (&'static str, &Address) {
        match &self.proxy_url {
            Some(proxy) => ("proxyURL", proxy.url().host()),
            None => ("apiServer", self.api_server.host()),
        }
    }

    /// The kubeconfig context: what is written, or the name.
    pub(crate) fn kubectl_context(&self) -> &str {
        self.context.as_ref().map_or(self.name.as_str(), Line::as_str)
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
    /// The address at which other nodes reach this node.
    pub address: IpAddress,
    /// The range of addresses of the pods on this node.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Option<Cidr>,
    /// The ranges of addresses of the pods on this node, instead of `podCIDR`: for example its blocks in Calico.
    #[serde(default, rename = "podCIDRs")]
    pub pod_cidrs: Vec<Cidr>,
}

impl Node {
    /// The ranges of its pods.
    pub(crate) fn pod_ranges(&self) -> impl Iterator<Item = &Cidr> {
        self.pod_cidr.iter().chain(&self.pod_cidrs)
    }
}

/// The Istio settings of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterIstio {
    /// The revision of this cluster's control plane. Default: `istio.revision`.
    pub revision: Option<Revision>,
    /// What installs Istio and its gateways in this cluster. Default: `istio.install`.
    pub install: Option<Install>,
    /// Istio's CNI plugin in this cluster. Default: `istio.cni`.
    pub cni: Option<Cni>,
    /// MeshConfig of this cluster, merged last.
    #[serde(default)]
    pub mesh_config: FreeForm,
    /// Helm values of this cluster, merged last.
    #[serde(default)]
    pub values: FreeForm,
}
