use serde_json::{Value, json};

use crate::mesh::{Cluster, Collector, Mesh, ZIPKIN_PORT};

use super::metadata;

/// Opens the collector to all clusters, on the primary that serves its cluster's gateway.
///
/// It is a TCP server: an HTTP one would trace the uploads of spans, its own included.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let is_open = |collector: &&Collector| collector.is_exposed && !collector.is_waiting;
    let Some(collector) = mesh.collector.as_ref().filter(is_open) else { return Vec::new() };
    if mesh.clusters[collector.cluster].primary != cluster.position {
        return Vec::new();
    }
    let port = collector.gateway_port;
    vec![
        json!({
            "apiVersion": mesh.release.networking_api,
            "kind": "Gateway",
            "metadata": metadata(mesh, "zipkin-gateway"),
            "spec": {
                "selector": { "istio": "eastwestgateway" },
                "servers": [{ "port": { "number": port, "name": "tcp-zipkin", "protocol": "TCP" }, "hosts": ["*"] }],
            },
        }),
        json!({
            "apiVersion": mesh.release.networking_api,
            "kind": "VirtualService",
            "metadata": metadata(mesh, "zipkin-vs"),
            "spec": {
                "hosts": ["*"],
                "gateways": ["zipkin-gateway"],
                "tcp": [{
                    "match": [{ "port": port }],
                    "route": [{
                        "destination": {
                            "host": mesh.host("zipkin"),
                            "port": { "number": ZIPKIN_PORT },
                        },
                    }],
                }],
            },
        }),
    ]
}
