//! The grammars of strings, by the names that the schema gives them.

use std::str::FromStr;

use super::address::{Address, Cidr, IpAddress};
use super::delivery::ChartRepository;
use super::text::{ClusterDomain, Image, Line, LoadBalancerClass, MeshId, Name, Revision, TrustDomain};
use super::url::{ApiServer, ProxyUrl};
use super::version::{Date, IstioVersion, KubernetesVersion, NodePortRange};

/// A grammar of strings. The schema names it, and the reader of topologies applies it.
pub struct Grammar {
    /// The schema's `format`.
    pub format: &'static str,
    /// What is wrong with a string, if anything, as the rest of a sentence that begins with the string.
    pub refuse: fn(&str) -> Option<String>,
}

/// The grammar of a schema's `format`.
pub fn grammar(format: &str) -> Option<&'static Grammar> {
    GRAMMARS.iter().find(|grammar| grammar.format == format)
}

const GRAMMARS: &[Grammar] = &[
    Grammar { format: "dns-1123-label", refuse: |text| Name::from_str(text).err() },
    Grammar { format: "revision", refuse: |text| Revision::from_str(text).err() },
    Grammar { format: "mesh-id", refuse: |text| MeshId::from_str(text).err() },
    Grammar { format: "line", refuse: |text| Line::from_str(text).err() },
    Grammar { format: "chart-repository", refuse: |text| ChartRepository::from_str(text).err() },
    Grammar { format: "image", refuse: |text| Image::from_str(text).err() },
    Grammar { format: "cluster-domain", refuse: |text| ClusterDomain::from_str(text).err() },
    Grammar { format: "load-balancer-class", refuse: |text| LoadBalancerClass::from_str(text).err() },
    Grammar { format: "trust-domain", refuse: |text| TrustDomain::from_str(text).err() },
    Grammar { format: "cidr", refuse: |text| Cidr::from_str(text).err() },
    Grammar { format: "ip", refuse: |text| IpAddress::from_str(text).err() },
    Grammar { format: "address", refuse: |text| Address::from_str(text).err() },
    Grammar { format: "api-server", refuse: |text| ApiServer::from_str(text).err() },
    Grammar { format: "proxy-url", refuse: |text| ProxyUrl::from_str(text).err() },
    Grammar { format: "istio-version", refuse: |text| IstioVersion::from_str(text).err() },
    Grammar { format: "node-port-range", refuse: |text| NodePortRange::from_str(text).err() },
    Grammar { format: "kubernetes-version", refuse: |text| KubernetesVersion::from_str(text).err() },
    Grammar { format: "date", refuse: |text| Date::from_str(text).err() },
];
