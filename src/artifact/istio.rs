use serde_json::{Map, Value, json};

use crate::istio;
use crate::mesh::{Cluster, Mesh};
use crate::topology::Install;

use super::metadata;

/// The IstioOperator `istio`: profile, identity, control plane, the author's Helm values. The topology's profile is
/// that of clusters with an istiod; a remote without one is thin: `profile: remote`, and its egress gateway is installed by itself.
///
/// It has a name of its own: with an unnamed one, installing again would prune the east-west gateway (istio/istio#36982).
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Istioctl {
        return Vec::new();
    }
    let mut spec = Map::new();
    spec.insert("profile".to_owned(), json!(if cluster.runs_istiod { mesh.profile } else { "remote" }));
    if let Some(revision) = cluster.revision {
        spec.insert("revision".to_owned(), json!(revision));
    }
    let mut components = Map::new();
    if let Some(is_enabled) = cluster.cni {
        let mut cni = Map::from_iter([("enabled".to_owned(), json!(is_enabled))]);
        if cluster.is_on_openshift {
            cni.insert("namespace".to_owned(), json!(cluster.cni_namespace()));
        }
        components.insert("cni".to_owned(), Value::Object(cni));
    }
    if let Some(is_enabled) = mesh.egress_gateway.filter(|_| cluster.runs_istiod) {
        let gateway = json!({ "name": "istio-egressgateway", "enabled": is_enabled });
        components.insert("egressGateways".to_owned(), json!([gateway]));
    }
    if !components.is_empty() {
        spec.insert("components".to_owned(), Value::Object(components));
    }
    if !cluster.runs_istiod {
        // Elsewhere the patch beside this file says it.
        let mesh_config = istio::mesh_config(mesh, cluster);
        if !mesh_config.is_empty() {
            spec.insert("meshConfig".to_owned(), Value::Object(mesh_config));
        }
    }
    spec.insert("values".to_owned(), Value::Object(istio::values(mesh, cluster)));
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata(mesh, "istio"),
        "spec": spec,
    })]
}
