use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};

use super::metadata;

/// Opens a network's services to the other networks, as Istio's samples/multicluster/expose-services.yaml does.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if !mesh.is_multi_network() || cluster.gateway.is_none() {
        return Vec::new();
    }
    vec![json!({
        "apiVersion": mesh.release.networking_api,
        "kind": "Gateway",
        "metadata": metadata(mesh, "cross-network-gateway"),
        "spec": {
            "selector": { "istio": "eastwestgateway" },
            "servers": [{
                "port": { "number": 15443, "name": "tls", "protocol": "TLS" },
                "tls": { "mode": "AUTO_PASSTHROUGH" },
                "hosts": ["*.local"],
            }],
        },
    })]
}
