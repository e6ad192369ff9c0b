//! What a controller does with a tree.

use crate::artifact::helm_releases::{KEPT, UNPRUNED};
use crate::command::{Command, OURS};
use crate::layout::CONTROLLERS;

use super::ObjectChange;
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

impl Known<'_> {
    /// The controller that applies the tree, by the name of its directory.
    pub(super) fn controller(&self) -> Option<&'static str> {
        self.controlled().map(|(controller, ..)| controller)
    }

    /// The same with its namespace, and the labels of all that it is told.
    pub(super) fn controlled(&self) -> Option<(&'static str, String, String)> {
        let pages = self.pages();
        let (path, text) = pages.iter().find(|(path, _)| path.contains('/') && path.ends_with("/root.yaml"))?;
        let controller = CONTROLLERS.into_iter().find(|controller| path.split('/').next() == Some(controller))?;
        let root = documents(text)?.into_iter().next()?;
        let text = |pointer: &str| root.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let mesh = text("/metadata/labels/app.kubernetes.io~1part-of");
        let ours = format!("{OURS},app.kubernetes.io/part-of={mesh}");
        Some((controller, text("/metadata/namespace").to_owned(), ours))
    }

    /// The command that deletes a release of Flux's, in the cluster of the controller: Flux uninstalls it.
    pub(super) fn deletes_release(&self, cluster: &str, release: &ObjectChange) -> Option<String> {
        let (namespace, name) = (release.namespace.as_deref()?, release.name.as_deref()?);
        let words = ["-n", namespace, "delete", "helmreleases.helm.toolkit.fluxcd.io", name];
        let is_hub = self.pages().contains_key("flux/root.yaml");
        let context = self.member(cluster).filter(|_| !is_hub).map(|member| member.context.as_str());
        let kubectl = context.map_or_else(|| Command::new("kubectl"), Command::kubectl);
        Some(kubectl.words(words).to_string())
    }
}
