use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};
use crate::release::RemoteShape;

use super::metadata;

/// The VirtualService that leads to istiod; of a revision, followed by its name.
pub(crate) const VIRTUAL_SERVICE: &str = "istiod-vs";

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
    let service = cluster.istiod_service();
    let host = mesh.host(&service);
    // A thin remote asks for the revision's own name, so that several revisions can share the gateway
    // (1.30.3:samples/multicluster/expose-istiod-rev.yaml.tmpl); one with a local istiod asks for `istiod-remote`.
    let (name, sni_hosts) = match (cluster.revision, mesh.release.remotes) {
        (Some(revision), RemoteShape::Thin) => {
            (format!("{VIRTUAL_SERVICE}-{revision}"), vec![format!("{service}.istio-system.svc"), host.clone()])
        }
        _ => (VIRTUAL_SERVICE.to_owned(), vec!["*".to_owned()]),
    };
    let route = |gateway_port: u16, port: u16| {
        json!({
            "match": [{ "port": gateway_port, "sniHosts": sni_hosts }],
            "route": [{ "destination": { "host": host, "port": { "number": port } } }],
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
            "metadata": metadata(mesh, &name),
            "spec": {
                "hosts": ["*"],
                "gateways": ["istiod-gateway"],
                "tls": [route(15012, 15012), route(15017, 443)],
            },
        }),
    ]
}
