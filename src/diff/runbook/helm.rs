//! What Helm and controllers take over from whoever installed before, and what Helm uninstalls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::artifact::{eastwest_gateway, helm_releases};
use crate::command;
use crate::diff::consequence::takeover::Move;
use crate::diff::facts::Known;
use crate::diff::fields::ISTIO_OPERATOR;
use crate::diff::manifest::{documents, is_manifest};
use crate::layout::{CACERTS, EASTWEST_GATEWAY, GATEWAYS, ISTIO, ISTIO_SYSTEM};
use crate::topology::Install;

use super::Runbook;

/// The names under which an installer applies the objects of charts, and all others.
#[derive(Debug, PartialEq, Eq)]
struct Managers {
    charts: &'static str,
    plain: &'static str,
}

/// What istioctl calls itself (`1.30.3:operator/pkg/install/install.go`).
const ISTIOCTL: &str = "istio-operator";

/// Who applies a cluster (fluxcd/helm-controller v1.6.3 and fluxcd/kustomize-controller v1.9.4, `main.go`; argoproj/gitops-engine,
/// `pkg/utils/kube`).
fn managers(side: &Known<'_>, name: &str) -> Managers {
    let (charts, plain) = match side.controller() {
        Some("argocd") => ("argocd-controller", "argocd-controller"),
        // The operator's own charts are no matter of who tells it what to install.
        Some(_) if side.is_by_sail(name) => ("kustomize-controller", "kustomize-controller"),
        None if side.is_by_sail(name) => ("meshgen", "meshgen"),
        Some(_) => ("helm-controller", "kustomize-controller"),
        None if side.is_by_helm(name) => ("helm", "meshgen"),
        None => (ISTIOCTL, ISTIOCTL),
    };
    Managers { charts, plain }
}

fn in_istio_system(version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name, "namespace": ISTIO_SYSTEM } })
}

/// The Service and the Deployment of a gateway.
fn workload(name: &str) -> [Value; 2] {
    [in_istio_system("v1", "Service", name), in_istio_system("apps/v1", "Deployment", name)]
}

/// The gateways of a profile, by their files of values.
const OF_PROFILE: [&str; 2] = ["ingress", "egress"];

impl Runbook<'_> {
    /// The clusters that Helm takes over.
    fn taken_over_by_helm(&self) -> impl Iterator<Item = &str> {
        let running = self.running().map(|cluster| cluster.name.as_str());
        running.filter(|name| self.situation.moved_to(name) == Move::ToHelm)
    }

    /// istioctl makes a webhook and a Service for the tag `default`, and switches off those that it renders
    /// (`1.30.3:operator/pkg/webhook/webhook.go`); Helm switches these on.
    pub(super) fn tags(&self) -> Vec<String> {
        let untagged = |name: &&str| self.before().revision(name).is_none();
        let delete = |name: &str| {
            let tag =
                ["mutatingwebhookconfiguration/istio-revision-tag-default", "service/istiod-revision-tag-default"];
            self.kubectl(name, &[&["-n", ISTIO_SYSTEM, "delete"], &tag[..], &["--ignore-not-found"]].concat())
        };
        self.taken_over_by_helm().filter(untagged).map(delete).collect()
    }

    /// Whoever applied these objects before gives up their fields; what nobody else states goes. What only istioctl made of the
    /// profile's gateways goes too: the chart has it under another name.
    pub(super) fn owned_by_others(&self) -> Vec<String> {
        let mut commands = Vec::new();
        for name in self.running().map(|cluster| cluster.name.as_str()) {
            let (before, after) = (managers(self.before(), name), managers(self.after(), name));
            if before == after || self.situation.moved_to(name) == Move::Refused {
                continue;
            }
            let istiod = self.after().istiod_service(name);
            let mut owned = Vec::new();
            if self.after().is_by_sail(name) {
                owned.extend(self.resources_before_and_after(name));
            } else {
                owned.push(in_istio_system("v1", "Service", &istiod));
                if self.after().runs_istiod(name) {
                    owned.push(in_istio_system("apps/v1", "Deployment", &istiod));
                }
            }
            let mut roles = Vec::new();
            let is_there = |gateway: &&str| has_values(self.after(), name, gateway);
            let of_profile: Vec<String> =
                OF_PROFILE.into_iter().filter(is_there).map(helm_releases::of_gateway).collect();
            for release in &of_profile {
                owned.extend(workload(release));
                roles.extend(["role", "rolebinding"].map(|kind| format!("{kind}/{release}-sds")));
            }
            let mut plain = Vec::new();
            // What kubectl applies without a manager of its own, as scripts do, keeps the one that it has.
            if self.before().controller().is_some() && self.after().controller().is_some() {
                plain = self.stated_before_and_after(name);
            } else if self.after().has_step(name, EASTWEST_GATEWAY) {
                plain.extend(workload(eastwest_gateway::NAME));
            }
            let mut release = |manager: &str, owned: &[Value]| {
                if !owned.is_empty() {
                    commands.push(command::release_fields(&self.context(name), manager, owned).to_string());
                }
            };
            if before.charts == before.plain {
                release(before.charts, &[owned, plain].concat());
            } else {
                release(before.charts, &owned);
                release(before.plain, &plain);
            }
            if before.charts == ISTIOCTL && !roles.is_empty() {
                let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
                let words = [&["-n", ISTIO_SYSTEM, "delete"], &roles[..], &["--ignore-not-found"]].concat();
                commands.push(self.kubectl(name, &words));
            }
        }
        commands
    }

    /// Whether Helm makes releases of what Argo CD applied without any, or scripts state under their own name what the Sail operator is told.
    pub(super) fn is_released_anew(&self, name: &str) -> bool {
        let (before, after) = (self.before().controller(), self.after().controller());
        match self.after().install(name) {
            Install::Helm => before == Some("argocd") && after != before,
            Install::Sail => before.is_some() && after.is_none(),
            Install::Istioctl => false,
        }
    }

    /// What was installed of another revision, once no proxy is left of it.
    pub(super) fn old_revision(&self, name: &str) -> String {
        let revision = self.before().revision(name);
        if self.before().is_by_helm(name) {
            return self.uninstalled(name, &self.before().istiod_service(name), ISTIO_SYSTEM);
        }
        command::delete_revision(&self.context(name), revision.as_deref().unwrap_or("default")).to_string()
    }

    /// Deletes what Helm noted of its releases. The objects stay.
    pub(super) fn records_of_releases(&self, name: &str) -> Vec<String> {
        let before = self.before();
        let of_profile = OF_PROFILE.into_iter().filter(|gateway| has_values(before, name, gateway));
        let mut releases = vec![helm_releases::BASE.to_owned(), before.istiod_service(name)];
        releases.extend(of_profile.map(helm_releases::of_gateway));
        let records = |namespace: &str, releases: &[String]| {
            let selector = format!("owner=helm,name in ({})", releases.join(","));
            self.kubectl(name, &["-n", namespace, "delete", "secrets", "-l", &selector])
        };
        let mut commands = vec![records(ISTIO_SYSTEM, &releases)];
        if before.has_file(&format!("{name}/{ISTIO}/cni.values.yaml")) {
            commands.push(records(cni_namespace(before, name), &[helm_releases::CNI.to_owned()]));
        }
        commands
    }

    /// The plain objects of a cluster, each as which one it is.
    fn stated_before_and_after(&self, name: &str) -> Vec<Value> {
        self.both(name, &|directory| ![CACERTS, GATEWAYS, ISTIO].contains(&directory))
    }

    /// What the Sail operator is told in a cluster, in the same way.
    fn resources_before_and_after(&self, name: &str) -> Vec<Value> {
        let mut resources = self.both(name, &|directory| directory == ISTIO);
        // The patch has the name of what it changes.
        let mut seen = Vec::new();
        resources.retain(|object| {
            !seen.contains(object) && {
                seen.push(object.clone());
                true
            }
        });
        resources
    }

    /// The objects that both sides have in some directories of a cluster.
    fn both(&self, name: &str, is_meant: &dyn Fn(&str) -> bool) -> Vec<Value> {
        let before = stated(self.before(), name, is_meant);
        stated(self.after(), name, is_meant).into_iter().filter(|object| before.contains(object)).collect()
    }

    /// Deletes what istioctl 1.11 saved of installations that are no longer stated under this name and revision: no command of it does
    /// (`1.11.2:operator/cmd/mesh/shared.go`, `1.11.2:operator/pkg/helmreconciler/prune.go`).
    pub(super) fn saved(&self, name: &str) -> Option<String> {
        let saved = |side: &Known<'_>| -> BTreeSet<String> {
            if side.is_waiting(name) || !side.release().is_some_and(|release| release.has_in_cluster_operator) {
                return BTreeSet::new();
            }
            let revision = side.revision(name).map(|revision| format!("-{revision}")).unwrap_or_default();
            let is_installation = |object: &Value| object["kind"] == ISTIO_OPERATOR;
            let objects = stated(side, name, &|_| true).into_iter().filter(is_installation);
            let names = objects.filter_map(|object| object.pointer("/metadata/name")?.as_str().map(str::to_owned));
            names.map(|name| format!("installed-state-{name}{revision}")).collect()
        };
        let after = saved(self.after());
        let gone: Vec<String> = saved(self.before()).into_iter().filter(|name| !after.contains(name)).collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        let words =
            [&["-n", ISTIO_SYSTEM, "delete", "istiooperators.install.istio.io"], &gone[..], &["--ignore-not-found"]];
        (!gone.is_empty()).then(|| self.kubectl(name, &words.concat()))
    }

    /// The release that was installed with values that are no longer there.
    pub(super) fn release_of(&self, name: &str, values: &str) -> Option<String> {
        if values == "cni" {
            return Some(self.uninstalled(name, helm_releases::CNI, cni_namespace(self.before(), name)));
        }
        let gateway = OF_PROFILE.into_iter().find(|gateway| *gateway == values)?;
        if self.before().controller() == Some("argocd") {
            // There is no release, and the labels of a gateway are those of its pods.
            let labels = format!("app=istio-{gateway}gateway,istio={gateway}gateway");
            return Some(command::delete_labelled(&self.context(name), &labels).to_string());
        }
        Some(self.uninstalled(name, &helm_releases::of_gateway(gateway), ISTIO_SYSTEM))
    }

    pub(super) fn uninstalled(&self, name: &str, release: &str, namespace: &str) -> String {
        command::uninstall(&self.context(name), release, namespace).to_string()
    }
}

/// The objects that a side states in some directories of a cluster, each as which one it is.
fn stated(side: &Known<'_>, name: &str, is_meant: &dyn Fn(&str) -> bool) -> Vec<Value> {
    let files = side.files_of(name).into_iter().filter(|(path, _)| {
        let directory = path.split('/').nth(1).unwrap_or_default();
        is_manifest(path) && is_meant(directory)
    });
    let objects = files.filter_map(|(_, text)| documents(text)).flatten();
    let objects = objects.filter(|object| !object["metadata"].is_null());
    objects
        .map(|object| {
            let mut metadata = json!({ "name": object["metadata"]["name"] });
            if let Some(namespace) = object["metadata"].get("namespace") {
                metadata["namespace"] = namespace.clone();
            }
            json!({ "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata })
        })
        .collect()
}

fn has_values(side: &Known<'_>, name: &str, gateway: &str) -> bool {
    side.has_file(&format!("{name}/{GATEWAYS}/{gateway}.values.yaml"))
}

/// The namespace of the plugin: another one on `OpenShift`.
fn cni_namespace(side: &Known<'_>, name: &str) -> &'static str {
    let values = side.values_of_istiod(name).unwrap_or_default();
    if values["global"]["platform"] == "openshift" { "kube-system" } else { ISTIO_SYSTEM }
}
