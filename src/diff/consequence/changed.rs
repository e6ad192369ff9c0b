//! The consequences of a changed object.

use crate::diff::impact::Kind;
use crate::diff::{ClusterChange, ObjectChange, changed, fields};

use super::{Found, Situation, directory, moves};

impl Situation<'_> {
    /// What an object means whose fields differ.
    pub(super) fn changed(&self, cluster: &ClusterChange, object: &ObjectChange, found: &mut Found) {
        let place = directory(object);
        if changed::changes_class(object) {
            self.gateway_class(&cluster.name, place, found);
        }
        let is_made_anew = changed::changes_selector(object);
        if is_made_anew {
            self.gateway_selector(&cluster.name, place, found);
        }
        let members = (self.before.member(&cluster.name), self.after.member(&cluster.name));
        let is_moved = matches!(members, (Some(old), Some(new)) if moves(old, new));
        let (ran, runs) = self.runs_istiod(&cluster.name);
        let is_revised = self.is_revised(&cluster.name);
        let is_remote = fields::is_of_istiod(object) && !runs;
        let as_a_whole = [
            (
                changed::changes_told_roots(object),
                Kind::Certificates,
                "proxies or istiod are told other roots: whoever has a certificate under one of them is trusted",
            ),
            (
                changed::changes_images(object),
                Kind::Reapply,
                "Istio's images come from another registry, or have other names: they decide what runs",
            ),
            (
                changed::changes_told_port(object),
                Kind::GatewayAddress,
                "istiods are told another port of a gateway: firewalls and load balancers have to let it through",
            ),
            (
                is_remote && self.is_without_plugin(&cluster.name, object),
                Kind::Interrupts,
                "its istiod relies on the CNI plugin while that is not there: pods that start in between do not get ready until then",
            ),
            (
                is_remote && self.becomes_alias(&cluster.name),
                Kind::Reapply,
                "the control plane's Service becomes an alias of the name: API servers dial its port 443 for injection, and not 15017",
            ),
            (
                ran && runs && !is_revised && changed::changes_domain(object),
                Kind::RestartIstiod,
                "istiod is told the domain when it starts, and istioctl rolls it out anew",
            ),
        ];
        for (_, kind, why) in as_a_whole.into_iter().filter(|(is_so, ..)| *is_so) {
            self.done(cluster, kind, &format!("{place}: {why}"), found);
        }
        for path in fields::paths(object) {
            let (kind, why) = match fields::meaning(object, &path) {
                // The move of the cluster says so.
                (Kind::Interrupts, _) if fields::is_network(&path) && is_moved => continue,
                (_, fields::ROLLED_OUT | fields::ROLLS_OUT) if is_made_anew => continue,
                // The istiod that runs stays as it is.
                (Kind::RestartIstiod, _) if fields::is_of_istiod(object) && ran && runs && is_revised => {
                    (Kind::Reapply, "the istiod of the other revision starts with it")
                }
                _ if fields::is_address_of_primary(&path) && is_revised => {
                    (Kind::Reapply, "the Service of the other revision leads to another control plane")
                }
                // How istiod changes is told of the cluster.
                (Kind::RestartIstiod | Kind::RestartProxies | Kind::Reapply, _)
                    if fields::is_of_istiod(object) && ran != runs =>
                {
                    continue;
                }
                // What a remote without an istiod injects, and when it restarts, is its primary's.
                (Kind::RestartIstiod | Kind::RestartProxies, _)
                    if fields::is_of_istiod(object) && path != "spec.revision" && !runs =>
                {
                    (Kind::Reapply, "istioctl applies it, and no istiod runs here that it could restart")
                }
                meaning => meaning,
            };
            self.done(cluster, kind, &format!("{place}: {why}"), found);
        }
    }

    /// Whether istioctl installs Istio's CNI plugin in a remote after the istiod that relies on it, or removes it before that stops doing so.
    /// In an upgrade, remotes come first.
    fn is_without_plugin(&self, name: &str, object: &ObjectChange) -> bool {
        let is_first = self.before.version != self.after.version;
        self.after.controller().is_none()
            && !self.before.is_waiting(name)
            && changed::switches_plugin(object, !is_first)
    }
}
