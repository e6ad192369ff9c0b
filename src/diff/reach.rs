use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use serde_json::Value;

use crate::layout::ISTIO;
use crate::lock::Gateway;

use super::facts::{Known, Member};
use super::manifest::documents;

/// How pods of one cluster reach pods of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Path {
    /// Not at all.
    None,
    /// Through an east-west gateway of the other network.
    Gateway,
    /// Pod to pod, on one network.
    Direct,
}

/// Ordered pairs of clusters between which the route of traffic changes: from each caller to each other called cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathChange {
    /// The clusters that call.
    pub from: Vec<String>,
    /// The clusters that are called.
    pub to: Vec<String>,
    /// The route before.
    pub before: Path,
    /// The route after.
    pub after: Path,
}

/// The credentials that a control plane gets or loses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialChange {
    /// The cluster whose control plane reads the API servers of other clusters.
    pub primary: String,
    /// The clusters whose credentials it gets.
    pub added: Vec<String>,
    /// The clusters whose credentials it must no longer have.
    pub revoked: Vec<String>,
    /// The clusters whose API server has another URL, another CA or another proxy on the way.
    pub renewed: Vec<String>,
}

/// The pairs whose route changes. Pairs with the same callers and the same change are merged.
pub(super) fn paths(before: &Known<'_>, after: &Known<'_>) -> Vec<PathChange> {
    let (old, new) = (Ways::of(before), Ways::of(after));
    if old.is_same(&new) {
        return Vec::new();
    }
    let names: BTreeSet<&str> = before.clusters().chain(after.clusters()).collect();
    let mut callers: BTreeMap<(&str, Path, Path), Vec<&str>> = BTreeMap::new();
    for from in &names {
        for to in names.iter().filter(|to| *to != from) {
            let change = (old.way(from, to), new.way(from, to));
            if change.0 != change.1 {
                callers.entry((to, change.0, change.1)).or_default().push(from);
            }
        }
    }
    let mut called: BTreeMap<(Vec<&str>, Path, Path), Vec<&str>> = BTreeMap::new();
    for ((to, before, after), from) in callers {
        called.entry((from, before, after)).or_default().push(to);
    }
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let changes = called.into_iter();
    changes.map(|((from, before, after), to)| PathChange { from: owned(from), to: owned(to), before, after }).collect()
}

/// The facts of the networks of a mesh that determine routes.
#[derive(PartialEq)]
struct Ways<'f> {
    networks: BTreeMap<&'f str, &'f str>,
    with_gateway: BTreeSet<&'f str>,
}

impl<'f> Ways<'f> {
    fn of(known: &'f Known<'_>) -> Self {
        let networks = known.members.iter().map(|(name, member)| (*name, member.network.as_str()));
        let gateways = known.members.values().filter(|member| member.gateway != Gateway::Absent);
        let mut with_gateway: BTreeSet<&str> = gateways.map(|member| member.network.as_str()).collect();
        let networks: BTreeMap<&str, &str> = networks.collect();
        let told: BTreeSet<String> = known.clusters().flat_map(|name| told(known, name)).collect();
        with_gateway.extend(networks.values().filter(|network| told.contains(**network)));
        Self { networks, with_gateway }
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn way(&self, from: &str, to: &str) -> Path {
        match (self.networks.get(from), self.networks.get(to)) {
            (Some(from), Some(to)) if from == to => Path::Direct,
            (Some(_), Some(to)) if self.with_gateway.contains(to) => Path::Gateway,
            _ => Path::None,
        }
    }
}

/// The networks whose gateways a cluster's istiod is told, by the author too.
fn told(known: &Known<'_>, cluster: &str) -> Vec<String> {
    let path = [cluster, "/", ISTIO, "/istio.yaml"].concat();
    let files = known.files_of(cluster);
    let text = files.get(path.as_str()).filter(|text| text.contains("meshNetworks:"));
    let networks = text.and_then(|text| {
        let istio = documents(text)?.into_iter().next()?;
        istio.pointer("/spec/values/global/meshNetworks")?.as_object().cloned()
    });
    let has_gateways = |network: &Value| network["gateways"].as_array().is_some_and(|gateways| !gateways.is_empty());
    networks.into_iter().flatten().filter(|(_, network)| has_gateways(network)).map(|(name, _)| name).collect()
}

/// The control planes whose credentials change.
pub(super) fn credentials(before: &Known<'_>, after: &Known<'_>) -> Vec<CredentialChange> {
    let (old, new) = (&before.members, &after.members);
    if old == new {
        return Vec::new();
    }
    let read = |members: &BTreeMap<&str, Member>| -> BTreeSet<String> {
        let are_read = members.iter().filter(|(_, member)| !member.is_waiting);
        are_read.map(|(name, _)| (*name).to_owned()).collect()
    };
    let (had, has) = (read(old), read(new));
    let (added, revoked) = (&has - &had, &had - &has);
    let has_moved = |name: &String| old[&**name].server != new[&**name].server;
    let renewed: BTreeSet<String> = (&had & &has).into_iter().filter(has_moved).collect();
    let none = BTreeSet::new();
    let is_primary =
        |members: &BTreeMap<&str, Member>, name: &str| members.get(name).is_some_and(|member| member.primary == name);
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let changes = names.into_iter().filter_map(|primary| {
        let (added, revoked, renewed) = match (is_primary(old, primary), is_primary(new, primary)) {
            (true, true) => (&added, &revoked, &renewed),
            (false, true) => (&has, &none, &none),
            (true, false) => (&none, &had, &none),
            (false, false) => return None,
        };
        let others = |names: &BTreeSet<String>| names.iter().filter(|name| *name != primary).cloned().collect();
        let (added, revoked, renewed) = (others(added), others(revoked), others(renewed));
        Some(CredentialChange { primary: primary.to_owned(), added, revoked, renewed })
    });
    changes
        .filter(|change| !(change.added.is_empty() && change.revoked.is_empty() && change.renewed.is_empty()))
        .collect()
}
