//! The CA certificates that control planes trust at the API servers of other clusters.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::{EXPIRING_CERTIFICATE, NOT_YET_VALID, UNUSABLE_API_SERVER_CA};
use crate::source::Beside;
use crate::topology::{Date, Topology};

use super::inventory::DAYS_TO_RENEW;
use super::pem::blocks;
use super::verify::facts;
use super::x509::Parsed;

/// What a file may have at most: a Secret of 1 MiB holds it twice encoded.
const MAXIMUM_BYTES: usize = 256 << 10;

/// The certificates of the files that clusters name, in PEM, by the position of the cluster, and what is wrong with the others.
pub(crate) fn read(
    topology: &Topology,
    files: &BTreeMap<String, Beside>,
) -> (BTreeMap<usize, String>, Vec<Diagnostic>) {
    let mut authorities = BTreeMap::new();
    let mut findings = Vec::new();
    for (position, place, file) in named(topology) {
        match certificates(files.get(file)) {
            Ok(certificates) => {
                authorities.insert(position, certificates.iter().map(Parsed::strict).collect());
            }
            Err((reason, help)) => findings.push(
                UNUSABLE_API_SERVER_CA
                    .at(place, format!("`{file}` {reason}"))
                    .label("what istiods would trust")
                    .help(help),
            ),
        }
    }
    (authorities, findings)
}

/// Warnings about files of which no certificate is valid yet, or the last one expires, on a day.
pub(crate) fn warnings(topology: &Topology, files: &BTreeMap<String, Beside>, today: Date) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (_, place, file) in named(topology) {
        let Ok(certificates) = certificates(files.get(file)) else { continue };
        let facts = || certificates.iter().map(facts);
        let first = facts().map(|facts| facts.not_before).min().filter(|first| *first > today);
        let last = facts().map(|facts| facts.not_after).max();
        let is_ending = |last: &Date| (last.0 - today.0).whole_days() <= DAYS_TO_RENEW;
        if let Some(first) = first {
            findings.push(
                NOT_YET_VALID
                    .at(place, format!("no CA of `{file}` is valid before {first}"))
                    .help("write the CA of the proxy's present certificate too"),
            );
        } else if let Some(last) = last.filter(is_ending) {
            let help = "write the next CA into the file too, before the proxy has a certificate of it";
            findings
                .push(EXPIRING_CERTIFICATE.at(place, format!("the last CA of `{file}` expires on {last}")).help(help));
        }
    }
    findings
}

/// The files that clusters name. An absolute path is for another rule.
fn named(topology: &Topology) -> impl Iterator<Item = (usize, FieldPath, &str)> {
    let clusters = topology.clusters.iter().enumerate();
    let named = clusters.filter_map(|(position, cluster)| Some((position, cluster.api_server_ca.as_ref()?.as_str())));
    let relative = named.filter(|(_, file)| !Utf8Path::new(file).is_absolute());
    let path = |position| FieldPath::root().child("clusters").index(position).child("apiServerCA");
    relative.map(move |(position, file)| (position, path(position), file))
}

/// The certificates of a file, or what is wrong with it and what to do.
fn certificates(file: Option<&Beside>) -> Result<Vec<Parsed>, (String, &'static str)> {
    const HELP: &str = "name a file with the CA certificates of the proxy, in PEM and nothing else";
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
