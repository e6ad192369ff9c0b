//! The certificates of Sealed Secrets controllers, to which private keys are encrypted.

use std::collections::BTreeMap;

use camino::Utf8Path;
use rsa::PublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;

use crate::check::{Examined, SealingCertificate};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::mesh::runs_istiod;
use crate::release::release;
use crate::rule::{EXPIRING_CERTIFICATE, SEALING_CERTIFICATE};
use crate::source::Beside;
use crate::topology::{CertificateAuthority, Date, Line, SecretForm, Topology};

use super::pem::blocks;
use super::profile::key_fault;
use super::x509::{Parsed, RSA};

/// What decides which clusters need a certificate, and which they name.
pub(crate) const FIELDS: &[&str] = &[
    "secrets.form",
    "istio.version",
    "certificates.authority",
    "clusters[].name",
    "clusters[].controlPlane",
    "clusters[].secrets",
    "clusters[].secrets.sealingCertificate",
];

/// Whether keys are sealed, as far as anybody knows.
pub(crate) fn is_about(examined: &Examined) -> bool {
    examined.topology().secrets.form == SecretForm::SealedSecrets || examined.hides(&["secrets.form"]).is_some()
}

/// What is wrong with a file, and what to do.
type Fault = (String, &'static str);

/// How a person gets the certificate of a controller.
const FETCH: &str = "write what `kubeseal --fetch-cert --context CONTEXT` prints for this cluster into the file";

/// The certificates of the files that clusters name, by the position of the cluster, and what is wrong with the others.
pub(crate) fn read(
    topology: &Topology,
    files: &BTreeMap<String, Beside>,
) -> (BTreeMap<usize, SealingCertificate>, Vec<Diagnostic>) {
    let mut certificates = BTreeMap::new();
    let mut findings = Vec::new();
    for (position, path, file) in needing(topology) {
        let Some(file) = file else {
            findings.push(
                SEALING_CERTIFICATE
                    .at(path.child("name"), "`form: sealedSecrets` needs the certificate that this cluster's key is sealed with")
                    .label("no `secrets.sealingCertificate` in this cluster")
                    .help("write what `kubeseal --fetch-cert --context CONTEXT` prints into a file, and name it as `secrets: {sealingCertificate: FILE}`"),
            );
            continue;
        };
        match sealing_certificate(file, files.get(file)) {
            Ok((certificate, _)) => drop(certificates.insert(position, certificate)),
            Err((reason, help)) => findings.push(
                SEALING_CERTIFICATE
                    .at(field(&path), format!("`{file}` {reason}"))
                    .label("what the private key of this cluster would be sealed with")
                    .help(help),
            ),
        }
    }
    (certificates, findings)
}

/// Warnings about certificates that have expired on a day: `kubeseal` refuses them too.
pub(crate) fn warnings(topology: &Topology, files: &BTreeMap<String, Beside>, today: Date) -> Vec<Diagnostic> {
    let expired = needing(topology).filter_map(|(_, path, file)| {
        let file = file?;
        let (_, last) = sealing_certificate(file, files.get(file)).ok()?;
        (last < today).then(|| {
            EXPIRING_CERTIFICATE.at(field(&path), format!("the sealing certificate `{file}` expired on {last}")).help(
                "fetch the present one with `kubeseal --fetch-cert`: the controller may have lost the key of this one",
            )
        })
    });
    expired.collect()
}

fn field(cluster: &FieldPath) -> FieldPath {
    cluster.child("secrets").child("sealingCertificate")
}

/// The clusters whose keys are sealed: position, path, and the file that they name.
fn needing(topology: &Topology) -> impl Iterator<Item = (usize, FieldPath, Option<&str>)> {
    let is_sealed = topology.secrets.form == SecretForm::SealedSecrets
        && topology.certificates.authority != CertificateAuthority::None;
    let release = release(topology.istio.version).filter(|_| is_sealed);
    let clusters = topology.clusters.iter().enumerate();
    let needing = clusters.filter(move |(_, cluster)| release.is_some_and(|release| runs_istiod(cluster, release)));
    needing.map(|(position, cluster)| {
        let file = cluster.secrets.sealing_certificate.as_ref().map(Line::as_str);
        (position, FieldPath::root().child("clusters").index(position), file)
    })
}

/// The only certificate of a file, and its last day.
fn sealing_certificate(name: &str, file: Option<&Beside>) -> Result<(SealingCertificate, Date), Fault> {
    let fault = |reason: &str| (reason.to_owned(), FETCH);
    if Utf8Path::new(name).is_absolute() {
        return Err(("is an absolute path".to_owned(), "write it relative to this file"));
    }
    let bytes = match file {
        None => return Err(fault("does not exist")),
        Some(Err(reason)) => return Err(fault(reason)),
        Some(Ok(bytes)) => bytes,
    };
    let text = std::str::from_utf8(bytes).map_err(|_| fault("is not a text file"))?;
    if blocks(text).iter().any(|block| block.label.ends_with("PRIVATE KEY")) {
        let help = "name a file without the key, and have the controller make another key: the file may be in Git";
        return Err(("contains a private key".to_owned(), help));
    }
    let certificates = Parsed::all(text).map_err(|reason| (reason, FETCH))?;
    let [certificate] = certificates.as_slice() else {
        return Err(fault("contains several certificates, and a key is sealed with one"));
    };
    if certificate.certificate.tbs_certificate().subject_public_key_info().algorithm.oid != RSA {
        return Err(fault("is not the certificate of an RSA key"));
    }
    if let Some(reason) = key_fault(certificate) {
        return Err((reason, FETCH));
    }
    let key =
        PublicKey::from_pkcs1_der(certificate.public_key()).map_err(|_| fault("has an RSA key that cannot be read"))?;
    let facts = &certificate.facts;
    Ok((SealingCertificate { key, fingerprint: facts.fingerprint.clone() }, facts.not_after))
}
