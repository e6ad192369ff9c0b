use serde_json::{Value, json};

use crate::fact::signer_of_cluster;
use crate::layout::ROOT_CERTIFICATE;
use crate::mesh::{Cluster, Mesh};

use super::labels;

/// The `Bundle`, and the `ConfigMap` that trust-manager makes of it.
const NAME: &str = "istio-root";

/// The mesh's roots, which trust-manager brings to the namespace of the authority that signs in the cluster (cert-manager/trust-manager
/// v0.25.0, `pkg/apis/trust/v1alpha1/types_bundle.go`). Without them, istio-csr hands out the root that its own issuer returned.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    // A remote's proxies ask what its primary tells them.
    let values = [&mesh.primary_of(cluster).written.istio.values, &mesh.istio.values];
    let bundle = |roots: &str| {
        let (address, _) = signer_of_cluster(&values)?;
        let namespace = address.split('.').nth(1)?.to_owned();
        Some(json!({
            "apiVersion": "trust.cert-manager.io/v1alpha1",
            "kind": "Bundle",
            "metadata": { "name": NAME, "labels": labels(mesh) },
            "spec": {
                "sources": [{ "inLine": roots }],
                "target": {
                    "configMap": { "key": ROOT_CERTIFICATE },
                    "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
                },
            },
        }))
    };
    mesh.other_roots.and_then(bundle).into_iter().collect()
}
