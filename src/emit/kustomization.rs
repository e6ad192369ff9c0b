use serde_json::{Map, Value, json};

use crate::mesh::{Cluster, Mesh};
use crate::tree::{Mode, Tree};
use crate::yaml;

use super::Role;

/// The version of Kustomization that kustomize 4.0 reads.
pub(super) const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The name under which kustomize, kubectl, Argo CD and Flux look for a kustomization.
pub(super) const FILE: &str = "kustomization.yaml";

/// The kustomization of a directory that holds manifests; none where they wait for an operator that does not exist.
pub(super) fn emit(mesh: &Mesh<'_>, cluster: &Cluster<'_>, directory: &str, files: &[(&str, Role)], tree: &mut Tree) {
    let is_for_operator = files.iter().any(|(_, role)| *role == Role::Operator);
    if is_for_operator && !mesh.release.has_in_cluster_operator {
        return;
    }
    let of_role = |roles: &'static [Role]| files.iter().filter(|(_, role)| roles.contains(role)).map(|(file, _)| *file);
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
    tree.add(format!("{}/{directory}/{FILE}", cluster.name), Mode::Public, yaml::print(&Value::Object(kustomization)));
}
