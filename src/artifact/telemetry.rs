use serde_json::{Value, json};

use crate::istio::TRACING_PROVIDER;
use crate::mesh::{Cluster, Mesh};
use crate::topology::Via;

use super::metadata;

/// The version of Telemetry that Istio serves from 1.22 on.
const API_VERSION: &str = "telemetry.istio.io/v1";

/// How much is traced and where it goes, for all proxies that a primary serves: nothing restarts when it changes.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let (Some(collector), Some(_)) = (&mesh.collector, &cluster.provider) else { return Vec::new() };
    let mut documents = vec![json!({
        "apiVersion": API_VERSION,
        "kind": "Telemetry",
        "metadata": metadata(mesh, "mesh-tracing"),
        "spec": {
            "tracing": [{
                "providers": [{ "name": TRACING_PROVIDER }],
                "randomSamplingPercentage": collector.sampling_percent,
            }],
        },
    })];
    if collector.via == Via::Mesh {
        // The collector is in the mesh itself: were its own uploads traced, each would cause the next.
        documents.push(json!({
            "apiVersion": API_VERSION,
            "kind": "Telemetry",
            "metadata": metadata(mesh, "zipkin-tracing"),
            "spec": {
                "selector": { "matchLabels": { "app": "zipkin" } },
                "tracing": [{ "disableSpanReporting": true }],
            },
        }));
    }
    documents
}
