//! Private keys in forms that may stand in Git, and what a store has to have of them.

use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::layout::{CERTIFICATE, CHAIN, ROOT_CERTIFICATE};
use crate::mesh::{Cluster, Mesh};
use crate::pki::verify::Facts;
use crate::pki::{Bundle, Standing, Trust};
use crate::rule::SEED_NEEDED;
use crate::topology::{AgeRecipient, SecretForm};
use crate::yaml;

mod age;
mod derivation;
mod external;
mod sealed;
mod sops;

/// The Secret that istiod signs with.
const SECRET: &str = "cacerts";

/// Gives each bundle the object that brings it to its cluster, where the topology asks for one. Of a private key that is not at hand,
/// the standing ciphertext stays, if all else of its object is as it would be made.
///
/// # Errors
/// A finding for each cluster that needs a new ciphertext.
pub(crate) fn seal(mesh: &Mesh<'_>, trust: &mut Trust, standing: &Standing) -> Result<(), Vec<Diagnostic>> {
    let mut findings = Vec::new();
    for (cluster, bundle) in mesh.clusters.iter().zip(&mut trust.bundles) {
        let (Some(file), Some(bundle)) = (mesh.secrets.form.file(), bundle) else { continue };
        let has_readers = standing.has_readers(cluster.name, &readers(mesh, cluster));
        let text = standing.text(cluster.name, file).filter(|_| has_readers);
        if bundle.key.is_none() && bundle.key_digest.is_none() {
            bundle.key_digest = standing.key_digest(cluster.name);
        }
        match object(mesh, cluster, bundle, text) {
            Some(object) => bundle.object = Some(yaml::print(&object)),
            None => findings.push(new_ciphertext(cluster, file)),
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// The object; `None` if only the private key can give it, and is not at hand.
fn object(mesh: &Mesh<'_>, cluster: &Cluster<'_>, bundle: &Bundle, standing: Option<&str>) -> Option<Value> {
    let key = bundle.key.as_ref().map(|key| key.as_str());
    // What stands may hold anything, so that it is compared with what its ciphertext gives.
    let is_standing = |object: &Value| key.is_some() || standing.is_some_and(|text| yaml::print(object) == text);
    let object = match mesh.secrets.form {
        SecretForm::Files => return None,
        SecretForm::Sops => {
            let readers = mesh.readers_of(cluster);
            let ciphertext = match key {
                Some(key) => sops::Ciphertext::of(mesh, cluster.name, bundle, &readers, key),
                None => sops::Ciphertext::within(standing?).filter(|standing| standing.has_readers(&readers))?,
            };
            ciphertext.object(mesh, bundle, &readers)
        }
        SecretForm::SealedSecrets => {
            let sealing = cluster.sealing.expect("sealing-certificate holds");
            let ciphertext = match key {
                Some(key) => sealed::encrypt(mesh, cluster.name, sealing, key),
                None => sealed::ciphertext(standing?, sealing)?,
            };
            sealed::object(mesh, bundle, &ciphertext)
        }
        SecretForm::ExternalSecrets => {
            let store = mesh.secrets.store.as_ref().expect("missing-store holds");
            return Some(external::object(mesh, cluster.name, store, bundle));
        }
    };
    Some(object).filter(is_standing)
}

fn new_ciphertext(cluster: &Cluster<'_>, file: &str) -> Diagnostic {
    let place = FieldPath::root().child("clusters").index(cluster.position).child("name");
    SEED_NEEDED
        .at(place, format!("`{}` needs a new ciphertext, and only who has the private key can make it", cluster.name))
        .label(format!("{file} is not there, or is for other readers or another certificate"))
        .help("ask a person who has the seed of the mesh to build and commit, or name the seed with `--ca FILE` or `MESHGEN_CA_SEED_FILE`")
}

/// The public files of a bundle, under istiod's names.
fn certificates(bundle: &Bundle) -> Map<String, Value> {
    let files =
        [(CERTIFICATE, &bundle.certificate), (CHAIN, &bundle.chain), (ROOT_CERTIFICATE, &bundle.root_certificate)];
    files.into_iter().map(|(file, text)| (file.to_owned(), json!(text))).collect()
}

/// Where a store has the private key of a certificate. Each certificate has its own place, so that the keys of the one before and of
/// the next are there together while Git goes from one to the other.
pub(crate) fn store_key(mesh: &str, cluster: &str, certificate: &Facts) -> String {
    format!("{mesh}/{cluster}/cacerts-{}", &certificate.fingerprint[..16])
}

/// Who can decrypt a cluster's key, as the lock records it: what explains another ciphertext of the same key.
pub(crate) fn readers(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<String> {
    match mesh.secrets.form {
        SecretForm::Sops => mesh.readers_of(cluster).iter().map(AgeRecipient::to_string).collect(),
        SecretForm::SealedSecrets => {
            cluster.sealing.iter().map(|sealing| format!("sha256:{}", sealing.fingerprint)).collect()
        }
        SecretForm::ExternalSecrets => {
            let store = mesh.secrets.store.iter();
            store.map(|store| [store.kind.as_str(), "/", store.name.as_str()].concat()).collect()
        }
        SecretForm::Files => Vec::new(),
    }
}
