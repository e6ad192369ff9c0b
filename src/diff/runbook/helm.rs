//! What Helm takes over from istioctl, and what it uninstalls.

use serde_json::Value;

use crate::artifact::{eastwest_gateway, helm_releases};
use crate::command;
use crate::diff::consequence::takeover::Move;
use crate::diff::facts::Known;
use crate::diff::manifest::documents;
use crate::layout::{EASTWEST_GATEWAY, GATEWAYS, ISTIO, ISTIO_SYSTEM};

use super::Runbook;

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

    /// istioctl gives up the fields of what Helm and kubectl took over; what they do not state goes. What only istioctl made of the
    /// profile's gateways goes too: the chart has it under another name.
    pub(super) fn owned_by_istioctl(&self) -> Vec<String> {
        let mut commands = Vec::new();
        for name in self.taken_over_by_helm() {
            let istiod = self.after().istiod_service(name);
            let mut owned = vec![("v1", "Service", istiod.as_str())];
            if self.after().runs_istiod(name) {
                owned.push(("apps/v1", "Deployment", istiod.as_str()));
            }
            let mut roles = Vec::new();
            let is_there = |gateway: &&str| has_values(self.after(), name, gateway);
            let of_profile: Vec<String> =
                OF_PROFILE.into_iter().filter(is_there).map(helm_releases::of_gateway).collect();
            for release in &of_profile {
                owned.extend([("v1", "Service", release.as_str()), ("apps/v1", "Deployment", release)]);
                roles.extend(["role", "rolebinding"].map(|kind| format!("{kind}/{release}-sds")));
            }
            if self.after().has_step(name, EASTWEST_GATEWAY) {
                let gateway = eastwest_gateway::NAME;
                owned.extend([("v1", "Service", gateway), ("apps/v1", "Deployment", gateway)]);
            }
            commands.push(command::release_fields(&self.context(name), &owned).to_string());
            if !roles.is_empty() {
                let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
                let words = [&["-n", ISTIO_SYSTEM, "delete"], &roles[..], &["--ignore-not-found"]].concat();
                commands.push(self.kubectl(name, &words));
            }
        }
        commands
    }

    /// The release that was installed with values that are no longer there.
    pub(super) fn release_of(&self, name: &str, values: &str) -> Option<String> {
        if values == "cni" {
            return Some(self.uninstalled(name, helm_releases::CNI, cni_namespace(self.before(), name)));
        }
        let gateway = OF_PROFILE.into_iter().find(|gateway| *gateway == values)?;
        Some(self.uninstalled(name, &helm_releases::of_gateway(gateway), ISTIO_SYSTEM))
    }

    pub(super) fn uninstalled(&self, name: &str, release: &str, namespace: &str) -> String {
        command::uninstall(&self.context(name), release, namespace).to_string()
    }
}

fn has_values(side: &Known<'_>, name: &str, gateway: &str) -> bool {
    side.has_file(&format!("{name}/{GATEWAYS}/{gateway}.values.yaml"))
}

/// The namespace of the plugin: another one on `OpenShift`.
fn cni_namespace(side: &Known<'_>, name: &str) -> &'static str {
    let path = format!("{name}/{ISTIO}/istiod.values.yaml");
    let values = side.files_of(name).get(path.as_str()).and_then(|text| documents(text)).unwrap_or_default();
    let platform = values.first().and_then(|values| values.pointer("/global/platform")).and_then(Value::as_str);
    if platform == Some("openshift") { "kube-system" } else { ISTIO_SYSTEM }
}
