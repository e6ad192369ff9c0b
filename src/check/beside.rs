use std::collections::BTreeMap;

use rsa::PublicKey;

/// What files beside the topology contain.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// CA certificates.
    pub(crate) authorities: Authorities,
    /// What the private key of a cluster is sealed with, by its position.
    pub(crate) sealing: BTreeMap<usize, SealingCertificate>,
}

/// CA certificates, in PEM.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    /// By the position of the cluster, those that control planes trust at its API server.
    pub(crate) of_clusters: BTreeMap<usize, String>,
    /// The roots of whoever signs instead of istiod.
    pub(crate) roots: Option<String>,
    /// The roots that workloads trust besides the mesh's own.
    pub(crate) also_trusted: String,
}

/// The certificate of the Sealed Secrets controller that opens what is sealed for one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingCertificate {
    /// Its RSA key.
    pub key: PublicKey,
    /// SHA-256 of its DER in hexadecimal.
    pub fingerprint: String,
}
