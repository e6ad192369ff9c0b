//! Where gateways, API servers, repositories and collectors are dialled.

use std::sync::Arc;

use serde_json::Value;

use crate::check::NODE_SELECTOR;
use crate::fact::{MESH_NETWORKS, held};
use crate::istio;
use crate::mesh::{Cluster, Gateway, Mesh};
use crate::topology::{Address, ApiServer, EastWestGateway, FreeForm, Install, SERVICES_PORT, ServiceType, Target};

use super::{Destination, File, Flow, NamedPort, Port, Purpose, Role, Security, Source};

/// The file that states a gateway.
pub(super) const GATEWAY_FILE: &str = "40-eastwest-gateway/eastwest-gateway.yaml";
const COLLECTOR_FILE: &str = "55-telemetry/collector.yaml";

/// Where a gateway, an API server or a proxy is dialled.
#[derive(Debug, Clone)]
pub(crate) struct Dialled {
    pub(super) role: Role,
    pub(crate) cluster: Option<usize>,
    /// The network that calls get to there.
    pub(super) network: Option<usize>,
    /// None where nobody knows it, or where the cluster decides.
    pub(super) addresses: Arc<[Arc<str>]>,
    pub(crate) port: Port,
    /// The file that says so.
    pub(super) file: File,
}

impl Dialled {
    /// The address, where somebody knows it.
    pub(crate) fn address(&self) -> Option<&str> {
        self.addresses.first().map(|address| &**address)
    }

    pub(super) fn flow(&self, source: Source, security: Security, purposes: &'static [Purpose]) -> Flow {
        let addresses = Arc::clone(&self.addresses);
        let destination = Destination { role: self.role, cluster: self.cluster, network: self.network, addresses };
        Flow { source, destination, port: self.port, security, purposes, file: self.file }
    }
}

/// Whose pods dial a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// All.
    Everywhere,
    /// Those of the clusters that this primary serves.
    By(usize),
}

/// An address that rows share; none where nobody knows it, or where the cluster decides.
pub(super) fn listed(address: Option<&str>) -> Arc<[Arc<str>]> {
    address.map(Arc::from).into_iter().collect()
}

/// The node port of a port of a gateway, where the author wants one.
pub(super) fn node_port(gateway: &EastWestGateway, port: &str) -> Option<u16> {
    let node_ports = gateway.node_ports.each();
    node_ports.iter().find(|(name, _)| *name == port).and_then(|(_, node_port)| *node_port)
}

/// A host of a URL.
pub(super) fn elsewhere(role: Role, url: &str, file: File) -> Option<Dialled> {
    let url: ApiServer = url.parse().ok()?;
    let addresses = listed(Some(&url.host().to_string()));
    let port = url.stated_port().unwrap_or(if url.scheme() == "ssh" { 22 } else { 443 });
    Some(Dialled { role, cluster: None, network: None, addresses, port: Port::Number(port), file })
}

/// Where calls to the services of each network go.
pub(crate) fn gateways(mesh: &Mesh<'_>) -> Vec<Vec<(Served, Dialled)>> {
    let mut gateways: Vec<Vec<(Served, Dialled)>> = vec![Vec::new(); mesh.networks.len()];
    if !mesh.is_multi_network() {
        return gateways;
    }
    for cluster in mesh.clusters.iter().filter(|cluster| !cluster.is_waiting) {
        let gateway = cluster.gateway.as_ref().filter(|gateway| !gateway.written.is_static());
        let network = mesh.network_position(cluster);
        let dialled = gateway.into_iter().flat_map(|gateway| dialled(network, cluster, gateway));
        gateways[network].extend(dialled.map(|dialled| (Served::Everywhere, dialled)));
    }
    let author = |cluster: &Cluster<'_>| {
        let written = [&mesh.istio.values, &cluster.written.istio.values];
        written.into_iter().any(|values| held(values, "values", MESH_NETWORKS).is_some())
    };
    if !mesh.primaries().any(author) {
        told(mesh, &mesh.told_networks, Served::Everywhere, &mut gateways);
        return gateways;
    }
    for primary in mesh.primaries() {
        let values = istio::values(mesh, primary);
        let networks = held(&values, "values", MESH_NETWORKS).and_then(|(networks, _)| networks.as_object());
        if let Some(networks) = networks {
            told(mesh, networks, Served::By(primary.position), &mut gateways);
        }
    }
    gateways
}

/// The addresses under which istiods find a gateway by its Service (`1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`).
pub(super) fn dialled(network: usize, cluster: &Cluster<'_>, gateway: &Gateway<'_>) -> Vec<Dialled> {
    let written = gateway.written;
    let is_selected =
        written.service_type == ServiceType::NodePort && written.service_annotations.contains_key(NODE_SELECTOR);
    let port = match node_port(written, "tls") {
        _ if !is_selected => Port::Number(written.port_for_services()),
        Some(port) => Port::Number(port),
        None => Port::Named(NamedPort::NodePort),
    };
    let at = |role, address: Option<String>| Dialled {
        role,
        cluster: Some(cluster.position),
        network: Some(network),
        addresses: listed(address.as_deref()),
        port,
        file: File::Destination(GATEWAY_FILE),
    };
    let mut dialled: Vec<Dialled> =
        written.external_ips.iter().map(|ip| at(Role::Gateway, Some(ip.to_string()))).collect();
    if is_selected {
        dialled.push(at(Role::Nodes, None));
    } else if dialled.is_empty() {
        dialled.push(at(Role::Gateway, gateway.address.clone()));
    }
    dialled
}

/// The gateways that istiods are told.
pub(super) fn told(mesh: &Mesh<'_>, networks: &FreeForm, served: Served, gateways: &mut [Vec<(Served, Dialled)>]) {
    for (position, network) in mesh.networks.iter().enumerate() {
        let told = networks.get(network.name).and_then(|network| network.get("gateways")?.as_array());
        for gateway in told.into_iter().flatten() {
            let Some(address) = gateway.get("address").and_then(Value::as_str) else { continue };
            let port = gateway.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            let members = || network.clusters.iter().map(|position| &mesh.clusters[*position]);
            let is_its = |cluster: &&Cluster<'_>| {
                let gateway = cluster.gateway.as_ref().filter(|gateway| gateway.written.is_static());
                gateway.is_some_and(|gateway| gateway.address.as_deref() == Some(address))
            };
            let dialled = Dialled {
                role: Role::Gateway,
                cluster: members().find(is_its).map(|cluster| cluster.position),
                network: Some(position),
                addresses: listed(Some(address)),
                port: Port::Number(port.unwrap_or(SERVICES_PORT)),
                file: File::PrimaryIstio,
            };
            gateways[position].push((served, dialled));
        }
    }
}

/// Where the proxies of a cluster report to, apart from services of the mesh.
pub(super) fn collectors(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Dialled> {
    let domain = mesh.cluster_domain;
    let provider = mesh.primary_of(cluster).provider.as_ref();
    let provided = provider.and_then(|provider| {
        let external = provider.external.as_ref()?;
        let target = target_of(&external.address, provider.port)?;
        Some((target, File::Primary(COLLECTOR_FILE)))
    });
    let stated = mesh.bootstrap_collector_of(cluster).and_then(|address| Target::parse(&address));
    let file = match (cluster.runs_istiod, cluster.install) {
        (true, Install::Helm) => File::Source("30-istio/mesh-config.values.yaml"),
        (true, _) => File::Source("30-istio/mesh-config.yaml"),
        (false, _) => File::SourceIstio,
    };
    let stated = stated.filter(|target| target.service(domain).is_none()).map(|target| (target, file));
    let dialled = |(target, file): (Target, File)| {
        let address = target.host.to_string();
        let is_its = |cluster: &&Cluster<'_>| {
            cluster.gateway.as_ref().is_some_and(|gateway| gateway.address.as_deref() == Some(&*address))
        };
        let owner = mesh.collector.as_ref().map(|collector| &mesh.clusters[collector.cluster]).filter(is_its);
        Dialled {
            role: if owner.is_some() { Role::Gateway } else { Role::Collector },
            cluster: owner.map(|owner| owner.position),
            network: None,
            addresses: listed(Some(&address)),
            port: Port::Number(target.port),
            file,
        }
    };
    provided.into_iter().chain(stated).map(dialled).collect()
}

pub(super) fn target_of(address: &str, port: u16) -> Option<Target> {
    Some(Target { host: address.parse::<Address>().ok()?, port })
}
