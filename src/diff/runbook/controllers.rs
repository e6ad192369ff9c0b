//! What people do where a controller applies the tree: it takes the steps of the installation from Git, and what nothing in Git has is
//! left.

use serde_json::Value;

use crate::artifact::eastwest_gateway::STARTED_WITH;
use crate::artifact::helm_releases::KEPT;
use crate::command::{self, Command, Place};
use crate::layout::{CACERTS, EASTWEST_GATEWAY, EGRESS_GATEWAY, ISTIO, ISTIO_SYSTEM, NAMESPACE, REMOTE_SECRETS};

use super::super::changed::changes_selector;
use super::super::controllers::{HELM_RELEASE, Root, is_left, title};
use super::super::facts::Known;
use super::super::fields::is_mesh_config;
use super::super::manifest::documents;
use super::super::private_key::form;
use super::super::{ClusterChange, CredentialChange, KeyForm, Membership, ObjectChange, What};
use super::credentials::{LET_GO, PUSH_SECRET};
use super::keys::{GIVEN, MADE, STORED, TAKEN};
use super::{Phase, READ, RELEASE, Runbook, SETTLED, UNREAD, phase};

impl Runbook<'_> {
    /// The phases where a controller applies the second side.
    pub(super) fn by_controller(&self, controller: &'static str) -> Vec<Phase> {
        let title = title(controller);
        let steps = self.steps();
        let is_for_people = |step: &str| {
            let (cluster, artifact) = step.split_once('/').unwrap_or_default();
            artifact == CACERTS && self.is_certified_by_people(cluster)
                || [REMOTE_SECRETS, "restart"].contains(&artifact)
        };
        let applied: Vec<String> = steps.iter().filter(|step| !is_for_people(step)).cloned().collect();
        let told = |side: &Known<'_>| -> Vec<String> {
            let pages = side.pages().into_iter().filter(|(path, _)| path.starts_with(controller));
            pages.map(|(path, text)| [path, text].concat()).collect()
        };
        let is_told = told(self.before()) != told(self.after());
        let push = Command::new("git").words(["push"]).remark(&format!("NEW, and {title} applies it"));
        let is_in_git = |object: &ObjectChange| !object.file.contains(CACERTS);
        let is_changed = is_told
            || self.clusters.iter().flat_map(|cluster| &cluster.objects).any(is_in_git)
            || applied.iter().any(|step| step.ends_with(CACERTS));
        let immutable = self.immutable();
        let mut except = String::new();
        if !immutable.is_empty() {
            // What Kubernetes refuses is tried again until it can be made anew.
            except.push_str(", except for gateways that the next step deletes, and what waits for them");
        }
        if applied.iter().any(|step| self.waits_for_credentials(step, &steps)) {
            except.push_str(", except for gateways of remotes that are new: they start when their control plane has the credentials");
        }
        let mut commit = if is_changed { vec![push.to_string()] } else { Vec::new() };
        commit.extend(self.begun());
        // An istiod that serves its cluster no longer goes before proxies restart.
        let (demoted, asked): (Vec<_>, Vec<_>) =
            self.running().filter(|_| controller == ARGOCD).partition(|cluster| self.is_demoted(&cluster.name));
        let [demoted, asked] = [demoted, asked].map(|clusters| self.confirmed(&clusters));
        let mut phases = vec![
            phase("Node routes, before anything needs them", self.new_routes()),
            phase("Certificates, before a control plane needs them", self.certificates(&steps, false)),
            phase(UNREAD, self.unread_certificates()),
            phase(TAKEN, self.given_secrets()),
            phase(GIVEN, self.identities()),
            // The next controller would apply the Secret again and again, and so would what made it.
            phase(MADE, self.makers_of_secrets(|name| self.situation.is_handed_over(name))),
            phase(
                "Keep from Flux what remote secrets are made of, which people renew from now on",
                self.left_by_flux(),
            ),
            Phase {
                title: format!("Commit and push, and wait until {title} has applied it{except}"),
                commands: commit,
                steps: applied,
            },
            phase("Delete what cannot be changed, and wait until the controller has made it anew", immutable),
            phase(MADE, self.makers_of_secrets(|name| !self.situation.is_handed_over(name))),
            phase("Certificates, which nothing in the cluster makes any more", self.certificates(&steps, true)),
            phase(LET_GO, self.let_go()),
            phase(RELEASE, self.owned_by_others()),
            phase("Remove what the earlier installer noted, and nobody reads any more", self.noted()),
            phase("Label the namespaces whose workloads go over to the other revision", self.revision_labels()),
            phase("Remove what leads to an earlier control plane", self.earlier_ways()),
            phase("Let Argo CD delete istiods that serve their cluster no longer: it asks", demoted),
            phase("Restart istiod, which takes other roots only when it starts", self.other_roots()),
            phase("Restart istiod where it takes over a remote", self.taken_over()),
            phase("Give control planes the credentials of other clusters", Self::credentials(&steps)),
            phase("Restart what keeps an earlier configuration", self.restarted(&steps)),
            phase(READ, self.unread_config()),
            phase("Restart istiod where it keeps an address that nobody dials", self.forgetful()),
            phase("Restart what has to take another root", self.under_another_root()),
            phase(
                "Wait for the last proxy of the earlier revision: restart the pods that are named when the time is over",
                self.last_of_revision(),
            ),
            phase("Remove the credentials of clusters that control planes must no longer read", self.revoked()),
            phase("Let Argo CD delete what is no longer stated: it asks", asked),
            phase("Remove what the controller leaves", self.left_by_controller(controller)),
            phase("Remove the clusters that left", self.left_clusters()),
            phase("Node routes that nothing needs any more", self.old_routes()),
            phase("Revoke the credentials that no control plane of this mesh has any more", self.tokens()),
            phase(SETTLED, self.settled()),
        ];
        phases.insert(0, phase(STORED, self.stored()));
        phases.insert(1, phase("Stop the earlier controller, which deletes nothing then", self.stopped()));
        phases.retain(|phase| !phase.commands.is_empty());
        phases
    }

    /// Whether a step is that of a gateway which nobody injects before people give credentials: those of a remote without an istiod.
    fn waits_for_credentials(&self, step: &str, steps: &[String]) -> bool {
        let Some((name, artifact)) = step.split_once('/') else { return false };
        let Some(member) = self.after().member(name) else { return false };
        let is_learnt = |change: &CredentialChange| {
            change.primary == member.primary && change.added.iter().any(|added| added == name)
        };
        [EASTWEST_GATEWAY, EGRESS_GATEWAY].contains(&artifact)
            && !self.after().runs_istiod(name)
            && self.situation.credentials.iter().any(is_learnt)
            && steps.contains(&[&member.primary, "/", REMOTE_SECRETS].concat())
    }

    /// What makes a controller read the tree, as the tree's README says it.
    fn begun(&self) -> Vec<String> {
        let before = &self.before().roots;
        let begun = self.after().roots.iter().filter(|root| !before.iter().any(|earlier| root.begins_like(earlier)));
        let command = |root: &Root<'_>| {
            let files: &[&str] =
                if root.controller == ARGOCD { &["root.yaml"] } else { &["sources.yaml", "root.yaml"] };
            let paths: Vec<String> = files.iter().map(|file| format!("NEW/{}/{file}", root.directory)).collect();
            let words = paths.iter().flat_map(|path| ["-f", path.as_str()]);
            self.beside_controller(root.cluster).words(["apply"]).words(words).to_string()
        };
        begun.map(command).collect()
    }

    /// What stops the controllers of the first side that go, and leaves everything in the clusters: Flux prunes and uninstalls nothing for
    /// what is suspended (fluxcd/kustomize-controller v1.9.4 and fluxcd/helm-controller v1.6.3, `internal/controller`), and Argo CD deletes
    /// nothing for an Application without a finalizer. That of a cluster which leaves removes what it installed.
    pub(super) fn stopped(&self) -> Vec<String> {
        let after = &self.after().roots;
        let stopped = self.before().roots.iter().filter(|root| {
            !after.iter().any(|later| root.is_same(later))
                && root.cluster.is_none_or(|cluster| self.after().has(cluster))
        });
        let (mut suspended, mut deleted) = (Vec::new(), Vec::new());
        for root in stopped {
            let kubectl = |words: &[&str]| {
                let place = ["-n", root.namespace.as_str()];
                self.beside_controller(root.cluster).words(place).words(words.iter().copied()).to_string()
            };
            if root.controller == ARGOCD {
                deleted.push(kubectl(&["delete", ARGOCD_KINDS, "-l", &root.ours]));
                continue;
            }
            let suspend = r#"{"spec":{"suspend":true}}"#;
            let get = kubectl(&["get", FLUX_KINDS, "-l", &root.ours, "-o", "name"]);
            let patch = kubectl(&["patch", "--type=merge", "-p", suspend]);
            suspended.push(format!("{get} | xargs {patch}"));
            deleted.push(kubectl(&["delete", &[FLUX_KINDS, FLUX_SOURCES].concat(), "-l", &root.ours]));
        }
        // One command may delete in many clusters, and stands where the first did.
        [suspended, deleted].concat()
    }

    /// What an installer noted for itself, which would mislead it when it comes back: `install.sh` what proxies started with, and Helm which
    /// releases there are, where Argo CD applies charts without any.
    fn noted(&self) -> Vec<String> {
        let (before, after) = (self.before().controller(), self.after().controller());
        let mut commands = Vec::new();
        for name in self.running().map(|cluster| cluster.name.as_str()).filter(|_| before != after) {
            if before.is_none() {
                let note = format!("{STARTED_WITH}-");
                commands.push(self.kubectl(name, &["annotate", "namespace", ISTIO_SYSTEM, &note]));
            }
            if after == Some(ARGOCD) && self.before().is_by_helm(name) {
                commands.extend(self.records_of_releases(name));
            }
        }
        commands
    }

    /// Whether people bring a cluster its private key: it is not in Git, or Argo CD would bring the first istiod at the same time.
    fn is_certified_by_people(&self, name: &str) -> bool {
        let is_at_once = || {
            let is_first = self.before().has(name) && !self.before().has_step(name, CACERTS);
            is_first && self.after().controller() == Some(ARGOCD)
        };
        form(self.after(), name).is_some_and(|form| form == KeyForm::File || is_at_once())
    }

    /// Secrets that no controller brings in time, and the namespaces of clusters that join; or those that something in the cluster made
    /// before, and would make again until it is gone.
    fn certificates(&self, steps: &[String], is_made_before: bool) -> Vec<String> {
        let due = steps.iter().filter_map(|step| step.strip_suffix(CACERTS)?.strip_suffix('/'));
        let due = due.filter(|name| self.is_certified_by_people(name) && self.was_made(name) == is_made_before);
        let mut commands = Vec::new();
        for name in due {
            let apply = |options: &[&str], directory: &str| {
                let path = format!("NEW/{name}/{directory}");
                self.kubectl(name, &[&["apply"], options, &["-k", &path]].concat())
            };
            if !self.staying().any(|cluster| cluster.name == name) {
                commands.push(apply(&[], NAMESPACE));
            }
            commands.push(apply(&["--server-side", "--field-manager=meshgen", "--force-conflicts"], CACERTS));
            if let Some((object, condition)) = form(self.after(), name).and_then(KeyForm::maker) {
                let condition = format!("--for=condition={condition}");
                commands.push(self.kubectl(name, &["-n", ISTIO_SYSTEM, "wait", &condition, "--timeout=5m", object]));
            }
        }
        commands
    }

    fn credentials(steps: &[String]) -> Vec<String> {
        let scripts = steps.iter().filter(|step| step.ends_with(REMOTE_SECRETS));
        scripts.map(|script| Command::script(&format!("NEW/{script}")).to_string()).collect()
    }

    /// East-west gateways restart by themselves: what they started with is part of their template. Where nothing makes them wait for what
    /// they start with, or people remove an earlier way first, they restart once more.
    fn restarted(&self, steps: &[String]) -> Vec<String> {
        let namespaces: Vec<&str> = self.after().record.workloads.iter().map(String::as_str).collect();
        let due = steps.iter().filter_map(|step| step.strip_suffix("/restart"));
        let commands = due.flat_map(|name| {
            let context = self.context(name);
            let place = Place::Terminal { cluster: name, context: &context, istiod: "" };
            // A gateway that is deleted and made anew starts after all that.
            let mut objects =
                self.running().filter(|cluster| cluster.name == name).flat_map(|cluster| &cluster.objects);
            let is_made_anew = objects.any(changes_selector);
            let is_early = self.after().unordered_controller().is_some() || !self.has_same_primary(name);
            let is_early = is_early && !is_made_anew;
            let selector = if is_early {
                "istio in (ingressgateway,egressgateway,eastwestgateway)"
            } else {
                "istio in (ingressgateway,egressgateway)"
            };
            let gateways = ["-n", ISTIO_SYSTEM, "rollout", "restart", "deployments", "-l", selector];
            let mut commands = vec![self.kubectl(name, &gateways)];
            commands.extend(command::restart_workloads(&namespaces, place).iter().map(ToString::to_string));
            commands
        });
        commands.collect()
    }

    /// Whether a cluster loses its istiod.
    fn is_demoted(&self, name: &str) -> bool {
        self.before().runs_istiod(name) && !self.after().runs_istiod(name)
    }

    /// Argo CD asks before it deletes what an Application no longer states of a control plane or a gateway.
    fn confirmed(&self, clusters: &[&ClusterChange]) -> Vec<String> {
        let mut commands = Vec::new();
        for cluster in clusters {
            let name = cluster.name.as_str();
            for directory in KEPT {
                let path = [name, "/", directory, "/"].concat();
                let is_applied = self.before().has_files_below(&path) && self.after().has_files_below(&path);
                let goes = |object: &ObjectChange| {
                    object.file.starts_with(&path)
                        && object.name.is_some()
                        && matches!(object.what, What::Removed | What::Renamed)
                        && (self.after().is_by_helm(name) || !is_mesh_config(object))
                };
                // What the Sail operator installed, it deletes by itself.
                let is_of_chart = directory == ISTIO
                    && !self.after().is_by_sail(name)
                    && (self.situation.is_revised(name)
                        || self.before().version != self.after().version
                        || self.is_demoted(name)
                        || self.switches_off(name));
                if is_applied && (is_of_chart || cluster.objects.iter().any(goes)) {
                    commands.extend(self.confirms_deletion(name, directory));
                }
            }
        }
        commands
    }

    /// Whether values make the chart of a control plane state fewer objects than before.
    fn switches_off(&self, name: &str) -> bool {
        let [before, after] = [self.before(), self.after()].map(|side| side.values_of_istiod(name).unwrap_or_default());
        let is_on = |values: &Value, (place, default): (&str, bool)| {
            // The profile of a remote says so.
            let default = default && !(place == CONFIG_MAP && values["profile"] == "remote");
            values.pointer(place).and_then(Value::as_bool).unwrap_or(default)
        };
        SWITCHES.into_iter().any(|switch| is_on(&before, switch) && !is_on(&after, switch))
    }

    /// The command that lets Argo CD delete what a directory no longer states
    /// (argo-cd.readthedocs.io, "Resource Pruning With Confirmation").
    fn confirms_deletion(&self, cluster: &str, directory: &str) -> Option<String> {
        let root = self.after().root_of(cluster)?;
        let file = [root.directory, "/", cluster, ".yaml"].concat();
        let suffix = ["-", directory].concat();
        let applications = documents(self.after().text(&file)?)?;
        let mut names = applications.iter().filter_map(|one| one.pointer("/metadata/name")?.as_str());
        let name = names.find(|name| name.ends_with(&suffix))?;
        let words = ["-n", root.namespace.as_str(), "annotate", "applications.argoproj.io", name, "--overwrite"];
        let approved = "argocd.argoproj.io/deletion-approved=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"";
        Some(self.beside_controller(root.cluster).words(words).shell(approved).to_string())
    }

    /// What is no longer stated, and the controller does not delete.
    fn left_by_controller(&self, controller: &str) -> Vec<String> {
        self.removed(&|name, object| {
            let is_stopped = self.situation.is_handed_over(name) && object.kind != HELM_RELEASE;
            is_stopped || is_left(controller, self.after(), &object.file)
        })
    }

    /// The command that deletes a release of Flux's, where the controller runs: Flux uninstalls it.
    pub(super) fn deletes_release(&self, cluster: &str, release: &ObjectChange) -> Option<String> {
        let (namespace, name) = (release.namespace.as_deref()?, release.name.as_deref()?);
        let words = ["-n", namespace, "delete", "helmreleases.helm.toolkit.fluxcd.io", name];
        let own = self.before().root_of(cluster).and_then(|root| root.cluster);
        Some(self.beside_controller(own).words(words).to_string())
    }

    /// kubectl where a controller runs, by the context that the cluster has now.
    pub(super) fn beside_controller(&self, cluster: Option<&str>) -> Command {
        cluster.map_or_else(|| Command::new("kubectl"), |name| Command::kubectl(&self.context(name)))
    }

    fn left_clusters(&self) -> Vec<String> {
        let (mut uninstalled, mut deleted) = (Vec::new(), Vec::new());
        let left = self.clusters.iter().filter(|cluster| cluster.membership == Membership::Leaves);
        for cluster in left.filter(|cluster| self.situation.new_name(&cluster.name).is_none()) {
            // Flux uninstalls what it installed, but keeps the releases of Istio, which nothing applies any more.
            let is_left = |object: &&ObjectChange| is_left(FLUX, self.after(), &object.file);
            let releases = cluster.objects.iter().filter(|object| is_gone_release(object)).filter(is_left);
            uninstalled.extend(releases.filter_map(|release| self.deletes_release(&cluster.name, release)));
            // The operator deletes in the store what it pushed, as long as it knows the store.
            if self.before().has_store() {
                let words = ["-n", ISTIO_SYSTEM, "delete", PUSH_SECRET, "--ignore-not-found"];
                deleted.push(self.kubectl(&cluster.name, &words));
            }
            if self.before().is_by_sail(&cluster.name) {
                // The operator removes what it installed before its releases go with the namespace.
                deleted.push(command::delete_resources(&self.context(&cluster.name)).to_string());
            }
            deleted.push(self.kubectl(&cluster.name, &["delete", "namespace", ISTIO_SYSTEM, "--ignore-not-found"]));
            let kinds =
                "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings";
            let ours = ["delete", kinds, "-l", "app.kubernetes.io/part-of=istio"];
            deleted.push(self.kubectl(&cluster.name, &ours));
        }
        [uninstalled, deleted].concat()
    }
}

const CONFIG_MAP: &str = "/pilot/configMap";

/// The values that make the chart of a control plane state an object or not, and what they are by default
/// (`1.30.3:manifests/charts/istio-control/istio-discovery/values.yaml`).
const SWITCHES: [(&str, bool); 5] = [
    (CONFIG_MAP, true),
    ("/pilot/autoscaleEnabled", true),
    ("/global/configValidation", true),
    ("/global/defaultPodDisruptionBudget/enabled", true),
    ("/global/networkPolicy/enabled", false),
];

const ARGOCD: &str = "argocd";
const ARGOCD_KINDS: &str = "applications.argoproj.io,appprojects.argoproj.io";
const FLUX: &str = "flux";
const FLUX_KINDS: &str = "kustomizations.kustomize.toolkit.fluxcd.io,helmreleases.helm.toolkit.fluxcd.io";

/// What these read: sources, and the values of releases.
const FLUX_SOURCES: &str =
    ",gitrepositories.source.toolkit.fluxcd.io,helmrepositories.source.toolkit.fluxcd.io,configmaps";

fn is_gone_release(object: &ObjectChange) -> bool {
    object.kind == HELM_RELEASE && object.what == What::Removed
}
