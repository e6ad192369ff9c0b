//! How secrets reach the clusters.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::layout::SECRET_FILES;

use super::{Line, Name};

/// The secrets of the mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secrets {
    /// What the tree has of each cluster's private key.
    #[serde(default)]
    pub form: SecretForm,
    /// The age recipients who read the key of every cluster, with `form: sops`.
    #[serde(default)]
    #[schemars(extend("examples" = [["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]]))]
    pub age_recipients: Vec<Line>,
    /// The store of the External Secrets Operator, under the same name in every cluster. Required with `form: externalSecrets` and
    /// with `remoteAccess: externalSecrets`.
    pub store: Option<SecretStore>,
}

/// What a tree has of a private key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretForm {
    /// A file that Git ignores. A person who has it applies the Secret.
    #[default]
    Files,
    /// A Secret whose key SOPS has encrypted to age recipients, which Flux decrypts.
    Sops,
    /// A `SealedSecret`, which only the Sealed Secrets controller of the cluster opens.
    SealedSecrets,
    /// An `ExternalSecret`: the External Secrets Operator of the cluster gets the key from a store.
    ExternalSecrets,
}

impl SecretForm {
    /// The file of the object that brings the Secret `cacerts` to its cluster; none where files do.
    pub(crate) fn file(self) -> Option<&'static str> {
        let [sops, sealed, external] = SECRET_FILES;
        match self {
            Self::Files => None,
            Self::Sops => Some(sops),
            Self::SealedSecrets => Some(sealed),
            Self::ExternalSecrets => Some(external),
        }
    }
}

/// A store of the External Secrets Operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretStore {
    /// Its kind. A `SecretStore` is in `istio-system`.
    #[serde(default)]
    pub kind: StoreKind,
    /// Its name.
    #[schemars(extend("examples" = ["mesh"]))]
    pub name: Name,
}

/// The kind of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum StoreKind {
    /// One for the whole cluster.
    #[default]
    ClusterSecretStore,
    /// One for a namespace.
    SecretStore,
}

impl StoreKind {
    /// The kind, as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterSecretStore => "ClusterSecretStore",
            Self::SecretStore => "SecretStore",
        }
    }
}

/// The secrets of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSecrets {
    /// The age recipients who read the key of this cluster too, with `form: sops`.
    #[serde(default)]
    #[schemars(extend("examples" = [["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]]))]
    pub age_recipients: Vec<Line>,
    /// The file of the certificate of this cluster's Sealed Secrets controller, in PEM, relative to this file. Required with
    /// `form: sealedSecrets`.
    #[schemars(extend("examples" = ["seal/cluster1.pem"]))]
    pub sealing_certificate: Option<Line>,
}

/// How control planes get the credentials of the other clusters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RemoteAccess {
    /// A person runs `remote-secrets.sh`.
    #[default]
    Script,
    /// Each cluster pushes a token to the store, and control planes get it from there, with the External Secrets Operator.
    ExternalSecrets,
}
