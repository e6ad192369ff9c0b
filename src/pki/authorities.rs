//! CA certificates in files beside the topology: those that control planes trust at the API servers of other clusters, and the roots
//! of whoever signs instead of istiod.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::{EXPIRING_CERTIFICATE, NOT_YET_VALID, UNUSABLE_API_SERVER_CA, UNUSABLE_ROOTS};
use crate::source::Beside;
use crate::topology::{CertificateAuthority, Date, Topology};

use super::inventory::DAYS_TO_RENEW;
use super::pem::blocks;
use super::verify::facts;
use super::x509::Parsed;

/// What decides whether the roots are read.
pub(crate) const FIELDS: &[&str] = &["certificates.authority"];

/// What a file may have at most: a Secret of 1 MiB holds it twice encoded.
const MAXIMUM_BYTES: usize = 256 << 10;

/// A file that the topology names.
struct Named<'t> {
    /// The position of the cluster whose API server has a certificate of them; none for the roots.
    cluster: Option<usize>,
    place: FieldPath,
    file: &'t str,
}

/// The certificates of the files that clusters name, in PEM, by the position of the cluster; the roots; and what is wrong with the
/// other files.
pub(crate) fn read(
    topology: &Topology,
    files: &BTreeMap<String, Beside>,
) -> (BTreeMap<usize, String>, Option<String>, Vec<Diagnostic>) {
    let mut authorities = BTreeMap::new();
    let mut roots = None;
    let mut findings = Vec::new();
    for Named { cluster, place, file } in named(topology) {
        let text = certificates(files.get(file)).map(|certificates| certificates.iter().map(Parsed::strict).collect());
        match (text, cluster) {
            (Ok(text), Some(position)) => drop(authorities.insert(position, text)),
            (Ok(text), None) => roots = Some(text),
            (Err((reason, help)), _) => {
                let (rule, label) = match cluster {
                    Some(_) => (UNUSABLE_API_SERVER_CA, "what istiods would trust"),
                    None => (UNUSABLE_ROOTS, "what all workloads would trust"),
                };
                findings.push(rule.at(place, format!("`{file}` {reason}")).label(label).help(help));
            }
        }
    }
    (authorities, roots, findings)
}

/// Warnings about files of which no certificate is valid yet, or the last one expires, on a day.
pub(crate) fn warnings(topology: &Topology, files: &BTreeMap<String, Beside>, today: Date) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Named { cluster, place, file } in named(topology) {
        let Ok(certificates) = certificates(files.get(file)) else { continue };
        let facts = || certificates.iter().map(facts);
        let first = facts().map(|facts| facts.not_before).min().filter(|first| *first > today);
        let last = facts().map(|facts| facts.not_after).max();
        let is_ending = |last: &Date| (last.0 - today.0).whole_days() <= DAYS_TO_RENEW;
        let (present, next) = match cluster {
            Some(_) => (
                "write the CA of the proxy's present certificate too",
                "write the next CA into the file too, before the proxy has a certificate of it",
            ),
            None => (
                "write the root of the present certificates too",
                "write the next root into the file too, before anything is signed under it",
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
        Some(Named { cluster: Some(position), place, file: cluster.api_server_ca.as_ref()?.as_str() })
    });
    let certificates = &topology.certificates;
    let roots =
        certificates.root_certificates.as_ref().filter(|_| certificates.authority == CertificateAuthority::None);
    let of_mesh = roots.map(|file| Named {
        cluster: None,
        place: FieldPath::root().child("certificates").child("rootCertificates"),
        file: file.as_str(),
    });
    of_clusters.chain(of_mesh).filter(|named| !Utf8Path::new(named.file).is_absolute())
}

/// The certificates of a file, or what is wrong with it and what to do.
fn certificates(file: Option<&Beside>) -> Result<Vec<Parsed>, (String, &'static str)> {
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
        Some(other) => Err((format!("contains the certificate `{}`, which is not a CA's", other.subject()), HELP)),
        None => Ok(certificates),
    }
}
