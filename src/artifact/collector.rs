use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};

use super::metadata;

/// The collector's gateway under a name that istiod knows: a provider takes a name, never an address
/// (`1.30.3:pilot/pkg/model/telemetry_logging.go`). The collector's own Service would not do, since its endpoints have no sidecar
/// and are dropped for proxies on other networks.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some((provider, external)) =
        cluster.provider.as_ref().and_then(|provider| Some((provider, provider.external.as_ref()?)))
    else {
        return Vec::new();
    };
    vec![json!({
        "apiVersion": mesh.release.networking_api,
        "kind": "ServiceEntry",
        "metadata": metadata(mesh, "zipkin-collector"),
        "spec": {
            "hosts": [external.host],
            "location": "MESH_EXTERNAL",
            "resolution": if external.is_ip { "STATIC" } else { "DNS" },
            "ports": [{ "number": provider.port, "name": "http-zipkin", "protocol": "HTTP" }],
            "endpoints": [{ "address": external.address }],
        },
    })]
}
