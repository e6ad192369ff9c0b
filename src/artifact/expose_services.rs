use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};
use crate::release::RemoteShape;

use super::metadata;

/// Opens a network's services to the other networks, as Istio's samples/multicluster/expose-services.yaml does.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if !mesh.is_multi_network() || !serves_gateway(mesh, cluster) {
        return Vec::new();
    }
    // What clients ask for ends with their cluster's domain (`1.30.3:pilot/pkg/networking/core/gateway.go`,
    // builtAutoPassthroughFilterChains).
    let services = match mesh.cluster_domain {
        "cluster.local" => "*.local".to_owned(),
        domain => format!("*.{domain}"),
    };
    vec![json!({
        "apiVersion": mesh.release.networking_api,
        "kind": "Gateway",
        "metadata": metadata(mesh, "cross-network-gateway"),
        "spec": {
            "selector": { "istio": "eastwestgateway" },
            "servers": [{
                "port": { "number": 15443, "name": "tls", "protocol": "TLS" },
                "tls": { "mode": "AUTO_PASSTHROUGH" },
                "hosts": [services],
            }],
        },
    })]
}

/// Whether a gateway takes its configuration from here: with local istiods each cluster states its own, as the tutorial of that
/// time does (a no-op on remotes); else the primary states it for the gateways of all its remotes.
fn serves_gateway(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> bool {
    match mesh.release.remotes {
        RemoteShape::LocalIstiod => cluster.gateway.is_some(),
        RemoteShape::Thin => {
            let remotes = cluster.remotes.iter().map(|remote| &mesh.clusters[*remote]);
            cluster.is_primary() && remotes.chain([cluster]).any(|cluster| cluster.gateway.is_some())
        }
    }
}
