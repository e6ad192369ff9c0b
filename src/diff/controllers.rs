//! What a controller does with a tree.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::artifact::helm_releases::{KEPT, UNPRUNED};
use crate::command::OURS;
use crate::layout::CONTROLLERS;

use super::Side;
use super::manifest::documents;

/// The kind by which Flux installs a chart.
pub(super) const HELM_RELEASE: &str = "HelmRelease";

/// Whether the controller leaves an object alone that a file stated before.
pub(super) fn is_left(controller: &str, after: &Side, file: &str) -> bool {
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

    /// Where it reads the tree.
    pub(super) fn source(&self) -> Option<String> {
        let source = |object: &Value| match object["kind"].as_str() {
            Some("GitRepository") => described(&object["spec"]),
            _ => described(&object["spec"]["source"]),
        };
        self.begins_with.iter().find_map(source)
    }

    /// Whether it begins with the same as the other one.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        self.is_same(other) && self.begins_with == other.begins_with
    }
}

/// The name of a controller for people.
pub(super) fn title(controller: &str) -> &'static str {
    if controller == "argocd" { "Argo CD" } else { "Flux" }
}

/// Where a controller reads a tree.
pub(super) fn roots(side: &Side) -> Vec<Root<'_>> {
    let pages = side.pages();
    let directories = pages.keys().filter_map(|path| path.strip_suffix("/root.yaml"));
    directories.filter_map(|directory| root(&pages, directory)).collect()
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

/// A source in one line: its URL, and what of it.
fn described(source: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let url = source.get("url").or_else(|| source.get("repoURL")).and_then(text)?;
    let parts = [source.get("targetRevision").cloned(), source.get("ref").cloned(), source.get("path").cloned()];
    let parts = parts.into_iter().flatten().map(|part| text(&part).unwrap_or_else(|| part.to_string()));
    Some([url].into_iter().chain(parts).collect::<Vec<String>>().join(" "))
}
