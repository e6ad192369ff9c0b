//! The mesh's certificate authority: keys from the seed, certificates from the mesh's requests.

use std::fmt;

use zeroize::Zeroizing;

use crate::mesh::{Intermediate, Root};

pub use self::seed::{Seed, SeedError};

mod issue;
mod key;
mod seed;
pub mod verify;
mod x509;

/// Who answers the mesh's certificate requests.
#[derive(Debug)]
pub enum Authority {
    /// Keys derive from the mesh's seed.
    Seed(Seed),
}

/// What one cluster's istiod signs with: the four files of the Secret `cacerts`, in PEM (RFC 7468).
#[derive(Clone)]
pub struct Bundle {
    /// `root-cert.pem`: the mesh's root.
    pub root_certificate: String,
    /// `ca-cert.pem`: the intermediate.
    pub certificate: String,
    /// `ca-key.pem`: the intermediate's key, PKCS#8 (RFC 5958).
    pub key: Zeroizing<String>,
    /// `cert-chain.pem`: the intermediate, then the root.
    pub chain: String,
}

/// An authority that has the mesh's root at hand.
pub struct Issuer<'m> {
    root: issue::RootAuthority<'m>,
}

impl Authority {
    /// Prepares to answer the requests of one mesh.
    pub fn issuer<'m>(&'m self, root: &'m Root<'m>) -> Issuer<'m> {
        let Self::Seed(seed) = self;
        Issuer { root: issue::RootAuthority::new(seed, root) }
    }
}

impl Issuer<'_> {
    /// The certificate and key of one cluster, proven from its bytes.
    ///
    /// # Panics
    /// Where the proof fails, which is a mistake of ours: nothing that rests on it may be written.
    pub fn bundle(&self, request: &Intermediate<'_>) -> Bundle {
        let bundle = self.root.issue(request);
        if let Err(faults) = verify::verify(bundle.files(), Some(self.root.pem())) {
            panic!("the certificate of {} does not hold: {faults:?}\n{}", request.cluster, bundle.chain);
        }
        bundle
    }

    /// SHA-256 of the root certificate's DER, as `openssl x509 -fingerprint -sha256` prints it.
    pub fn root_fingerprint(&self) -> String {
        self.root.fingerprint()
    }
}

impl Bundle {
    fn files(&self) -> verify::Files<'_> {
        verify::Files {
            root_certificate: &self.root_certificate,
            certificate: &self.certificate,
            chain: &self.chain,
            key: Some(&self.key),
        }
    }
}

/// Keys are never printed.
impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bundle").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
