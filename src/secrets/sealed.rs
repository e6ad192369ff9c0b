//! A `SealedSecret`, which the controller of one cluster opens (bitnami-labs/sealed-secrets v0.36.6, `pkg/crypto/crypto.go`).
//!
//! The certificates stand in its template, as they are. The Secret stays when the `SealedSecret` goes.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use base64ct::{Base64, Encoding};
use rsa::oaep::EncryptingKey;
use rsa::rand_core::{Infallible, TryCryptoRng, TryRng};
use rsa::traits::{PublicKeyParts, RandomizedEncryptor};
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::artifact::labels;
use crate::check::SealingCertificate;
use crate::layout::{ISTIO_SYSTEM, KEY};
use crate::mesh::Mesh;
use crate::pki::Bundle;

use super::derivation::Derivation;
use super::{SECRET, certificates};

/// The octets of AES-GCM's tag.
const TAG: usize = 16;

/// Encrypts the private key of a cluster: the length of the wrapped key, the wrapped key, the sealed value.
pub(super) fn encrypt(mesh: &Mesh<'_>, cluster: &str, sealing: &SealingCertificate, key: &str) -> String {
    let label = [ISTIO_SYSTEM, "/", SECRET].concat();
    let context = ["sealed-secrets", mesh.id, cluster, &label, KEY, &sealing.fingerprint];
    let derivation = Derivation::new(key, &context);
    let session_key = derivation.octets::<32>("session key", "");
    let mut padding = Octets(derivation.octets("padding", ""));
    let wrapped = EncryptingKey::<Sha256>::new_with_label(sealing.key.clone(), label.into_bytes())
        .encrypt_with_rng(&mut padding, &session_key[..])
        .expect("sealing-certificate holds");
    // The session key is of this value alone.
    let sealed = Aes256Gcm::new((&*session_key).into()).encrypt(&[0; 12].into(), key.as_bytes());
    let sealed = sealed.expect("a key is short");
    let length = u16::try_from(wrapped.len()).expect("an RSA key is short").to_be_bytes();
    Base64::encode_string(&[&length, wrapped.as_slice(), &sealed].concat())
}

/// The ciphertext that a text has, if it can be one for the certificate.
pub(super) fn ciphertext(text: &str, sealing: &SealingCertificate) -> Option<String> {
    let start = format!("    {KEY}: ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start)?.strip_prefix('"')?.strip_suffix('"'))?;
    let bytes = Base64::decode_vec(value).ok()?;
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    (length == sealing.key.size() && rest.len() > length + TAG).then(|| value.to_owned())
}

/// The `SealedSecret`.
pub(super) fn object(mesh: &Mesh<'_>, bundle: &Bundle, ciphertext: &str) -> Value {
    json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": { "name": SECRET, "namespace": ISTIO_SYSTEM, "labels": labels(mesh) },
        "spec": {
            "encryptedData": { KEY: ciphertext },
            "template": {
                "metadata": {
                    // An istiod that starts without the Secret signs with a root of its own.
                    "annotations": {
                        "sealedsecrets.bitnami.com/managed": "true",
                        "sealedsecrets.bitnami.com/skip-set-owner-references": "true",
                    },
                    "labels": labels(mesh),
                    "name": SECRET,
                    "namespace": ISTIO_SYSTEM,
                },
                "type": "Opaque",
                "data": certificates(bundle),
            },
        },
    })
}

/// Octets that were derived, for who asks a generator for them: OAEP's seed (RFC 8017, section 7.1.1).
struct Octets(Zeroizing<[u8; 32]>);

impl TryRng for Octets {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("OAEP fills its seed")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("OAEP fills its seed")
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.copy_from_slice(&self.0[..]);
        Ok(())
    }
}

impl TryCryptoRng for Octets {}
