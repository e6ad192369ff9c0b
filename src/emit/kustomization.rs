use serde_json::{Map, Value, json};

use crate::artifact::Role;
use crate::mesh::Mesh;
use crate::plan::{Contents, Manifest};
use crate::yaml;

/// The version of Kustomization that kustomize 4.0 reads.
pub(super) const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The name under which kustomize, kubectl, Argo CD and Flux look for a kustomization.
pub(super) const FILE: &str = "kustomization.yaml";

/// The kustomizations of a cluster's directories of manifests, except those that istioctl or helm alone reads.
pub(super) fn texts(mesh: &Mesh<'_>, contents: &Contents) -> Vec<(&'static str, String)> {
    let is_read = |manifests: &[Manifest]| {
        let has = |role| manifests.iter().any(|manifest| manifest.role == role);
        !has(Role::Values) && (mesh.release.has_in_cluster_operator || !has(Role::Operator))
    };
    let directories = contents.directories.iter().filter(|(_, manifests)| is_read(manifests));
    directories.map(|(directory, manifests)| (*directory, text(manifests))).collect()
}

fn text(manifests: &[Manifest]) -> String {
    let of_role = |roles: &'static [Role]| {
        let manifests = manifests.iter().filter(|manifest| roles.contains(&manifest.role));
        manifests.map(|manifest| manifest.file)
    };
    let mut kustomization = Map::new();
    kustomization.insert("apiVersion".to_owned(), json!(API_VERSION));
    kustomization.insert("kind".to_owned(), json!("Kustomization"));
    kustomization.insert("resources".to_owned(), of_role(&[Role::Resource, Role::Operator]).collect());
    let patches: Vec<Value> = of_role(&[Role::OperatorPatch])
        .map(|file| json!({ "path": file, "target": { "kind": "IstioOperator" } }))
        .collect();
    if !patches.is_empty() {
        kustomization.insert("patches".to_owned(), Value::Array(patches));
    }
    yaml::print(&Value::Object(kustomization))
}
