use hkdf::Hkdf;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::mesh::{Intermediate, Root};
use crate::topology::Date;

use super::Seed;

/// Which key of a mesh: another mesh, role, cluster, generation or validity is another key and another serial number.
pub(super) struct KeyPath(Vec<u8>);

/// A P-256 key that derives from the seed, and signs the same message the same way every time (RFC 6979).
pub(super) struct DerivedKey {
    signing: SigningKey,
    /// SEC1, uncompressed.
    public: Vec<u8>,
}

impl KeyPath {
    /// The key of a mesh's root.
    pub(super) fn root(request: &Root<'_>) -> Self {
        Self::new(request.mesh_id, "root", &[], request.not_before, request.not_after)
    }

    /// The key of a cluster's intermediate.
    pub(super) fn intermediate(request: &Intermediate<'_>) -> Self {
        let generation = request.generation.to_string();
        let which = [request.cluster, generation.as_str()];
        Self::new(request.mesh_id, "intermediate", &which, request.not_before, request.not_after)
    }

    /// The parts are length-prefixed, so that no two lists of parts make one path.
    fn new(mesh_id: &str, role: &str, cluster_and_generation: &[&str], not_before: Date, not_after: Date) -> Self {
        let (not_before, not_after) = (not_before.to_string(), not_after.to_string());
        let parts = [mesh_id, role].into_iter().chain(cluster_and_generation.iter().copied());
        Self(parts.chain([not_before.as_str(), not_after.as_str()]).flat_map(with_length).collect())
    }

    /// At most 20 octets, positive, never zero (RFC 5280, section 4.1.2.2). It tells the seed where a fingerprint is given.
    pub(super) fn serial_number(&self, fingerprint: Option<&str>) -> [u8; 20] {
        let path: Vec<u8> = self.0.iter().copied().chain(fingerprint.into_iter().flat_map(with_length)).collect();
        let mut serial: [u8; 20] = Sha256::digest(path)[..20].try_into().expect("SHA-256 has 32 octets");
        serial[0] = serial[0] & 0x7f | 0x40;
        serial
    }
}

/// The octets of a part after their number.
fn with_length(part: &str) -> impl Iterator<Item = u8> + '_ {
    u32::try_from(part.len()).expect("names are short").to_be_bytes().into_iter().chain(part.bytes())
}

impl DerivedKey {
    /// The key of a root.
    pub(super) fn of_root(seed: &Seed, request: &Root<'_>) -> Self {
        assert!(seed.can_sign(), "an issuing seed has no root");
        Self::derive(seed, &KeyPath::root(request))
    }

    /// The key of an intermediate.
    pub(super) fn of_intermediate(seed: &Seed, request: &Intermediate<'_>) -> Self {
        Self::derive(&seed.issuing(), &KeyPath::intermediate(request))
    }

    /// The first output of HKDF-SHA256 (RFC 5869) that is a scalar of P-256.
    fn derive(seed: &Seed, path: &KeyPath) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(b"meshgen pki v1"), seed.bytes());
        let signing = (0u8..=u8::MAX).find_map(|counter| {
            let mut scalar = Zeroizing::new([0; 32]);
            let info = [path.0.as_slice(), &[counter]].concat();
            hkdf.expand(&info, scalar.as_mut()).expect("32 octets are one block");
            SigningKey::from_slice(scalar.as_ref()).ok()
        });
        let signing = signing.expect("one of 2^32 outputs is no scalar, so 256 in a row never happen");
        let public = signing.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { signing, public }
    }

    /// The key, able to sign.
    pub(super) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key as PKCS#8 (RFC 5958), in PEM.
    pub(super) fn pem(&self) -> Zeroizing<String> {
        self.signing.to_pkcs8_pem(LineEnding::LF).expect("a key is short")
    }

    /// The first 20 octets of SHA-256 over the public key as X.509 states it (`SubjectPublicKeyInfo`).
    pub(super) fn identifier(&self) -> Vec<u8> {
        Sha256::digest(self.subject_public_key_info())[..20].to_vec()
    }
}

impl PublicKeyData for DerivedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for DerivedKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: Signature = self.signing.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use p256::SecretKey;

    use super::*;

    #[test]
    fn a_key_is_the_same_text_in_every_version() {
        let day = |day| Date(time::Date::from_calendar_date(2026, time::Month::November, day).unwrap());
        let path = KeyPath::new("mesh1", "intermediate", &["east", "1"], day(1), day(2));
        assert_eq!(
            *DerivedKey::derive(&Seed::new([7; 32]), &path).pem(),
            "-----BEGIN PRIVATE KEY-----\n\
             MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg82FRptezRZvG04Gl\n\
             5StEJHkL3Et3lNS+NFX4jm+qlwGhRANCAATS8ThmD+JP5kWrRFFrZfZF3DipNG7B\n\
             tdPsADSTDq6ECA8gH42KgbsOKtWyYa/PvJf5W3Br2LYSig6Z2UF9s1aa\n\
             -----END PRIVATE KEY-----\n"
        );
    }

    #[test]
    fn signs_as_rfc_6979_a_2_5_does() {
        let scalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&scalar[at * 2..at * 2 + 2], 16).unwrap()).collect();
        let key = SigningKey::from(&SecretKey::from_slice(&bytes).unwrap());
        let signed = |message: &[u8]| {
            let signature: Signature = key.sign(message);
            crate::words::hex(&signature.to_bytes())
        };
        assert_eq!(
            signed(b"sample"),
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        );
        assert_eq!(
            signed(b"test"),
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367\
             019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
        );
    }
}
