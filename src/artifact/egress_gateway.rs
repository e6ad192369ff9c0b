use serde_json::{Map, Value, json};

use crate::istio;
use crate::mesh::{Cluster, Mesh};
use crate::topology::Install;

use super::metadata;

/// The name of the gateway's Deployment and Service, and of its values.
pub(crate) const NAME: &str = "istio-egressgateway";

/// The egress gateway of a thin remote, where the author asks for one. Elsewhere it is a component of the IstioOperator `istio`.
///
/// There it would keep `istioctl install` waiting: what its pod needs, the control plane of the primary brings only when it has the
/// remote secret. So it is installed after that, and injected, as the east-west gateway is. It is as large as the profile's
/// (`1.30.3:manifests/profiles/demo.yaml`).
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let is_wanted = mesh.egress_gateway == Some(true) && !cluster.runs_istiod;
    if !is_wanted || cluster.install != Install::Istioctl {
        return Vec::new();
    }
    let mut spec = Map::from_iter([("profile".to_owned(), json!("empty"))]);
    if let Some(revision) = cluster.revision {
        spec.insert("revision".to_owned(), json!(revision));
    }
    let mut component = json!({ "name": NAME, "enabled": true });
    let mut chart = istio::gateway_values(mesh, cluster, NAME);
    if mesh.profile == "demo" {
        component["k8s"] = json!({ "resources": { "requests": { "cpu": "10m", "memory": "40Mi" } } });
        chart.entry("autoscaleEnabled").or_insert(json!(false));
    }
    spec.insert("components".to_owned(), json!({ "egressGateways": [component] }));
    chart.entry("injectionTemplate").or_insert_with(|| json!("gateway"));
    let gateways = Map::from_iter([(NAME.to_owned(), Value::Object(chart))]);
    spec.insert("values".to_owned(), json!({ "gateways": gateways, "global": istio::gateway_global(mesh, cluster) }));
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata(mesh, "egress-gateway"),
        "spec": spec,
    })]
}
