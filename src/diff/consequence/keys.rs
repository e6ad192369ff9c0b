//! What it means that a cluster has another certificate, or that its private key reaches it in another way.

use crate::words::names;

use super::super::ClusterChange;
use super::super::impact::Kind;
use super::{Found, Situation};

impl Situation<'_> {
    /// Certificates of a cluster whose istiod was no authority before and is none after.
    pub(super) fn unused(&self, name: &str, found: &mut Found) {
        if self.before.has_no_authority(name) && self.after.has_no_authority(name) && !self.has_other_authority() {
            let why = "20-cacerts: another authority signs for its workloads, and nothing restarts";
            found.add(Kind::Reapply, why);
        }
    }

    pub(super) fn certificates(&self, cluster: &ClusterChange, found: &mut Found) {
        let is_renewed =
            cluster.certificate.as_ref().is_some_and(|change| change.before.is_some() && change.after.is_some());
        if !is_renewed || self.is_root_replaced() {
            return;
        }
        if self.after.has_no_authority(&cluster.name) {
            self.unused(&cluster.name, found);
            return;
        }
        if self.after.release().is_some_and(|release| release.reloads_authority) {
            found.add(
                Kind::Certificates,
                "istiod notices the new Secret `cacerts` by itself, once kubelet has refreshed it, which takes up to two minutes; proxies get certificates under it as theirs are renewed, within a day",
            );
        } else {
            found.add(Kind::Certificates, "proxies get certificates under it after istiod restarts");
            found.add(
                Kind::RestartIstiod,
                "this istiod reads the Secret `cacerts` only when it starts: install.sh restarts it",
            );
        }
    }
}

pub(super) fn private_key(cluster: &ClusterChange, found: &mut Found) {
    let Some(change) = &cluster.private_key else { return };
    if change.is_unexplained {
        found.add(
            Kind::PrivateKeys,
            "the ciphertext of its private key differs, and neither its certificate nor who reads it does: a build with the seed makes the right one again",
        );
        return;
    }
    let quoted = |readers: &[String]| names(readers.iter().map(String::as_str));
    let has = if change.removed.len() == 1 { "has" } else { "have" };
    if change.before != change.after {
        let why = format!("its private key comes by {} instead of {}", change.after.words(), change.before.words());
        found.add(Kind::PrivateKeys, &why);
    } else if !change.added.is_empty() {
        let why = format!(
            "its private key goes to {} too: whoever reads it can sign for this cluster",
            quoted(&change.added)
        );
        found.add(Kind::PrivateKeys, &why);
    }
    if !change.removed.is_empty() && cluster.certificate.as_ref().is_none_or(|change| !change.is_key_reissued) {
        let why = format!(
            "{} still {has} the private key, and earlier commits too: raise `generation` of this cluster if it is to be safe from that",
            quoted(&change.removed)
        );
        found.add(Kind::PrivateKeys, &why);
    }
}
