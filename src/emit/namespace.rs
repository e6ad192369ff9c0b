use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};

use super::{ISTIO_SYSTEM, labels};

/// The namespace `istio-system`, labelled with the cluster's network where there are several.
///
/// The label is stated here because istioctl sets it only on a namespace that it makes itself, and the certificates want the
/// namespace earlier (1.11.2, operator/pkg/helmreconciler/reconciler.go).
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let mut labels = labels(mesh);
    if mesh.is_multi_network() {
        labels["topology.istio.io/network"] = json!(cluster.network);
    }
    vec![json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": ISTIO_SYSTEM, "labels": labels },
    })]
}
