use serde_json::json;

use crate::artifact::labels;
use crate::layout::{CERTIFICATE, CHAIN, GITIGNORE, ISTIO_SYSTEM, KEY, ROOT_CERTIFICATE, SECRET_FILES, bundle_path};
use crate::mesh::{Cluster, Mesh};
use crate::pki::Bundle;
use crate::tree::{Mode, Tree};
use crate::yaml;

use super::kustomization;

/// Whether the directory can have a file.
pub(super) fn has_file(file: &str) -> bool {
    [kustomization::FILE, GITIGNORE, ROOT_CERTIFICATE, CERTIFICATE, KEY, CHAIN].contains(&file)
        || SECRET_FILES.contains(&file)
}

/// Keeps the private key out of Git also where the directory is copied to, or stands in a repository of its own.
pub(super) fn ignored() -> String {
    format!("/{KEY}\n/.meshgen-*\n")
}

/// The object beside it that brings the Secret `cacerts`; or that Secret under istiod's four key names, made by kustomize from the
/// PEM files.
pub(super) fn kustomization(mesh: &Mesh<'_>) -> String {
    if let Some(file) = mesh.secrets.form.file() {
        let resources = json!([file]);
        let kustomization =
            json!({ "apiVersion": kustomization::API_VERSION, "kind": "Kustomization", "resources": resources });
        return yaml::print(&kustomization);
    }
    yaml::print(&json!({
        "apiVersion": kustomization::API_VERSION,
        "kind": "Kustomization",
        "namespace": ISTIO_SYSTEM,
        "secretGenerator": [{
            "name": "cacerts",
            "files": [ROOT_CERTIFICATE, CERTIFICATE, KEY, CHAIN],
            "options": { "disableNameSuffixHash": true, "labels": labels(mesh) },
        }],
    }))
}

/// The files of a bundle, which gives its texts away: a tree of them beside the bundles would be held twice.
pub(super) fn emit_files(mesh: &Mesh<'_>, cluster: &Cluster<'_>, bundle: &mut Bundle, tree: &mut Tree) {
    let path = |file: &str| bundle_path(cluster.name, file);
    tree.add(path(ROOT_CERTIFICATE), Mode::Public, std::mem::take(&mut bundle.root_certificate));
    tree.add(path(CERTIFICATE), Mode::Public, std::mem::take(&mut bundle.certificate));
    tree.add(path(CHAIN), Mode::Public, std::mem::take(&mut bundle.chain));
    if let (Some(file), Some(object)) = (mesh.secrets.form.file(), &mut bundle.object) {
        tree.add(path(file), Mode::Public, std::mem::take(object));
        return;
    }
    // The kustomization names the keys even in a clone without them, because a person who has them applies it.
    if let Some(mut key) = bundle.key.take() {
        tree.add(path(KEY), Mode::Private, std::mem::take(&mut *key));
    }
}
