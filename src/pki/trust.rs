//! The certificates of a mesh, each verified from its bytes.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::layout::{KEY, bundle_path};
use crate::lock;
use crate::mesh::{Cluster, Intermediate, Mesh, Root};
use crate::parallel;
use crate::rule::SEED_NEEDED;

use super::issue::RootAuthority;
use super::key::KeyPath;
use super::naming;
use super::standing::Damage;
use super::verify::{self, Facts, Fault, TrustAnchor};
use super::{Authority, Bundle, Seed, Standing};
use crate::words::hex;

/// Issuing fewer takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 4;

/// The roots of a mesh, and the bundle of each cluster.
#[derive(Debug)]
pub struct Trust {
    /// The facts of every root that the mesh's proxies trust: one, where meshgen makes it; none, where it knows of none.
    pub roots: Vec<Facts>,
    /// By the position of the cluster; none if the cluster runs no istiod.
    pub bundles: Vec<Option<Bundle>>,
    /// How many intermediates were signed, and not reused.
    pub issued: usize,
}

impl Trust {
    /// Sets the dates of certificates in a mesh to those of the external authority.
    pub(crate) fn set_dates(&self, mesh: &mut Mesh<'_>) {
        if let (Some(request), Some(root)) = (&mut mesh.root, self.roots.first()) {
            (request.not_before, request.not_after) = (root.not_before, root.not_after);
        }
        for (cluster, bundle) in mesh.clusters.iter_mut().zip(&self.bundles) {
            if let (Some(request), Some(bundle)) = (&mut cluster.intermediate, bundle) {
                (request.not_before, request.not_after) = (bundle.facts.not_before, bundle.facts.not_after);
            }
        }
    }
}

impl Authority {
    /// Answers every request of a mesh.
    ///
    /// # Errors
    /// Without the seed: a finding for each cluster that needs a new certificate.
    ///
    /// # Panics
    /// If a new certificate does not pass verification.
    pub fn answer(&self, mesh: &Mesh<'_>) -> Result<Trust, Vec<Diagnostic>> {
        self.answer_for(mesh, |_| true)
    }

    /// Answers the requests of some clusters.
    pub(crate) fn answer_for(
        &self,
        mesh: &Mesh<'_>,
        is_wanted: impl Fn(&Cluster<'_>) -> bool + Sync,
    ) -> Result<Trust, Vec<Diagnostic>> {
        let Some(root) = &mesh.root else {
            return Ok(Trust { roots: Vec::new(), bundles: vec![None; mesh.clusters.len()], issued: 0 });
        };
        match self {
            Self::Seed(seed) => Ok(issue(mesh, root, seed, &Standing::default(), is_wanted)),
            Self::Renewing(seed, standing) => Ok(issue(mesh, root, seed, standing, is_wanted)),
            Self::Standing(standing) => take_over(mesh, root, standing, is_wanted),
            Self::External(external, _) => external.answer(mesh, is_wanted),
        }
    }
}

/// Reuses existing certificates that match their requests, and signs the rest.
fn issue(
    mesh: &Mesh<'_>,
    root: &Root<'_>,
    seed: &Seed,
    standing: &Standing,
    is_wanted: impl Fn(&Cluster<'_>) -> bool + Sync,
) -> Trust {
    let root = RootAuthority::new(seed, root);
    let issued = AtomicUsize::new(0);
    let bundles = parallel::map(&mesh.clusters, CLUSTERS_WORTH_A_THREAD, |cluster| {
        let request = cluster.intermediate.as_ref().filter(|_| is_wanted(cluster))?;
        let standing = standing.files(cluster.name).ok().filter(|files| files.root_certificate == root.anchor().pem());
        let taken = standing.and_then(|files| {
            let proven = verify::verify_standing(files, root.anchor()).ok()?;
            let key = files.key.map_or_else(|| root.key(request), |key| key.to_owned().into());
            is_answer(&proven.certificate, request, root.fingerprint()).then(|| Bundle::taken(files, Some(key), proven))
        });
        Some(taken.unwrap_or_else(|| {
            issued.fetch_add(1, Ordering::Relaxed);
            root.issue(request)
        }))
    });
    Trust { roots: vec![root.anchor().facts().clone()], bundles, issued: issued.into_inner() }
}

/// Reuses existing certificates for all requests. Without the seed nothing can be signed.
fn take_over(
    mesh: &Mesh<'_>,
    request: &Root<'_>,
    standing: &Standing,
    is_wanted: impl Fn(&Cluster<'_>) -> bool + Sync,
) -> Result<Trust, Vec<Diagnostic>> {
    let clusters: Vec<&Cluster<'_>> = mesh.clusters.iter().filter(|cluster| cluster.intermediate.is_some()).collect();
    let standing_root =
        clusters.iter().find_map(|cluster| Some((*cluster, standing.files(cluster.name).ok()?.root_certificate)));
    let proven = standing_root.map(|(cluster, root)| TrustAnchor::prove(root).map_err(|faults| (cluster, faults)));
    let root = match proven {
        Some(Ok(root)) if is_root(root.facts(), request, standing) => root,
        Some(Err((cluster, faults))) => return Err(vec![refused(cluster, &new_certificate(&sentence(&faults)))]),
        found => {
            let damaged = clusters.iter().filter_map(|cluster| {
                let damage = standing.files(cluster.name).err().filter(|damage| damage.help.is_some())?;
                Some(refused(cluster, &damage))
            });
            let damaged: Vec<Diagnostic> = if found.is_none() { damaged.collect() } else { Vec::new() };
            return Err(if damaged.is_empty() { vec![other_root(standing)] } else { damaged });
        }
    };
    let answers = parallel::map(&mesh.clusters, CLUSTERS_WORTH_A_THREAD, |cluster| {
        let request = cluster.intermediate.as_ref().filter(|_| is_wanted(cluster))?;
        Some(standing_answer(standing, &root, request).map_err(|damage| refused(cluster, &damage)))
    });
    let mut bundles = Vec::new();
    let mut findings = Vec::new();
    for answer in answers {
        match answer.transpose() {
            Ok(bundle) => bundles.push(bundle),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() {
        Ok(Trust { roots: vec![root.facts().clone()], bundles, issued: 0 })
    } else {
        Err(findings)
    }
}

/// The existing bundle of a cluster, or why it cannot be used.
fn standing_answer(standing: &Standing, root: &TrustAnchor, request: &Intermediate<'_>) -> Result<Bundle, Damage> {
    let files = standing.files(request.cluster)?;
    if files.root_certificate != root.pem() {
        return Err(new_certificate("its root is not the root of the other clusters"));
    }
    let proven = verify::verify_standing(files, root).map_err(|faults| new_certificate(&sentence(&faults)))?;
    if !is_answer(&proven.certificate, request, fingerprint(root.facts(), request.names_seed)) {
        let Facts { not_before, not_after, .. } = &proven.certificate;
        let Intermediate { not_before: first, not_after: last, generation, .. } = request;
        return Err(new_certificate(&format!(
            "expected generation {generation} from {first} to {last}, found another from {not_before} to {not_after}"
        )));
    }
    let mut bundle = Bundle::taken(files, files.key.map(|key| key.to_owned().into()), proven);
    if bundle.key.is_none() {
        let path = bundle_path(request.cluster, KEY);
        let unlisted = || Damage {
            sentence: format!("the digest of {path} is not in {}", lock::FILE),
            help: Some(format!("restore {} from Git", lock::FILE)),
        };
        bundle.key_digest = Some(standing.key_digest(request.cluster).ok_or_else(unlisted)?);
    }
    Ok(bundle)
}

fn sentence(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{} {}", fault.file, fault.reason)).collect::<Vec<_>>().join("; ")
}

/// The fingerprint of the seed, as the root tells it to those who have no seed.
fn fingerprint(root: &Facts, names_seed: bool) -> Option<&str> {
    names_seed.then(|| naming::fingerprint(&root.subject)).flatten()
}

/// Whether a certificate matches its request. Its serial number is the digest of the whole request.
fn is_answer(facts: &Facts, request: &Intermediate<'_>, fingerprint: Option<&str>) -> bool {
    facts.serial == hex(&KeyPath::intermediate(request).serial_number(fingerprint))
        && facts.not_before == request.not_before
        && facts.not_after == request.not_after
}

fn is_root(facts: &Facts, request: &Root<'_>, standing: &Standing) -> bool {
    facts.serial == hex(&KeyPath::root(request).serial_number(fingerprint(facts, request.names_seed)))
        && standing.lock().roots.first().is_some_and(|root| root.fingerprint == facts.fingerprint)
}

fn other_root(standing: &Standing) -> Diagnostic {
    let place = FieldPath::root().child("certificates");
    let finding = if standing.is_empty() {
        SEED_NEEDED.at(place, "the certificates need the seed, because nothing was built yet")
    } else {
        SEED_NEEDED
            .at(place, "the existing root is not the root of this topology")
            .label("mesh ID, first day, validity and naming determine the root")
    };
    finding.help(WHO_CAN_HELP)
}

/// What no file brings back.
fn new_certificate(reason: &str) -> Damage {
    Damage { sentence: reason.to_owned(), help: None }
}

fn refused(cluster: &Cluster<'_>, damage: &Damage) -> Diagnostic {
    let place = FieldPath::root().child("clusters").index(cluster.position).child("name");
    let (message, help) = match &damage.help {
        Some(help) => {
            (format!("the certificate of `{}` is not the one that meshgen wrote", cluster.name), help.as_str())
        }
        None => (format!("`{}` needs a new certificate, and only the seed can make it", cluster.name), WHO_CAN_HELP),
    };
    SEED_NEEDED.at(place, message).label(damage.sentence.as_str()).help(help)
}

const WHO_CAN_HELP: &str = "ask a person who has the seed of the mesh to build and commit, or name the seed with `--ca FILE` or `MESHGEN_CA_SEED_FILE`";
