use serde_json::{Map, Value, json};

use crate::istio;
use crate::mesh::{Cluster, Gateway, Mesh};
use crate::topology::ServiceType;

use super::metadata;

/// The name of the gateway's Deployment and Service.
pub(crate) const NAME: &str = "istio-eastwestgateway";

/// The ports that Istio's own script opens, in its order: a list of ports replaces the chart's.
const PORTS: [(&str, u16); 4] = [("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017)];

/// What Istio's samples/multicluster/gen-eastwest-gateway.sh makes, with the Service's type, annotations, external IPs and the
/// collector's port declared, so that nothing is patched afterwards.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(gateway) = &cluster.gateway else { return Vec::new() };
    let mut kubernetes = Map::new();
    kubernetes.insert("env".to_owned(), variables(mesh, cluster));
    if !gateway.written.service_annotations.is_empty() {
        kubernetes.insert("serviceAnnotations".to_owned(), json!(gateway.written.service_annotations));
    }
    kubernetes.insert("service".to_owned(), service(mesh, cluster, gateway));
    let mut spec = Map::from_iter([("profile".to_owned(), json!("empty"))]);
    if let Some(revision) = cluster.revision {
        spec.insert("revision".to_owned(), json!(revision));
    }
    let label = json!({ "istio": "eastwestgateway", "app": NAME, "topology.istio.io/network": cluster.network });
    let component = json!({ "name": NAME, "label": label, "enabled": true, "k8s": kubernetes });
    spec.insert("components".to_owned(), json!({ "ingressGateways": [component] }));
    spec.insert("values".to_owned(), values(mesh, cluster));
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata(mesh, "eastwest-gateway"),
        "spec": spec,
    })]
}

fn variables(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Value {
    let variables = mesh.release.gateway_variables.iter().copied();
    let view = ("ISTIO_META_REQUESTED_NETWORK_VIEW", cluster.network);
    variables.chain([view]).map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn service(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>) -> Value {
    let mut service = Map::new();
    if gateway.written.service_type != ServiceType::LoadBalancer {
        service.insert("type".to_owned(), json!(gateway.written.service_type.as_str()));
    }
    if !gateway.written.external_ips.is_empty() {
        let addresses = gateway.written.external_ips.iter().map(|ip| json!(ip.to_string()));
        service.insert("externalIPs".to_owned(), addresses.collect());
    }
    let mut ports: Vec<Value> =
        PORTS.iter().map(|(name, port)| json!({ "name": name, "port": port, "targetPort": port })).collect();
    let collector =
        mesh.collector.as_ref().filter(|collector| collector.is_exposed && collector.cluster == cluster.position);
    if let Some(collector) = collector {
        let port = collector.gateway_port;
        let mut entry = json!({ "name": "tcp-zipkin", "port": port, "targetPort": port, "protocol": "TCP" });
        if let Some(node_port) = collector.node_port {
            entry["nodePort"] = json!(node_port);
        }
        ports.push(entry);
    }
    service.insert("ports".to_owned(), Value::Array(ports));
    Value::Object(service)
}

/// The script's values, and what the gateway is told of its cluster.
fn values(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Value {
    json!({
        "gateways": { "istio-ingressgateway": { "injectionTemplate": "gateway" } },
        "global": istio::gateway_global(mesh, cluster),
    })
}
