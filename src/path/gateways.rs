use serde_json::Value;

use crate::check::NODE_SELECTOR;
use crate::flows::{self, Port, Served};
use crate::mesh::{Cluster, Mesh};
use crate::topology::SERVICES_PORT;

use super::{Endpoint, Objects};

/// A gateway that istiods know for a network.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The primary whose proxies alone know it; none where all do.
    served: Option<usize>,
    /// The cluster that it is of, to istiods.
    pub(super) cluster: Option<usize>,
    pub(super) endpoint: Endpoint,
}

impl Found {
    fn is_known_to(&self, primary: usize) -> bool {
        self.served.is_none_or(|served| served == primary)
    }
}

/// Where calls to each network go, by its position.
pub(super) fn of(mesh: &Mesh<'_>, objects: &Objects) -> Vec<Vec<Found>> {
    let planned = flows::gateways(mesh);
    let shown: Vec<Option<Vec<&Value>>> = mesh.clusters.iter().map(|cluster| objects.gateways(cluster.name)).collect();
    let networks = mesh.networks.iter().zip(planned);
    networks
        .map(|(network, planned)| {
            let is_planned = |(_, dialled): &(Served, flows::Dialled)| {
                dialled.cluster.is_none_or(|cluster| shown[cluster].is_none() || is_static(&mesh.clusters[cluster]))
            };
            let planned = planned.into_iter().filter(is_planned).map(|(served, dialled)| Found {
                served: match served {
                    Served::Everywhere => None,
                    Served::By(primary) => Some(primary),
                },
                // What istiods are told is of no cluster to them.
                cluster: dialled.cluster.filter(|cluster| !is_static(&mesh.clusters[*cluster])),
                endpoint: Endpoint {
                    cluster: dialled.cluster.map(|cluster| mesh.clusters[cluster].name.to_owned()),
                    address: dialled.address().map(str::to_owned),
                    port: match dialled.port {
                        Port::Number(number) => Some(number),
                        Port::Named(_) => None,
                    },
                },
            });
            let members = mesh.clusters.iter().zip(&shown);
            let seen = members.filter_map(|(cluster, services)| Some((cluster, services.as_ref()?)));
            let seen = seen.flat_map(|(cluster, services)| {
                let services = services.iter().filter(|service| label(service, NETWORK) == Some(network.name));
                services.flat_map(|service| of_service(cluster, service))
            });
            planned.chain(seen).collect()
        })
        .collect()
}

fn is_static(cluster: &Cluster<'_>) -> bool {
    cluster.gateway.as_ref().is_some_and(|gateway| gateway.written.is_static())
}

const NETWORK: &str = "topology.istio.io/network";
const PORT: &str = "networking.istio.io/gatewayPort";

fn label<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["metadata"]["labels"][name].as_str()
}

/// The addresses that istiods find in a Service (`1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`).
fn of_service(cluster: &Cluster<'_>, service: &Value) -> Vec<Found> {
    let wanted = label(service, PORT).and_then(|port| port.parse().ok()).unwrap_or(SERVICES_PORT);
    let ports = service["spec"]["ports"].as_array();
    let Some(port) = ports.into_iter().flatten().find(|port| port["port"] == wanted) else { return Vec::new() };
    let selector = &service["metadata"]["annotations"][NODE_SELECTOR];
    let is_node_port = service["spec"]["type"] == "NodePort" && selector.is_string();
    let number = if is_node_port { &port["nodePort"] } else { &port["port"] };
    let number = number.as_u64().and_then(|number| u16::try_from(number).ok());
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut addresses: Vec<Option<String>> = texts(&service["spec"]["externalIPs"]).into_iter().map(Some).collect();
    if service["spec"]["type"] == "LoadBalancer" {
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array();
        addresses.extend(
            ingress
                .into_iter()
                .flatten()
                .filter_map(|ingress| Some(ingress["ip"].as_str().or(ingress["hostname"].as_str())?.to_owned()))
                .map(Some),
        );
    }
    if is_node_port {
        addresses.push(None);
    }
    let found = |address| Found {
        served: None,
        cluster: Some(cluster.position),
        endpoint: Endpoint { cluster: Some(cluster.name.to_owned()), address, port: number },
    };
    addresses.into_iter().map(found).collect()
}

/// The gateways by which proxies of a primary reach a cluster: its own, or else all of its network
/// (`selectNetworkGateways` of `1.30.3:pilot/pkg/xds/endpoints/ep_filters.go`).
pub(super) fn selected(found: &[Found], primary: usize, to: usize) -> Vec<&Found> {
    let known = || found.iter().filter(|found| found.is_known_to(primary));
    let own: Vec<&Found> = known().filter(|found| found.cluster == Some(to)).collect();
    if own.is_empty() { known().collect() } else { own }
}
