//! What changes who serves a cluster, and under which root.

use std::collections::BTreeSet;

use crate::command::{self, Place};
use crate::layout::{CACERTS, ISTIO_SYSTEM};
use crate::release::WayToPrimary;
use crate::topology::Install;

use super::super::fields::{READ_AT_START, is_of_istiod, meaning, paths};
use super::super::private_key::form;
use super::super::{KeyForm, Membership, ObjectChange};
use super::{CACERTS_SECRET, Known, Runbook};

/// The objects of kind `EndpointSlice` that Kubernetes makes for a Service with a selector.
const OF_KUBERNETES: &str = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io";

impl Runbook<'_> {
    /// What leads to a control plane that no longer serves a cluster: pods that start now would find both.
    pub(super) fn earlier_ways(&self) -> Vec<String> {
        if !self.after().has_thin_remotes() {
            return Vec::new();
        }
        let mut commands = Vec::new();
        for cluster in self.running() {
            let name = cluster.name.as_str();
            let service = self.after().istiod_service(name);
            // Under another revision the Service is another.
            if self.situation.is_revised(name) {
                continue;
            }
            let is_by = |side: &Known<'_>, way| side.release().is_some_and(|release| release.way_to_primary == way);
            let is_replaced =
                is_by(self.before(), WayToPrimary::Endpoints) && is_by(self.after(), WayToPrimary::EndpointSlice);
            let delete = |what: &[&str]| self.kubectl(name, &[&["-n", ISTIO_SYSTEM, "delete"], what].concat());
            match (self.before().is_primary(name), self.after().is_primary(name)) {
                // Where the Service gets a selector, Kubernetes takes over the Endpoints. istioctl never removes the EndpointSlice that it
                // made for the way to another cluster.
                // Helm does, and Argo CD installs charts without it.
                (false, true) if self.after().is_by_helm(name) && self.after().controller() != Some("argocd") => {}
                // So does the Sail operator.
                (false, true) if self.after().is_by_sail(name) => {}
                (false, true) if is_by(self.before(), WayToPrimary::EndpointSlice) => {
                    commands.push(delete(&["endpointslices", &service]));
                }
                // Kubernetes leaves those of a Service that lost its selector. It also leaves the Endpoints, and from then on mirrors them.
                (true, false) => {
                    if is_by(self.after(), WayToPrimary::EndpointSlice) {
                        commands.push(delete(&["endpoints", &service, "--ignore-not-found"]));
                    }
                    let selector = format!("kubernetes.io/service-name={service},{OF_KUBERNETES}");
                    commands.push(delete(&["endpointslices", "-l", &selector]));
                }
                // Nor that of a Service which becomes the alias of a name.
                (false, false)
                    if self.situation.becomes_alias(name) && self.after().install(name) == Install::Istioctl =>
                {
                    let kind =
                        if is_by(self.before(), WayToPrimary::Endpoints) { "endpoints" } else { "endpointslices" };
                    commands.push(delete(&[kind, &service]));
                }
                // A later release leads there in another way.
                (false, false) if self.before().has_thin_remotes() && is_replaced => {
                    commands.push(delete(&["endpoints", &service]));
                }
                _ => {}
            }
        }
        commands
    }

    /// `install.sh` does not put another root into a Secret.
    pub(super) fn earlier_roots(&self) -> Vec<String> {
        let replaced = self.replaced_roots().filter(|name| self.situation.keeps_no_root(name));
        replaced.flat_map(|name| self.without_secret(name)).collect()
    }

    /// The clusters whose root is replaced, those in which there is no Istio yet among them.
    pub(super) fn replaced_roots(&self) -> impl Iterator<Item = &str> {
        let is_replaced = self.situation.is_root_replaced();
        let stays = self.staying().map(|cluster| cluster.name.as_str());
        stays.filter(move |name| is_replaced && self.has_authority(name))
    }

    /// The clusters whose workloads get certificates of another authority, because that of meshgen comes or goes.
    pub(super) fn signed_by_another(&self) -> impl Iterator<Item = &str> {
        let stays = self.running().map(|cluster| cluster.name.as_str());
        stays.filter(|name| self.situation.is_signed_by_another(name))
    }

    fn has_authority(&self, name: &str) -> bool {
        self.before().has_step(name, CACERTS) && self.after().has_step(name, CACERTS)
    }

    /// Where a controller brings other roots, no script restarts istiod.
    pub(super) fn other_roots(&self) -> Vec<String> {
        let changed = self.running().filter(|cluster| self.situation.has_other_roots(cluster));
        let changed = changed.map(|cluster| cluster.name.as_str()).filter(|name| self.has_authority(name));
        changed.flat_map(|name| self.restarted_istiod(name)).collect()
    }

    pub(super) fn taken_over(&self) -> Vec<String> {
        let primaries = self.running().map(|cluster| cluster.name.as_str());
        let primaries = primaries.filter(|name| !self.situation.taken_over_by(name).is_empty());
        primaries.flat_map(|name| self.restarted_istiod(name)).collect()
    }

    /// What reads a gateway's address from its Service when it starts, and keeps it when the Service loses its label.
    pub(super) fn forgetful(&self) -> Vec<String> {
        let primaries = self.running().map(|cluster| cluster.name.as_str());
        let primaries = primaries.filter(|name| self.before().is_primary(name) && self.after().is_primary(name));
        let forgetful = primaries.filter(|_| self.situation.has_unlabelled_gateways());
        forgetful.flat_map(|name| self.restarted_istiod(name)).collect()
    }

    /// The istiods that have to read a part of the mesh config which they read only when they start, and that nothing starts anew.
    pub(super) fn unread_config(&self) -> Vec<String> {
        let is_unread = |object: &ObjectChange| {
            is_of_istiod(object) && paths(object).iter().any(|path| meaning(object, path).1 == READ_AT_START)
        };
        let unread = self.running().filter(|cluster| cluster.objects.iter().any(is_unread));
        let unread = unread.map(|cluster| cluster.name.as_str()).filter(|name| {
            let runs = self.before().runs_istiod(name) && self.after().runs_istiod(name);
            runs && !self.is_upgraded() && !self.situation.is_revised(name)
        });
        unread.flat_map(|name| self.restarted_istiod(name)).collect()
    }

    fn restarted_istiod(&self, name: &str) -> [String; 2] {
        let istiod = format!("deployment/{}", self.after().istiod_service(name));
        ["restart", "status"].map(|verb| self.kubectl(name, &["-n", ISTIO_SYSTEM, "rollout", verb, &istiod]))
    }

    /// In a cluster that waited for an address, no istiod has read its certificates yet: they go before one comes.
    pub(super) fn unread_certificates(&self) -> Vec<String> {
        let unread = self.staying().map(|cluster| cluster.name.as_str()).filter(|name| {
            self.before().is_waiting(name)
                && self.before().has_step(name, CACERTS)
                && !self.after().has_step(name, CACERTS)
        });
        unread.flat_map(|name| self.without_secret(name)).collect()
    }

    /// Deletes the Secret that istiod signed with, after what would make it again.
    fn without_secret(&self, name: &str) -> Vec<String> {
        let maker = form(self.before(), name).and_then(KeyForm::maker);
        let maker =
            maker.map(|(object, _)| self.kubectl(name, &["-n", ISTIO_SYSTEM, "delete", object, "--ignore-not-found"]));
        let secret = self.kubectl(name, &["-n", ISTIO_SYSTEM, "delete", "secret", CACERTS_SECRET]);
        maker.into_iter().chain([secret]).collect()
    }

    /// Takes from a cluster what its istiod signed with, and what install.sh wrote down of it.
    pub(super) fn without_authority(&self, name: &str) -> Vec<String> {
        let mut commands = self.without_secret(name);
        if self.after().is_without_root() && !self.reloads_authority() {
            commands.push(self.kubectl(name, &["annotate", "namespace", ISTIO_SYSTEM, "meshgen/istiod-started-with-"]));
        }
        commands
    }

    pub(super) fn under_another_root(&self) -> Vec<String> {
        let mut commands = Vec::new();
        // In an upgrade by script, all istiods and then all proxies start anew with the new root.
        let is_done = self.is_upgraded() && self.after().controller().is_none();
        let replaced = self.replaced_roots().filter(|name| !self.before().is_waiting(name));
        let replaced: Vec<&str> = replaced.filter(|_| !is_done).collect();
        let other: Vec<&str> = self.signed_by_another().collect();
        let has_left = |name: &&&str| self.before().has_step(name, CACERTS) && !self.after().has_step(name, CACERTS);
        let left = other.iter().filter(has_left);
        commands.extend(left.flat_map(|name| self.without_authority(name)));
        let is_running = |name: &&&str| self.before().runs_istiod(name) && self.after().runs_istiod(name);
        let by_script: BTreeSet<&str> = self
            .clusters
            .iter()
            .filter(|cluster| self.restarts_for_roots(cluster))
            .map(|cluster| cluster.name.as_str())
            .collect();
        let by_people = replaced.iter().chain(other.iter().filter(is_running));
        for name in by_people.filter(|name| !by_script.contains(*name)) {
            commands.extend(self.restarted_istiod(name));
        }
        let namespaces: Vec<&str> = self.after().record.workloads.iter().map(String::as_str).collect();
        // What joins starts before the istiod restarts that serves it.
        let is_served = |name: &&str| {
            let primary = self.after().member(name).map(|member| member.primary.as_str());
            primary.is_some_and(|primary| other.contains(&primary) && !by_script.contains(primary))
        };
        let joined = self.clusters.iter().filter(|cluster| cluster.membership == Membership::Joins);
        let joined = joined.map(|cluster| cluster.name.as_str()).filter(is_served);
        let restarted = |name: &&str| !replaced.is_empty() || other.contains(name);
        let running = self.running().map(|cluster| cluster.name.as_str()).filter(restarted);
        for name in running.chain(joined) {
            let context = self.context(name);
            let place = Place::Terminal { cluster: name, context: &context, istiod: "" };
            commands.extend(command::restarts(&namespaces, place).iter().map(ToString::to_string));
        }
        commands
    }
}
