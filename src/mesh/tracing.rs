use std::collections::BTreeMap;

use crate::topology::{SamplingPercent, Topology};

use super::{address, reports_to_collector};

/// Zipkin's own port.
pub(crate) const ZIPKIN_PORT: u16 = 9411;

/// Where traces go.
#[derive(Debug)]
pub struct Collector {
    /// The position of the collector's cluster.
    pub cluster: usize,
    /// Where proxies report to, unless their cluster says otherwise.
    pub address: String,
    /// Whether proxies report through the collector's gateway.
    pub is_exposed: bool,
    /// The collector's port on its cluster's gateway.
    pub gateway_port: u16,
    /// That port's node port, where the author wants one.
    pub node_port: Option<u16>,
    /// How many of a hundred requests are traced.
    pub sampling_percent: SamplingPercent,
    /// Whether meshgen installs the collector.
    pub is_installed: bool,
}

impl Collector {
    pub(super) fn resolve(topology: &Topology, positions: &BTreeMap<&str, usize>) -> Option<Self> {
        let zipkin = &topology.tracing.as_ref()?.zipkin;
        let cluster = positions[zipkin.cluster.as_str()];
        let gateway = topology.clusters[cluster].east_west_gateway.as_ref();
        let through_gateway =
            gateway.and_then(address).map(|address| super::gateway::authority(&address, zipkin.gateway_port));
        let is_exposed = through_gateway.is_some() && topology.clusters.iter().any(reports_to_collector);
        Some(Self {
            cluster,
            address: through_gateway.unwrap_or_else(|| format!("zipkin.istio-system:{ZIPKIN_PORT}")),
            is_exposed,
            gateway_port: zipkin.gateway_port,
            node_port: zipkin.node_port,
            sampling_percent: zipkin.sampling_percent.clone(),
            is_installed: zipkin.install,
        })
    }
}
