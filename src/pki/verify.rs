//! Proves of a bundle, from its bytes alone, that istiod will sign with it and that everybody will believe it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use p256::ecdsa::SigningKey;

use crate::topology::Date;

use super::x509::{Parsed, public_half};

/// The four files of a bundle, as somebody wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Files<'f> {
    /// `root-cert.pem`.
    pub root_certificate: &'f str,
    /// `ca-cert.pem`.
    pub certificate: &'f str,
    /// `cert-chain.pem`.
    pub chain: &'f str,
    /// `ca-key.pem`, where it is at hand.
    pub key: Option<&'f str>,
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file in which it is.
    pub file: &'static str,
    /// What is wrong, as the rest of a sentence that begins with the file's name.
    pub reason: String,
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
    /// The first day.
    pub not_before: Date,
    /// The last day.
    pub not_after: Date,
}

/// A bundle that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The root's facts.
    pub root: Facts,
    /// The facts of the certificate that istiod signs with.
    pub certificate: Facts,
    /// SHA-256 of the public key, by which two bundles with one key are found.
    key: String,
}

const ROOT: &str = "root-cert.pem";
const CERTIFICATE: &str = "ca-cert.pem";
const CHAIN: &str = "cert-chain.pem";
const KEY: &str = "ca-key.pem";

/// A root that was proven, which bundles are proven against without proving it again.
pub struct TrustAnchor {
    pem: String,
    certificate: Parsed,
    facts: Facts,
    key: Option<SigningKey>,
}

impl TrustAnchor {
    /// Proves a root certificate.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn prove(pem: &str) -> Result<Self, Vec<Fault>> {
        let certificates = Parsed::all(pem).map_err(|reason| vec![Fault { file: ROOT, reason }])?;
        let certificate = certificates.into_iter().next().expect("a file that was read has a certificate");
        let mut faults = Vec::new();
        check_root(&certificate, &mut faults);
        let facts = facts(&certificate);
        if faults.is_empty() { Ok(Self { pem: pem.to_owned(), certificate, facts, key: None }) } else { Err(faults) }
    }

    /// Proves a root certificate of our own making, and that the key is its key: signatures under it are proven with it then.
    ///
    /// # Errors
    /// Every fault of it.
    pub(super) fn prove_with(pem: &str, key: &SigningKey) -> Result<Self, Vec<Fault>> {
        let anchor = Self::prove(pem)?;
        if anchor.certificate.public_key() != key.verifying_key().to_sec1_point(false).as_bytes() {
            return Err(vec![Fault { file: ROOT, reason: "is not of the key that signs".to_owned() }]);
        }
        Ok(Self { key: Some(key.clone()), ..anchor })
    }

    /// The root's file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The root's facts.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// There may be a key in it.
impl fmt::Debug for TrustAnchor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TrustAnchor").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// The facts of a text's first certificate, whatever it is good for.
pub(super) fn facts_of(text: &str) -> Option<Facts> {
    Parsed::all(text).ok()?.first().map(facts)
}

/// Proves one bundle, or says what is wrong with it. A root that was proven before is not proven again.
///
/// Nothing short of this is enough for a bundle that stands already, not even its digest in `meshgen.lock`: whoever changes
/// the one can change the other. So each build proves each, also where nothing is written after all.
///
/// # Errors
/// Every fault that can be told apart, in the order of the files.
pub fn verify(files: Files<'_>, anchor: Option<&TrustAnchor>) -> Result<Proven, Vec<Fault>> {
    let anchor = anchor.filter(|anchor| anchor.pem == files.root_certificate);
    let mut faults = Vec::new();
    let mut read = |file: &'static str, text: &str| match Parsed::all(text) {
        Ok(certificates) => certificates.into_iter().next(),
        Err(reason) => {
            faults.push(Fault { file, reason });
            None
        }
    };
    let root = match anchor {
        Some(anchor) => Some(Cow::Borrowed(&anchor.certificate)),
        None => read(ROOT, files.root_certificate).map(Cow::Owned),
    };
    // istiod reads the first block of ca-cert.pem alone (1.30.3:security/pkg/pki/util/keycertbundle.go).
    let certificate = read(CERTIFICATE, files.certificate);
    let known: Vec<&Parsed> = certificate.iter().chain(root.as_deref()).collect();
    let chain =
        Parsed::all_beside(files.chain, &known).map_err(|reason| faults.push(Fault { file: CHAIN, reason })).ok();
    let key = files.key.map(|key| public_half(key).map_err(|reason| Fault { file: KEY, reason }));
    let key = match key.transpose() {
        Ok(key) => key,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    let (Some(root), Some(certificate), Some(chain)) = (&root, &certificate, chain) else { return Err(faults) };
    if anchor.is_none() {
        check_root(root, &mut faults);
    }
    check_chain(root, certificate, &chain, anchor.and_then(|anchor| anchor.key.as_ref()), &mut faults);
    if let Some(key) = key
        && key != certificate.public_key()
    {
        faults.push(Fault { file: KEY, reason: "is not the key of ca-cert.pem".to_owned() });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let root = anchor.map_or_else(|| facts(root), |anchor| anchor.facts.clone());
    Ok(Proven { root, certificate: facts(certificate), key: key_of(certificate) })
}

fn check_root(root: &Parsed, faults: &mut Vec<Fault>) {
    let mut fault = |reason: &str| faults.push(Fault { file: ROOT, reason: reason.to_owned() });
    if !root.is_issued_under_the_name_of(root) || !root.is_signed_by(root) {
        fault("is not signed by itself: it has to be the root, not an intermediate");
    }
    if !root.is_authority() {
        fault("is no certificate authority (CA:TRUE is missing)");
    }
    if !root.may_sign_certificates() {
        fault("may not sign certificates (keyCertSign is missing)");
    }
    if let Some(reason) = root.refused_key() {
        fault(&reason);
    }
}

fn check_chain(
    root: &Parsed,
    certificate: &Parsed,
    chain: &[Cow<'_, Parsed>],
    root_key: Option<&SigningKey>,
    faults: &mut Vec<Fault>,
) {
    let mut fault = |file: &'static str, reason: String| faults.push(Fault { file, reason });
    if !certificate.is_authority() {
        fault(CERTIFICATE, "is no certificate authority (CA:TRUE is missing)".to_owned());
    }
    if !certificate.may_sign_certificates() {
        fault(CERTIFICATE, "may not sign certificates (keyCertSign is missing)".to_owned());
    }
    if !certificate.may_issue_servers() {
        fault(
            CERTIFICATE,
            "has extended key usages without serverAuth, so no server's certificate may follow".to_owned(),
        );
    }
    if let Some(reason) = certificate.refused_key() {
        fault(CERTIFICATE, reason);
    }
    if chain[0].der != certificate.der {
        fault(CHAIN, "does not begin with the certificate of ca-cert.pem".to_owned());
        return;
    }
    // The chain may end with the root, or just before it.
    let last = chain.last().expect("a chain has a certificate");
    let links: Vec<&Parsed> = chain.iter().map(|link| &**link).chain((last.der != root.der).then_some(root)).collect();
    for (below, pair) in links.windows(2).enumerate() {
        let [subject, issuer] = pair else { continue };
        let file = if below == 0 { CERTIFICATE } else { CHAIN };
        let name = || subject.subject();
        let by = || issuer.subject();
        if !subject.is_issued_under_the_name_of(issuer) || !subject.names_key_of(issuer) {
            fault(file, format!("has `{}` followed by `{}`, which did not issue it", name(), by()));
            return;
        }
        let is_signed = match root_key.filter(|_| issuer.der == root.der) {
            Some(key) => subject.is_signed_with(key),
            None => subject.is_signed_by(issuer),
        };
        if !is_signed {
            fault(file, format!("has a signature of `{}` that is not by `{}`", name(), by()));
            return;
        }
        if !issuer.is_authority() || !issuer.may_sign_certificates() {
            fault(CHAIN, format!("has `{}` as an issuer, which is no certificate authority", by()));
        }
        if issuer.path_length().is_some_and(|length| usize::from(length) < below + 1) {
            fault(CHAIN, format!("is longer than the path length of `{}` allows", by()));
        }
        let (first, last) = subject.validity();
        let (earliest, latest) = issuer.validity();
        if first < earliest || last > latest {
            fault(file, format!("has `{}` valid on days on which its issuer `{}` is not", name(), by()));
        }
        if first >= last {
            fault(file, format!("has `{}` ending before it begins", name()));
        }
    }
}

/// What is wrong between bundles: different roots, a serial number or a key that occurs twice. By cluster.
pub fn verify_together<'c>(bundles: &[(&'c str, Proven)]) -> Vec<(&'c str, Fault)> {
    let mut faults = Vec::new();
    let Some((first, reference)) = bundles.first() else { return faults };
    let mut serials = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for (cluster, bundle) in bundles {
        let mut fault = |file, reason| faults.push((*cluster, Fault { file, reason }));
        if bundle.root.fingerprint != reference.root.fingerprint {
            fault(
                ROOT,
                format!(
                    "is another root than that of `{first}`: clusters with different roots do not trust each other"
                ),
            );
        }
        if let Some(other) = serials.insert(&bundle.certificate.serial, cluster) {
            fault(CERTIFICATE, format!("has the serial number of the certificate of `{other}`"));
        }
        if let Some(other) = keys.insert(&bundle.key, cluster) {
            fault(CERTIFICATE, format!("has the key of `{other}`: each cluster needs one of its own"));
        }
    }
    faults
}

fn facts(certificate: &Parsed) -> Facts {
    let (first, last) = certificate.validity();
    Facts {
        subject: certificate.subject(),
        serial: certificate.serial(),
        fingerprint: certificate.fingerprint(),
        not_before: day(first),
        not_after: day(last),
    }
}

fn key_of(certificate: &Parsed) -> String {
    super::seed::hex(certificate.public_key())
}

/// The day of a moment, UTC.
fn day(seconds: u64) -> Date {
    let moment =
        i64::try_from(seconds).ok().and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok());
    Date(moment.map_or(time::Date::MAX, time::OffsetDateTime::date))
}
