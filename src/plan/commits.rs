//! What a controller must not get in one commit: it applies all of it, in no order that a running mesh could rely on.

use crate::layout::CONTROLLERS;
use crate::lock::{Cluster, Lock};
use crate::words::bare_names;

/// A primary that stops serving other clusters, and those that move to another one in the same change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoCommits {
    /// The primary.
    pub primary: String,
    /// The clusters that move.
    pub moving: Vec<String>,
    /// Whether the primary leaves the mesh; otherwise it becomes a remote.
    pub leaves: bool,
}

/// Whether a tree is for a controller.
pub fn has_controller<'p>(record: &Lock, mut paths: impl Iterator<Item = &'p str>) -> bool {
    paths.any(|path| {
        let directory = path.split('/').next().unwrap_or_default();
        path.ends_with("/root.yaml") && CONTROLLERS.contains(&directory) && !record.clusters.contains_key(directory)
    })
}

/// The primaries that go while clusters that they serve move.
pub fn two_commits(before: &Lock, after: &Lock) -> Vec<TwoCommits> {
    let served_by = |lock: &Lock, name: &str| lock.clusters.get(name).and_then(|cluster| cluster.primary.clone());
    let is_primary = |lock: &Lock, name: &str| served_by(lock, name).as_deref() == Some(name);
    let going = before.clusters.keys().filter(|name| is_primary(before, name) && !is_primary(after, name));
    let found = going.map(|primary| {
        let is_moving = |name: &&String| {
            *name != primary
                && served_by(before, name).as_ref() == Some(primary)
                && after.clusters.contains_key(*name)
                && !before.clusters[*name].is_waiting
        };
        let moving = before.clusters.keys().filter(is_moving).cloned().collect();
        TwoCommits { primary: primary.clone(), moving, leaves: !after.clusters.contains_key(primary) }
    });
    found.filter(|found| !found.moving.is_empty()).collect()
}

/// The clusters with another name, before and after: the API server is the same, or the context.
pub fn renamed(before: &Lock, after: &Lock) -> Vec<(String, String)> {
    let is_same = |one: &Cluster, other: &Cluster| {
        one.api_server.is_some() && (&one.api_server, &one.proxy_url) == (&other.api_server, &other.proxy_url)
            || one.context.is_some() && one.context == other.context
    };
    let gone = before.clusters.iter().filter(|(name, _)| !after.clusters.contains_key(*name));
    let new = |old: &Cluster| {
        let mut new = after.clusters.iter().filter(|(name, _)| !before.clusters.contains_key(*name));
        new.find(|(_, cluster)| is_same(old, cluster)).map(|(name, _)| name.clone())
    };
    gone.filter_map(|(name, cluster)| Some((name.clone(), new(cluster)?))).collect()
}

/// Why a controller does not get a cluster with another name in one commit, and what to do.
pub fn rename_advice(old: &str, new: &str) -> String {
    format!(
        "the controller would apply the cluster under both names: let {old} leave in one commit, and {new} join in the next"
    )
}

impl TwoCommits {
    /// What to do, in words.
    pub fn advice(&self) -> String {
        let moving = bare_names(self.moving.iter().map(String::as_str));
        let goes = if self.leaves { "let it leave" } else { "make it a remote" };
        format!(
            "the controller may take the istiod of {} away before {moving} {} moved: give {moving} another primary in one commit, and {goes} in the next",
            self.primary,
            if self.moving.len() == 1 { "has" } else { "have" }
        )
    }
}
