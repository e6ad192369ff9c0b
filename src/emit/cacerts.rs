use serde_json::json;

use crate::mesh::{Cluster, Mesh};
use crate::pki::Bundle;
use crate::tree::{Mode, Tree};
use crate::yaml;

use super::{CACERTS, ISTIO_SYSTEM, kustomization, labels};

/// The file of a private key.
pub(crate) const KEY: &str = "ca-key.pem";

/// The Secret `cacerts` under istiod's four key names, made by kustomize from the PEM files beside it.
pub(super) fn emit(mesh: &Mesh<'_>, cluster: &Cluster<'_>, bundle: Option<&Bundle>, tree: &mut Tree) {
    let files = [
        ("root-cert.pem", Mode::Public, bundle.map(|bundle| bundle.root_certificate.as_str())),
        ("ca-cert.pem", Mode::Public, bundle.map(|bundle| bundle.certificate.as_str())),
        (KEY, Mode::Private, bundle.and_then(|bundle| bundle.key.as_ref()).map(|key| key.as_str())),
        ("cert-chain.pem", Mode::Public, bundle.map(|bundle| bundle.chain.as_str())),
    ];
    let kustomization = json!({
        "apiVersion": kustomization::API_VERSION,
        "kind": "Kustomization",
        "namespace": ISTIO_SYSTEM,
        "secretGenerator": [{
            "name": "cacerts",
            "files": files.map(|(name, _, _)| name),
            "options": { "disableNameSuffixHash": true, "labels": labels(mesh) },
        }],
    });
    let path = |file: &str| format!("{}/{CACERTS}/{file}", cluster.name);
    tree.add(path(kustomization::FILE), Mode::Public, yaml::print(&kustomization));
    for (name, mode, text) in files {
        // In a clone without keys the files are named all the same: who has them applies the directory.
        if let Some(text) = text {
            tree.add(path(name), mode, text);
        }
    }
}
