//! A Secret whose private key SOPS encrypted to age recipients (getsops/sops v3.13.3, `sops.go`, `aes/cipher.go`, `stores/stores.go`).
//!
//! The certificates stay readable, and are not covered by SOPS's code of authentication: the lock pins them.

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::artifact::labels;
use crate::layout::{ISTIO_SYSTEM, KEY};
use crate::mesh::Mesh;
use crate::pki::Bundle;
use crate::topology::AgeRecipient;
use crate::words::hex;

use super::derivation::Derivation;
use super::{SECRET, age, certificates};

/// The release whose format this is.
const VERSION: &str = "3.13.3";

/// What the code of authentication begins with, where it is over the encrypted values alone (`sops.go`, `MACOnlyEncryptedInitialization`).
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// What only the private key can give.
pub(super) struct Ciphertext {
    key: String,
    /// The data key, for each recipient.
    data_keys: Vec<String>,
    mac: String,
}

impl Ciphertext {
    /// Encrypts the private key of a cluster.
    pub(super) fn of(mesh: &Mesh<'_>, cluster: &str, bundle: &Bundle, recipients: &[AgeRecipient], key: &str) -> Self {
        let day = last_modified(bundle);
        let mut context = vec!["sops", mesh.id, cluster, ISTIO_SYSTEM, SECRET, KEY, &day];
        context.extend(recipients.iter().map(AgeRecipient::as_str));
        let derivation = Derivation::new(key, &context);
        let data_key = derivation.octets("data key", "");
        let path = format!("stringData:{KEY}:");
        let mac = Sha512::new_with_prefix(ONLY_ENCRYPTED).chain_update(key).finalize();
        Self {
            key: encrypt(&derivation, &data_key, key, &path),
            data_keys: recipients.iter().map(|recipient| age::encrypt(&derivation, recipient, &data_key[..])).collect(),
            mac: encrypt(&derivation, &data_key, &hex(&mac).to_uppercase(), &day),
        }
    }

    /// The ciphertext that a text has, if it has one: whether the rest of it is right is for its reader to say.
    pub(super) fn within(text: &str) -> Option<Self> {
        let line = |start: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(start)?.strip_prefix('"')?.strip_suffix('"'))?;
            is_value(value).then(|| value.to_owned())
        };
        let mut data_keys = Vec::new();
        let mut lines = text.lines().skip_while(|line| *line != "sops:");
        while lines.by_ref().any(|line| line.ends_with("enc: |")) {
            let block: Vec<&str> = lines.by_ref().map_while(|line| line.strip_prefix("      ")).collect();
            data_keys.push(block.join("\n") + "\n");
        }
        if !data_keys.iter().all(|file| age::is_file(file)) {
            return None;
        }
        Some(Self { key: line(&format!("  {KEY}: "))?, data_keys, mac: line("  mac: ")? })
    }

    /// The Secret.
    pub(super) fn object(&self, mesh: &Mesh<'_>, bundle: &Bundle, recipients: &[AgeRecipient]) -> Value {
        let mut data = certificates(bundle);
        data.insert(KEY.to_owned(), json!(self.key));
        data.sort_keys();
        let age: Vec<Value> = recipients
            .iter()
            .zip(&self.data_keys)
            .map(|(recipient, data_key)| json!({ "enc": data_key, "recipient": recipient.as_str() }))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                // Flux prunes the Secret otherwise, and an istiod that starts without it signs with a root of its own. It stands here
                // also without Flux, so that nobody needs a private key when Flux begins or goes.
                "annotations": { "kustomize.toolkit.fluxcd.io/prune": "disabled" },
                "labels": labels(mesh),
                "name": SECRET,
                "namespace": ISTIO_SYSTEM,
            },
            "sops": {
                "age": age,
                "encrypted_regex": format!("^{}$", KEY.replace('.', "\\.")),
                "lastmodified": last_modified(bundle),
                "mac": self.mac,
                "mac_only_encrypted": true,
                "version": VERSION,
            },
            "stringData": data,
            "type": "Opaque",
        })
    }

    /// Whether there is a data key for each recipient, and no other.
    pub(super) fn has_readers(&self, recipients: &[AgeRecipient]) -> bool {
        self.data_keys.len() == recipients.len()
    }
}

/// Whether a text is an encrypted value, as SOPS writes it.
fn is_value(text: &str) -> bool {
    let inner = text.strip_prefix("ENC[AES256_GCM,data:").and_then(|text| text.strip_suffix(",type:str]"));
    let parts = inner.and_then(|inner| {
        let (data, rest) = inner.split_once(",iv:")?;
        let (nonce, tag) = rest.split_once(",tag:")?;
        Some([data, nonce, tag].map(|part| Base64::decode_vec(part).map_or(0, |bytes| bytes.len())))
    });
    parts.is_some_and(|[data, nonce, tag]| data > 0 && nonce == 32 && tag == 16)
}

/// The first day of the certificate: the time of SOPS is a part of what it authenticates, and the day of a build must not be one.
fn last_modified(bundle: &Bundle) -> String {
    format!("{}T00:00:00Z", bundle.facts.not_before)
}

/// A value as SOPS writes it. The nonce has 32 octets, and the path of the value is authenticated with it (`aes/cipher.go`).
fn encrypt(derivation: &Derivation, data_key: &[u8; 32], value: &str, path: &str) -> String {
    let nonce = derivation.octets::<32>("nonce", path);
    let payload = Payload { msg: value.as_bytes(), aad: path.as_bytes() };
    let sealed = AesGcm::<Aes256, U32>::new(data_key.into()).encrypt((&*nonce).into(), payload);
    let sealed = sealed.expect("a key is short");
    let (data, tag) = sealed.split_at(sealed.len() - 16);
    let [data, nonce, tag] = [data, &nonce[..], tag].map(Base64::encode_string);
    format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:str]")
}
