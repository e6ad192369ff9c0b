//! The consequences of a change for a running mesh.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::Serialize;

use crate::artifact::expose_istiod;
use crate::layout::{CACERTS, EASTWEST_GATEWAY, GITIGNORE, REMOTE_SECRETS, ROUTES, ZIPKIN};
use crate::lock::Gateway;
use crate::release::{Release, RemoteShape};
use crate::words::bare_names;

use super::controllers::{HELM_RELEASE, is_asked_about, is_left};
use super::facts::{Known, Member};
use super::fields;
use super::impact::Kind;
use super::manifest::VALUES;
use super::{AuthorityChange, ClusterChange, CredentialChange, Membership, ObjectChange, What};
use crate::pki::inventory::Role;
use crate::plan::rotation::Cut;
use keys::private_key;
use takeover::Move;

mod changed;
mod controllers;
mod credentials;
mod gateway;
mod keys;
mod members;
mod roots;
mod rotation;
mod signer;
mod starts;
pub(super) mod takeover;

/// A consequence of a change for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consequence {
    /// The kind of the consequence.
    pub kind: Kind,
    /// Why: the behaviour of Istio or Kubernetes behind it.
    pub why: String,
}

/// Two sides, and the facts of the whole mesh.
pub(super) struct Situation<'s> {
    pub(super) before: &'s Known<'s>,
    pub(super) after: &'s Known<'s>,
    pub(super) authorities: &'s [AuthorityChange],
    pub(super) credentials: &'s [CredentialChange],
    /// Whether any cluster has other routes.
    pub(super) has_other_routes: bool,
    pub(super) asked_once: AskedOnce,
}

/// What the consequences of each cluster go by, and all clusters together tell.
#[derive(Default)]
pub(super) struct AskedOnce {
    has_hurdle: OnceLock<bool>,
    has_unlabelled_gateways: OnceLock<bool>,
    is_root_replaced: OnceLock<bool>,
    cut: OnceLock<Option<Cut>>,
}

impl Situation<'_> {
    /// The consequences of the differences of a cluster, the worst first.
    pub(super) fn consequences(&self, cluster: &ClusterChange) -> Vec<Consequence> {
        let mut found = Found::default();
        self.two_commits(cluster, &mut found);
        match cluster.membership {
            Membership::Leaves => self.leaves(cluster, &mut found),
            Membership::Joins => self.joins(cluster, &mut found),
            Membership::Stays if self.before.is_waiting(&cluster.name) => self.waited(cluster, &mut found),
            Membership::Stays => {
                self.in_place(cluster, &mut found);
                // The mesh has to be installed again, so the consequences of single changes do not matter.
                if !self.is_another_mesh() && !self.has_hurdle() {
                    self.changes(cluster, &mut found);
                    self.starts(cluster, &mut found);
                }
            }
        }
        found.sorted()
    }

    fn changes(&self, cluster: &ClusterChange, found: &mut Found) {
        self.way_of_controller(&cluster.name, Kind::Reapply, found);
        self.gateway_address(cluster, found);
        self.discovery(cluster, found);
        self.certificates(cluster, found);
        private_key(cluster, found);
        self.files(cluster, found);
        // A kustomization lists the files beside it, and their differences are reported.
        let objects = cluster.objects.iter().filter(|object| object.name.is_some());
        for object in objects.filter(|object| !self.is_taken_over(&cluster.name, object)) {
            self.object(cluster, object, found);
        }
        if self.moved_to(&cluster.name) == Move::ToHelm {
            self.moved(cluster, found);
        }
    }

    /// Whether the one mesh cannot become the other: clusters stay, with an older version or one that is more than a minor
    /// release away.
    pub(super) fn is_another_mesh(&self) -> bool {
        let stays = self.before.clusters().any(|name| self.after.has(name));
        match (self.before.release(), self.after.release()) {
            (Some(old), Some(new)) => stays && (new.minor < old.minor || new.minor - old.minor > MINORS_IN_ONE_STEP),
            _ => false,
        }
    }

    /// The changes that a running cluster cannot make.
    fn in_place(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.is_root_replaced() {
            found.add(
                Kind::Interrupts,
                "the root certificate changes: proxies with different roots reject each other until every cluster has the new root and every workload was restarted",
            );
            if self.runs_istiod(&cluster.name) == (true, true) && self.after.has_step(&cluster.name, CACERTS) {
                found.add(Kind::RestartIstiod, "it signs under another root only after it has started anew");
            }
            found.add(Kind::RestartProxies, "they get certificates under the other root when they start");
        }
        self.signer(&cluster.name, found);
        self.authorities(cluster, found);
        self.other_roots(cluster, found);
        let (Some(old), Some(new)) = (self.before.version, self.after.version) else { return };
        if old != new && self.hurdle(&cluster.name).is_none() {
            self.version(cluster, found);
        }
        self.installer(&cluster.name, found);
        if let (Some(old), Some(new)) = (self.before.member(&cluster.name), self.after.member(&cluster.name)) {
            if moves(old, new) {
                found.add(
                    Kind::Interrupts,
                    &format!(
                        "it moves from {} to {}: istiod takes the network of every running pod from what was injected into it, so that requests to its pods fail until they have restarted",
                        old.network, new.network
                    ),
                );
            }
            self.primary(cluster, old, new, found);
            self.gateways(cluster, found);
            match self.runs_istiod(&cluster.name) {
                (false, true) => {
                    self.done(cluster, Kind::Reapply, "30-istio: istioctl installs an istiod of its own", found);
                }
                // That of another revision stays for now.
                (true, false) if self.is_revised(&cluster.name) => {}
                (true, false) => self.done(cluster, Kind::Reapply, "30-istio: istioctl removes its own istiod", found),
                _ => {}
            }
            let taken_over = self.taken_over_by(&cluster.name);
            if !taken_over.is_empty() {
                let why = format!(
                    "it serves {} from now on: istiod reads which clusters it is to write roots and webhooks in only when it starts",
                    bare_names(taken_over)
                );
                found.add(Kind::RestartIstiod, &why);
            }
        }
    }

    /// Whether the certificate of a cluster changes, or an authority above it or a root beside it.
    pub(in crate::diff) fn is_certified(&self, cluster: &ClusterChange) -> bool {
        cluster.certificate.is_some() || self.authorities.iter().any(|change| change.clusters.contains(&cluster.name))
    }

    /// The consequence if the issuer of a cluster's certificate changes.
    fn authorities(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.has_other_authority() {
            return;
        }
        for change in self.authorities.iter().filter(|change| change.clusters.contains(&cluster.name)) {
            if change.role != Role::Issuer {
                continue;
            }
            let why = "the authority between its certificate and the root changes";
            found.add(Kind::Certificates, why);
        }
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
        if new.minor < old.minor {
            found.add(
                Kind::NotInPlace,
                &format!("Istio {to} is older than {from}: a control plane must not be older than its proxies"),
            );
        } else if self.is_another_mesh() {
            let mut why = format!("Istio {from} cannot be upgraded to {to} at once");
            why.push_str(&self.shape(cluster, old, new));
            why.push_str(": upgrade one minor release at a time, or install the new mesh beside the old one");
            found.add(Kind::NotInPlace, &why);
        } else {
            match self.runs_istiod(&cluster.name) {
                (true, true) if self.is_revised(&cluster.name) => {
                    let why = format!("istioctl installs istiod {to} beside istiod {from}");
                    self.done(cluster, Kind::Reapply, &why, found);
                }
                (true, true) => {
                    self.done(cluster, Kind::RestartIstiod, &format!("istioctl rolls out istiod {to}"), found);
                }
                (_, false) => {
                    let why = format!("istioctl installs the roles and webhooks of {to}");
                    self.done(cluster, Kind::Reapply, &why, found);
                }
                // That it gets one is told of the cluster.
                (false, true) => {}
            }
            found.add(Kind::RestartProxies, &format!("sidecars and gateways run {from} until they are injected again"));
        }
    }

    /// Whether an istiod runs in a cluster before the change, and after it.
    fn runs_istiod(&self, name: &str) -> (bool, bool) {
        (self.before.runs_istiod(name), self.after.runs_istiod(name))
    }

    /// Whether another istiod is installed beside the one that runs.
    pub(super) fn is_revised(&self, name: &str) -> bool {
        self.before.istiod_service(name) != self.after.istiod_service(name)
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

    /// Scripts and files for Git are no part of a cluster's state: what scripts do is told by what they are made from.
    fn files(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        if self.has_other_routes
            && (self.before.routes_from(name) != self.after.routes_from(name)
                || self.before.nodes_of(name) != self.after.nodes_of(name))
        {
            found.add(Kind::Routes, "no control plane sets node routes");
        }
        self.credentials(cluster, found);
        for file in cluster
            .files
            .iter()
            .filter(|file| ![ROUTES, REMOTE_SECRETS, GITIGNORE].iter().any(|other| file.file.ends_with(other)))
        {
            found.add(Kind::Reapply, &format!("{} differs", file.file));
        }
    }

    fn object(&self, cluster: &ClusterChange, object: &ObjectChange, found: &mut Found) {
        let place = directory(object);
        match object.what {
            What::Removed => self.removed(cluster, object, found),
            What::Added => found.add(Kind::Reapply, &format!("{place}: {} is new", described(object))),
            What::Renamed => {
                found.add(
                    Kind::Reapply,
                    &format!("{place}: {} was renamed: the old one stays until it is deleted", described(object)),
                );
            }
            What::Changed | What::Moved if roots::roots(object, found) => {}
            What::Changed | What::Moved => self.changed(cluster, object, found),
        }
    }

    /// Whether an object belongs to the collector of a cluster that traces still go to, and that meshgen installs no longer
    /// (`tracing.zipkin.install: false`).
    pub(super) fn is_collector_left(&self, cluster: &str, object: &ObjectChange) -> bool {
        object.what == What::Removed
            && directory(object) == ZIPKIN
            && self.after.record.traces_to.as_deref() == Some(cluster)
    }

    /// Removed objects: they stay in the cluster, because `kubectl apply` deletes nothing.
    fn removed(&self, cluster: &ClusterChange, object: &ObjectChange, found: &mut Found) {
        let name = object.name.as_deref().unwrap_or_default();
        if fields::is_mesh_config(object) {
            // The patch beside it has the same name.
            found.add(Kind::RestartProxies, "its mesh config comes from another cluster now");
            return;
        }
        // What is said of the credentials says it.
        if self.is_credential_kept(&cluster.name, object) {
            return;
        }
        if self.is_collector_left(&cluster.name, object) {
            let place = directory(object);
            let why = match self.after.controller() {
                None => format!(
                    "{place}: meshgen no longer states the collector, which stays: traces go to its Service as before, and somebody else has to care for it"
                ),
                Some(_) => format!(
                    "{place}: the controller deletes the collector, and traces are lost until somebody else provides its Service"
                ),
            };
            found.add(Kind::Reapply, &why);
            return;
        }
        let handed_over = self.is_handed_over(&cluster.name);
        if object.kind == VALUES {
            let (place, values) = (directory(object), described(object));
            let why = match self.after.controller() {
                // What is said of its release says it.
                Some("flux") => return,
                Some(controller) if handed_over || is_left(controller, self.after, &object.file) => {
                    format!("{place}: what was installed with {values} stays until it is deleted")
                }
                Some(_) => format!("{place}: the controller deletes what was installed with {values}"),
                None => format!("{place}: the release of {values} stays until Helm uninstalls it"),
            };
            found.add(Kind::Reapply, &why);
            return;
        }
        let stays = if object.kind == "VirtualService"
            && name.starts_with(expose_istiod::VIRTUAL_SERVICE)
            && self.is_revised(&cluster.name)
        {
            "leads proxies of the earlier revision to their istiod, and stays until none of them is left: Argo CD and Flux must not prune it before"
        } else if let Some(controller) = self.after.controller() {
            if handed_over && object.kind != HELM_RELEASE || is_left(controller, self.after, &object.file) {
                "is no longer stated, and stays until it is deleted: the controller leaves it alone"
            } else if is_asked_about(controller, &object.file) {
                "is no longer stated, and Argo CD asks before it deletes it"
            } else {
                "is no longer stated, and the controller deletes it"
            }
        } else if object.kind == HELM_RELEASE {
            "is no longer stated, and what it installed stays"
        } else {
            "is no longer stated, and stays until it is deleted (Argo CD and Flux can prune it)"
        };
        found.add(Kind::Reapply, &format!("{}: {} {stays}", directory(object), described(object)));
        if object.kind == "Bundle" {
            found.add(
                Kind::Reapply,
                "20-roots: when it is deleted, its ConfigMap goes too, and an istio-csr that mounts it does not start again",
            );
        }
        if object.kind == "PushSecret" {
            found.add(Kind::Reapply, "70-remote-access: when it is deleted, what it pushed is deleted in the store");
        }
        if object.kind == "Deployment" && name == "zipkin" {
            found.add(
                Kind::Reapply,
                "60-zipkin: the traces that the collector keeps in memory are gone when it is deleted",
            );
        }
    }
}

/// Whether a cluster moves to another network, where both are known.
fn moves(old: &Member, new: &Member) -> bool {
    old.network != new.network && !old.network.is_empty() && !new.network.is_empty()
}

/// Whether the gateway of a cluster has an address, as far as its tree states it.
fn has_address(side: &Known<'_>, cluster: &str, address: &Gateway) -> bool {
    let Gateway::At(address) = address else { return true };
    let mut files = side.files_of(cluster).into_iter();
    files.any(|(path, text)| path.contains(EASTWEST_GATEWAY) && text.contains(address.as_str()))
}

/// The directory of an object in its cluster's.
fn directory(object: &ObjectChange) -> &str {
    object.file.split('/').nth(1).unwrap_or_default()
}

/// How many minor releases an upgrade in place may go at once (istio.io, "In-place Upgrades").
const MINORS_IN_ONE_STEP: u32 = 1;

fn described(object: &ObjectChange) -> String {
    if object.kind == VALUES {
        return format!("{}.values.yaml", object.name.as_deref().unwrap_or_default());
    }
    format!("{} {}", object.kind, object.name.as_deref().unwrap_or(&object.file))
}

/// Consequences without duplicates.
#[derive(Default)]
struct Found(BTreeSet<(Kind, String)>);

impl Found {
    fn add(&mut self, kind: Kind, why: &str) {
        self.0.insert((kind, why.to_owned()));
    }

    fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|(found, _)| *found == kind)
    }

    fn sorted(self) -> Vec<Consequence> {
        self.0.into_iter().map(|(kind, why)| Consequence { kind, why }).collect()
    }
}
