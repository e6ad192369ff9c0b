//! The credentials with which control planes read other clusters: those that go, and those that go over from a store to people.

use crate::artifact::remote_access::{TOKEN, remote_secret};
use crate::artifact::{PUSH_FILE, STORED_SECRETS_FILE};
use crate::command::{Command, OURS};
use crate::diff::facts::Known;
use crate::diff::{ClusterChange, CredentialChange, ObjectChange};
use crate::layout::{ISTIO_SYSTEM, REMOTE_ACCESS, REMOTE_SECRETS, STORED_SECRETS};

use super::Runbook;

/// The title of the phase in which remote secrets lose what made them.
pub(super) const LET_GO: &str =
    "Let the External Secrets Operator go of the remote secrets, which stay: people renew them from now on";

const EXTERNAL_SECRETS: &str = "externalsecrets.external-secrets.io";
/// What pushes a token, as kubectl calls it.
pub(super) const PUSH_SECRET: &str = "pushsecrets.external-secrets.io/istio-reader";

/// Whether an object is the Secret with a cluster's token: whether that goes is decided by who reads the cluster.
pub(super) fn is_token(object: &ObjectChange) -> bool {
    object.kind == "Secret" && object.name.as_deref() == Some(TOKEN)
}

/// Whether the objects of a cluster get the label of another mesh.
pub(super) fn is_of_another_mesh(change: &ClusterChange) -> bool {
    let mut fields = change.objects.iter().flat_map(|object| &object.fields);
    fields.any(|field| field.path.ends_with("part-of\"]"))
}

impl Runbook<'_> {
    /// The credentials that are to be taken from control planes which stay. Those of a store go with what made them.
    pub(super) fn revoked(&self) -> Vec<String> {
        if self.before().has_store() {
            return Vec::new();
        }
        let is_due = |change: &&CredentialChange| !change.revoked.is_empty() && self.after().has(&change.primary);
        self.situation.credentials.iter().filter(is_due).map(|change| self.revokes(change)).collect()
    }

    fn revokes(&self, change: &CredentialChange) -> String {
        let script = format!("{}/{REMOTE_SECRETS}", change.primary);
        let has_script = self.after().files_of(&change.primary).contains_key(script.as_str());
        // The script knows its mesh's by their label.
        let is_of_mesh =
            !self.clusters.iter().any(|cluster| cluster.name == change.primary && is_of_another_mesh(cluster));
        if has_script && is_of_mesh {
            return Command::script(&format!("NEW/{script}")).words(["--prune"]).to_string();
        }
        let delete = ["-n", ISTIO_SYSTEM, "delete", "secrets"];
        if has_script || self.after().has_step(&change.primary, STORED_SECRETS) {
            let secrets: Vec<String> = change.revoked.iter().map(|cluster| remote_secret(cluster)).collect();
            let secrets = secrets.iter().map(String::as_str);
            let words: Vec<&str> = delete.into_iter().chain(secrets).chain(["--ignore-not-found"]).collect();
            return self.kubectl(&change.primary, &words);
        }
        let selector = format!("istio/multiCluster=true,{OURS}");
        self.kubectl(&change.primary, &[&delete[..], &["-l", &selector]].concat())
    }

    /// A primary that left had a token of each cluster, which is valid until its Secret is deleted. So is that of a cluster which no
    /// control plane reads any more.
    pub(super) fn tokens(&self) -> Vec<String> {
        let mut left = self.leaving().filter(|cluster| self.situation.new_name(&cluster.name).is_none());
        let has_left = left.any(|cluster| self.before().is_primary(&cluster.name));
        let is_read =
            |side: &Known<'_>, name: &str| side.clusters().any(|other| other != name && side.is_primary(other));
        let is_forgotten = |name: &str| is_read(self.before(), name) && !is_read(self.after(), name);
        let delete = ["-n", ISTIO_SYSTEM, "delete", "secret", TOKEN, "--ignore-not-found"];
        let revoked = self.running().map(|cluster| cluster.name.as_str()).filter(|name| has_left || is_forgotten(name));
        if has_left && self.after().has_store() {
            return self.pushed_anew(&revoked.collect::<Vec<&str>>());
        }
        let mut commands: Vec<String> = revoked.map(|name| self.kubectl(name, &delete)).collect();
        if !has_left {
            return commands;
        }
        let scripts = self.after().record.steps.iter().filter(|step| step.ends_with(REMOTE_SECRETS));
        commands.extend(scripts.map(|script| Command::script(&format!("NEW/{script}")).to_string()));
        commands
    }

    /// Kubernetes makes another token, which is pushed in the place of the one that is deleted there. What gets it would look an hour later.
    fn pushed_anew(&self, clusters: &[&str]) -> Vec<String> {
        let secret = format!("secret/{TOKEN}");
        let delete = |name: &&str| {
            self.kubectl(name, &["-n", ISTIO_SYSTEM, "delete", &secret, PUSH_SECRET, "--ignore-not-found"])
        };
        let mut commands: Vec<String> = clusters.iter().map(delete).collect();
        for name in clusters.iter().filter(|name| self.after().has_step(name, REMOTE_ACCESS)) {
            let directory = format!("NEW/{name}/{REMOTE_ACCESS}");
            commands.push(self.kubectl(name, &["apply", "-k", &directory]));
            commands.push(self.waits(name, &format!("{directory}/{PUSH_FILE}")));
        }
        let primaries = self.after().clusters().filter(|name| self.after().has_step(name, STORED_SECRETS));
        for name in primaries.collect::<Vec<&str>>() {
            let words = ["-n", ISTIO_SYSTEM, "annotate", EXTERNAL_SECRETS, "--all", "--overwrite"];
            let at_once = Command::kubectl(&self.context(name)).words(words).shell("force-sync=\"$(date +%s)\"");
            commands.push(at_once.to_string());
            commands.push(self.waits(name, &format!("NEW/{name}/{STORED_SECRETS}/{STORED_SECRETS_FILE}")));
        }
        commands
    }

    fn waits(&self, name: &str, file: &str) -> String {
        self.kubectl(name, &["wait", "--for=condition=Ready", "--timeout=10m", "-f", file])
    }

    /// The remote secrets that people renew from now on: without what made them they stay, if it does not take them along.
    pub(super) fn let_go(&self) -> Vec<String> {
        let primaries = self.staying().map(|cluster| (cluster.name.as_str(), self.kept(cluster)));
        primaries
            .filter(|(_, kept)| !kept.is_empty())
            .map(|(name, kept)| {
                let delete = ["-n", ISTIO_SYSTEM, "delete", EXTERNAL_SECRETS];
                self.kubectl(name, &[&delete[..], &kept, &["--cascade=orphan"]].concat())
            })
            .collect()
    }

    /// The same before Flux no longer applies what makes them: it would take them along. It leaves what carries this annotation
    /// (fluxcd/kustomize-controller v1.9.4, `docs/spec/v1/kustomizations.md`).
    pub(super) fn left_by_flux(&self) -> Vec<String> {
        const LEAVE: &str = "kustomize.toolkit.fluxcd.io/prune=disabled";
        let is_there = |side: &Known<'_>| side.controller() == Some("flux");
        if !is_there(self.before()) || !is_there(self.after()) {
            return Vec::new();
        }
        let mut commands = Vec::new();
        let annotate = |name: &str, objects: &[&str]| {
            self.kubectl(name, &[&["-n", ISTIO_SYSTEM, "annotate"], objects, &["--overwrite", LEAVE]].concat())
        };
        for cluster in self.staying() {
            let name = cluster.name.as_str();
            let kept = self.kept(cluster);
            if !kept.is_empty() {
                commands.push(annotate(name, &[&[EXTERNAL_SECRETS], &kept[..]].concat()));
            }
            if cluster.objects.iter().any(|object| self.situation.is_credential_kept(name, object) && is_token(object))
            {
                commands.push(annotate(name, &["secret", TOKEN]));
            }
        }
        commands
    }

    /// What made the remote secrets of a primary that people renew from now on.
    fn kept<'c>(&self, cluster: &'c ClusterChange) -> Vec<&'c str> {
        let is_kept =
            |object: &&ObjectChange| self.situation.is_credential_kept(&cluster.name, object) && !is_token(object);
        cluster.objects.iter().filter(is_kept).filter_map(|object| object.name.as_deref()).collect()
    }
}
