//! What a controller does with a tree.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::artifact::helm_releases::{KEPT, UNPRUNED};
use crate::command::{Command, OURS};
use crate::layout::CONTROLLERS;

use super::facts::Known;
use super::manifest::documents;

/// The kind by which Flux installs a chart.
pub(super) const HELM_RELEASE: &str = "HelmRelease";

/// Whether the controller leaves an object alone that a file stated before.
pub(super) fn is_left(controller: &str, after: &Known<'_>, file: &str) -> bool {
    let Some((path, _)) = file.rsplit_once('/') else { return true };
    let directory = path.rsplit('/').next().unwrap_or_default();
    match (controller, after.has_files_below(&[path, "/"].concat())) {
        ("flux", true) => UNPRUNED.contains(&directory),
        ("flux", false) => KEPT.contains(&directory),
        // Argo CD asks before it deletes, and an Application that goes leaves everything.
        (_, is_applied) => !is_applied,
    }
}

/// Whether the controller asks before it deletes an object that a file stated before.
pub(super) fn is_asked_about(controller: &str, file: &str) -> bool {
    let directory = file.rsplit('/').nth(1).unwrap_or_default();
    controller == "argocd" && KEPT.contains(&directory)
}

/// Where a controller reads the tree: in one place for all clusters, or in a cluster for itself.
pub(super) struct Root<'s> {
    pub(super) controller: &'static str,
    /// The directory of its file `root.yaml`.
    pub(super) directory: &'s str,
    /// The cluster that it is in, where that is not the place for all.
    pub(super) cluster: Option<&'s str>,
    pub(super) namespace: String,
    /// The labels of all that it is told.
    pub(super) ours: String,
    /// What people apply, because the controller begins with it.
    begins_with: Vec<Value>,
}

impl Root<'_> {
    /// Whether it is the same controller in the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.controller, self.directory, &self.namespace) == (other.controller, other.directory, &other.namespace)
    }

    /// Whether it begins with the same as the other one.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        self.is_same(other) && self.begins_with == other.begins_with
    }
}

impl Known<'_> {
    /// The controller that applies the tree, by the name of its directory.
    pub(super) fn controller(&self) -> Option<&'static str> {
        self.roots().first().map(|root| root.controller)
    }

    /// The controller, if a change reaches clusters in any order: Argo CD's waves order only when Applications are made or changed, and one
    /// in each cluster knows of no other.
    pub(super) fn unordered_controller(&self) -> Option<&'static str> {
        let roots = self.roots();
        let is_unordered = |root: &&Root<'_>| root.controller != "flux" || root.cluster.is_some();
        roots.iter().find(is_unordered).map(|root| root.controller)
    }

    /// Where a controller reads the tree.
    pub(super) fn roots(&self) -> Vec<Root<'_>> {
        let pages = self.pages();
        let directories = pages.keys().filter_map(|path| path.strip_suffix("/root.yaml"));
        directories.filter_map(|directory| root(&pages, directory)).collect()
    }

    /// The controller of a cluster, and where it runs.
    pub(super) fn root_of(&self, cluster: &str) -> Option<Root<'_>> {
        self.roots().into_iter().find(|root| root.cluster.is_none_or(|own| own == cluster))
    }

    /// What a controller needs before it can apply a cluster; nothing without a controller.
    pub(super) fn way_of_controller(&self, cluster: &str) -> Option<String> {
        let root = self.root_of(cluster)?;
        let (title, namespace) = (title(root.controller), &root.namespace);
        if root.cluster.is_some() {
            return Some(format!("{title} has to run in it, in the namespace {namespace}"));
        }
        let pages = self.pages();
        let told = documents(pages.get([root.directory, "/", cluster, ".yaml"].concat().as_str())?)?;
        let name = |pointer: &str| told.iter().find_map(|object| object.pointer(pointer)?.as_str().map(str::to_owned));
        match name("/spec/kubeConfig/secretRef/name") {
            Some(secret) => Some(format!(
                "{title} has to have its kubeconfig first, in the Secret {secret} of the namespace {namespace}"
            )),
            None => Some(format!("{title} has to know it by the name {} first", name("/spec/destination/name")?)),
        }
    }

    /// The command that lets Argo CD delete what a directory no longer states
    /// (argo-cd.readthedocs.io, "Resource Pruning With Confirmation").
    pub(super) fn confirms_deletion(&self, cluster: &str, directory: &str) -> Option<String> {
        let root = self.root_of(cluster)?;
        let file = [root.directory, "/", cluster, ".yaml"].concat();
        let suffix = ["-", directory].concat();
        let applications = documents(self.pages().get(file.as_str())?)?;
        let mut names = applications.iter().filter_map(|one| one.pointer("/metadata/name")?.as_str());
        let name = names.find(|name| name.ends_with(&suffix))?;
        let words = ["-n", root.namespace.as_str(), "annotate", "applications.argoproj.io", name, "--overwrite"];
        let approved = "argocd.argoproj.io/deletion-approved=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"";
        Some(self.beside_controller(root.cluster).words(words).shell(approved).to_string())
    }

    /// kubectl where a controller runs: in a cluster of the mesh, or in the place for all of them.
    pub(super) fn beside_controller(&self, cluster: Option<&str>) -> Command {
        let context = cluster.and_then(|name| self.member(name)).map(|member| member.context.as_str());
        context.map_or_else(|| Command::new("kubectl"), Command::kubectl)
    }
}

/// The name of a controller for people.
pub(super) fn title(controller: &str) -> &'static str {
    if controller == "argocd" { "Argo CD" } else { "Flux" }
}

fn root<'s>(pages: &BTreeMap<&'s str, &'s str>, directory: &'s str) -> Option<Root<'s>> {
    let (controller, cluster) = match directory.split_once('/') {
        Some((controller, cluster)) => (controller, Some(cluster)),
        None => (directory, None),
    };
    let read = |file: &str| documents(pages.get([directory, file].concat().as_str())?);
    let mut begins_with = read("/root.yaml")?;
    let root = begins_with.first()?;
    let field = |pointer: &str| root.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let ours = format!("{OURS},app.kubernetes.io/part-of={}", field("/metadata/labels/app.kubernetes.io~1part-of"));
    let namespace = field("/metadata/namespace").to_owned();
    // What it applies itself afterwards needs no people.
    begins_with.extend(read("/sources.yaml").into_iter().flatten().filter(|source| source["kind"] == "GitRepository"));
    let controller = CONTROLLERS.into_iter().find(|known| *known == controller)?;
    Some(Root { controller, directory, cluster, namespace, ours, begins_with })
}
