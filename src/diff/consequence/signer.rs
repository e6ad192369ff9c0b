//! What it means that somebody else signs from now on: an authority that meshgen does not know, or meshgen's.

use crate::layout::CACERTS;

use super::{Found, Kind, Situation};

impl Situation<'_> {
    /// Whether one side has certificates, and the other has an authority that meshgen does not know.
    pub(crate) fn has_other_authority(&self) -> bool {
        self.before.is_without_root() != self.after.is_without_root()
    }

    /// Whether the workloads of a cluster get certificates of another authority. Where istiod was no authority before and is none after,
    /// theirs stay as they are.
    pub(crate) fn is_signed_by_another(&self, name: &str) -> bool {
        self.has_other_authority() && !(self.before.has_no_authority(name) && self.after.has_no_authority(name))
    }

    pub(super) fn signer(&self, name: &str, found: &mut Found) {
        if !self.has_other_authority() {
            return;
        }
        if self.is_signed_by_another(name) {
            found.add(
                Kind::Interrupts,
                "another authority signs for its workloads: proxies with certificates of the one reject those of the other until every workload has one of the new authority",
            );
        }
        let has = |side: &super::Known<'_>| side.has_step(name, CACERTS);
        match (has(self.before), has(self.after)) {
            (true, false) => found.add(
                Kind::Reapply,
                "20-cacerts: the Secret `cacerts` is no longer stated, and stays until it is deleted: an istiod that signs reads it when it starts",
            ),
            (false, true) => {
                found.add(Kind::Reapply, "20-cacerts: the Secret `cacerts` is new: an istiod that signs reads it when it starts");
            }
            _ => {}
        }
    }
}
