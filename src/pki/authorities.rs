//! CA certificates in files beside the topology: those that control planes trust at the API servers of other clusters, the roots of
//! whoever signs instead of istiod, and those that workloads trust besides the mesh's own.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::check::Authorities;
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::{EXPIRING_CERTIFICATE, NOT_YET_VALID, UNUSABLE_API_SERVER_CA, UNUSABLE_ROOTS};
use crate::source::Beside;
use crate::topology::{CertificateAuthority, Date, Topology};

use super::inventory::DAYS_TO_RENEW;
use super::pem::blocks;
use super::verify::check_root;
use super::x509::Parsed;

/// What decides whether the roots are read.
pub(crate) const FIELDS: &[&str] = &["certificates.authority"];

/// What a file may have at most: a Secret of 1 MiB holds it twice encoded.
const MAXIMUM_BYTES: usize = 256 << 10;

/// A file that the topology names.
struct Named<'t> {
    whose: Whose,
    place: FieldPath,
    file: &'t str,
}

/// Whose certificates are in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// An API server, of the cluster at this position, has a certificate of them.
    ApiServer(usize),
    /// They sign for workloads instead of istiod.
    Signer,
    /// Workloads trust them besides.
    AlsoTrusted,
}

/// The certificates of the files that a topology names, and what is wrong with the other files.
pub(crate) fn read(topology: &Topology, files: &BTreeMap<String, Beside>) -> (Authorities, Vec<Diagnostic>) {
    let mut read = Authorities::default();
    let mut findings = Vec::new();
    for Named { whose, place, file } in named(topology) {
        let text = certificates(files.get(file), whose).map(|all| all.iter().map(Parsed::strict).collect::<String>());
        match (text, whose) {
            (Ok(text), Whose::ApiServer(position)) => drop(read.of_clusters.insert(position, text)),
            (Ok(text), Whose::Signer) => read.roots = Some(text),
            (Ok(text), Whose::AlsoTrusted) => read.also_trusted.push_str(&text),
            (Err((reason, help)), _) => {
                let (rule, label) = match whose {
                    Whose::ApiServer(_) => (UNUSABLE_API_SERVER_CA, "what istiods would trust"),
                    Whose::Signer | Whose::AlsoTrusted => (UNUSABLE_ROOTS, "what all workloads would trust"),
                };
                findings.push(rule.at(place, format!("`{file}` {reason}")).label(label).help(help));
            }
        }
    }
    (read, findings)
}

/// Warnings about files of which no certificate is valid yet, or the last one expires, on a day.
pub(crate) fn warnings(topology: &Topology, files: &BTreeMap<String, Beside>, today: Date) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Named { whose, place, file } in named(topology) {
        let Ok(certificates) = certificates(files.get(file), whose) else { continue };
        let facts = || certificates.iter().map(|certificate| &certificate.facts);
        let first = facts().map(|facts| facts.not_before).min().filter(|first| *first > today);
        let last = facts().map(|facts| facts.not_after).max();
        let is_ending = |last: &Date| (last.0 - today.0).whole_days() <= DAYS_TO_RENEW;
        let (present, next) = match whose {
            Whose::ApiServer(_) => (
                "write the CA of the proxy's present certificate too",
                "write the next CA into the file too, before the proxy has a certificate of it",
            ),
            Whose::Signer => (
                "write the root of the present certificates too",
                "write the next root into the file too, before anything is signed under it",
            ),
            Whose::AlsoTrusted => (
                "write the root of the present certificates too",
                "write the next root of that authority too, or remove the file if nothing is signed under it any more",
            ),
        };
        if let Some(first) = first {
            findings.push(NOT_YET_VALID.at(place, format!("no CA of `{file}` is valid before {first}")).help(present));
        } else if let Some(last) = last.filter(is_ending) {
            findings
                .push(EXPIRING_CERTIFICATE.at(place, format!("the last CA of `{file}` expires on {last}")).help(next));
        }
    }
    findings
}

/// The files that the topology names. An absolute path is for another rule, and so are roots beside another authority.
fn named(topology: &Topology) -> impl Iterator<Item = Named<'_>> {
    let clusters = topology.clusters.iter().enumerate();
    let of_clusters = clusters.filter_map(|(position, cluster)| {
        let place = FieldPath::root().child("clusters").index(position).child("apiServerCA");
        Some(Named { whose: Whose::ApiServer(position), place, file: cluster.api_server_ca.as_ref()?.as_str() })
    });
    let certificates = &topology.certificates;
    let path = FieldPath::root().child("certificates");
    let roots =
        certificates.root_certificates.as_ref().filter(|_| certificates.authority == CertificateAuthority::None);
    let place = path.child("rootCertificates");
    let of_mesh = roots.map(|file| Named { whose: Whose::Signer, place, file: file.as_str() });
    let is_own = certificates.authority == CertificateAuthority::Seed;
    let besides = certificates.also_trust.iter().enumerate().filter(move |_| is_own);
    let besides = besides.map(move |(index, file)| Named {
        whose: Whose::AlsoTrusted,
        place: path.child("alsoTrust").index(index),
        file: file.as_str(),
    });
    of_clusters.chain(of_mesh).chain(besides).filter(|named| !Utf8Path::new(named.file).is_absolute())
}

/// The certificates of a file, or what is wrong with it and what to do.
fn certificates(file: Option<&Beside>, whose: Whose) -> Result<Vec<Parsed>, (String, &'static str)> {
    const HELP: &str = "name a file with CA certificates, in PEM and nothing else";
    let fault = |reason: &str| (reason.to_owned(), HELP);
    let bytes = match file {
        None => return Err(fault("does not exist")),
        Some(Err(reason)) => return Err(fault(reason)),
        Some(Ok(bytes)) => bytes,
    };
    if bytes.len() > MAXIMUM_BYTES {
        return Err(fault("is larger than 256 KiB, and a Secret has to hold it"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| fault("is not a text file"))?;
    if blocks(text).iter().any(|block| block.label.ends_with("PRIVATE KEY")) {
        let help = "name a file without the key, and replace the key: the file may be in Git";
        return Err(("contains a private key".to_owned(), help));
    }
    let certificates = Parsed::all(text).map_err(|reason| (reason, HELP))?;
    match certificates.iter().find(|certificate| !certificate.is_authority() || !certificate.may_sign_certificates()) {
        Some(other) => Err((format!("contains the certificate `{}`, which is not a CA's", other.facts.subject), HELP)),
        None if whose == Whose::AlsoTrusted => only_roots(certificates),
        None => Ok(certificates),
    }
}

/// Certificates that workloads are told to trust as they are told to trust the mesh's own: each is a root that Go and OpenSSL accept.
fn only_roots(certificates: Vec<Parsed>) -> Result<Vec<Parsed>, (String, &'static str)> {
    for certificate in &certificates {
        let mut faults = Vec::new();
        check_root(certificate, &mut faults);
        if let Some(fault) = faults.first() {
            let reason = format!("contains `{}`, which {}", certificate.facts.subject, fault.reason);
            return Err((reason, "name a file with root certificates, in PEM and nothing else"));
        }
    }
    Ok(certificates)
}
