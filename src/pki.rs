//! The mesh's certificate authority: keys from the seed, certificates from the mesh's requests.

use std::fmt;

use zeroize::Zeroizing;

use crate::lock::Digest;

use self::verify::{Facts, Files, Proven};

pub use self::external::{External, FILES as EXTERNAL_FILES};
pub(crate) use self::pem::base64;
pub use self::seed::{Seed, SeedError};
pub use self::standing::{Standing, StandingRoot, Which};
pub use self::trust::Trust;

pub(crate) mod authorities;
mod external;
pub mod inventory;
mod issue;
mod key;
mod naming;
mod pem;
mod private_key;
mod profile;
pub(crate) mod sealing;
mod seed;
mod standing;
mod trust;
pub mod verify;
pub(crate) mod warnings;
mod x509;

/// Who answers the mesh's certificate requests.
#[derive(Debug)]
pub enum Authority {
    /// Keys derive from seeds; what stands already and is what is asked for is not signed again.
    Seeds(Seeds, Standing),
    /// A company's own: what its files hold, and what a build wrote earlier.
    External(External, Standing),
}

/// The seeds that are at hand. Without the one from which a root derives, what stands under that root is taken over, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Seeds {
    /// The seed of the mesh.
    pub present: Option<Seed>,
    /// The seed of the next root, where that derives from a seed of its own.
    pub next: Option<Seed>,
}

impl Authority {
    /// What a build wrote earlier.
    pub(crate) fn standing(&self) -> &Standing {
        let (Self::Seeds(_, standing) | Self::External(_, standing)) = self;
        standing
    }

    /// The same, and nothing else of it.
    pub(crate) fn into_standing(self) -> Standing {
        let (Self::Seeds(_, standing) | Self::External(_, standing)) = self;
        standing
    }
}

/// A seed alone, for a mesh of which nothing was built.
impl From<Seed> for Authority {
    fn from(seed: Seed) -> Self {
        Self::Seeds(Seeds { present: Some(seed), next: None }, Standing::default())
    }
}

/// What one cluster's istiod signs with: the four files of the Secret `cacerts`, in PEM (RFC 7468), and what is public of them.
#[derive(Clone)]
pub struct Bundle {
    /// `root-cert.pem`: the roots that workloads trust.
    pub root_certificate: String,
    /// `ca-cert.pem`: the intermediate.
    pub certificate: String,
    /// `ca-key.pem`: the intermediate's key, PKCS#8 (RFC 5958); none in a clone, since keys are not in Git.
    pub key: Option<Zeroizing<String>>,
    /// SHA-256 of a key that is not at hand, as the lock pins it.
    pub key_digest: Option<Digest>,
    /// The object that brings the Secret to its cluster, where the topology asks for one.
    pub object: Option<String>,
    /// `cert-chain.pem`: the intermediate, then the root.
    pub chain: String,
    /// The intermediate's facts.
    pub facts: Facts,
    /// The facts of the authorities between the intermediate and its root; none where the root itself signs.
    pub issuers: Vec<Facts>,
    /// SHA-256 of the root at the end of the chain, in hexadecimal.
    pub anchor: String,
    /// SHA-256 of each root that workloads trust.
    pub trusted: Vec<String>,
}

impl Bundle {
    /// SHA-256 of the key, at hand or not.
    pub(crate) fn key_digest(&self) -> Option<Digest> {
        self.key.as_ref().map(|key| Digest::of(key.as_bytes())).or(self.key_digest)
    }

    /// A bundle that stood already and was proven.
    fn taken(files: Files<'_>, key: Option<Zeroizing<String>>, proven: Proven) -> Self {
        Self {
            root_certificate: files.root_certificate.to_owned(),
            certificate: files.certificate.to_owned(),
            key,
            key_digest: None,
            object: None,
            chain: files.chain.to_owned(),
            facts: proven.certificate,
            issuers: proven.issuers,
            anchor: proven.anchor,
            trusted: proven.roots.into_iter().map(|root| root.fingerprint).collect(),
        }
    }
}

/// Keys are never printed.
impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bundle").field("facts", &self.facts).finish_non_exhaustive()
    }
}
