//! What the files of Argo CD and of Flux have in common.

use serde_json::{Value, json};

use crate::layout;
use crate::mesh::Mesh;
use crate::plan::{Plan, Unit};
use crate::topology::{GitOps, Name};
use crate::words::short_name;
use crate::yaml;

use super::kustomization;

/// The clusters that one controller applies.
pub(super) struct Part<'m> {
    /// The directory of its files in the tree.
    pub(super) directory: String,
    pub(super) clusters: Vec<&'m str>,
}

/// Files by path, printed.
#[derive(Default)]
pub(super) struct Files(Vec<(String, String)>);

impl Files {
    pub(super) fn add(&mut self, directory: &str, file: &str, documents: &[Value]) {
        self.0.push(([directory, "/", file].concat(), yaml::print_all(documents)));
    }

    /// Adds a file for each cluster of a part, and the list of what the controller reads: another file and these.
    pub(super) fn add_clusters(&mut self, part: &Part<'_>, other: &str, documents: impl Fn(&str) -> Vec<Value>) {
        let file = |cluster: &str| [cluster, ".yaml"].concat();
        let read = [other.to_owned()].into_iter().chain(part.clusters.iter().map(|cluster| file(cluster)));
        self.add(&part.directory, kustomization::FILE, &[resources(&read.collect::<Vec<String>>())]);
        for cluster in &part.clusters {
            self.add(&part.directory, &file(cluster), &documents(cluster));
        }
    }

    /// The paths and the texts.
    pub(super) fn each(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }
}

/// One controller for all clusters, or one in each that has anything to apply.
pub(super) fn parts<'m>(plan: &Plan<'m, '_>, gitops: &GitOps) -> Vec<Part<'m>> {
    let directory = gitops.controller.as_str();
    let names = plan.mesh.clusters.iter().map(|cluster| cluster.name);
    if gitops.hub {
        return vec![Part { directory: directory.to_owned(), clusters: names.collect() }];
    }
    names.map(|name| Part { directory: [directory, "/", name].concat(), clusters: vec![name] }).collect()
}

/// The name of a unit among the controller's objects.
pub(super) fn name(mesh: &Mesh<'_>, unit: &Unit<'_, '_>) -> String {
    short_name(&[mesh.id, unit.cluster.name, unit.what.artifact()])
}

/// A path of the tree as one of the repository.
pub(super) fn path(gitops: &GitOps, path: &str) -> String {
    match gitops.path.as_str() {
        "." => path.to_owned(),
        tree => [tree, "/", path].concat(),
    }
}

fn resources(files: &[String]) -> Value {
    json!({ "apiVersion": kustomization::API_VERSION, "kind": "Kustomization", "resources": files })
}

/// The files of a controller besides those of clusters.
const FILES: [&str; 5] = [kustomization::FILE, "sources.yaml", "project.yaml", "root.yaml", "settings.yaml"];

/// Whether a path below the directory of a controller is one that meshgen can emit: of a hub, or of one cluster's part.
pub(super) fn is_emitted(parts: &[&str]) -> bool {
    let is_cluster = |name: &str| name.parse::<Name>().is_ok();
    let is_file = |file: &str| FILES.contains(&file) || file.strip_suffix(".yaml").is_some_and(is_cluster);
    match parts {
        [directory, file] => layout::CONTROLLERS.contains(directory) && is_file(file),
        [directory, cluster, file] => layout::CONTROLLERS.contains(directory) && is_cluster(cluster) && is_file(file),
        _ => false,
    }
}
