use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};

use super::metadata;

/// Opens a primary's istiod to its remotes, as Istio's samples/multicluster/expose-istiod.yaml does.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.remotes.is_empty() {
        return Vec::new();
    }
    let server = |name: &str, port: u16| {
        json!({
            "port": { "name": name, "number": port, "protocol": "TLS" },
            "tls": { "mode": "PASSTHROUGH" },
            "hosts": ["*"],
        })
    };
    let route = |gateway_port: u16, port: u16| {
        json!({
            "match": [{ "port": gateway_port, "sniHosts": ["*"] }],
            "route": [{ "destination": { "host": "istiod.istio-system.svc.cluster.local", "port": { "number": port } } }],
        })
    };
    vec![
        json!({
            "apiVersion": mesh.release.networking_api,
            "kind": "Gateway",
            "metadata": metadata(mesh, "istiod-gateway"),
            "spec": {
                "selector": { "istio": "eastwestgateway" },
                "servers": [server("tls-istiod", 15012), server("tls-istiodwebhook", 15017)],
            },
        }),
        json!({
            "apiVersion": mesh.release.networking_api,
            "kind": "VirtualService",
            "metadata": metadata(mesh, "istiod-vs"),
            "spec": {
                "hosts": ["*"],
                "gateways": ["istiod-gateway"],
                "tls": [route(15012, 15012), route(15017, 443)],
            },
        }),
    ]
}
