use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Address, IpAddress};

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
}

impl EastWestGateway {
    /// The address that other clusters dial: `address`, or the first external IP.
    pub(crate) fn dialled(&self) -> Option<Address> {
        self.address.clone().or_else(|| self.external_ips.first().map(|ip| Address::Ip(ip.0)))
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
