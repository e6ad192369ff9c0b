use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Address, IpAddress, LoadBalancerClass, Pod};

/// The gateway through which other networks, remote clusters and trace reporters reach this cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EastWestGateway {
    /// The Service's `spec.externalIPs`.
    #[serde(default, rename = "externalIPs")]
    pub external_ips: Vec<IpAddress>,
    /// The address that other clusters dial: an IP address or a DNS name. Default: the first external IP.
    pub address: Option<Address>,
    /// The type of the gateway's Service.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Annotations of the gateway's Service, for cloud load balancers.
    #[serde(default)]
    pub service_annotations: BTreeMap<String, String>,
    /// The Service's `spec.loadBalancerClass`, for clusters with several kinds of load balancers. Default: that of the cluster.
    #[schemars(extend("examples" = ["service.k8s.aws/nlb"]))]
    pub load_balancer_class: Option<LoadBalancerClass>,
    /// The Service's `spec.externalTrafficPolicy`. With `Local`, a node forwards only to pods of its own. Default: `Cluster`.
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// How istiods learn where the gateway is dialled.
    #[serde(default)]
    pub discovery: Discovery,
    /// The port that other networks dial for services. With `discovery: service`, the Service has this port; with `static`, what stands
    /// in front of the gateway forwards it to port 15443. Default: 15443.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [443]))]
    pub port: Option<u16>,
    /// The node ports of the Service's ports. Default: Kubernetes chooses them.
    #[serde(default)]
    pub node_ports: NodePorts,
    /// How many pods the gateway has. Default: as in Istio's chart, from 1 to 5.
    pub replicas: Option<Replicas>,
    /// How these pods are sized and placed, as in a `PodSpec`.
    #[serde(default)]
    pub pod: Pod,
}

impl EastWestGateway {
    /// The address that other clusters dial: `address`, or the first external IP.
    pub(crate) fn dialled(&self) -> Option<Address> {
        self.address.clone().or_else(|| self.external_ips.first().map(|ip| Address::Ip(ip.0)))
    }

    /// The port that other networks dial for services.
    pub(crate) fn port_for_services(&self) -> u16 {
        self.port.unwrap_or(SERVICES_PORT)
    }

    /// Whether istiods are told where the gateway is dialled, instead of reading it from its Service.
    pub(crate) fn is_static(&self) -> bool {
        self.discovery == Discovery::Static
    }
}

/// The type of a Kubernetes Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// A load balancer outside the cluster.
    #[default]
    LoadBalancer,
    /// A port on every node.
    NodePort,
    /// An address inside the cluster only.
    #[serde(rename = "ClusterIP")]
    ClusterIp,
}

impl ServiceType {
    /// The type as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::NodePort => "NodePort",
            Self::ClusterIp => "ClusterIP",
        }
    }
}

/// How istiods learn where a gateway is dialled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Discovery {
    /// They read the addresses of its Service.
    #[default]
    Service,
    /// They are told `address` and `port`, as behind NAT or a proxy, where the Service has other addresses.
    Static,
}

/// The port of gateways for services.
pub(crate) const SERVICES_PORT: u16 = 15443;

/// Which nodes forward what comes from outside the cluster, and to which pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// Every node, to any pod.
    Cluster,
    /// Only nodes with a pod of the gateway, to that pod. The pod sees the address of the caller.
    Local,
}

impl ExternalTrafficPolicy {
    /// The policy as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Local => "Local",
        }
    }
}

/// The node ports of the gateway's Service, by the name of the port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodePorts {
    /// The node port of port 15443, which other networks dial for services.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [31443]))]
    pub tls: Option<u16>,
    /// The node port of port 15012, through which remotes reach istiod.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [31012]))]
    pub tls_istiod: Option<u16>,
    /// The node port of port 15017, through which remotes reach the webhooks of istiod.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [31017]))]
    pub tls_webhook: Option<u16>,
    /// The node port of port 15021, for health checks of load balancers.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [31021]))]
    pub status_port: Option<u16>,
}

impl NodePorts {
    /// The name of each of the Service's ports, and its node port.
    pub(crate) fn each(&self) -> [(&'static str, Option<u16>); 4] {
        [
            ("status-port", self.status_port),
            ("tls", self.tls),
            ("tls-istiod", self.tls_istiod),
            ("tls-webhook", self.tls_webhook),
        ]
    }
}

/// How many pods a gateway has: the limits of its autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replicas {
    /// The least number of pods. From 2 on, a `PodDisruptionBudget` keeps one of them while nodes are drained. Default: 1.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [2]))]
    pub min: Option<u16>,
    /// The largest number of pods. Default: 5.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [10]))]
    pub max: Option<u16>,
}

impl Replicas {
    /// The least number of pods; what Istio's chart has where nothing is written
    /// (`autoscaleMin` of `manifests/charts/gateways/istio-ingress/values.yaml`, 1.11.2 and 1.30.3).
    pub(crate) fn least(self) -> u16 {
        self.min.unwrap_or(1)
    }

    /// The largest number of pods; the same of `autoscaleMax`.
    pub(crate) fn most(self) -> u16 {
        self.max.unwrap_or(5)
    }
}
