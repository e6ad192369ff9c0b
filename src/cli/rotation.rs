//! What a build refuses, because the clusters of a running mesh would refuse each other.

use crate::lock::{Certificate, Digest, Lock};
use crate::pki::{StandingRoot, Which};
use crate::plan::rotation::{Cut, CutKind, cut};
use crate::template::word;
use crate::tree::Tree;

use super::{Refusal, retired};

/// Whether a tree and what is made have a root in common, as far as the lock tells. Of several roots it says which cluster trusts which,
/// unless two branches were merged without a build.
pub(super) fn has_common_root(lock: &Lock, made: &[Certificate]) -> bool {
    let is_made = |root: &Certificate| made.iter().any(|made| made.fingerprint == root.fingerprint);
    let mut certified = lock.clusters.values().filter(|cluster| cluster.certificate.is_some());
    let is_clear =
        lock.roots.len() == 1 || certified.all(|cluster| !cluster.roots.is_empty() && cluster.anchor.is_some());
    !lock.is_empty() && !lock.is_without_root && is_clear && lock.roots.iter().any(is_made)
}

/// Refuses a step that leaves clusters which would refuse each other while it is taken.
pub(super) fn refuse_cut(before: &Lock, after: &Lock) -> Result<(), Refusal> {
    let Some(Cut { signer, root, other, is }) = cut(before, after) else { return Ok(()) };
    let root = format!("sha256:{root}");
    let (signer, other) = (format!("`{signer}`"), format!("`{other}`"));
    let signer = if signer == other { "it".to_owned() } else { signer };
    let (what, help) = match is {
        CutKind::Apart => (
            format!("{other} does not trust a root under which {signer} has certificates"),
            "let the phases of all clusters be at most one apart",
        ),
        CutKind::SignedEarly => (
            format!("{other} does not trust a root yet under which {signer} would have certificates"),
            "first build and apply a phase in which all clusters trust that root (`phase: trust`), and wait until `verify.sh` says that every proxy does",
        ),
        CutKind::DroppedEarly => (
            format!("{other} would no longer trust a root under which {signer} still has certificates"),
            "first build and apply a phase in which nothing is signed under that root any more (`phase: sign`), and wait until `verify.sh` says that no certificate under it is left",
        ),
    };
    Err(Refusal(format!(
        "this step cuts off clusters of a running mesh: {what}\n  root: {root}\n\
         Proxies take roots and certificates when they renew them, within a day, and clusters take a change one after the other.\n\
         help: {help}\n\
         help: only if calls between these clusters may fail until all have taken it, build with `--skip-phase`"
    )))
}

/// Refuses to replace the root in the output by those that were made, none for an authority that meshgen does not know; `origin` is what
/// they were made from.
pub(super) fn refuse_other_root(
    standing: &[StandingRoot],
    made: &[Certificate],
    tree: &Tree,
    origin: &str,
) -> Result<(), Refusal> {
    let is_same = |root: &&StandingRoot| match &root.is {
        Which::Fingerprint(fingerprint) => made.iter().any(|root| root.fingerprint == *fingerprint),
        Which::Unreadable(files) => {
            files.iter().all(|(path, digest)| tree.get(path).is_some_and(|file| Digest::of(&file.bytes) == *digest))
        }
        Which::Unknown => made.is_empty(),
    };
    let Some(StandingRoot { path, is }) = standing.iter().find(|root| !is_same(root)) else {
        return Ok(());
    };
    let is_unknown = made.is_empty();
    let made = retired::roots(made, is_unknown);
    let in_use = match is {
        Which::Fingerprint(fingerprint) => format!("sha256:{fingerprint}"),
        Which::Unknown => retired::UNKNOWN_ROOT.to_owned(),
        Which::Unreadable(_) => {
            return Err(Refusal(format!(
                "{path} cannot be read, so nothing says which root is in use\n  would be: {made}\n  from: {origin}\n\
                 help: restore the certificates: `git checkout -- {}`\n\
                 help: only if the mesh is to have another root, build with `--replace-root`",
                word(path.as_str())
            )));
        }
    };
    if is_unknown || *is == Which::Unknown {
        return Err(Refusal(format!(
            "{path} names another root than this topology gives\n  \
             in use: {in_use}\n  \
             would be: {made}\n  \
             from: {origin}\n\
             In a running mesh, proxies with certificates of one authority refuse those of the other: traffic between them stops until \
             every workload has a certificate of the new one.\n\
             help: only if the mesh is to change its authority, build with `--replace-root`; `meshgen diff` says what to do then"
        )));
    }
    Err(Refusal(format!(
        "{path} names another root than this topology and this seed give\n  \
         in use: {in_use}\n  \
         would be: {made}\n  \
         from: {origin}\n\
         In a running mesh, proxies that trust one of them refuse the others: traffic between them stops until every cluster \
         has the new certificates and every workload was restarted.\n\
         help: build with the seed, the mesh ID, `certificates.issuedOn` and `rootValidityDays` that the mesh was built with\n\
         help: only if the mesh is to have another root, build with `--replace-root`"
    )))
}
