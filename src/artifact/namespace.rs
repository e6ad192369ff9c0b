use serde_json::{Value, json};

use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Mesh};
use crate::topology::Controller;

use super::labels;

/// The namespace `istio-system`, labelled with the cluster's network where there are several.
///
/// The label is stated here because istioctl sets it only on a namespace that it makes itself, and the certificates want the
/// namespace earlier (1.11.2, operator/pkg/helmreconciler/reconciler.go).
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let mut labels = labels(mesh);
    if mesh.is_multi_network() {
        labels["topology.istio.io/network"] = json!(cluster.network);
    }
    let mut metadata = json!({ "name": ISTIO_SYSTEM, "labels": labels });
    if !cluster.runs_istiod {
        // Read once, when the primary learns of this cluster by its remote secret: without it the primary writes no root
        // certificate and no webhook here (1.30.3:pilot/pkg/serviceregistry/kube/controller/multicluster.go).
        let primary = mesh.primary_of(cluster).name;
        metadata["annotations"] = json!({ "topology.istio.io/controlPlaneClusters": primary });
    }
    // With it would go all of Istio.
    match mesh.gitops.map(|gitops| gitops.controller) {
        Some(Controller::ArgoCd) => {
            metadata["annotations"]["argocd.argoproj.io/sync-options"] = json!("Prune=false,Delete=false");
        }
        Some(Controller::Flux) => {
            metadata["annotations"]["kustomize.toolkit.fluxcd.io/prune"] = json!("disabled");
        }
        None => {}
    }
    vec![json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })]
}
