use crate::artifact::remote_access::{TOKEN, remote_secret};
use crate::diff::facts::Known;
use crate::diff::impact::Kind;
use crate::diff::{ClusterChange, ObjectChange, What};
use crate::layout::{REMOTE_SECRETS, STORED_SECRETS};

use super::{Found, Situation};

impl Situation<'_> {
    /// What a control plane reads from now on, or no longer, and who gives it the credentials.
    pub(super) fn credentials(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        let has = |side: &Known<'_>, artifact: &str| side.has_step(name, artifact);
        if has(self.before, REMOTE_SECRETS) && has(self.after, STORED_SECRETS) {
            found.add(
                Kind::Reapply,
                "the External Secrets Operator takes its remote secrets over as they are: nobody runs `remote-secrets.sh` any more",
            );
        }
        if has(self.before, STORED_SECRETS) && has(self.after, REMOTE_SECRETS) {
            found.add(
                Kind::Reapply,
                "people renew its remote secrets with `remote-secrets.sh` from now on: what the External Secrets Operator made stays, if it is let go",
            );
        }
        let Some(change) = self.credentials.iter().find(|change| change.primary == name) else { return };
        if !change.added.is_empty() || !change.renewed.is_empty() {
            let why = if self.after.has_store() {
                "its istiod reads the clusters whose credentials it has: the External Secrets Operator gets them from the store, and nobody runs a script"
            } else {
                "its istiod reads the clusters whose credentials it has: `remote-secrets.sh` fetches them"
            };
            found.add(Kind::Reapply, why);
        }
        if !change.revoked.is_empty() {
            let why = if self.before.has_store() {
                "the credentials of a cluster that it must no longer read go with their ExternalSecret"
            } else {
                "it keeps the credentials of a cluster that it must no longer read until they are removed"
            };
            found.add(Kind::Reapply, why);
        }
    }

    /// Whether an object is no longer stated, and what it is about stays in use: a remote secret that people renew from now on, or the token
    /// in one.
    pub(in crate::diff) fn is_credential_kept(&self, cluster: &str, object: &ObjectChange) -> bool {
        if object.what != What::Removed || self.after.has_store() {
            return false;
        }
        let is_read = |name: &str| self.after.has(name) && !self.after.is_waiting(name);
        let reads = |primary: &str| self.after.has_step(primary, REMOTE_SECRETS);
        let name = object.name.as_deref().unwrap_or_default();
        match object.kind.as_str() {
            "ExternalSecret" => {
                let mut others = self.after.clusters().filter(|other| *other != cluster && is_read(other));
                reads(cluster) && others.any(|other| remote_secret(other) == name)
            }
            "Secret" => {
                name == TOKEN && is_read(cluster) && self.after.clusters().any(|other| other != cluster && reads(other))
            }
            _ => false,
        }
    }
}
