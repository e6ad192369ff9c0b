//! Which proxies would refuse each other while a mesh goes from the roots of one tree to those of another.

use std::collections::BTreeMap;

use crate::lock::{Cluster, Lock};

/// Two clusters of which one would refuse the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The cluster whose proxies have certificates under the root.
    pub signer: String,
    /// SHA-256 of the root in hexadecimal.
    pub root: String,
    /// The cluster whose proxies do not trust it.
    pub other: String,
    /// Which of both comes first.
    pub is: CutKind,
}

/// What is done too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutKind {
    /// Certificates are under a root that others do not trust yet.
    SignedEarly,
    /// A root is trusted no more under which others still have certificates.
    DroppedEarly,
    /// The new tree itself has certificates under a root that not all of its clusters trust.
    Apart,
}

/// The first pair of clusters that would refuse each other on the way, while each of them may be as in the one tree or as in the other:
/// clusters take a change one after the other, and proxies take their certificates and roots of it when they renew them, within a day.
///
/// Of a lock that does not say which of several roots a cluster trusts, as after a merge without a build, the worst is assumed.
pub fn cut(before: &Lock, after: &Lock) -> Option<Cut> {
    let has_one_root = |lock: &Lock| {
        let is_told = |cluster: &Cluster| !cluster.roots.is_empty() || cluster.anchor.is_some();
        lock.roots.len() == 1 && !lock.clusters.values().any(is_told)
    };
    if before.roots == after.roots && has_one_root(before) && has_one_root(after) {
        return None;
    }
    let (old, new) = (trusting(before, after), trusting(after, after));
    let find = |signers: &BTreeMap<&str, Trusting<'_>>, others: &BTreeMap<&str, Trusting<'_>>, is| {
        // Few roots sign: each is looked for once.
        let mut signing: BTreeMap<&str, &str> = BTreeMap::new();
        for (signer, trusting) in signers.iter().filter(|(name, _)| new.contains_key(*name)) {
            for root in &trusting.anchors {
                signing.entry(root).or_insert(signer);
            }
        }
        others.iter().filter(|(name, _)| new.contains_key(*name)).find_map(|(other, trusting)| {
            let (root, signer) = signing.iter().find(|(root, _)| !trusting.roots.contains(root))?;
            Some(Cut { signer: (*signer).to_owned(), root: (*root).to_owned(), other: (*other).to_owned(), is })
        })
    };
    find(&new, &new, CutKind::Apart)
        .or_else(|| find(&new, &old, CutKind::SignedEarly))
        .or_else(|| find(&old, &new, CutKind::DroppedEarly))
}

/// What the proxies of a cluster trust, and under which roots they have certificates.
struct Trusting<'l> {
    roots: Vec<&'l str>,
    anchors: Vec<&'l str>,
}

/// By the name of the cluster; none of one without a certificate. A lock of format 1 has no facts of clusters: they are those of another.
fn trusting<'l>(lock: &'l Lock, other: &'l Lock) -> BTreeMap<&'l str, Trusting<'l>> {
    let all: Vec<&str> = lock.roots.iter().map(|root| root.fingerprint.as_str()).collect();
    let clusters = if lock.is_format_1 { &other.clusters } else { &lock.clusters };
    let certified = clusters.iter().filter(|(_, cluster)| cluster.certificate.is_some());
    let told = certified.map(|(name, cluster)| {
        let anchor = cluster.anchor.as_deref().filter(|_| !lock.is_format_1);
        let roots = if lock.is_format_1 { all.clone() } else { lock.roots_of(name) };
        (name.as_str(), Trusting { roots, anchors: anchor.map_or_else(|| all.clone(), |anchor| vec![anchor]) })
    });
    told.collect()
}
