//! The consequences where Helm takes over what istioctl installed.

use crate::diff::ClusterChange;
use crate::diff::impact::Kind;
use crate::layout::{EASTWEST_GATEWAY, GATEWAYS};

use super::{Found, Situation};

impl Situation<'_> {
    /// Whether another program can take over.
    pub(super) fn installer(&self, name: &str, found: &mut Found) {
        if let Some(why) = self.hurdle(name) {
            found.add(Kind::NotInPlace, &why);
        }
    }

    /// What becomes of the objects that istioctl installed.
    pub(super) fn moved(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        found.add(
            Kind::Reapply,
            "30-istio: Helm takes over what istioctl installed: `istioctl install` and `istioctl uninstall` must not be run there any more",
        );
        if self.after.runs_istiod(name) {
            found.add(Kind::RestartIstiod, "30-istio: a label of istiod's pods changes, and Helm rolls it out once");
        }
        if self.after.has_step(name, EASTWEST_GATEWAY) {
            found.add(
                Kind::Reapply,
                "40-eastwest-gateway: kubectl takes over the gateway's objects, and no pod restarts for it; when istioctl's fields are released, at the end, the gateway rolls out once, and new pods are ready before old ones stop",
            );
        }
        if self.after.has_step(name, GATEWAYS) {
            found.add(
                Kind::Reapply,
                "45-gateways: Helm takes over the profile's gateways, which roll out when it does, and once more when istioctl's fields are released",
            );
        }
        self.object(cluster, &self.told_otherwise(name), found);
    }
}
