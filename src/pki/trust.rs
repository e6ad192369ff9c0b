//! The certificates of a mesh, each verified from its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::layout::{KEY, bundle_path};
use crate::lock;
use crate::mesh::{Cluster, Intermediate, Mesh, Root, Roots, Which};
use crate::parallel;
use crate::rule::SEED_NEEDED;
use crate::topology::{CertificateAuthority, RootSeed};

use super::issue::RootAuthority;
use super::key::{DerivedKey, KeyPath};
use super::naming;
use super::pem::{blocks, is_strict};
use super::standing::Damage;
use super::verify::{self, Facts, Fault, Files, TrustAnchor};
use super::{Authority, Bundle, Seed, Seeds, Standing};
use crate::words::hex;

/// Issuing fewer takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 4;

/// The roots of a mesh, and the bundle of each cluster.
#[derive(Debug)]
pub struct Trust {
    /// The facts of every root that proxies of any cluster trust; none, where meshgen knows of none.
    pub roots: Vec<Facts>,
    /// By the position of the cluster; none if the cluster runs no istiod.
    pub bundles: Vec<Option<Bundle>>,
    /// How many intermediates were signed, and not reused.
    pub issued: usize,
}

impl Trust {
    /// Tells a mesh what the files of the external authority say of its certificates.
    pub(crate) fn tell(&self, mesh: &mut Mesh<'_>) {
        let is_external = mesh.authority == CertificateAuthority::External;
        let first_to_end = self.roots.iter().min_by_key(|root| root.not_after).filter(|_| is_external);
        if let (Some(roots), Some(root)) = (&mut mesh.roots, first_to_end) {
            (roots.present.not_before, roots.present.not_after) = (root.not_before, root.not_after);
        }
        for (cluster, bundle) in mesh.clusters.iter_mut().zip(&self.bundles) {
            if let (Some(request), Some(bundle)) = (&mut cluster.intermediate, bundle) {
                (request.not_before, request.not_after) = (bundle.facts.not_before, bundle.facts.not_after);
                if is_external {
                    cluster.trusts = (bundle.trusted.len() > 1).then(|| bundle.trusted.join("\n"));
                }
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
        let Some(roots) = &mesh.roots else {
            return Ok(Trust { roots: Vec::new(), bundles: vec![None; mesh.clusters.len()], issued: 0 });
        };
        match self {
            Self::Seeds(seeds, standing) => Answering::of(mesh, roots, seeds, standing)?.answer(mesh, is_wanted),
            Self::External(external, _) => external.answer(mesh, is_wanted),
        }
    }
}

/// Who signs under a root.
#[allow(clippy::large_enum_variant, reason = "a mesh has two at most")]
enum Signer<'a> {
    /// The seed is at hand, from which the root derives.
    Seed(RootAuthority<'a>),
    /// The root is one that a build wrote, and nothing new is signed under it. Private keys derive from an issuing seed, if one is at
    /// hand.
    Standing(TrustAnchor, Option<&'a Seed>),
}

impl Signer<'_> {
    fn anchor(&self) -> &TrustAnchor {
        match self {
            Self::Seed(authority) => authority.anchor(),
            Self::Standing(anchor, _) => anchor,
        }
    }
}

/// What answers the requests of a mesh: its roots, and what stands already.
struct Answering<'a> {
    roots: &'a Roots<'a>,
    signers: BTreeMap<Which, Signer<'a>>,
    /// The roots that all workloads trust besides.
    also_trusted: Vec<(Facts, String)>,
    standing: &'a Standing,
}

impl<'a> Answering<'a> {
    /// The roots that any cluster trusts.
    ///
    /// # Errors
    /// Neither a seed nor the tree has one of them.
    fn of(
        mesh: &Mesh<'_>,
        roots: &'a Roots<'a>,
        seeds: &'a Seeds,
        standing: &'a Standing,
    ) -> Result<Self, Vec<Diagnostic>> {
        let requests = mesh.clusters.iter().filter_map(|cluster| cluster.intermediate.as_ref());
        let wanted: BTreeSet<Which> = requests.flat_map(Intermediate::trusted).copied().collect();
        let mut signers = BTreeMap::new();
        for which in wanted {
            let has_own_seed = roots.next.as_ref().is_some_and(|(_, seed)| *seed == RootSeed::Next);
            let seed = if which == Which::Next && has_own_seed { &seeds.next } else { &seeds.present };
            let request = roots.get(which);
            let signer = match seed {
                Some(seed) if seed.can_sign() => Signer::Seed(RootAuthority::new(seed, request)),
                seed => Signer::Standing(standing_root(mesh, request, which, standing)?, seed.as_ref()),
            };
            signers.insert(which, signer);
        }
        let is_own =
            |facts: &Facts| signers.values().any(|signer| signer.anchor().facts().fingerprint == facts.fingerprint);
        let mut also_trusted = verify::each_of(mesh.also_trusted);
        also_trusted.retain(|(facts, _)| !is_own(facts));
        Ok(Self { roots, signers, also_trusted, standing })
    }

    /// What is wrong with a standing text of roots: it has the root that signs, and beside it only those of this topology, of which one
    /// may come or go.
    fn find_fault(&self, text: &str, signs: &TrustAnchor) -> Option<&'static str> {
        let is_own = |facts: &Facts, which, request| match self.signers.get(&which) {
            Some(signer) => signer.anchor().facts().fingerprint == facts.fingerprint,
            None => is_root(facts, request, self.standing),
        };
        let is_known = |facts: &Facts| {
            self.roots.each().any(|(which, request)| is_own(facts, which, request))
                || self.also_trusted.iter().any(|(also, _)| also.fingerprint == facts.fingerprint)
        };
        let all = verify::each_of(text);
        if all.iter().all(|(facts, _)| facts.fingerprint != signs.facts().fingerprint) {
            return Some("its root is not the root of the other clusters");
        }
        let is_right = is_strict(text) && all.iter().all(|(facts, _)| is_known(facts));
        (!is_right).then_some("root-cert.pem contains more than the certificate that meshgen writes")
    }

    /// The text of the roots that workloads of a cluster trust.
    fn roots(&self, request: &Intermediate<'_>) -> String {
        let own = request.trusted().iter().map(|which| self.signers[which].anchor().pem());
        own.chain(self.also_trusted.iter().map(|(_, pem)| pem.as_str())).collect()
    }

    fn answer(
        &self,
        mesh: &Mesh<'_>,
        is_wanted: impl Fn(&Cluster<'_>) -> bool + Sync,
    ) -> Result<Trust, Vec<Diagnostic>> {
        let issued = AtomicUsize::new(0);
        let answers = parallel::map(&mesh.clusters, CLUSTERS_WORTH_A_THREAD, |cluster| {
            let request = cluster.intermediate.as_ref().filter(|_| is_wanted(cluster))?;
            let roots = self.roots(request);
            Some(match &self.signers[&request.signer()] {
                Signer::Seed(authority) => {
                    let taken = taken(self.standing, authority, request, &roots);
                    Ok(taken.unwrap_or_else(|| {
                        issued.fetch_add(1, Ordering::Relaxed);
                        authority.issue(request, &roots)
                    }))
                }
                Signer::Standing(anchor, issuing) => {
                    self.standing_answer(anchor, *issuing, request, &roots).map_err(|damage| refused(cluster, &damage))
                }
            })
        });
        let mut bundles = Vec::new();
        let mut findings = Vec::new();
        for answer in answers {
            match answer.transpose() {
                Ok(bundle) => bundles.push(bundle),
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let own = self.signers.values().map(|signer| signer.anchor().facts().clone());
        let roots = own.chain(self.also_trusted.iter().map(|(facts, _)| facts.clone())).collect();
        Ok(Trust { roots, bundles, issued: issued.into_inner() })
    }

    /// The existing bundle of a cluster, or why it cannot be used.
    fn standing_answer(
        &self,
        root: &TrustAnchor,
        issuing: Option<&Seed>,
        request: &Intermediate<'_>,
        roots: &str,
    ) -> Result<Bundle, Damage> {
        let standing = self.standing;
        let files = standing.files(request.cluster)?;
        if let Some(fault) = self.find_fault(files.root_certificate, root) {
            return Err(new_certificate(fault));
        }
        let files = Files { root_certificate: roots, ..files };
        let proven =
            verify::verify_standing(files, root, roots).map_err(|faults| new_certificate(&sentence(&faults)))?;
        if !is_answer(&proven.certificate, request, fingerprint(root.facts(), request.names_seed)) {
            let Facts { not_before, not_after, .. } = &proven.certificate;
            let Intermediate { not_before: first, not_after: last, generation, .. } = request;
            return Err(new_certificate(&format!(
                "expected generation {generation} from {first} to {last}, found another from {not_before} to {not_after}"
            )));
        }
        let mut bundle = Bundle::taken(files, files.key.map(|key| key.to_owned().into()), proven);
        if let Some(seed) = issuing.filter(|_| bundle.key.is_none()) {
            let key = DerivedKey::of_intermediate(seed, request).pem();
            let is_its = verify::verify_standing(Files { key: Some(&key), ..files }, root, roots).is_ok();
            let other = || Damage {
                sentence: "its key derives from another seed than this one".to_owned(),
                help: Some("name the issuing seed that was made with the seed of the mesh's root".to_owned()),
            };
            bundle.key = Some(is_its.then_some(key).ok_or_else(other)?);
        } else if bundle.key.is_none() {
            let path = bundle_path(request.cluster, KEY);
            let unlisted = || Damage {
                sentence: format!("the digest of {path} is not in {}", lock::FILE),
                help: Some(format!("restore {} from Git", lock::FILE)),
            };
            bundle.key_digest = Some(standing.key_digest(request.cluster).ok_or_else(unlisted)?);
        }
        Ok(bundle)
    }
}

/// The existing bundle of a cluster, if it is what is asked for.
fn taken(
    standing: &Standing,
    authority: &RootAuthority<'_>,
    request: &Intermediate<'_>,
    roots: &str,
) -> Option<Bundle> {
    let files = Files { root_certificate: roots, ..standing.files(request.cluster).ok()? };
    let proven = verify::verify_standing(files, authority.anchor(), roots).ok()?;
    let key = files.key.map_or_else(|| authority.key(request), |key| key.to_owned().into());
    is_answer(&proven.certificate, request, authority.fingerprint()).then(|| Bundle::taken(files, Some(key), proven))
}

/// The root of a request as a build wrote it. Without the seed no other can be made.
fn standing_root(
    mesh: &Mesh<'_>,
    request: &Root<'_>,
    which: Which,
    standing: &Standing,
) -> Result<TrustAnchor, Vec<Diagnostic>> {
    let clusters: Vec<&Cluster<'_>> = mesh.clusters.iter().filter(|cluster| cluster.intermediate.is_some()).collect();
    let mut unusable = None;
    for cluster in &clusters {
        let Ok(files) = standing.files(cluster.name) else { continue };
        for root in blocks(files.root_certificate) {
            match TrustAnchor::prove(&[root.text, "\n"].concat()) {
                Ok(root) if is_root(root.facts(), request, standing) => return Ok(root),
                Ok(_) => {}
                Err(faults) => {
                    unusable.get_or_insert_with(|| refused(cluster, &new_certificate(&sentence(&faults))));
                }
            }
        }
    }
    if let Some(unusable) = unusable {
        return Err(vec![unusable]);
    }
    let damaged = clusters.iter().filter_map(|cluster| {
        let damage = standing.files(cluster.name).err().filter(|damage| damage.help.is_some())?;
        Some(refused(cluster, &damage))
    });
    let is_none_there = clusters.iter().all(|cluster| standing.files(cluster.name).is_err());
    let damaged: Vec<Diagnostic> = if is_none_there { damaged.collect() } else { Vec::new() };
    Err(if damaged.is_empty() { vec![other_root(mesh, standing, which)] } else { damaged })
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
        && standing.lock().roots.iter().any(|root| root.fingerprint == facts.fingerprint)
}

fn other_root(mesh: &Mesh<'_>, standing: &Standing, which: Which) -> Diagnostic {
    let place = FieldPath::root().child("certificates");
    if which == Which::Next {
        let place = place.child("nextRoot");
        let next = mesh.roots.as_ref().and_then(|roots| roots.next.as_ref());
        let has_own_seed = next.is_some_and(|(_, seed)| *seed == RootSeed::Next);
        return SEED_NEEDED.at(place, "the next root needs its seed, because no build has made it").help(if has_own_seed {
            "name its seed with `--ca-next FILE` or `MESHGEN_CA_NEXT_SEED_FILE`; if there is none yet, make it with `meshgen ca new --ca ca-next.seed`"
        } else {
            WHO_CAN_HELP
        });
    }
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

const WHO_CAN_HELP: &str = "ask a person who has the seed of the mesh, or of its root if that is kept apart, to build and commit; or name the seed with `--ca FILE` or `MESHGEN_CA_SEED_FILE`";
