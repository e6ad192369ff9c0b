use std::collections::BTreeMap;

use crate::diff::ClusterChange;
use crate::diff::facts::Known;
use crate::diff::impact::Kind;
use crate::words::joined;

use super::{Found, Situation};

impl Situation<'_> {
    /// Proxies that keep what they started with, where nothing said of the cluster's own files says so: a primary's mesh config is
    /// that of its remotes.
    pub(super) fn starts(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        match self.restarts(name) {
            Some(what) if !found.has(Kind::RestartProxies) => {
                let primary = self.after.member(name).map_or(name, |member| member.primary.as_str());
                let whose = if primary == name { String::new() } else { format!(" from {primary}'s istiod") };
                found.add(
                    Kind::RestartProxies,
                    &format!("its proxies keep {what}, which they get{whose} when they start"),
                );
            }
            None if self.knows_starts(name) => found.0.retain(|(kind, _)| *kind != Kind::RestartProxies),
            _ => {}
        }
    }

    fn knows_starts(&self, name: &str) -> bool {
        let knows = |side: &Known<'_>| side.member(name).is_some_and(|member| member.at_start.is_some());
        knows(self.before) && knows(self.after)
    }

    /// What the proxies of a cluster have to restart for, in words.
    pub(in crate::diff) fn restarts(&self, name: &str) -> Option<String> {
        let start = |side: &'_ Known<'_>| {
            let member = side.member(name).filter(|member| !member.is_waiting);
            member.and_then(|member| member.at_start.clone())
        };
        let (old, new) = (start(self.before)?, start(self.after)?);
        if old == new {
            return None;
        }
        let words = |text: &str| -> BTreeMap<String, String> {
            let pairs = text.split(' ').filter_map(|word| word.split_once('='));
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let (old, new) = (words(&old), words(&new));
        let names = [
            ("istio", "the version"),
            ("control-plane", "the control plane"),
            ("revision", "the revision"),
            ("configuration", "the configuration"),
        ];
        let differ = names.into_iter().filter(|(key, _)| old.get(*key) != new.get(*key));
        let differ: Vec<String> = differ.map(|(_, words)| words.to_owned()).collect();
        Some(joined(&differ, "and"))
    }
}
