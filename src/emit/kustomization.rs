use serde_json::{Map, Value, json};

use crate::artifact::{Role, helm_releases, labels};
use crate::mesh::{Cluster, Mesh};
use crate::plan::{Contents, Manifest};
use crate::yaml;

/// The version of Kustomization that kustomize 4.0 reads.
pub(super) const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The name under which kustomize, kubectl, Argo CD and Flux look for a kustomization.
pub(super) const FILE: &str = "kustomization.yaml";

/// The kustomizations of a cluster's directories of manifests, except those that istioctl or helm alone reads.
pub(super) fn texts(mesh: &Mesh<'_>, cluster: &Cluster<'_>, contents: &Contents) -> Vec<(&'static str, String)> {
    let is_read = |manifests: &[Manifest]| {
        let has = |role| manifests.iter().any(|manifest| manifest.role == role);
        let is_of_helm = has(Role::Values) && !has(Role::Release);
        !is_of_helm && (mesh.release.has_in_cluster_operator || !has(Role::Operator))
    };
    let directories = contents.directories.iter().filter(|(_, manifests)| is_read(manifests));
    directories.map(|(directory, manifests)| (*directory, text(mesh, cluster, directory, manifests))).collect()
}

fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>, directory: &str, manifests: &[Manifest]) -> String {
    let of_role = |roles: &'static [Role]| {
        let manifests = manifests.iter().filter(|manifest| roles.contains(&manifest.role));
        manifests.map(|manifest| manifest.file)
    };
    let mut kustomization = Map::new();
    kustomization.insert("apiVersion".to_owned(), json!(API_VERSION));
    kustomization.insert("kind".to_owned(), json!("Kustomization"));
    let resources = of_role(&[Role::Resource, Role::Operator, Role::Sail, Role::Release]);
    kustomization.insert("resources".to_owned(), resources.collect());
    let patched = [(&[Role::OperatorPatch], "IstioOperator"), (&[Role::SailPatch], "Istio")];
    let patches: Vec<Value> = patched
        .into_iter()
        .flat_map(|(role, kind)| of_role(role).map(move |file| json!({ "path": file, "target": { "kind": kind } })))
        .collect();
    if !patches.is_empty() {
        kustomization.insert("patches".to_owned(), Value::Array(patches));
    }
    let configurations: Vec<&str> = of_role(&[Role::Configuration]).collect();
    if let Some(gitops) = mesh.gitops.filter(|_| !configurations.is_empty()) {
        kustomization.insert("configurations".to_owned(), json!(configurations));
        // A change of the values is a release at once.
        let mut labels = labels(mesh);
        labels["reconcile.fluxcd.io/watch"] = json!("Enabled");
        let generator = json!({
            "name": helm_releases::values_of(mesh, cluster.name, directory),
            "namespace": gitops.namespace(),
            "files": of_role(&[Role::Values]).collect::<Vec<_>>(),
            "options": { "labels": labels },
        });
        kustomization.insert("configMapGenerator".to_owned(), json!([generator]));
    }
    yaml::print(&Value::Object(kustomization))
}
