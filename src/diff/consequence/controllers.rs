use crate::diff::ClusterChange;
use crate::diff::controllers::title;
use crate::diff::facts::Known;
use crate::diff::impact::Kind;
use crate::diff::manifest::documents;
use crate::layout::EXPOSURE;
use crate::plan::commits::two_commits;

use super::{Found, Situation};

impl Situation<'_> {
    /// What a controller must not get in one commit.
    pub(super) fn two_commits(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.after.controller().is_none() {
            return;
        }
        let apart = two_commits(&self.before.record, &self.after.record);
        for apart in apart.iter().filter(|apart| apart.primary == cluster.name) {
            found.add(Kind::Interrupts, &apart.advice());
        }
        self.unordered(&cluster.name, found);
    }

    /// Another way leads to the istiod of a cluster, and nothing makes the cluster wait until it leads there. Flux may apply a step before
    /// it reads that the step waits for another one from now on.
    fn unordered(&self, name: &str, found: &mut Found) {
        let (Some(old), Some(new)) = (self.before.member(name), self.after.member(name)) else { return };
        let primary = new.primary.as_str();
        let (Some(controller), false) = (self.after.controller(), primary == name) else { return };
        let is_exposed = self.before.has_files_below(&[primary, "/", EXPOSURE, "/expose-istiod"].concat());
        let gateway = |side: &Known<'_>| side.member(primary).map(|primary| primary.gateway.clone());
        let what = if old.primary != primary && !is_exposed {
            "exposes its istiod"
        } else if self.after.unordered_controller().is_some() && gateway(self.before) != gateway(self.after) {
            "has that address"
        } else {
            return;
        };
        let title = title(controller);
        let why = format!(
            "{title} may apply it before the gateway of {primary} {what}: until then, no istiod serves its proxies"
        );
        found.add(Kind::Interrupts, &why);
    }

    /// What a controller needs to get to a cluster, if that is new.
    pub(super) fn way_of_controller(&self, cluster: &str, kind: Kind, found: &mut Found) {
        if let Some(way) = way(self.after, cluster).filter(|new| way(self.before, cluster).as_ref() != Some(new)) {
            found.add(kind, &way);
        }
    }
}

/// What a controller needs before it can apply a cluster; nothing without a controller.
fn way(side: &Known<'_>, cluster: &str) -> Option<String> {
    let root = side.root_of(cluster)?;
    let (title, namespace) = (title(root.controller), &root.namespace);
    if root.cluster.is_some() {
        return Some(format!("{title} has to run in it, in the namespace {namespace}"));
    }
    let told = documents(side.text(&[root.directory, "/", cluster, ".yaml"].concat())?)?;
    let name = |pointer: &str| told.iter().find_map(|object| object.pointer(pointer)?.as_str().map(str::to_owned));
    match name("/spec/kubeConfig/secretRef/name") {
        Some(secret) => Some(format!(
            "{title} has to have its kubeconfig first, in the Secret {secret} of the namespace {namespace}"
        )),
        None => Some(format!("{title} has to know it by the name {} first", name("/spec/destination/name")?)),
    }
}
