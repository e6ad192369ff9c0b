//! How the private key of a cluster reaches it, and what differs in that. The key itself is never read.

use schemars::JsonSchema;
use serde::Serialize;

use crate::layout::{CACERTS, SECRET_FILES};
use crate::lock::Lock;

use super::facts::Known;

/// A difference in how a private key reaches its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKeyChange {
    /// The form on the first side.
    pub before: KeyForm,
    /// The form on the second side.
    pub after: KeyForm,
    /// Who can read it from now on: age recipients, the fingerprint of a sealing certificate, or a store.
    pub added: Vec<String>,
    /// Who can read what comes from now on no more.
    pub removed: Vec<String>,
    /// Whether the ciphertext differs, and neither the certificate nor the readers do.
    pub is_unexplained: bool,
}

/// What a tree has of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyForm {
    /// A file that is not in Git.
    File,
    /// A Secret that SOPS encrypted.
    Sops,
    /// A `SealedSecret`.
    SealedSecret,
    /// An `ExternalSecret`.
    ExternalSecret,
}

impl KeyForm {
    /// The form in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Sops => "SOPS",
            Self::SealedSecret => "a SealedSecret",
            Self::ExternalSecret => "an ExternalSecret",
        }
    }

    /// The object from which a controller of the cluster makes the Secret, and its condition once it has.
    pub(super) fn maker(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::File | Self::Sops => None,
            Self::SealedSecret => Some(("sealedsecrets.bitnami.com/cacerts", "Synced")),
            Self::ExternalSecret => Some(("externalsecrets.external-secrets.io/cacerts", "Ready")),
        }
    }
}

/// The form in which a side has the private key of a cluster; none if its istiod has none of the tree.
pub(super) fn form(side: &Known<'_>, cluster: &str) -> Option<KeyForm> {
    let kustomization = side.text(&[cluster, "/", CACERTS, "/kustomization.yaml"].concat())?;
    let forms = [KeyForm::Sops, KeyForm::SealedSecret, KeyForm::ExternalSecret];
    let named = SECRET_FILES.iter().zip(forms).find(|(file, _)| kustomization.contains(**file));
    Some(named.map_or(KeyForm::File, |(_, form)| form))
}

/// The difference of a cluster that is on both sides.
pub(super) fn compare(before: &Known<'_>, after: &Known<'_>, cluster: &str) -> Option<PrivateKeyChange> {
    let forms = (form(before, cluster)?, form(after, cluster)?);
    let readers = |side: &Known<'_>| {
        let own = side.record.clusters.get(cluster);
        own.map(|own| own.readers.clone()).unwrap_or_default()
    };
    let (old, new) = (readers(before), readers(after));
    let without = |list: &[String], other: &[String]| -> Vec<String> {
        list.iter().filter(|reader| !other.contains(reader)).cloned().collect()
    };
    let change = PrivateKeyChange {
        before: forms.0,
        after: forms.1,
        added: without(&new, &old),
        removed: without(&old, &new),
        is_unexplained: is_unexplained(&before.record, &after.record, cluster),
    };
    let differs = forms.0 != forms.1 || old != new || change.is_unexplained;
    differs.then_some(change)
}

/// Whether two trees have different ciphertexts of a cluster's key, and neither its certificate, the roots beside it nor its readers
/// explain it.
pub(crate) fn is_unexplained(before: &Lock, after: &Lock, cluster: &str) -> bool {
    let (Some(old), Some(new)) = (before.clusters.get(cluster), after.clusters.get(cluster)) else { return false };
    let digests = |file: &str| {
        let path = [cluster, "/", CACERTS, "/", file].concat();
        (before.digest(&path), after.digest(&path))
    };
    let differs = |file: &&str| matches!(digests(file), (Some(one), Some(other)) if one != other);
    let is_other_ciphertext = SECRET_FILES.iter().any(differs);
    let is_same_certificate = old.certificate == new.certificate && old.issuers == new.issuers;
    let has_same_roots = before.roots_of(cluster) == after.roots_of(cluster);
    is_same_certificate
        && (is_other_ciphertext && old.readers == new.readers && has_same_roots
            || old.key.is_some() && new.key.is_some() && old.key != new.key)
}
