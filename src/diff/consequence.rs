//! The consequences of a change for a running mesh.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::{self, Command};
use crate::layout::ISTIO_SYSTEM;
use crate::lock::Gateway;
use crate::release::{Release, RemoteShape};
use crate::words::bare_names;

use super::facts::{Known, Member};
use super::fields::{self, ISTIO, ISTIO_OPERATOR};
use super::impact::Kind;
use super::leaving;
use super::{AuthorityChange, ClusterChange, Membership, ObjectChange, What};
use crate::pki::inventory::Role;

/// A consequence of a change for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consequence {
    /// The kind of the consequence.
    pub kind: Kind,
    /// Why: the behaviour of Istio or Kubernetes behind it.
    pub why: String,
    /// Commands that only this report gives. `OLD` is the tree before the change, `NEW` the one after.
    pub commands: Vec<String>,
}

/// Two sides, and the facts of the whole mesh.
pub(super) struct Situation<'s> {
    pub(super) before: &'s Known<'s>,
    pub(super) after: &'s Known<'s>,
    pub(super) authorities: &'s [AuthorityChange],
}

impl Situation<'_> {
    /// The consequences of the differences of a cluster, the worst first.
    pub(super) fn consequences(&self, cluster: &ClusterChange, all: &[ClusterChange]) -> Vec<Consequence> {
        let mut found = Found::default();
        match cluster.membership {
            Membership::Leaves => self.leaves(cluster, all, &mut found),
            Membership::Joins => self.joins(cluster, &mut found),
            Membership::Stays => {
                self.in_place(cluster, &mut found);
                // The mesh has to be installed again, so the consequences of single changes do not matter.
                if !self.is_other_line() {
                    self.changes(cluster, &mut found);
                }
            }
        }
        found.sorted()
    }

    fn changes(&self, cluster: &ClusterChange, found: &mut Found) {
        self.gateway_address(cluster, found);
        self.certificates(cluster, found);
        Self::files(cluster, found);
        // A kustomization lists the files beside it, and their differences are reported.
        for object in cluster.objects.iter().filter(|object| object.name.is_some()) {
            self.object(cluster, object, found);
        }
        if found.0.is_empty() && !cluster.objects.is_empty() {
            found.add(Kind::Reapply, "a directory lists other files");
        }
    }

    /// Whether the versions are too far apart for an upgrade.
    fn is_other_line(&self) -> bool {
        match (self.before.release(), self.after.release()) {
            (Some(old), Some(new)) => old.minor.abs_diff(new.minor) > MINORS_IN_ONE_STEP,
            _ => false,
        }
    }

    fn leaves(&self, cluster: &ClusterChange, all: &[ClusterChange], found: &mut Found) {
        let name = &cluster.name;
        let Some(member) = self.before.member(name) else { return };
        if let Some(now) = Self::renamed(name, self.before, self.after) {
            found.add(Kind::NotInPlace, &format!("it was renamed to {now}: {RENAMED}"));
        }
        let has_routes = |cluster: &str| self.before.files_of(cluster).keys().any(|path| path.ends_with("/routes.sh"));
        let neighbours = all.iter().filter(|other| {
            self.before.member(&other.name).is_some_and(|other| other.network == member.network)
                && (other.membership == Membership::Stays || other.name == *name)
                && has_routes(&other.name)
        });
        let neighbours: Vec<&str> = neighbours.map(|neighbour| neighbour.name.as_str()).collect();
        found.add_with(
            Kind::Leaves,
            "a later build does not know it: its credentials stay in every primary, its routes on its neighbours and Istio in the cluster, until you run the commands below",
            leaving::commands(self.before, self.after, name, member, &neighbours),
        );
    }

    fn joins(&self, cluster: &ClusterChange, found: &mut Found) {
        if let Some(was) = Self::renamed(&cluster.name, self.after, self.before) {
            found.add(Kind::NotInPlace, &format!("it was renamed from {was}: {RENAMED}"));
        }
        found.add(
            Kind::Joins,
            "apply everything in its directory, in the order below; every primary gets its credentials",
        );
    }

    /// The name that a cluster with the same API server has on the other side only.
    fn renamed(name: &str, side: &Known<'_>, other: &Known<'_>) -> Option<String> {
        let member = side.member(name).filter(|member| !member.api_server.is_empty())?;
        let mut candidates = other.members.iter();
        let found = candidates.find(|(known, other)| !side.has(known) && other.api_server == member.api_server)?;
        Some((*found.0).to_owned())
    }

    /// The changes that a running cluster cannot make.
    fn in_place(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.is_root_replaced() {
            found.add(
                Kind::NotInPlace,
                "the root certificate changes: proxies with different roots reject each other until every cluster has the new root and every workload was restarted",
            );
        }
        self.authorities(cluster, found);
        let (Some(old), Some(new)) = (self.before.version, self.after.version) else { return };
        if old != new {
            self.version(cluster, found);
        }
        if let (Some(old), Some(new)) = (self.before.member(&cluster.name), self.after.member(&cluster.name)) {
            if old.network != new.network && !old.network.is_empty() && !new.network.is_empty() {
                found.add(
                    Kind::NotInPlace,
                    &format!(
                        "it moves from {} to {}: istiod takes the network of every running pod from what was injected into it",
                        old.network, new.network
                    ),
                );
            }
            Self::primary(&cluster.name, old, new, found);
        }
    }

    /// Whether a root replaces another.
    fn is_root_replaced(&self) -> bool {
        let is_replaced =
            |change: &AuthorityChange| change.certificate.before.is_some() && change.certificate.after.is_some();
        self.authorities.iter().any(|change| change.role == Role::Root && is_replaced(change))
    }

    /// The consequence if a cluster trusts one root more or less, or if the issuer of its certificate changes.
    fn authorities(&self, cluster: &ClusterChange, found: &mut Found) {
        for change in self.authorities.iter().filter(|change| change.clusters.contains(&cluster.name)) {
            let why = match (change.role, &change.certificate.before, &change.certificate.after) {
                (Role::Root, None, _) => {
                    "its proxies trust one more root: anyone with the key of that root can sign for every identity of the mesh"
                }
                (Role::Root, _, None) => "its proxies no longer trust a root: they reject every certificate under it",
                (Role::Issuer, ..) => "the authority between its certificate and the root changes",
                _ => continue,
            };
            found.add(Kind::Certificates, why);
        }
    }

    fn primary(name: &str, old: &Member, new: &Member, found: &mut Found) {
        if old.primary == new.primary {
            return;
        }
        let whose =
            |primary: &str| if primary == name { "its own istiod".to_owned() } else { format!("{primary}'s istiod") };
        let why = format!(
            "{} serves it instead of {}: running proxies keep the address that was injected into them",
            whose(&new.primary),
            whose(&old.primary)
        );
        found.add(Kind::RestartProxies, &why);
    }

    fn version(&self, cluster: &ClusterChange, found: &mut Found) {
        let (Some(old), Some(new)) = (self.before.release(), self.after.release()) else { return };
        let versions = || {
            let (old, new) = (self.before.version, self.after.version);
            (
                old.map(|version| version.to_string()).unwrap_or_default(),
                new.map(|version| version.to_string()).unwrap_or_default(),
            )
        };
        let (from, to) = versions();
        if self.is_other_line() {
            let mut why = format!(
                "Istio {from} cannot be upgraded to {to}: proxies and control planes of one mesh may be at most {MINORS_IN_ONE_STEP} minor releases apart"
            );
            why.push_str(&self.shape(cluster, old, new));
            why.push_str("; install the new mesh beside the old one, or upgrade step by step");
            found.add(Kind::NotInPlace, &why);
        } else if new.minor < old.minor {
            found.add(
                Kind::NotInPlace,
                &format!("Istio {to} is older than {from}: a control plane must not be older than its proxies"),
            );
        } else {
            found.add(Kind::RestartIstiod, &format!("istioctl rolls out istiod {to}; upgrade the primaries first"));
            found.add(Kind::RestartProxies, &format!("sidecars and gateways run {from} until they are injected again"));
        }
    }

    /// The consequence for a remote whose shape changes with the version.
    fn shape(&self, cluster: &ClusterChange, old: &Release, new: &Release) -> String {
        let is_remote = self.after.member(&cluster.name).is_some_and(|member| member.primary != cluster.name);
        if !is_remote || old.remotes == new.remotes {
            return String::new();
        }
        match new.remotes {
            RemoteShape::Thin => {
                "; its own istiod must be removed, and with it the certificate authority of its proxies".to_owned()
            }
            RemoteShape::LocalIstiod => "; it needs its own istiod".to_owned(),
        }
    }

    fn gateway_address(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = &cluster.name;
        let gateway = |side: &Known<'_>| side.member(name).map_or(Gateway::Absent, |member| member.gateway.clone());
        let shown = |gateway: &Gateway| match gateway {
            Gateway::At(address) => address.clone(),
            _ => "an address not known yet".to_owned(),
        };
        let (old, new) = (gateway(self.before), gateway(self.after));
        match (&old, &new) {
            (old, new) if old == new => {}
            (Gateway::Absent, new) => {
                found.add(Kind::Reapply, &format!("it gets an east-west gateway at {}", shown(new)));
            }
            (old, Gateway::Absent) => {
                let why = format!("{} goes away: {}", shown(old), self.dialled_by(name));
                found.add(Kind::GatewayAddress, &why);
            }
            (old, new) => {
                let why = format!("from {} to {}: {}", shown(old), shown(new), self.dialled_by(name));
                found.add(Kind::GatewayAddress, &why);
            }
        }
    }

    /// Who dials a cluster's gateway.
    fn dialled_by(&self, name: &str) -> String {
        let members = &self.before.members;
        let remotes = members.iter().filter(|(other, member)| **other != name && member.primary == name);
        let remotes = bare_names(remotes.map(|(name, _)| *name));
        let network = self.before.member(name).map(|member| member.network.as_str());
        let strangers = members.iter().filter(|(_, member)| Some(member.network.as_str()) != network);
        let strangers = bare_names(strangers.map(|(name, _)| *name));
        let exposes_collector =
            |side: &Known<'_>| side.files_of(name).keys().any(|path| path.ends_with("/expose-zipkin.yaml"));
        let mut parts = Vec::new();
        if !remotes.is_empty() {
            parts.push(format!("{remotes} for the control plane"));
        }
        if !strangers.is_empty() {
            parts.push(format!("{strangers} for services"));
        }
        if exposes_collector(self.before) || exposes_collector(self.after) {
            parts.push("all proxies that report traces here".to_owned());
        }
        if parts.is_empty() {
            "no other cluster dials it".to_owned()
        } else {
            format!("dialled by {}", parts.join(", by "))
        }
    }

    fn certificates(&self, cluster: &ClusterChange, found: &mut Found) {
        let is_renewed =
            cluster.certificate.as_ref().is_some_and(|change| change.before.is_some() && change.after.is_some());
        if !is_renewed || self.is_root_replaced() {
            return;
        }
        if self.after.release().is_some_and(|release| release.reloads_authority) {
            found.add(
                Kind::Certificates,
                "istiod notices the new Secret `cacerts` by itself; proxies get certificates under it as theirs are renewed, within a day",
            );
        } else {
            found.add(Kind::Certificates, "proxies get certificates under it after istiod restarts");
            let context =
                self.after.member(&cluster.name).map_or(cluster.name.as_str(), |member| member.context.as_str());
            let why = "this istiod reads the Secret `cacerts` only when it starts";
            let words = ["-n", ISTIO_SYSTEM, "rollout", "restart", "deployments", "-l", "app=istiod"];
            let command = Command::kubectl(context).words(words);
            found.add_with(Kind::RestartIstiod, why, vec![command.to_string()]);
        }
    }

    fn files(cluster: &ClusterChange, found: &mut Found) {
        let name = &cluster.name;
        for file in &cluster.files {
            match file.file.rsplit('/').next().unwrap_or_default() {
                "routes.sh" => {
                    let commands = match file.what {
                        What::Added => Vec::new(),
                        What::Removed => {
                            vec![format!("OLD/{}   # as root, on each node of {name}", with_verb(&file.file, "remove"))]
                        }
                        _ => vec![format!(
                            "OLD/{} && NEW/{}   # as root, on each node of {name}",
                            with_verb(&file.file, "remove"),
                            with_verb(&file.file, "add")
                        )],
                    };
                    found.add_with(Kind::Routes, "no control plane sets node routes", commands);
                }
                "remote-secrets.sh" if file.what == What::Removed => {
                    found.add(Kind::Reapply, "its istiod needs no credentials, because no other cluster is left");
                }
                "remote-secrets.sh" => found.add(
                    Kind::Reapply,
                    "its istiod reads the clusters whose credentials it has; `remote-secrets.sh` adds and renews them, and removes them with `--prune`",
                ),
                _ => found.add(Kind::Reapply, "a file that no tool reads as objects differs"),
            }
        }
    }

    fn object(&self, cluster: &ClusterChange, object: &ObjectChange, found: &mut Found) {
        match object.what {
            What::Removed => self.removed(cluster, object, found),
            What::Added => found.add(Kind::Reapply, &format!("{} is new", described(object))),
            What::Renamed => {
                found.add(
                    Kind::Reapply,
                    &format!("{} was renamed: the old one stays until you delete it", described(object)),
                );
            }
            What::Changed | What::Moved => {
                for field in &object.fields {
                    let (kind, why) = fields::meaning(object, &field.path);
                    found.add(kind, why);
                }
                if object.fields.is_empty() {
                    found.add(Kind::Reapply, &format!("{} moved to another file", described(object)));
                }
            }
        }
    }

    /// Removed objects: they stay in the cluster, because `kubectl apply` deletes nothing.
    fn removed(&self, cluster: &ClusterChange, object: &ObjectChange, found: &mut Found) {
        let context = self.before.member(&cluster.name).map_or(cluster.name.as_str(), |member| member.context.as_str());
        let name = object.name.as_deref().unwrap_or_default();
        let command = match object.kind.as_str() {
            ISTIO_OPERATOR if name == ISTIO => {
                // The patch beside it has the same name, and its removal is reported as a change of fields.
                return found.add(Kind::RestartProxies, "its mesh config comes from another cluster now");
            }
            ISTIO_OPERATOR => command::delete_owned(context, name),
            kind => {
                let namespace = object.namespace.as_deref().map(|namespace| ["-n", namespace]);
                let kubectl = Command::kubectl(context).words(namespace.into_iter().flatten());
                kubectl.words(["delete", &kind.to_lowercase(), name])
            }
        };
        let why = "`kubectl apply` deletes nothing: an object that is no longer stated stays until you delete it (Argo CD and Flux can prune it)";
        found.add_with(Kind::Reapply, why, vec![command.to_string()]);
    }
}

/// How many minor releases proxies and control planes of one mesh may be apart.
const MINORS_IN_ONE_STEP: u32 = 2;

const RENAMED: &str = "the cluster's name is its ID in every proxy, in its remote secrets and in its certificate, so it must leave and join again";

fn with_verb(script: &str, verb: &str) -> String {
    format!("{script} {verb}")
}

fn described(object: &ObjectChange) -> String {
    format!("{} {}", object.kind, object.name.as_deref().unwrap_or(&object.file))
}

/// Consequences without duplicates.
#[derive(Default)]
struct Found(BTreeMap<(Kind, String), Vec<String>>);

impl Found {
    fn add(&mut self, kind: Kind, why: &str) {
        self.add_with(kind, why, Vec::new());
    }

    fn add_with(&mut self, kind: Kind, why: &str, commands: Vec<String>) {
        let known = self.0.entry((kind, why.to_owned())).or_default();
        known.extend(commands);
    }

    fn sorted(self) -> Vec<Consequence> {
        self.0.into_iter().map(|((kind, why), commands)| Consequence { kind, why, commands }).collect()
    }
}
