use serde_json::{Map, Value, json};

use crate::mesh::{Cluster, Mesh};

use super::metadata;

/// The IstioOperator `istio`: profile, identity, control plane, the author's Helm values.
///
/// It has a name of its own: with an unnamed one, installing again would prune the east-west gateway (istio/istio#36982).
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let mut spec = Map::new();
    spec.insert("profile".to_owned(), json!(mesh.profile));
    if let Some(is_enabled) = mesh.egress_gateway {
        let gateway = json!({ "name": "istio-egressgateway", "enabled": is_enabled });
        spec.insert("components".to_owned(), json!({ "egressGateways": [gateway] }));
    }
    spec.insert("values".to_owned(), Value::Object(cluster.values.clone()));
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata(mesh, "istio"),
        "spec": spec,
    })]
}
