//! What is to be done, in order: it turns the running mesh of the first side into that of the second.
//!
//! What is removed comes last, when no proxy needs it any more; what stands in the way comes first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::artifact::eastwest_gateway;
use crate::command::{self, Command, Place};
use crate::layout::{
    CACERTS, EASTWEST_GATEWAY, EGRESS_GATEWAY, GATEWAYS, GITIGNORE, ISTIO, ISTIO_SYSTEM, REMOTE_SECRETS, ROUTES,
    STORED_SECRETS,
};
use crate::plan;

use super::changed::{changes_class, changes_selector};
use super::consequence::Situation;
use super::controllers::HELM_RELEASE;
use super::facts::Known;
use super::fields::{ISTIO_OPERATOR, is_mesh_config, is_of_istiod};
use super::manifest::VALUES;
use super::{ClusterChange, CredentialChange, Membership, ObjectChange, What};
use credentials::{LET_GO, is_of_another_mesh, is_token};
use keys::{MADE, STORED, TAKEN};

mod controllers;
mod credentials;
mod helm;
mod istiods;
mod keys;
mod loops;
mod routes;

/// A part of what is to be done, after those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// What it brings about.
    pub title: String,
    /// Commands in order. `OLD` is the tree before the change, `NEW` the one after.
    pub commands: Vec<String>,
    /// The steps in which `NEW/install.sh`, the command of this phase, changes anything.
    pub steps: Vec<String>,
}

/// The title of the phase in which an earlier installer gives up its fields.
const RELEASE: &str =
    "Release what the earlier installer stated of objects that another one applies now: gateways may roll out";

/// Two sides and what differs between them.
pub(super) struct Runbook<'s> {
    pub(super) situation: &'s Situation<'s>,
    pub(super) clusters: &'s [ClusterChange],
}

impl Runbook<'_> {
    /// The phases in order; none where one mesh cannot become the other.
    pub(super) fn phases(&self) -> Vec<Phase> {
        if self.situation.is_another_mesh() || self.situation.has_hurdle() {
            return Vec::new();
        }
        if let Some(controller) = self.after().controller() {
            return self.by_controller(controller);
        }
        let (restarts, steps): (Vec<String>, Vec<String>) =
            self.steps().into_iter().partition(|step| step.ends_with("/restart"));
        let (labels, ways, taken_over) = (self.revision_labels(), self.earlier_ways(), self.taken_over());
        let (tags, owned) = (self.tags(), self.owned_by_others());
        let has_helm = self.after().clusters().any(|name| self.after().is_by_helm(name));
        let ownership = if owned.is_empty() || !has_helm { &[][..] } else { &["--take-ownership"] };
        let mut phases = vec![
            phase(STORED, self.stored()),
            phase("Stop the controller, which deletes nothing then", self.stopped()),
            phase("Remove what takes another name", self.renamed()),
            phase("Node routes, before anything needs them", self.new_routes()),
            phase("Delete what cannot be changed: it is made anew", [self.immutable(), self.earlier_roots()].concat()),
            phase(UNREAD, self.unread_certificates()),
            phase(MADE, self.makers_of_secrets(|_| true)),
            phase(TAKEN, self.given_secrets()),
            phase(LET_GO, self.let_go()),
        ];
        if labels.is_empty() && ways.is_empty() && taken_over.is_empty() && tags.is_empty() {
            phases.push(installation("Install", ownership, [steps, restarts].concat()));
        } else {
            let restarts_alone = |step: &String| {
                let mut clusters = self.clusters.iter();
                let name = step.strip_suffix(ISTIO).and_then(|step| step.strip_suffix('/'));
                clusters.any(|change| Some(change.name.as_str()) == name && !self.is_installed(change))
            };
            let (istiods, steps): (Vec<String>, Vec<String>) = steps.into_iter().partition(restarts_alone);
            let restarts = [istiods, restarts].concat();
            phases.push(installation("Install", &[ownership, &["--no-restart"]].concat(), steps));
            phases.push(phase("Remove the injector of istioctl's tag: Helm's injects now", tags));
            phases.push(phase("Label the namespaces whose workloads go over to the other revision", labels));
            phases.push(phase("Remove what leads to an earlier control plane", ways));
            phases.push(phase("Restart istiod where it takes over a remote", taken_over));
            phases.push(installation("Restart", &[], restarts));
        }
        phases.push(phase(RELEASE, owned));
        phases.push(phase(READ, self.unread_config()));
        phases.push(phase("Restart istiod where it keeps an address that nobody dials", self.forgetful()));
        phases.push(phase("Restart what has to take another root", self.under_another_root()));
        phases.push(phase("Restart what was injected under another name", self.under_another_name()));
        phases.push(phase(
            "Wait for the last proxy of the earlier revision: restart the pods that are named when the time is over",
            self.last_of_revision(),
        ));
        phases
            .push(phase("Remove the credentials of clusters that control planes must no longer read", self.revoked()));
        phases.push(phase("Remove what is no longer stated", self.removed(&|_, _| true)));
        phases.push(phase("Remove the clusters that left", self.left()));
        phases.push(phase("Node routes that nothing needs any more", self.old_routes()));
        phases.push(phase("Revoke the credentials that no control plane of this mesh has any more", self.tokens()));
        phases.push(phase(SETTLED, self.settled()));
        phases.retain(|phase| !phase.commands.is_empty());
        phases
    }

    fn before(&self) -> &Known<'_> {
        self.situation.before
    }

    fn after(&self) -> &Known<'_> {
        self.situation.after
    }

    fn staying(&self) -> impl Iterator<Item = &ClusterChange> {
        self.clusters.iter().filter(|cluster| cluster.membership == Membership::Stays)
    }

    /// The clusters that stay and in which Istio runs.
    fn running(&self) -> impl Iterator<Item = &ClusterChange> {
        self.staying().filter(|cluster| !self.before().is_waiting(&cluster.name))
    }

    fn leaving(&self) -> impl Iterator<Item = &ClusterChange> {
        self.clusters.iter().filter(|cluster| cluster.membership == Membership::Leaves)
    }

    /// The steps of the installation that change anything, in the order in which `install.sh` takes them.
    fn steps(&self) -> Vec<String> {
        let changes: BTreeMap<&str, &ClusterChange> =
            self.clusters.iter().map(|cluster| (cluster.name.as_str(), cluster)).collect();
        let is_due = |step: &str| {
            let (name, artifact) = step.split_once('/')?;
            Some(self.is_due(changes.get(name)?, artifact))
        };
        let mut steps = self.after().record.steps.clone();
        plan::order_for_a_running_mesh(
            &mut steps,
            |name| {
                let is_running = !self.before().is_waiting(name);
                // A controller goes in the order of a fresh installation.
                let is_by_script = self.after().controller().is_none();
                is_by_script
                    && is_running
                    && self.is_upgraded()
                    && !self.after().is_primary(name)
                    && self.has_same_primary(name)
            },
            |name| self.after().has_thin_remotes() && self.before().is_primary(name) && !self.after().is_primary(name),
        );
        steps.retain(|step| is_due(step).unwrap_or(false));
        steps
    }

    fn is_upgraded(&self) -> bool {
        self.before().version != self.after().version
    }

    /// Whether istiods notice another authority while they run.
    fn reloads_authority(&self) -> bool {
        self.after().release().is_none_or(|release| release.reloads_authority)
    }

    fn has_same_primary(&self, name: &str) -> bool {
        let primary = |side: &Known<'_>| side.member(name).map(|member| member.primary.clone());
        primary(self.before()) == primary(self.after())
    }

    fn is_due(&self, change: &ClusterChange, artifact: &str) -> bool {
        let name = change.name.as_str();
        let is_touched = || is_touched(change, artifact);
        let is_certified = || {
            let mut files = change.files.iter().filter(|file| !file.file.ends_with(GITIGNORE));
            self.situation.is_certified(change) || files.any(|file| is_in(&file.file, name, artifact))
        };
        match artifact {
            "restart" => change.membership == Membership::Stays && self.situation.restarts(name).is_some(),
            // People run these on nodes.
            ROUTES => false,
            _ if change.membership == Membership::Joins => true,
            // They carry the mesh's label.
            REMOTE_SECRETS => {
                let gets = |change: &CredentialChange| !(change.added.is_empty() && change.renewed.is_empty());
                self.situation.credentials.iter().any(|change| change.primary == name && gets(change))
                    // From now on it states what the operator stated.
                    || self.before().has_step(name, STORED_SECRETS)
                    || is_of_another_mesh(change)
            }
            CACERTS => is_certified() || change.private_key.is_some() || self.is_key_stated_anew(name),
            ISTIO => self.is_installed(change) || self.restarts_for_authority(change),
            // kubectl applies what it says, and the version is not in it.
            EASTWEST_GATEWAY => self.is_upgraded() && !self.after().install(name).states_gateways() || is_touched(),
            EGRESS_GATEWAY | GATEWAYS => self.is_upgraded() || self.is_released_anew(name) || is_touched(),
            _ => is_touched(),
        }
    }

    /// Whether Istio is installed anew in a cluster.
    fn is_installed(&self, change: &ClusterChange) -> bool {
        self.is_upgraded() || self.is_released_anew(&change.name) || is_touched(change, ISTIO)
    }

    /// Whether the installation restarts an istiod because of what it signs with, or of whom it trusts.
    fn restarts_for_authority(&self, change: &ClusterChange) -> bool {
        let name = change.name.as_str();
        // Some read their authority only when they start.
        self.situation.is_certified(change)
            && self.after().has_step(name, CACERTS)
            && !self.reloads_authority()
            && !self.after().has_no_authority(name)
            // One that runs takes other roots only when it starts, which it may have to for another reason.
            || self.restarts_for_roots(change) && self.situation.taken_over_by(name).is_empty()
    }

    /// Whether the installation restarts an istiod that signs, because it has other roots; a controller restarts nothing.
    fn restarts_for_roots(&self, change: &ClusterChange) -> bool {
        let name = change.name.as_str();
        self.after().controller().is_none()
            && change.membership == Membership::Stays
            && self.after().has_step(name, CACERTS)
            && self.before().runs_istiod(name)
            && (self.situation.changes_roots(change) || self.situation.has_other_authority())
            && !self.after().has_no_authority(name)
    }

    /// A cluster with another name leaves before it joins.
    fn renamed(&self) -> Vec<String> {
        let renamed = self.leaving().filter(|cluster| self.situation.new_name(&cluster.name).is_some());
        renamed.flat_map(|cluster| removal(&cluster.name)).collect()
    }

    fn under_another_name(&self) -> Vec<String> {
        let mut commands = Vec::new();
        let namespaces: Vec<&str> = self.after().record.workloads.iter().map(String::as_str).collect();
        let running = self.leaving().filter(|left| !self.before().is_waiting(&left.name));
        for (was, name) in running.filter_map(|left| Some((&left.name, self.situation.new_name(&left.name)?))) {
            if self.before().istiod_service(was) != self.after().istiod_service(&name) {
                commands.extend(self.relabelled(&name));
            }
            let context = self.context(&name);
            let place = Place::Terminal { cluster: &name, context: &context, istiod: "" };
            commands.extend(command::restart_workloads(&namespaces, place).iter().map(ToString::to_string));
        }
        commands
    }

    fn left(&self) -> Vec<String> {
        let left = self.leaving().filter(|cluster| self.situation.new_name(&cluster.name).is_none());
        left.flat_map(|cluster| removal(&cluster.name)).collect()
    }

    /// What a gateway's pods are selected by does not change in place, nor does the class of its load balancer.
    fn immutable(&self) -> Vec<String> {
        let mut commands = Vec::new();
        for cluster in self.running() {
            let is_gateway =
                |object: &&ObjectChange| object.file.contains(EASTWEST_GATEWAY) && object.what == What::Changed;
            for object in cluster.objects.iter().filter(is_gateway) {
                let immutable = [("deployment", changes_selector(object)), ("service", changes_class(object))];
                for (kind, _) in immutable.into_iter().filter(|(_, is_changed)| *is_changed) {
                    let words = ["-n", ISTIO_SYSTEM, "delete", kind, eastwest_gateway::NAME];
                    commands.push(self.kubectl(&cluster.name, &words));
                }
            }
        }
        commands
    }

    /// The labels of a cluster that waited for an address name the earlier revision too.
    fn revision_labels(&self) -> Vec<String> {
        let names = self.staying().map(|cluster| cluster.name.as_str());
        names.filter(|name| self.situation.is_revised(name)).flat_map(|name| self.relabelled(name)).collect()
    }

    /// The clusters whose proxies go over to another revision.
    fn revised(&self) -> impl Iterator<Item = &str> {
        let running = self.running().map(|cluster| cluster.name.as_str());
        running.filter(|name| self.situation.is_revised(name))
    }

    /// Pods carry the revision that injected them (`files/injection-template.yaml`, of 1.11.2 and of 1.30.3), and those that istioctl
    /// installed also their component: what is left of these is removed with the revision. `kubectl wait` succeeds at once where
    /// there are none (`staging/src/k8s.io/kubectl/pkg/cmd/wait/wait.go` of Kubernetes 1.30).
    fn last_of_revision(&self) -> Vec<String> {
        let wait = |name: &str| {
            let revision = self.before().revision(name);
            let selector =
                format!("istio.io/rev={},!operator.istio.io/component", revision.as_deref().unwrap_or("default"));
            let words = ["wait", "pods", "-A", "-l", &selector, "--field-selector", "status.phase=Running"];
            self.kubectl(name, &[&words[..], &["--for=delete", "--timeout=5m"]].concat())
        };
        self.revised().map(wait).collect()
    }

    /// Workloads go over to another revision when their namespace names it.
    fn relabelled(&self, name: &str) -> Vec<String> {
        let revision = self.after().revision(name);
        let label = revision.map_or("istio.io/rev=default".to_owned(), |revision| format!("istio.io/rev={revision}"));
        let namespaces = self.after().record.workloads.iter();
        namespaces
            .map(|namespace| {
                self.kubectl(name, &["label", "namespace", namespace, "--overwrite", &label, "istio-injection-"])
            })
            .collect()
    }

    /// What clusters that stay no longer state, as far as it is left for a person.
    fn removed(&self, is_left: &dyn Fn(&str, &ObjectChange) -> bool) -> Vec<String> {
        let mut commands = Vec::new();
        for cluster in self.staying() {
            let name = cluster.name.as_str();
            let mut deletes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            let gone = cluster.objects.iter().filter(|object| matches!(object.what, What::Removed | What::Renamed));
            for object in gone.filter(|object| is_left(name, object)) {
                let gone = match object.what {
                    What::Renamed => object.from.clone().unwrap_or_default(),
                    _ => object.name.clone().unwrap_or_default(),
                };
                match object.kind.as_str() {
                    _ if self.situation.is_taken_over(name, object) => {}
                    _ if self.situation.is_collector_left(name, object) => {}
                    _ if self.situation.is_credential_kept(name, object) || is_token(object) => {}
                    // Flux uninstalls a release when its resource is deleted.
                    VALUES if self.after().controller() == Some("flux") && !self.situation.is_handed_over(name) => {}
                    VALUES => commands.extend(self.release_of(name, &gone)),
                    _ if is_mesh_config(object) => {}
                    ISTIO_OPERATOR => {
                        commands.push(command::delete_owned(&self.context(name), &gone).to_string());
                    }
                    _ if object.name.is_none() => {}
                    // Where the controller stops, releases are left alone.
                    HELM_RELEASE if self.after().controller().is_none() => {}
                    HELM_RELEASE => commands.extend(self.deletes_release(name, object)),
                    kind => {
                        let place = object.namespace.as_deref().unwrap_or_default();
                        deletes.entry(place).or_default().push(format!("{}/{gone}", resource(kind)));
                    }
                }
            }
            for (place, objects) in deletes {
                let place = if place.is_empty() { Vec::new() } else { vec!["-n", place] };
                let objects = objects.iter().map(String::as_str);
                let words: Vec<&str> = place.into_iter().chain(["delete"]).chain(objects).collect();
                commands.push(self.kubectl(name, &words));
            }
            // Where istiod is to sign no more with what is in it, it is deleted before istiod restarts.
            if !self.situation.is_signed_by_another(name)
                && !self.before().is_waiting(name)
                && self.before().has_step(name, CACERTS)
                && !self.after().has_step(name, CACERTS)
            {
                commands.extend(self.without_authority(name));
            }
            if self.situation.is_revised(name) && !self.before().is_waiting(name) && self.after().controller().is_none()
            {
                commands.push(self.old_revision(name));
            }
            commands.extend(self.saved(name));
        }
        commands
    }

    /// What says when the next phase of a root may begin.
    fn settled(&self) -> Vec<String> {
        let is_due = self.situation.has_phase_to_come(self.clusters);
        if is_due { vec![Command::script("NEW/verify.sh").to_string()] } else { Vec::new() }
    }

    fn context(&self, name: &str) -> String {
        let member = self.after().member(name).or_else(|| self.before().member(name));
        member.map_or(name, |member| member.context.as_str()).to_owned()
    }

    fn kubectl(&self, name: &str, words: &[&str]) -> String {
        Command::kubectl(&self.context(name)).words(words.iter().copied()).to_string()
    }
}

/// Whether a cluster states anything of an artifact anew. What is only moved, or no longer stated, is not applied.
fn is_touched(change: &ClusterChange, artifact: &str) -> bool {
    let is_stated = |object: &&ObjectChange| {
        let is_applied = match object.what {
            What::Added | What::Renamed => true,
            What::Changed | What::Moved => !object.fields.is_empty(),
            What::Removed => is_of_istiod(object),
        };
        object.name.is_some() && is_applied && is_in(&object.file, &change.name, artifact)
    };
    change.objects.iter().any(|object| is_stated(&object))
}

/// Whether a file is in the directory of a cluster's artifact.
fn is_in(file: &str, name: &str, artifact: &str) -> bool {
    let path = file.strip_prefix(name).and_then(|path| path.strip_prefix('/'));
    path.and_then(|path| path.strip_prefix(artifact)).is_some_and(|rest| rest.starts_with('/'))
}

/// What kubectl calls a kind, with its group where another group has a kind of that name.
fn resource(kind: &str) -> String {
    let group = match kind {
        "Gateway" | "VirtualService" | "ServiceEntry" => ".networking.istio.io",
        "Telemetry" => ".telemetry.istio.io",
        "Istio" | "IstioCNI" => ".sailoperator.io",
        "Bundle" => ".trust.cert-manager.io",
        _ => return kind.to_lowercase(),
    };
    format!("{}{group}", kind.to_lowercase())
}

/// The title above what tells when a root may change further.
const SETTLED: &str =
    "Before the next phase of the root, wait until this says that it may begin: a day after the last control plane";

/// The title above istiods that read their mesh config only when they start.
const READ: &str = "Restart istiod, which reads this part of the mesh config only when it starts";

/// The title above certificates that no istiod has read.
const UNREAD: &str = "Delete the certificates that no istiod is to sign with";

/// The Secret that istiod signs with.
const CACERTS_SECRET: &str = "cacerts";

/// The cluster's own script knows what was installed in it.
fn removal(name: &str) -> Vec<String> {
    vec![Command::script("OLD/uninstall.sh").words(["--yes", "--cluster", name]).to_string()]
}

fn phase(title: &str, commands: Vec<String>) -> Phase {
    Phase { title: title.to_owned(), commands: loops::looped(commands), steps: Vec::new() }
}

fn installation(title: &str, options: &[&str], steps: Vec<String>) -> Phase {
    let command = Command::script("NEW/install.sh").words(options.iter().copied()).to_string();
    let commands = if steps.is_empty() { Vec::new() } else { vec![command] };
    Phase { title: title.to_owned(), commands, steps }
}
