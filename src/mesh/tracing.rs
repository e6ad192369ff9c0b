use std::collections::BTreeMap;

use crate::release::{Release, TracingMeans};
use crate::topology::{self, Address, SamplingPercent, Target, Topology, Via};

/// Zipkin's own port.
pub(crate) const ZIPKIN_PORT: u16 = 9411;

/// The name under which istiod knows an address outside its clusters.
const EXTERNAL_HOST: &str = "zipkin.meshgen.internal";

/// Where traces go.
#[derive(Debug)]
pub struct Collector {
    /// The position of the collector's cluster.
    pub cluster: usize,
    /// Whether proxies report through a port of the collector's gateway.
    pub is_exposed: bool,
    /// Whether tracing waits for the address of that gateway, which nobody knows yet.
    pub is_waiting: bool,
    /// How proxies reach the collector.
    pub via: Via,
    /// The collector's port on its cluster's gateway.
    pub gateway_port: u16,
    /// That port's node port, where the author wants one.
    pub node_port: Option<u16>,
    /// How many of a hundred requests are traced.
    pub sampling_percent: SamplingPercent,
    /// Whether meshgen installs the collector.
    pub is_installed: bool,
    /// The image of the collector.
    pub image: String,
    /// Where proxies report to, unless their cluster says otherwise; `None` where nobody knows yet.
    target: Option<Target>,
}

/// Where istiod sends the traces of the proxies that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The service, as `namespace/host`: istiod has to know it.
    pub service: String,
    /// The service's port.
    pub port: u16,
    /// The address behind the service, where it is none of a cluster's.
    pub external: Option<External>,
}

/// An address outside the clusters, under a name that istiod knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The name.
    pub host: &'static str,
    /// An IP address or a DNS name.
    pub address: String,
    /// Whether the address is an IP address.
    pub is_ip: bool,
}

impl Collector {
    pub(super) fn resolve(topology: &Topology, release: &Release, positions: &BTreeMap<&str, usize>) -> Option<Self> {
        let zipkin = &topology.tracing.as_ref()?.zipkin;
        let cluster = positions[zipkin.cluster.as_str()];
        let gateway = topology.clusters[cluster].east_west_gateway.as_ref().filter(|_| zipkin.via == Via::Gateway);
        let target = match gateway {
            Some(gateway) => gateway.dialled().map(|host| Target { host, port: zipkin.gateway_port }),
            None => Some(Target { host: Address::Dns("zipkin.istio-system".to_owned()), port: ZIPKIN_PORT }),
        };
        let decides =
            |cluster: &&topology::Cluster| release.tracing == TracingMeans::Bootstrap || cluster.primary().is_none();
        let is_used = topology.clusters.iter().filter(decides).any(|cluster| cluster.collector_override().is_none());
        Some(Self {
            cluster,
            is_exposed: gateway.is_some() && is_used,
            is_waiting: is_used && target.is_none(),
            via: zipkin.via,
            gateway_port: zipkin.gateway_port,
            node_port: zipkin.node_port,
            sampling_percent: zipkin.sampling_percent.clone(),
            is_installed: zipkin.install,
            image: zipkin.image.as_ref().map_or(release.zipkin_image, topology::Image::as_str).to_owned(),
            target,
        })
    }

    /// Where proxies report to, unless their cluster says otherwise, as `host:port`; `None` where nobody knows yet.
    pub fn address(&self) -> Option<String> {
        self.target.as_ref().map(Target::to_string)
    }

    /// Where the istiod of a cluster sends traces: where the cluster's own mesh config says, or to the collector.
    pub(super) fn provider(&self, cluster: &topology::Cluster, domain: &str) -> Option<Provider> {
        let overridden = cluster.collector_override().map(|address| {
            Target::parse(address.as_str().unwrap_or_default()).expect("unusable-collector-address holds")
        });
        overridden.as_ref().or(self.target.as_ref()).map(|target| provider_of(target, domain))
    }
}

/// What istiod is told of a target: the Service that it is, or an address under a name that istiod knows.
fn provider_of(target: &Target, domain: &str) -> Provider {
    match target.service(domain) {
        Some((namespace, host)) => {
            Provider { service: format!("{namespace}/{host}"), port: target.port, external: None }
        }
        None => Provider {
            service: format!("istio-system/{EXTERNAL_HOST}"),
            port: target.port,
            external: Some(External {
                host: EXTERNAL_HOST,
                address: target.host.to_string(),
                is_ip: matches!(target.host, Address::Ip(_)),
            }),
        },
    }
}
