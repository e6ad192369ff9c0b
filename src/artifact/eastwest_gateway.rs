use serde_json::{Map, Value, json};

use crate::istio;
use crate::mesh::{Cluster, Gateway, Mesh};
use crate::topology::{FreeForm, Install, Line, Pod, SERVICES_PORT, ServiceType};

use super::metadata;

/// The name of the gateway's Deployment and Service.
pub(crate) const NAME: &str = "istio-eastwestgateway";

/// The ports that Istio's own script opens, in its order: a list of ports replaces the chart's.
const PORTS: [(&str, u16); 4] = [("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017)];

/// What Istio's samples/multicluster/gen-eastwest-gateway.sh makes, with the Service, the number of pods, their place and the
/// collector's port declared, so that nothing is patched afterwards.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(gateway) = cluster.gateway.as_ref().filter(|_| cluster.install == Install::Istioctl) else {
        return Vec::new();
    };
    let mut kubernetes = Map::from_iter([("env".to_owned(), variables(mesh, cluster))]);
    kubernetes.extend(pods(&gateway.written.pod));
    if !gateway.written.service_annotations.is_empty() {
        kubernetes.insert("serviceAnnotations".to_owned(), json!(gateway.written.service_annotations));
    }
    kubernetes.insert("service".to_owned(), Value::Object(service(mesh, cluster, gateway)));
    let overlays = overlays(mesh, gateway);
    if !overlays.is_empty() {
        kubernetes.insert("overlays".to_owned(), Value::Array(overlays));
    }
    let mut spec = Map::from_iter([("profile".to_owned(), json!("empty"))]);
    if let Some(revision) = cluster.revision {
        spec.insert("revision".to_owned(), json!(revision));
    }
    let label = json!({ "istio": "eastwestgateway", "app": NAME, "topology.istio.io/network": cluster.network });
    let component = json!({ "name": NAME, "label": label, "enabled": true, "k8s": kubernetes });
    spec.insert("components".to_owned(), json!({ "ingressGateways": [component] }));
    spec.insert("values".to_owned(), values(mesh, cluster, gateway));
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata(mesh, "eastwest-gateway"),
        "spec": spec,
    })]
}

pub(super) fn variables(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Value {
    let variables = mesh.release.gateway_variables.iter().copied();
    let view = ("ISTIO_META_REQUESTED_NETWORK_VIEW", cluster.network);
    variables.chain([view]).map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// What an IstioOperator says of pods (`1.30.3:operator/pkg/apis/types.go`; the API of 1.11.2 has the same fields). istioctl lays it
/// over what the chart says.
pub(super) fn pods(pod: &Pod) -> Map<String, Value> {
    let mut fields = Map::new();
    // The API of 1.11 takes quantities as texts only.
    let quantities = |list: &FreeForm| -> Map<String, Value> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        list.iter().map(|(name, value)| (name.clone(), Value::from(text(value)))).collect()
    };
    let resources = [("requests", &pod.resources.requests), ("limits", &pod.resources.limits)];
    let resources = resources.into_iter().filter(|(_, list)| !list.is_empty());
    let resources: Map<String, Value> =
        resources.map(|(name, list)| (name.to_owned(), Value::Object(quantities(list)))).collect();
    let told = [
        ("resources", Value::Object(resources)),
        ("nodeSelector", json!(pod.node_selector)),
        ("tolerations", json!(pod.tolerations)),
        ("affinity", json!(pod.affinity)),
        ("priorityClassName", json!(pod.priority_class_name.as_ref().map(Line::as_str).unwrap_or_default())),
    ];
    let is_told = |value: &Value| ![json!({}), json!([]), json!("")].contains(value);
    fields.extend(told.into_iter().filter(|(_, value)| is_told(value)).map(|(name, value)| (name.to_owned(), value)));
    fields
}

/// The specification of the gateway's Service, as far as it is not the chart's.
pub(super) fn service(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>) -> Map<String, Value> {
    let written = gateway.written;
    let mut service = Map::new();
    if written.service_type != ServiceType::LoadBalancer {
        service.insert("type".to_owned(), json!(written.service_type.as_str()));
    }
    if !written.external_ips.is_empty() {
        let addresses = written.external_ips.iter().map(|ip| json!(ip.to_string()));
        service.insert("externalIPs".to_owned(), addresses.collect());
    }
    if let Some(class) = written.load_balancer_class.as_ref().filter(|_| mesh.release.states_load_balancer_class) {
        service.insert("loadBalancerClass".to_owned(), json!(class.as_str()));
    }
    if let Some(policy) = written.external_traffic_policy {
        service.insert("externalTrafficPolicy".to_owned(), json!(policy.as_str()));
    }
    let node_ports = written.node_ports.each();
    let node_port =
        |name: &str| node_ports.iter().find(|(port, _)| *port == name).and_then(|(_, node_port)| *node_port);
    // The Gateway of services names the target port: istiod takes a number that no port of the Service has as it is
    // (`resolvePorts` of `1.30.3:pilot/pkg/model/gateway.go`, the same at 1.11.2).
    let dialled = |name: &str, target: u16| {
        if name == "tls" && !written.is_static() { written.port_for_services() } else { target }
    };
    let mut ports: Vec<Value> = PORTS
        .iter()
        .map(|(name, target)| {
            let port = json!({ "name": name, "port": dialled(name, *target), "targetPort": target });
            entry(port, node_port(name))
        })
        .collect();
    let collector =
        mesh.collector.as_ref().filter(|collector| collector.is_exposed && collector.cluster == cluster.position);
    if let Some(collector) = collector {
        let port = collector.gateway_port;
        let port = json!({ "name": "tcp-zipkin", "port": port, "targetPort": port, "protocol": "TCP" });
        ports.push(entry(port, collector.node_port));
    }
    service.insert("ports".to_owned(), Value::Array(ports));
    service
}

fn entry(mut port: Value, node_port: Option<u16>) -> Value {
    if let Some(node_port) = node_port {
        port["nodePort"] = json!(node_port);
    }
    port
}

/// The path of the label by which istiods find a gateway.
///
/// The component's labels are also those of the pods and of the selector, which no Deployment lets go of, so only the Service loses it.
pub(crate) const NETWORK_LABEL: &str = r"metadata.labels.topology\.istio\.io/network";

/// The annotation in which `install.sh` and the objects of a gateway note what proxies started with; `verify.sh` reads it.
pub(crate) const STARTED_WITH: &str = "meshgen/proxies-started-with";

/// The path of the label that names the port of the Service which other networks dial: not its target, and 15443 without the label
/// (`getGatewayDetails` of `1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`; 1.11.2 takes the number unseen).
const PORT_LABEL: &str = r"metadata.labels.networking\.istio\.io/gatewayPort";

/// What the IstioOperator of a release has no field for, and what is said of the Service alone. Each object has one overlay: of several, 1.11 applies the last
/// (`1.11.2:operator/pkg/patch/patch.go`).
fn overlays(mesh: &Mesh<'_>, gateway: &Gateway<'_>) -> Vec<Value> {
    let written = gateway.written;
    let mut service = Vec::new();
    if written.is_static() {
        service.push(json!({ "path": NETWORK_LABEL }));
    } else if written.port_for_services() != SERVICES_PORT {
        service.push(json!({ "path": PORT_LABEL, "value": written.port_for_services().to_string() }));
    }
    if let Some(class) = written.load_balancer_class.as_ref().filter(|_| !mesh.release.states_load_balancer_class) {
        service.push(json!({ "path": "spec.loadBalancerClass", "value": class.as_str() }));
    }
    let mut deployment = Vec::new();
    if !written.pod.topology_spread_constraints.is_empty() {
        let constraints = &written.pod.topology_spread_constraints;
        deployment.push(json!({ "path": "spec.template.spec.topologySpreadConstraints", "value": constraints }));
    }
    let overlay = |(api_version, kind, patches): (&str, &str, Vec<Value>)| {
        let overlay = json!({ "apiVersion": api_version, "kind": kind, "name": NAME, "patches": patches });
        (overlay["patches"] != json!([])).then_some(overlay)
    };
    [("v1", "Service", service), ("apps/v1", "Deployment", deployment)].into_iter().filter_map(overlay).collect()
}

/// The script's values, how many pods there are, and what the gateway is told of its cluster.
///
/// The chart makes the autoscaler of these values, and of the least number whether there is a `PodDisruptionBudget`: with 1, a node could
/// not be drained (`1.30.3:manifests/charts/gateways/istio-ingress/templates/poddisruptionbudget.yaml`; the chart of 1.11.2 makes one
/// always). `k8s.hpaSpec` reaches the autoscaler alone.
fn values(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>) -> Value {
    let mut chart = Map::from_iter([("injectionTemplate".to_owned(), json!("gateway"))]);
    if let Some(replicas) = gateway.written.replicas {
        let limits = [("autoscaleMin", replicas.min), ("autoscaleMax", replicas.max)];
        chart.extend(limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), json!(limit?)))));
    }
    json!({
        "gateways": { "istio-ingressgateway": chart },
        "global": istio::gateway_global(mesh, cluster),
    })
}
