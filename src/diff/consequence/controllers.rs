use crate::diff::ClusterChange;
use crate::diff::controllers::title;
use crate::diff::impact::Kind;
use crate::layout::EXPOSURE;
use crate::plan::commits::two_commits;

use super::{Found, Situation};

impl Situation<'_> {
    /// What a controller must not get in one commit.
    pub(super) fn two_commits(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.after.controller().is_none() {
            return;
        }
        let apart = two_commits(&self.before.record, &self.after.record);
        for apart in apart.iter().filter(|apart| apart.primary == cluster.name) {
            found.add(Kind::Interrupts, &apart.advice());
        }
        self.unordered(&cluster.name, found);
    }

    /// Another primary serves a cluster, and nothing makes the cluster wait until it can.
    fn unordered(&self, name: &str, found: &mut Found) {
        let (Some(old), Some(new)) = (self.before.member(name), self.after.member(name)) else { return };
        let Some(controller) = self.after.unordered_controller() else { return };
        let exposes = self.before.has_files_below(&[new.primary.as_str(), "/", EXPOSURE, "/expose-istiod"].concat());
        if old.primary != new.primary && new.primary != name && !exposes {
            let why = format!(
                "{} may apply it before {} exposes its istiod: until then, no istiod serves its proxies",
                title(controller),
                new.primary
            );
            found.add(Kind::Interrupts, &why);
        }
    }

    /// What a controller needs to get to a cluster, if that is new.
    pub(super) fn way_of_controller(&self, cluster: &str, kind: Kind, found: &mut Found) {
        let way = self.after.way_of_controller(cluster);
        if let Some(way) = way.filter(|way| self.before.way_of_controller(cluster).as_ref() != Some(way)) {
            found.add(kind, &way);
        }
    }
}
