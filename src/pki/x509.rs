//! Reads certificates from bytes, with other code than the code that makes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use rsa::PublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::pem::{self, LineEnding};
use x509_cert::der::{Decode, Encode, Header, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};

use crate::topology::Date;
use crate::words::hex;

use super::pem::blocks;

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(super) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
// RFC 5758, section 3.2.
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
// RFC 4055, section 5.
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// A way to sign, with the digest that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    Ecdsa(Hash),
    Rsa(Hash),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Signature {
    /// What an identifier stands for, if everybody in a mesh accepts it.
    pub(super) fn of(algorithm: ObjectIdentifier) -> Option<Self> {
        match algorithm {
            ECDSA_WITH_SHA256 => Some(Self::Ecdsa(Hash::Sha256)),
            ECDSA_WITH_SHA384 => Some(Self::Ecdsa(Hash::Sha384)),
            ECDSA_WITH_SHA512 => Some(Self::Ecdsa(Hash::Sha512)),
            RSA_WITH_SHA256 => Some(Self::Rsa(Hash::Sha256)),
            RSA_WITH_SHA384 => Some(Self::Rsa(Hash::Sha384)),
            RSA_WITH_SHA512 => Some(Self::Rsa(Hash::Sha512)),
            _ => None,
        }
    }
}

/// The public facts of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The subject, as RFC 4514 writes names.
    pub subject: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate's DER in hexadecimal.
    pub fingerprint: String,
    /// SHA-256 of the public key (`SubjectPublicKeyInfo`) in hexadecimal.
    pub key: String,
    /// The first day.
    pub not_before: Date,
    /// The last day.
    pub not_after: Date,
}

/// A certificate and its bytes.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) der: Vec<u8>,
    /// The block that it was read from.
    pem: String,
    pub(super) certificate: Certificate,
    /// What is told of it.
    pub(super) facts: Facts,
    /// The subject as OpenSSL compares it: what has one of these names is one issuer for it.
    pub(super) folded_subject: String,
}

impl Parsed {
    /// The certificates of a PEM file, in order.
    ///
    /// # Errors
    /// What is wrong with the file, as the rest of a sentence that begins with its name.
    pub(super) fn all(text: &str) -> Result<Vec<Self>, String> {
        Ok(Self::all_beside(text, &[])?.into_iter().map(Cow::into_owned).collect())
    }

    /// The same; a certificate that was read from an equal block before is not read again.
    ///
    /// # Errors
    /// What is wrong with the file, as the rest of a sentence that begins with its name.
    pub(super) fn all_beside<'k>(text: &str, known: &[&'k Self]) -> Result<Vec<Cow<'k, Self>>, String> {
        let blocks = blocks(text);
        if blocks.is_empty() {
            return Err("contains no PEM block".to_owned());
        }
        let known: BTreeMap<&str, &'k Self> = known.iter().map(|known| (known.pem.as_str(), *known)).collect();
        blocks
            .iter()
            .map(|block| {
                if block.label != "CERTIFICATE" {
                    return Err(format!("contains a block `{}`, and only certificates are allowed", block.label));
                }
                if let Some(known) = known.get(block.text) {
                    return Ok(Cow::Borrowed(*known));
                }
                let der = block.bytes().ok_or("contains a block that is not valid PEM")?.to_vec();
                let certificate = Certificate::from_der(&der)
                    .map_err(|error| format!("contains an invalid X.509 certificate: {error}"))?;
                Ok(Cow::Owned(Self::new(der, block.text.to_owned(), certificate)))
            })
            .collect()
    }

    fn new(der: Vec<u8>, pem: String, certificate: Certificate) -> Self {
        let tbs = certificate.tbs_certificate();
        let key = tbs.subject_public_key_info().to_der().expect("what was read can be written");
        let (first, last) = validity(&certificate);
        let facts = Facts {
            subject: tbs.subject().to_string(),
            serial: hex(tbs.serial_number().as_bytes()),
            fingerprint: hex(&Sha256::digest(&der)),
            key: hex(&Sha256::digest(key)),
            not_before: day(first),
            not_after: day(last),
        };
        let folded_subject = folded(&facts.subject);
        Self { der, pem, certificate, facts, folded_subject }
    }

    /// The certificate as RFC 7468 writes it strictly.
    pub(super) fn strict(&self) -> String {
        pem::encode_string("CERTIFICATE", LineEnding::LF, &self.der).expect("base64 encodes any bytes")
    }

    pub(super) fn is_issued_under_the_name_of(&self, issuer: &Self) -> bool {
        self.certificate.tbs_certificate().issuer() == issuer.certificate.tbs_certificate().subject()
    }

    /// Seconds since 1970 of the first and the last moment.
    pub(super) fn validity(&self) -> (u64, u64) {
        validity(&self.certificate)
    }

    /// The first extension of a kind, if it can be read.
    pub(super) fn extension<T: for<'a> Decode<'a> + AssociatedOid>(&self) -> Option<T> {
        let mut found = self.certificate.tbs_certificate().filter_extensions::<T>();
        found.next().and_then(Result::ok).map(|(_, extension)| extension)
    }

    pub(super) fn is_authority(&self) -> bool {
        self.extension::<BasicConstraints>().is_some_and(|constraints| constraints.ca)
    }

    /// How many further authorities may follow.
    pub(super) fn path_length(&self) -> Option<u8> {
        self.extension::<BasicConstraints>().and_then(|constraints| constraints.path_len_constraint)
    }

    pub(super) fn may_sign_certificates(&self) -> bool {
        self.extension::<KeyUsage>().is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether the issuer's key identifier, if one is named, is the issuer's, and likewise its serial number and its own issuer
    /// (RFC 5280, section 4.2.1.1). Go only prefers such an issuer; OpenSSL takes no other.
    pub(super) fn names_key_of(&self, issuer: &Self) -> bool {
        let Some(named) = self.extension::<AuthorityKeyIdentifier>() else { return true };
        let tbs = issuer.certificate.tbs_certificate();
        let key = named.key_identifier.zip(issuer.extension::<SubjectKeyIdentifier>());
        let name = named.authority_cert_issuer.and_then(|names| {
            names.into_iter().find_map(|name| match name {
                GeneralName::DirectoryName(name) => Some(name),
                _ => None,
            })
        });
        key.is_none_or(|(named, own)| named == own.0)
            && named.authority_cert_serial_number.is_none_or(|named| named == *tbs.serial_number())
            && name.is_none_or(|named| named == *tbs.issuer())
    }

    /// The public key as it stands in the certificate.
    pub(super) fn public_key(&self) -> &[u8] {
        self.certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes()
    }

    /// The curve of an EC key.
    pub(super) fn curve(&self) -> Option<ObjectIdentifier> {
        let algorithm = &self.certificate.tbs_certificate().subject_public_key_info().algorithm;
        algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as().ok())
    }

    /// The bytes that the issuer signed, as they stand in the certificate: the first element of the outer sequence.
    fn signed_bytes(&self) -> Option<&[u8]> {
        let mut reader = SliceReader::new(&self.der).ok()?;
        Header::decode(&mut reader).ok()?;
        reader.tlv_bytes().ok()
    }

    /// The digest that the issuer signed.
    fn signed_digest(&self) -> Option<Vec<u8>> {
        let message = self.signed_bytes()?;
        let (Signature::Ecdsa(hash) | Signature::Rsa(hash)) =
            Signature::of(self.certificate.signature_algorithm().oid)?;
        Some(match hash {
            Hash::Sha256 => Sha256::digest(message).to_vec(),
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        })
    }

    /// Whether a P-256 key, signing as meshgen does (RFC 6979), gives exactly this certificate's signature again.
    ///
    /// An equal signature is valid. A different one can still be valid: see `is_signed_by`.
    pub(super) fn is_signed_again_by(&self, key: &SigningKey) -> bool {
        let algorithm = self.certificate.signature_algorithm().oid;
        let Some(digest) = self.signed_digest().filter(|_| algorithm == ECDSA_WITH_SHA256) else { return false };
        let signature: Result<p256::ecdsa::Signature, _> = key.sign_prehash(&digest);
        signature.is_ok_and(|signature| signature.to_der().as_bytes() == self.certificate.signature().raw_bytes())
    }

    /// Whether the issuer's key made this certificate's signature (RFC 5280, section 4.1.1.3).
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let Some(digest) = self.signed_digest() else { return false };
        let signature = self.certificate.signature().raw_bytes();
        let key = issuer.public_key();
        match (Signature::of(self.certificate.signature_algorithm().oid), issuer.curve()) {
            (Some(Signature::Ecdsa(_)), Some(P256)) => p256::ecdsa::VerifyingKey::from_sec1_bytes(key)
                .ok()
                .zip(p256::ecdsa::Signature::from_der(signature).ok())
                .is_some_and(|(key, signature)| key.verify_prehash(&digest, &signature).is_ok()),
            (Some(Signature::Ecdsa(_)), Some(P384)) => p384::ecdsa::VerifyingKey::from_sec1_bytes(key)
                .ok()
                .zip(p384::ecdsa::Signature::from_der(signature).ok())
                .is_some_and(|(key, signature)| key.verify_prehash(&digest, &signature).is_ok()),
            (Some(Signature::Rsa(_)), _) => PublicKey::from_pkcs1_der(key)
                .ok()
                .zip(rsa::pkcs1v15::Signature::try_from(signature).ok())
                .is_some_and(|(key, signature)| is_rsa_signature(key, &digest, &signature)),
            _ => false,
        }
    }
}

fn validity(certificate: &Certificate) -> (u64, u64) {
    let validity = certificate.tbs_certificate().validity();
    (validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs())
}

/// The day of a moment, UTC.
fn day(seconds: u64) -> Date {
    let moment =
        i64::try_from(seconds).ok().and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok());
    Date(moment.map_or(time::Date::MAX, time::OffsetDateTime::date))
}

/// A name as OpenSSL compares it: without regard to case, kinds of strings and spaces.
fn folded(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_rsa_signature(key: PublicKey, digest: &[u8], signature: &rsa::pkcs1v15::Signature) -> bool {
    match digest.len() {
        32 => rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key).verify_prehash(digest, signature).is_ok(),
        48 => rsa::pkcs1v15::VerifyingKey::<Sha384>::new(key).verify_prehash(digest, signature).is_ok(),
        _ => rsa::pkcs1v15::VerifyingKey::<Sha512>::new(key).verify_prehash(digest, signature).is_ok(),
    }
}
