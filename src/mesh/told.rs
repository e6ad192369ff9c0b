use serde_json::{Value, json};

use crate::topology::FreeForm;

use super::{Cluster, Network};

/// The gateways of networks that istiods are told, as Istio's `meshNetworks`: they take an address from there as from a Service
/// (`1.30.3:pilot/pkg/model/network.go`, the same at 1.11.2), but as that of no cluster.
pub(super) fn told_networks(networks: &[Network<'_>], clusters: &[Cluster<'_>]) -> FreeForm {
    let told = networks.iter().filter_map(|network| {
        let members = || network.clusters.iter().map(|position| &clusters[*position]);
        let gateways =
            members().filter_map(|cluster| cluster.gateway.as_ref().filter(|gateway| gateway.written.is_static()));
        let gateways: Vec<Value> = gateways
            .filter_map(|gateway| {
                Some(json!({ "address": gateway.address.as_ref()?, "port": gateway.written.port_for_services() }))
            })
            .collect();
        let endpoints: Vec<Value> = members().map(|cluster| json!({ "fromRegistry": cluster.name })).collect();
        (!gateways.is_empty())
            .then(|| (network.name.to_owned(), json!({ "endpoints": endpoints, "gateways": gateways })))
    });
    told.collect()
}
