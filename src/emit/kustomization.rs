use serde_json::{Map, Value, json};

use crate::mesh::Cluster;
use crate::tree::{Mode, Tree};
use crate::yaml;

use super::Role;

/// The version of Kustomization that kustomize 4.0 reads.
pub(super) const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The name under which kustomize, kubectl, Argo CD and Flux look for a kustomization.
pub(super) const FILE: &str = "kustomization.yaml";

/// The kustomization of a directory that holds manifests.
pub(super) fn emit(cluster: &Cluster<'_>, directory: &str, files: &[(&str, Role)], tree: &mut Tree) {
    let of_role = |role: Role| files.iter().filter(move |(_, other)| *other == role).map(|(file, _)| *file);
    let mut kustomization = Map::new();
    kustomization.insert("apiVersion".to_owned(), json!(API_VERSION));
    kustomization.insert("kind".to_owned(), json!("Kustomization"));
    kustomization.insert("resources".to_owned(), of_role(Role::Resource).collect());
    let patches: Vec<Value> =
        of_role(Role::Patch).map(|file| json!({ "path": file, "target": { "kind": "IstioOperator" } })).collect();
    if !patches.is_empty() {
        kustomization.insert("patches".to_owned(), Value::Array(patches));
    }
    tree.add(format!("{}/{directory}/{FILE}", cluster.name), Mode::Public, yaml::print(&Value::Object(kustomization)));
}
