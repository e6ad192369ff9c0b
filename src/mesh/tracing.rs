use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::check::overridden_collector;
use crate::istio::fact::{COLLECTOR, held};
use crate::release::{Release, TracingMeans};
use crate::topology::{self, Address, SamplingPercent, Topology, Via};

use super::gateway::authority;
use super::{Cluster, Mesh, address};

/// Zipkin's own port.
pub(crate) const ZIPKIN_PORT: u16 = 9411;

/// The collector's Service, as every cluster's DNS knows it.
pub(crate) const ZIPKIN_HOST: &str = "zipkin.istio-system.svc.cluster.local";

/// The name under which istiod knows an address outside its clusters.
const EXTERNAL_HOST: &str = "zipkin.meshgen.internal";

/// Where traces go.
#[derive(Debug)]
pub struct Collector {
    /// The position of the collector's cluster.
    pub cluster: usize,
    /// Whether proxies report through a port of the collector's gateway.
    pub is_exposed: bool,
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
    /// Where proxies report to, unless their cluster says otherwise.
    target: Target,
}

/// A host and a port that proxies report to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    host: Address,
    port: u16,
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
        let through_gateway = gateway.and_then(address).map(|host| Target { host, port: zipkin.gateway_port });
        let decides = |cluster: &&topology::Cluster| {
            release.tracing == TracingMeans::Bootstrap || crate::check::primary_of(cluster).is_none()
        };
        let is_used = topology.clusters.iter().filter(decides).any(|cluster| overridden_collector(cluster).is_none());
        let in_mesh = Target { host: Address::Dns("zipkin.istio-system".to_owned()), port: ZIPKIN_PORT };
        Some(Self {
            cluster,
            is_exposed: through_gateway.is_some() && is_used,
            via: zipkin.via,
            gateway_port: zipkin.gateway_port,
            node_port: zipkin.node_port,
            sampling_percent: zipkin.sampling_percent.clone(),
            is_installed: zipkin.install,
            target: through_gateway.unwrap_or(in_mesh),
        })
    }

    /// Where proxies report to, unless their cluster says otherwise, as `host:port`.
    pub fn address(&self) -> String {
        authority(&self.target.host, self.target.port)
    }

    /// Where the istiod of a cluster sends traces: where the cluster's own mesh config says, or to the collector.
    pub(super) fn provider(&self, cluster: &topology::Cluster) -> Provider {
        let overridden = overridden_collector(cluster).map(|address| {
            Target::parse(address.as_str().unwrap_or_default()).expect("unusable-collector-address holds")
        });
        overridden.as_ref().unwrap_or(&self.target).provider()
    }
}

impl Mesh<'_> {
    /// Where the bootstrap of proxies says that traces go, unless the author says otherwise, as `host:port`.
    pub fn bootstrap_collector(&self) -> Option<String> {
        let collector = self.collector.as_ref().filter(|_| self.release.tracing == TracingMeans::Bootstrap);
        collector.map(Collector::address)
    }

    /// Where the bootstrap of a cluster's proxies says that traces go, as `host:port`.
    pub fn bootstrap_collector_of<'m>(&'m self, cluster: &'m Cluster<'_>) -> Option<Cow<'m, str>> {
        if cluster.provider.is_some() {
            return None;
        }
        let author = [&cluster.written.istio.mesh_config, &self.istio.mesh_config];
        match author.into_iter().find_map(|config| held(config, "meshConfig", COLLECTOR)) {
            // What stands in the place of a mapping names no collector.
            Some((address, path)) => address.as_str().filter(|_| path == COLLECTOR).map(Cow::Borrowed),
            None => self.bootstrap_collector().map(Cow::Owned),
        }
    }
}

impl Target {
    /// Reads `host:port`, an IPv6 address in brackets.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => Address::Ip(IpAddr::V6(bracketed.strip_suffix(']')?.parse().ok()?)),
            None if host.contains(':') => return None,
            None => host.parse().ok()?,
        };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0)?;
        Some(Self { host, port })
    }

    fn provider(&self) -> Provider {
        match self.service() {
            Some((namespace, host)) => {
                Provider { service: format!("{namespace}/{host}"), port: self.port, external: None }
            }
            None => Provider {
                service: format!("istio-system/{EXTERNAL_HOST}"),
                port: self.port,
                external: Some(External {
                    host: EXTERNAL_HOST,
                    address: self.host.to_string(),
                    is_ip: matches!(self.host, Address::Ip(_)),
                }),
            },
        }
    }

    /// The namespace and full name, where the host names a Service as a cluster's DNS does: `service.namespace`,
    /// `service.namespace.svc` or `service.namespace.svc.cluster.local`.
    fn service(&self) -> Option<(&str, String)> {
        let Address::Dns(name) = &self.host else { return None };
        let short = name.strip_suffix(".svc.cluster.local").or_else(|| name.strip_suffix(".svc")).unwrap_or(name);
        match short.split('.').collect::<Vec<&str>>().as_slice() {
            [service, namespace] => Some((namespace, format!("{service}.{namespace}.svc.cluster.local"))),
            _ => None,
        }
    }
}

/// Whether a text says where istiod can send traces, and whether that is a Service inside the clusters.
pub(crate) fn is_service(text: &str) -> Option<bool> {
    Target::parse(text).map(|target| target.service().is_some())
}
