//! An `ExternalSecret`: the External Secrets Operator of a cluster gets the private key from a store
//! (external-secrets/external-secrets v2.9.0, `apis/externalsecrets/v1/externalsecret_types.go`).
//!
//! The certificates stand in its template, as they are: who can write to the store cannot change whom the mesh trusts. The Secret stays
//! when the `ExternalSecret` goes.

use serde_json::{Value, json};

use crate::artifact::labels;
use crate::layout::{ISTIO_SYSTEM, KEY};
use crate::mesh::Mesh;
use crate::pki::Bundle;
use crate::topology::SecretStore;

use super::{SECRET, certificates, store_key};

/// The `ExternalSecret`.
pub(super) fn object(mesh: &Mesh<'_>, cluster: &str, store: &SecretStore, bundle: &Bundle) -> Value {
    let mut data = certificates(bundle);
    data.insert(KEY.to_owned(), json!(format!("{{{{ index . \"{KEY}\" }}}}")));
    data.sort_keys();
    json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": { "name": SECRET, "namespace": ISTIO_SYSTEM, "labels": labels(mesh) },
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": { "kind": store.kind.as_str(), "name": store.name.as_str() },
            "target": {
                "name": SECRET,
                // An istiod that starts without the Secret signs with a root of its own.
                "creationPolicy": "Orphan",
                "deletionPolicy": "Retain",
                "template": {
                    "type": "Opaque",
                    "engineVersion": "v2",
                    "mergePolicy": "Replace",
                    "metadata": { "labels": labels(mesh) },
                    "data": data,
                },
            },
            "dataFrom": [{ "extract": { "key": store_key(mesh.id, cluster, &bundle.facts) } }],
        },
    })
}
