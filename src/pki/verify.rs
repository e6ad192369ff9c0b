//! Verifies a bundle from its bytes: istiod can sign with it, and all proxies of the mesh accept the certificates.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use p256::ecdsa::SigningKey;

use crate::layout::{CERTIFICATE, CHAIN, KEY, ROOT_CERTIFICATE as ROOT};

use super::pem::{blocks, is_plain, is_strict};
use super::private_key::public_half;
use super::profile;
use super::x509::Parsed;

pub use super::x509::Facts;

/// The four files of a bundle.
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

/// A bundle that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The facts of every root that proxies are told to trust, in the order of the file.
    pub roots: Vec<Facts>,
    /// The facts of the certificate that istiod signs with.
    pub certificate: Facts,
    /// The facts of the authorities between it and its root.
    pub issuers: Vec<Facts>,
    /// SHA-256 of that root in hexadecimal.
    pub anchor: String,
}

/// The reason if a file contains more than meshgen writes.
const NOT_ALONE: &str = "contains more than the certificate that meshgen writes";

/// A verified root, against which bundles are verified.
pub struct TrustAnchor {
    pem: String,
    certificate: Parsed,
    /// The root's private key, if it is at hand.
    pub(super) key: Option<SigningKey>,
}

impl TrustAnchor {
    /// Verifies a root that meshgen made: exactly one certificate.
    ///
    /// # Errors
    /// Every fault of the root.
    pub fn prove(pem: &str) -> Result<Self, Vec<Fault>> {
        let fault = |reason| vec![Fault { file: ROOT, reason }];
        let mut certificates = Parsed::all(pem).map_err(fault)?;
        if certificates.len() != 1 || !is_strict(pem) {
            return Err(fault(NOT_ALONE.to_owned()));
        }
        let certificate = certificates.remove(0);
        let mut faults = Vec::new();
        check_root(&certificate, &mut faults);
        if faults.is_empty() { Ok(Self { pem: pem.to_owned(), certificate, key: None }) } else { Err(faults) }
    }

    /// Proves a root certificate of our own making, and that the key is its key: a standing signature that
    /// this key makes again needs no other proof.
    ///
    /// # Errors
    /// Every fault of the root.
    pub(super) fn prove_with(pem: &str, key: &SigningKey) -> Result<Self, Vec<Fault>> {
        let anchor = Self::prove(pem)?;
        if anchor.certificate.public_key() != key.verifying_key().to_sec1_point(false).as_bytes() {
            return Err(vec![Fault { file: ROOT, reason: "does not have the key that signs".to_owned() }]);
        }
        Ok(Self { key: Some(key.clone()), ..anchor })
    }

    /// The root's file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The root's facts.
    pub fn facts(&self) -> &Facts {
        &self.certificate.facts
    }
}

/// The key is not printed.
impl fmt::Debug for TrustAnchor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TrustAnchor").field("facts", self.facts()).finish_non_exhaustive()
    }
}

/// The facts of every certificate in a text. They are not verified.
pub(super) fn facts_of(text: &str) -> Option<Vec<Facts>> {
    Some(Parsed::all(text).ok()?.into_iter().map(|certificate| certificate.facts).collect())
}

/// Each certificate of a text that was read before: its facts, and the certificate alone.
pub(super) fn each_of(text: &str) -> Vec<(Facts, String)> {
    let certificates = if text.is_empty() { Vec::new() } else { Parsed::all(text).unwrap_or_default() };
    certificates
        .into_iter()
        .map(|certificate| {
            let strict = certificate.strict();
            (certificate.facts, strict)
        })
        .collect()
}

/// Verifies a bundle, or says what is wrong with it. Every root of the bundle is verified, and is one of the facts.
///
/// # Errors
/// Every fault, in the order of the files.
pub fn verify(files: Files<'_>) -> Result<Proven, Vec<Fault>> {
    let mut faults = Vec::new();
    let texts = [(ROOT, files.root_certificate), (CERTIFICATE, files.certificate), (CHAIN, files.chain)];
    for (file, text) in texts.into_iter().chain(files.key.map(|key| (KEY, key))) {
        if !blocks(text).is_empty() && !is_plain(text) {
            let reason = "contains more than PEM blocks and empty lines, or line ends other than LF and CRLF, and programs read that differently: remove the rest";
            faults.push(Fault { file, reason: reason.to_owned() });
        }
    }
    let roots = read(ROOT, files.root_certificate, &mut faults).unwrap_or_default();
    for root in &roots {
        let mut own = Vec::new();
        check_root(root, &mut own);
        // Which of several roots it is.
        let which = |fault: Fault| Fault { reason: told_of(root, &fault.reason), ..fault };
        faults.extend(own.into_iter().map(|fault| if roots.len() == 1 { fault } else { which(fault) }));
    }
    let proven = prove(files, &roots, None, &mut faults);
    proven.filter(|_| faults.is_empty()).ok_or(faults)
}

/// Verifies a bundle that an earlier build wrote, under a root that was verified before, as was each other one of `roots`, the text of
/// all that workloads trust. Its files contain exactly what meshgen writes.
///
/// Each build verifies each existing bundle. The digest in `meshgen.lock` is not enough, because anyone who changes the bundle can
/// change the digest too.
///
/// # Errors
/// Every fault, in the order of the files.
pub fn verify_standing(files: Files<'_>, anchor: &TrustAnchor, roots: &str) -> Result<Proven, Vec<Fault>> {
    verify_own(files, anchor, roots, anchor.key.as_ref())
}

/// Verifies a bundle that was just made. Only the public key is used, so that a mistake in
/// the code that signs is found.
///
/// # Errors
/// Every fault, in the order of the files.
pub(super) fn verify_fresh(files: Files<'_>, anchor: &TrustAnchor, roots: &str) -> Result<Proven, Vec<Fault>> {
    verify_own(files, anchor, roots, None)
}

fn verify_own(
    files: Files<'_>,
    anchor: &TrustAnchor,
    roots: &str,
    key: Option<&SigningKey>,
) -> Result<Proven, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |file, reason: &str| faults.push(Fault { file, reason: reason.to_owned() });
    if files.root_certificate != roots {
        fault(ROOT, "is not the root of the mesh");
    }
    if !is_strict(files.certificate) {
        fault(CERTIFICATE, NOT_ALONE);
    }
    if files.chain.strip_prefix(files.certificate) != Some(&anchor.pem) {
        fault(CHAIN, "is not ca-cert.pem followed by root-cert.pem, and nothing else");
    }
    if files.key.is_some_and(|key| blocks(key).len() != 1 || !is_strict(key)) {
        fault(KEY, "contains more than the key that meshgen writes");
    }
    let several;
    let roots = if roots == anchor.pem {
        std::slice::from_ref(&anchor.certificate)
    } else {
        several = read(ROOT, roots, &mut faults).unwrap_or_default();
        &several
    };
    let proven = prove(files, roots, key, &mut faults);
    if proven.as_ref().is_some_and(|proven| proven.anchor != anchor.facts().fingerprint) {
        faults.push(Fault { file: CHAIN, reason: "does not end with the root that signs".to_owned() });
    }
    proven.filter(|_| faults.is_empty()).ok_or(faults)
}

/// The certificates of a file.
fn read(file: &'static str, text: &str, faults: &mut Vec<Fault>) -> Option<Vec<Parsed>> {
    Parsed::all(text).map_err(|reason| faults.push(Fault { file, reason })).ok()
}

/// Verifies a bundle against its roots, which were verified before. `key` is the private key of the root that signs.
fn prove(files: Files<'_>, roots: &[Parsed], key: Option<&SigningKey>, faults: &mut Vec<Fault>) -> Option<Proven> {
    let certificates = read(CERTIFICATE, files.certificate, faults);
    // istiod reads the first block of ca-cert.pem alone (1.30.3:security/pkg/pki/util/keycertbundle.go).
    if certificates.as_ref().is_some_and(|certificates| certificates.len() > 1) {
        let reason =
            "contains several certificates, and istiod reads only the first: move the others to cert-chain.pem";
        faults.push(Fault { file: CERTIFICATE, reason: reason.to_owned() });
    }
    let certificate = certificates.and_then(|certificates| certificates.into_iter().next());
    let known: Vec<&Parsed> = certificate.iter().chain(roots).collect();
    let chain =
        Parsed::all_beside(files.chain, &known).map_err(|reason| faults.push(Fault { file: CHAIN, reason })).ok();
    let public = files.key.map(public_half).transpose();
    let public = public.map_err(|reason| faults.push(Fault { file: KEY, reason })).ok().flatten();
    let (Some(certificate), Some(chain)) = (&certificate, &chain) else { return None };
    let links = check_chain(roots, certificate, chain, key, faults)?;
    if public.is_some_and(|public| public != certificate.public_key()) {
        faults.push(Fault { file: KEY, reason: "is not the key of ca-cert.pem".to_owned() });
    }
    let ders = ders(roots);
    let issuers = links.iter().filter(|link| link.der != certificate.der && !ders.contains(link.der.as_slice()));
    Some(Proven {
        roots: roots.iter().map(|root| root.facts.clone()).collect(),
        certificate: certificate.facts.clone(),
        issuers: issuers.map(|issuer| issuer.facts.clone()).collect(),
        anchor: links.last().expect("a chain has a link").facts.fingerprint.clone(),
    })
}

/// Checks a certificate as a root that workloads are told to trust.
pub(super) fn check_root(root: &Parsed, faults: &mut Vec<Fault>) {
    let mut fault = |reason: String| faults.push(Fault { file: ROOT, reason });
    if !root.is_issued_under_the_name_of(root) || !root.is_signed_by(root) {
        fault("is not signed by itself: use the root, not an intermediate".to_owned());
    }
    if !root.names_key_of(root) {
        fault("has an extension `authorityKeyIdentifier` that is not of its own key".to_owned());
    }
    profile::faults(root).into_iter().for_each(fault);
}

/// A fault of one certificate of several.
fn told_of(certificate: &Parsed, reason: &str) -> String {
    format!("contains `{}`, which {reason}", certificate.facts.subject)
}

/// Checks the certificate that istiod signs with and each of its issuers up to a root; the links of that chain, the root included.
fn check_chain<'c>(
    roots: &'c [Parsed],
    certificate: &Parsed,
    chain: &'c [Cow<'_, Parsed>],
    root_key: Option<&SigningKey>,
    faults: &mut Vec<Fault>,
) -> Option<Vec<&'c Parsed>> {
    let mut fault = |file: &'static str, reason: String| faults.push(Fault { file, reason });
    let ders = ders(roots);
    let is_root = |link: &Parsed| ders.contains(link.der.as_slice());
    if !is_root(certificate) {
        for reason in profile::faults(certificate) {
            fault(CERTIFICATE, reason);
        }
    }
    for issuer in chain.iter().filter(|issuer| issuer.der != certificate.der && !is_root(issuer)) {
        for reason in profile::faults(issuer) {
            fault(CHAIN, told_of(issuer, &reason));
        }
    }
    if chain[0].der != certificate.der {
        fault(CHAIN, "does not begin with the certificate of ca-cert.pem".to_owned());
        return None;
    }
    // The chain may end with a root, or just before it.
    let mut links: Vec<&Parsed> = chain.iter().map(|link| &**link).collect();
    let last = *links.last().expect("a chain has a certificate");
    if !is_root(last) {
        let is_issuer = |root: &&Parsed| last.is_issued_under_the_name_of(root) && last.names_key_of(root);
        links.push(roots.iter().find(is_issuer).or(roots.first())?);
    }
    let repeated = repeated_name(roots, &links);
    let mut named: BTreeMap<&str, BTreeMap<&[u8], &Parsed>> = BTreeMap::new();
    for other in roots.iter().chain(chain.iter().map(|other| &**other)).filter(|_| repeated.is_none()) {
        named.entry(&other.folded_subject).or_default().insert(&other.der, other);
    }
    for (below, pair) in links.windows(2).enumerate() {
        let [subject, issuer] = pair else { continue };
        // A root may end the chain more than once.
        if subject.der == issuer.der && is_root(subject) {
            continue;
        }
        let file = if below == 0 { CERTIFICATE } else { CHAIN };
        let (name, by) = (&subject.facts.subject, &issuer.facts.subject);
        if !subject.is_issued_under_the_name_of(issuer) || !subject.names_key_of(issuer) {
            fault(file, format!("has `{name}` followed by `{by}`, which did not issue it"));
            return None;
        }
        let is_our_own = root_key.filter(|_| is_root(issuer)).is_some_and(|key| subject.is_signed_again_by(key));
        if !is_our_own && !subject.is_signed_by(issuer) {
            fault(file, format!("has a signature of `{name}` that is not by `{by}`"));
            return None;
        }
        // OpenSSL takes the first that could have issued it, and tries no other. Names are looked up, and each link has its own: a file
        // of thousands of certificates takes no longer than as many files of one.
        let others = named.get(issuer.folded_subject.as_str()).into_iter().flat_map(BTreeMap::values);
        let is_taken_for_issuer = |other: &Parsed| {
            let is_long_enough = other.path_length().is_none_or(|length| usize::from(length) > below);
            subject.names_key_of(other) && (!subject.is_signed_by(other) || !is_long_enough)
        };
        if others.copied().filter(|other| other.der != issuer.der && other.der != subject.der).any(is_taken_for_issuer)
        {
            fault(
                file,
                format!("has `{name}` with two possible issuers: remove the other one, or give both different names"),
            );
        }
        if issuer.path_length().is_some_and(|length| usize::from(length) < below + 1) {
            fault(CHAIN, format!("is longer than the path length of `{by}` allows"));
        }
        let (first, last) = subject.validity();
        let (earliest, latest) = issuer.validity();
        if first < earliest || last > latest {
            fault(file, format!("has `{name}` valid on days when its issuer `{by}` is not"));
        }
        if first >= last {
            fault(file, format!("has `{name}` expire before it begins"));
        }
    }
    if let Some(link) = repeated {
        fault(CHAIN, format!("has two certificates called `{}`: give each its own name", link.facts.subject));
    }
    Some(links)
}

/// The link that has the name of another. OpenSSL takes a certificate that has its issuer's name for one that nobody issued, and a root
/// that has the signer's name for the issuer of workloads.
fn repeated_name<'c>(roots: &[Parsed], links: &[&'c Parsed]) -> Option<&'c Parsed> {
    let first = *links.first()?;
    let name = &first.folded_subject;
    if roots.iter().any(|root| root.der != first.der && root.folded_subject == *name) {
        return Some(first);
    }
    let mut seen = BTreeMap::new();
    links.iter().copied().find(|link| *seen.entry(&link.folded_subject).or_insert(&link.der) != &link.der)
}

/// The bytes of certificates, to find one among them.
fn ders(certificates: &[Parsed]) -> BTreeSet<&[u8]> {
    certificates.iter().map(|certificate| certificate.der.as_slice()).collect()
}

/// The faults between bundles, by cluster: roots of which neither cluster trusts all of the other's, a certificate under a root that
/// another cluster does not trust, or a duplicate serial number or key.
pub fn verify_together<'c>(bundles: &[(&'c str, Proven)]) -> Vec<(&'c str, Fault)> {
    let mut faults = Vec::new();
    let mut serials = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for (cluster, bundle) in bundles {
        let mut fault = |file, reason| faults.push((*cluster, Fault { file, reason }));
        if let Some(other) = serials.insert(&bundle.certificate.serial, cluster) {
            fault(CERTIFICATE, format!("has the same serial number as the certificate of `{other}`"));
        }
        if let Some(other) = keys.insert(&bundle.certificate.key, cluster) {
            fault(CERTIFICATE, format!("has the same key as `{other}`: each cluster needs its own"));
        }
    }
    let mut sets: Vec<(&str, BTreeSet<&str>)> =
        bundles.iter().map(|(cluster, bundle)| (*cluster, fingerprints(&bundle.roots))).collect();
    sets.sort_by_key(|(_, roots)| roots.len());
    let mut last: Option<&(&str, BTreeSet<&str>)> = None;
    let mut is_ordered = true;
    for set in &sets {
        match last {
            Some((other, roots)) if !roots.is_subset(&set.1) => {
                is_ordered = false;
                let reason = if roots.len() == 1 && set.1.len() == 1 {
                    format!("is not the root of `{other}`: clusters with different roots do not trust each other")
                } else {
                    format!(
                        "lacks a root of `{other}`, which lacks one of its: all roots of one of them have to be roots of the other"
                    )
                };
                faults.push((set.0, Fault { file: ROOT, reason }));
            }
            _ => last = Some(set),
        }
    }
    // Where all sets are ordered, the smallest has what all trust.
    if let Some((other, roots)) = sets.first().filter(|_| is_ordered) {
        for (cluster, _) in bundles.iter().filter(|(_, bundle)| !roots.contains(bundle.anchor.as_str())) {
            let reason =
                format!("is under a root that `{other}` does not trust: its proxies refuse those of `{cluster}`");
            faults.push((*cluster, Fault { file: CERTIFICATE, reason }));
        }
    }
    faults
}

fn fingerprints(certificates: &[Facts]) -> BTreeSet<&str> {
    certificates.iter().map(|facts| facts.fingerprint.as_str()).collect()
}
