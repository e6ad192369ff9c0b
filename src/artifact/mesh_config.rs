use serde_json::{Value, json};

use crate::istio;
use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Mesh};
use crate::topology::Install;

/// The mesh-config patch: a partial IstioOperator of the same name with nothing but `spec.meshConfig`.
///
/// A cluster without an istiod has none: its proxies get their primary's.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if !cluster.runs_istiod || cluster.install != Install::Istioctl {
        return Vec::new();
    }
    vec![json!({
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": { "name": "istio", "namespace": ISTIO_SYSTEM },
        "spec": { "meshConfig": istio::mesh_config(mesh, cluster) },
    })]
}
