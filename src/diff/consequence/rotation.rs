//! What it means that the roots which workloads trust change, and one of them stays.

use crate::pki::inventory::{Entry, Role};
use crate::plan::rotation::{Cut, CutKind, cut};

use super::super::authorities::is_same_bundle;
use super::super::{AuthorityChange, ClusterChange, Membership};
use super::{Found, Kind, Known, Situation};

impl Situation<'_> {
    /// Whether proxies of before and after refuse each other, because the root under which they have certificates is another one, and
    /// not all of them trust both.
    pub(in crate::diff) fn is_root_replaced(&self) -> bool {
        *self.asked_once.is_root_replaced.get_or_init(|| {
            let mut changed = self.authorities.iter().filter(|change| change.role == Role::Root);
            changed.any(|change| change.clusters.iter().any(|name| self.refuses_itself(name)))
        })
    }

    fn refuses_itself(&self, name: &str) -> bool {
        let refuses = |one: &Known<'_>, other: &Known<'_>| {
            let roots = roots(other, name);
            signs(one, name).is_some_and(|root| !roots.is_empty() && !roots.iter().any(|other| other.is_same(root)))
        };
        refuses(self.before, self.after) || refuses(self.after, self.before)
    }

    /// Whether a cluster keeps none of its roots: `install.sh` does not put such roots into a Secret.
    pub(in crate::diff) fn keeps_no_root(&self, name: &str) -> bool {
        let (old, new) = (roots(self.before, name), roots(self.after, name));
        !old.is_empty() && !new.is_empty() && !old.iter().any(|old| new.iter().any(|new| old.is_same(new)))
    }

    /// Whether the workloads of a cluster that stays trust other roots, and proxies of before and after trust each other.
    pub(in crate::diff) fn has_other_roots(&self, cluster: &ClusterChange) -> bool {
        !self.is_root_replaced() && self.changes_roots(cluster)
    }

    /// The roots of a cluster that come, go or change.
    fn changed_roots(&self, name: &str) -> impl Iterator<Item = &AuthorityChange> {
        let is_its = move |change: &&AuthorityChange| change.clusters.iter().any(|cluster| cluster == name);
        self.authorities.iter().filter(|change| change.role == Role::Root).filter(is_its)
    }

    /// Whether the workloads of a cluster that stays trust other roots.
    pub(in crate::diff) fn changes_roots(&self, cluster: &ClusterChange) -> bool {
        cluster.membership == Membership::Stays
            && !self.has_other_authority()
            && self.changed_roots(&cluster.name).next().is_some()
            && !roots(self.before, &cluster.name).is_empty()
            && !roots(self.after, &cluster.name).is_empty()
            && !self.after.has_no_authority(&cluster.name)
    }

    /// Whether proxies take other roots or certificates, and others come after these.
    pub(in crate::diff) fn has_phase_to_come(&self, clusters: &[ClusterChange]) -> bool {
        let is_between = |cluster: &&ClusterChange| roots(self.after, &cluster.name).len() > 1;
        let changes = |cluster: &ClusterChange| self.has_other_roots(cluster) || cluster.certificate.is_some();
        let mut staying = clusters.iter().filter(|cluster| cluster.membership == Membership::Stays);
        !self.is_root_replaced() && staying.any(|cluster| changes(cluster) && is_between(&cluster))
    }

    pub(super) fn other_roots(&self, cluster: &ClusterChange, found: &mut Found) {
        self.cut_off(cluster, found);
        // Certificates that stayed need not be read.
        if is_same_bundle(self.before, self.after, &cluster.name) {
            return;
        }
        if let (Some(old), Some(new)) = (under(self.before, &cluster.name), under(self.after, &cluster.name))
            && old != new
        {
            found.add(Kind::Certificates, &format!("its istiod signs under `{new}` instead of `{old}`"));
        }
        if self.changed_roots(&cluster.name).next().is_some() {
            self.unused(&cluster.name, found);
        }
        if !self.has_other_roots(cluster) {
            return;
        }
        for change in self.changed_roots(&cluster.name) {
            let why = match (&change.certificate.before, &change.certificate.after) {
                (None, Some(root)) => format!(
                    "its proxies trust `{}` too, once they have renewed their certificates, within a day: anyone with the key of that root can sign for every identity of the mesh",
                    root.subject
                ),
                (Some(root), None) => {
                    format!("its proxies no longer trust `{}`: they reject every certificate under it", root.subject)
                }
                _ => continue,
            };
            found.add(Kind::Certificates, &why);
        }
        let why = if self.after.release().is_some_and(|release| release.reloads_authority) {
            "a running istiod takes another certificate from the Secret `cacerts`, and other roots only when it starts"
        } else {
            "this istiod reads the Secret `cacerts` only when it starts: install.sh restarts it"
        };
        found.add(Kind::RestartIstiod, why);
    }

    /// The consequence if clusters refuse each other on the way.
    fn cut_off(&self, cluster: &ClusterChange, found: &mut Found) {
        let cut = self.asked_once.cut.get_or_init(|| cut(&self.before.record, &self.after.record));
        let Some(Cut { signer, other, is, .. }) = cut.as_ref().filter(|_| !self.is_root_replaced()) else { return };
        if cluster.name != *signer && cluster.name != *other {
            return;
        }
        let whose = if signer == other { "its own".to_owned() } else { format!("those of {signer}") };
        let why = match is {
            CutKind::Apart => {
                format!("the proxies of {other} refuse {whose}: they do not trust the root of their certificates")
            }
            CutKind::SignedEarly => format!(
                "the proxies of {other} refuse {whose}, until they trust the root under which new certificates are: a phase was left out"
            ),
            CutKind::DroppedEarly => format!(
                "the proxies of {other} refuse {whose}, whose certificates are still under the root that is dropped: a phase was left out"
            ),
        };
        found.add(Kind::Interrupts, &why);
    }
}

/// The root under which the istiod of a cluster signs.
fn signs<'s>(side: &'s Known<'_>, name: &str) -> Option<&'s Entry> {
    let roots = roots(side, name);
    match (under(side, name), roots.as_slice()) {
        (None, [root]) => Some(root),
        (under, _) => roots.into_iter().find(|root| under.is_some_and(|under| root.is_called(under))),
    }
}

/// What the root is called under which the istiod of a cluster signs.
fn under<'s>(side: &'s Known<'_>, name: &str) -> Option<&'s str> {
    side.certificates(name).into_iter().find_map(|entry| entry.under.as_deref())
}

/// The roots that the workloads of a cluster trust.
fn roots<'s>(side: &'s Known<'_>, name: &str) -> Vec<&'s Entry> {
    side.certificates(name).into_iter().filter(|entry| entry.role == Role::Root).collect()
}
