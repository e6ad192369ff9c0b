//! What decides on a finding besides the places that it names.
//!
//! A field is a path of the topology: `clusters[].network` is that of every cluster, `cluster.network` that of each cluster which
//! [`super::Context::clusters`] gives to the rule. A field is what it holds itself, not what is inside it.

use crate::topology::{Address, Cluster, Topology};

/// Fields of a topology.
pub(super) type Fields = &'static [&'static str];

/// The release of Istio.
pub(super) const VERSION: Fields = &["istio.version"];
/// What [`super::Context::cluster`] goes by.
pub(super) const NAMES: Fields = &["clusters[].name"];
/// What [`super::Context::remotes`] goes by.
pub(super) const REMOTES: Fields = &["clusters[].name", "clusters[].controlPlane"];
/// What [`super::Context::populated_networks`] goes by.
pub(super) const NETWORKS: Fields = &["networks[].name", "clusters[].network"];
/// What [`super::Context::reporters`] goes by.
pub(super) const REPORTERS: Fields = &[
    "tracing.zipkin.via",
    "istio.version",
    "clusters[].name",
    "clusters[].controlPlane",
    "clusters[].istio.meshConfig.defaultConfig.tracing.zipkin.address",
];
/// Which clusters have a gateway.
pub(super) const GATEWAYS: Fields = &["clusters[].eastWestGateway"];
/// What [`super::context::is_told`] goes by.
pub(super) const TOLD_NETWORKS: Fields = &[
    "clusters[].name",
    "clusters[].controlPlane",
    "istio.values.global.meshNetworks",
    "clusters[].istio.values.global.meshNetworks",
];
/// What [`crate::fact::other_signer`] and [`crate::fact::has_socket`] go by.
pub(super) const SIGNERS: Fields = &[
    "istio.values.global.caAddress",
    "istio.values.global.caName",
    "istio.values.pilot.env.ENABLE_CA_SERVER",
    "istio.values.pilot.env.EXTERNAL_CA",
    "istio.values.sidecarInjectorWebhook",
    "clusters[].istio.values.global.caAddress",
    "clusters[].istio.values.global.caName",
    "clusters[].istio.values.pilot.env.ENABLE_CA_SERVER",
    "clusters[].istio.values.pilot.env.EXTERNAL_CA",
    "clusters[].istio.values.sidecarInjectorWebhook",
];
/// What other clusters dial a gateway by.
pub(super) const GATEWAY_ADDRESSES: Fields =
    &["clusters[].eastWestGateway.address", "clusters[].eastWestGateway.externalIPs[]"];

/// The part of a topology that a rule is about. A rule that is not applied is told only where that part is.
///
/// It may go by fields that a finding of the rule names, and by no others.
#[derive(Clone, Copy)]
pub(super) enum About {
    /// Every topology.
    All,
    /// Topologies that have a part.
    Mesh(fn(&Topology) -> bool),
    /// Clusters that have a part.
    Clusters(fn(&Cluster) -> bool),
}

impl About {
    /// Meshes of several clusters.
    pub(super) const SEVERAL_CLUSTERS: Self = Self::Mesh(|topology| topology.clusters.len() > 1);
    /// Meshes of several networks.
    pub(super) const SEVERAL_NETWORKS: Self = Self::Mesh(|topology| topology.networks.len() > 1);
    /// Meshes with a collector.
    pub(super) const TRACING: Self = Self::Mesh(|topology| topology.tracing.is_some());
    /// Clusters that pass settings on to Istio.
    pub(super) const FREE_FORMS: Self = Self::Mesh(|topology| {
        let istio = &topology.istio;
        let mut own = topology.clusters.iter().flat_map(|cluster| [&cluster.istio.mesh_config, &cluster.istio.values]);
        !istio.mesh_config.is_empty() || !istio.values.is_empty() || own.any(|own| !own.is_empty())
    });
    /// Clusters that say themselves where their traces go.
    pub(super) const OVERRIDES: Self = Self::Clusters(|cluster| cluster.collector_override().is_some());
    /// Clusters whose gateway has a DNS name.
    pub(super) const HOST_NAMES: Self = Self::Clusters(|cluster| {
        let gateway = cluster.east_west_gateway.as_ref();
        matches!(gateway.and_then(|gateway| gateway.address.as_ref()), Some(Address::Dns(_)))
    });
    /// Clusters with ranges of pods or Services.
    pub(super) const RANGES: Self = Self::Clusters(Cluster::has_ranges);
    /// Clusters with nodes.
    pub(super) const NODES: Self = Self::Clusters(|cluster| !cluster.nodes.is_empty());

    /// Whether a topology has the part.
    pub(super) fn is_in(self, topology: &Topology) -> bool {
        match self {
            Self::All => true,
            Self::Mesh(has_part) => has_part(topology),
            Self::Clusters(has_part) => topology.clusters.iter().any(has_part),
        }
    }

    /// Whether a cluster has the part.
    pub(super) fn is_in_cluster(self, topology: &Topology, cluster: usize) -> bool {
        match self {
            Self::All | Self::Mesh(_) => self.is_in(topology),
            Self::Clusters(has_part) => topology.clusters.get(cluster).is_some_and(has_part),
        }
    }
}
