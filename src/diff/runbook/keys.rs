//! What people do where a private key reaches its cluster in another way.

use crate::command::{Command, give_identities};
use crate::layout::ISTIO_SYSTEM;

use super::super::facts::Known;
use super::super::private_key::form;
use super::super::{ClusterChange, KeyForm, Membership, PrivateKeyChange};
use super::Runbook;

/// The title of the phase in which what made a Secret goes.
pub(super) const MADE: &str = "Remove what made the Secret `cacerts` before: the Secret stays";

/// The title of the phase in which a store gets private keys.
pub(super) const STORED: &str =
    "Put private keys into the store: TOPOLOGY is the topology of NEW, and STORE what writes into the store";

/// The title of the phase in which Flux gets identities.
pub(super) const GIVEN: &str = "Give Flux the age identities of all recipients whose ciphertexts it is to decrypt";

/// The title of the phase in which a Secret is given to its next maker.
pub(super) const TAKEN: &str = "Let the Sealed Secrets controller take over the Secret `cacerts`";

impl Runbook<'_> {
    /// Puts private keys into the store from which clusters get them. Git has only where they are.
    pub(super) fn stored(&self) -> Vec<String> {
        let is_new = |cluster: &&ClusterChange| {
            cluster.membership != Membership::Stays || cluster.certificate.is_some() || cluster.private_key.is_some()
        };
        let clusters = self.clusters.iter().filter(|cluster| cluster.membership != Membership::Leaves).filter(is_new);
        let names = clusters.map(|cluster| cluster.name.as_str());
        let of_store = names.filter(|name| form(self.after(), name) == Some(KeyForm::ExternalSecret));
        let export = |name| {
            let command = Command::new("meshgen").words(["ca", "export", "TOPOLOGY", name]);
            command.shell("|").shell("STORE").remark("under the name that it says").to_string()
        };
        of_store.map(export).collect()
    }

    /// Gives Flux the age identities with which it decrypts, where it has none for what it applies from now on.
    pub(super) fn identities(&self) -> Vec<String> {
        let is_new = |cluster: &ClusterChange| {
            let is_read = |side: &Known<'_>| form(side, &cluster.name) == Some(KeyForm::Sops);
            let has_more = cluster.private_key.as_ref().is_some_and(|change| !change.added.is_empty());
            is_read(self.after()) && (!is_read(self.before()) || has_more)
        };
        let mut commands = Vec::new();
        for root in self.after().roots.iter().filter(|root| root.controller == "flux") {
            let is_its = |cluster: &&ClusterChange| root.cluster.is_none_or(|own| own == cluster.name);
            let has_sops = self.after().clusters().any(|name| {
                root.cluster.is_none_or(|own| own == name) && form(self.after(), name) == Some(KeyForm::Sops)
            });
            let begins = !self.before().roots.iter().any(|earlier| root.begins_like(earlier));
            if has_sops && (begins || self.clusters.iter().filter(is_its).any(is_new)) {
                let kubectl = self.beside_controller(root.cluster);
                commands.push(give_identities(&kubectl, &root.namespace, root.cluster).to_string());
            }
        }
        commands
    }

    /// Whether scripts state under their own name what a controller of the cluster makes the Secret of, as they do from now on.
    pub(super) fn is_key_stated_anew(&self, name: &str) -> bool {
        self.before().controller().is_some()
            && self.after().controller().is_none()
            && form(self.after(), name).and_then(KeyForm::maker).is_some()
    }

    /// The clusters whose key comes in another form.
    fn reformed(&self) -> impl Iterator<Item = (&str, &PrivateKeyChange)> {
        let changes = self.staying().filter_map(|cluster| Some((cluster.name.as_str(), cluster.private_key.as_ref()?)));
        changes.filter(|(_, change)| change.before != change.after)
    }

    /// Whether a controller of a cluster made its Secret, which people bring from now on.
    pub(super) fn was_made(&self, name: &str) -> bool {
        let is_given_up = |change: &PrivateKeyChange| change.before.maker().is_some() && change.after == KeyForm::File;
        self.reformed().any(|(reformed, change)| reformed == name && is_given_up(change))
    }

    /// Deletes the objects from which a controller of the cluster made the Secret. Where Flux applies the directory, it prunes them.
    pub(super) fn makers_of_secrets(&self, is_due: impl Fn(&str) -> bool) -> Vec<String> {
        let is_pruned = |change: &PrivateKeyChange| {
            self.before().controller() == Some("flux")
                && self.after().controller() == Some("flux")
                && change.after != KeyForm::File
        };
        let gone = self.reformed().filter(|(name, change)| is_due(name) && !is_pruned(change));
        let gone = gone.filter_map(|(name, change)| Some((name, change.before.maker()?.0)));
        gone.map(|(name, object)| self.kubectl(name, &["-n", ISTIO_SYSTEM, "delete", object, "--ignore-not-found"]))
            .collect()
    }

    /// The Sealed Secrets controller leaves a Secret alone that it did not make, unless the Secret says otherwise
    /// (bitnami-labs/sealed-secrets v0.36.6, `pkg/controller/controller.go`).
    pub(super) fn given_secrets(&self) -> Vec<String> {
        let given = self.reformed().filter(|(_, change)| change.after == KeyForm::SealedSecret);
        let words = [
            "-n",
            ISTIO_SYSTEM,
            "annotate",
            "secret",
            "cacerts",
            "--overwrite",
            "sealedsecrets.bitnami.com/managed=true",
        ];
        given.map(|(name, _)| self.kubectl(name, &words)).collect()
    }
}
