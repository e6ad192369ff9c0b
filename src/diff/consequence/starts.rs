use std::collections::BTreeMap;

use crate::artifact::eastwest_gateway::NETWORK_LABEL;
use crate::diff::ClusterChange;
use crate::diff::facts::Known;
use crate::diff::impact::Kind;
use crate::diff::manifest::documents;
use crate::layout::{EASTWEST_GATEWAY, EGRESS_GATEWAY, GATEWAYS};
use crate::words::joined;

use super::{Found, Situation};

impl Situation<'_> {
    /// The consequence if istiods learn in another way where a gateway is dialled.
    pub(super) fn discovery(&self, cluster: &ClusterChange, found: &mut Found) {
        let why = match self.is_told(&cluster.name) {
            (Some(false), Some(true)) => "istiods are told where it is dialled, and no longer read its Service",
            (Some(true), Some(false)) => "istiods read from its Service where it is dialled, and are no longer told",
            _ => "",
        };
        if !why.is_empty() {
            found.add(Kind::GatewayAddress, &format!("{why}: until all steps are done, some know no gateway of its network and hand out addresses of pods"));
        }
        if self.after.is_primary(&cluster.name) && self.has_unlabelled_gateways() {
            found.add(
                Kind::RestartIstiod,
                "this istiod keeps the addresses of a gateway whose Service has no network label any more",
            );
        }
    }

    /// Whether istiods are told where a cluster's gateway is dialled, before and after; `None` where it has none.
    fn is_told(&self, name: &str) -> (Option<bool>, Option<bool>) {
        let is_told = |side: &Known<'_>| {
            let files = side.files_of(name);
            let (_, text) =
                files.iter().find(|(path, _)| path.contains(EASTWEST_GATEWAY) && path.ends_with("gateway.yaml"))?;
            if !text.contains("kind: IstioOperator") {
                let objects = documents(text)?;
                let service = objects.iter().find(|object| object["kind"] == "Service")?;
                return Some(service.pointer("/metadata/labels/topology.istio.io~1network").is_none());
            }
            // Printed in double quotes, the path has its backslashes twice.
            Some(text.contains(&NETWORK_LABEL.replace('\\', r"\\")))
        };
        (is_told(self.before), is_told(self.after))
    }

    /// Whether running istiods keep what they read of a Service that stays without its label.
    pub(in crate::diff) fn has_unlabelled_gateways(&self) -> bool {
        let keeps = self.after.release().is_some_and(|release| release.keeps_unlabelled_gateways);
        let loses_label = |name: &str| self.is_told(name) == (Some(false), Some(true));
        keeps && *self.asked_once.has_unlabelled_gateways.get_or_init(|| self.after.clusters().any(loses_label))
    }

    /// Proxies that keep what they started with, where nothing said of the cluster's own files says so: a primary's mesh config is
    /// that of its remotes.
    pub(super) fn starts(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        if self.is_no_longer_noted(name) {
            found.add(
                Kind::RestartProxies,
                "install.sh restarts them once: the controller did not note what they started with",
            );
        }
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

    /// Whether scripts go on where a controller ends, which noted nothing of any proxy but the east-west gateway.
    fn is_no_longer_noted(&self, name: &str) -> bool {
        let has_others = !self.after.record.workloads.is_empty()
            || [GATEWAYS, EGRESS_GATEWAY].iter().any(|step| self.after.has_step(name, step));
        has_others && self.before.controller().is_some() && self.after.controller().is_none()
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
        // To know further roots does no harm.
        if old == new || old.strip_prefix(&new).is_some_and(|more| more.starts_with(" roots=")) {
            return self.is_no_longer_noted(name).then(|| "what nobody noted".to_owned());
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
            ("roots", "the roots by which they trust istiod"),
        ];
        let differ = names.into_iter().filter(|(key, _)| old.get(*key) != new.get(*key));
        let differ: Vec<String> = differ.map(|(_, words)| words.to_owned()).collect();
        Some(joined(&differ, "and"))
    }
}
