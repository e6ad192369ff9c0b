use std::collections::BTreeMap;

use rsa::PublicKey;

/// What files beside the topology contain, by the position of the cluster that names them.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The CA certificates, in PEM, that control planes trust at the API server of a cluster.
    pub(crate) authorities: BTreeMap<usize, String>,
    /// The roots, in PEM, of whoever signs instead of istiod.
    pub(crate) roots: Option<String>,
    /// What the private key of a cluster is sealed with.
    pub(crate) sealing: BTreeMap<usize, SealingCertificate>,
}

/// The certificate of the Sealed Secrets controller that opens what is sealed for one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingCertificate {
    /// Its RSA key.
    pub key: PublicKey,
    /// SHA-256 of its DER in hexadecimal.
    pub fingerprint: String,
}
