//! The consequences of a change of an east-west gateway's Service.

use crate::diff::ClusterChange;
use crate::diff::facts::Known;
use crate::diff::impact::Kind;
use crate::lock::Gateway;
use crate::words::bare_names;

use super::{Found, Situation, has_address};

impl Situation<'_> {
    pub(super) fn gateway_address(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = &cluster.name;
        let gateway = |side: &Known<'_>| side.member(name).map_or(Gateway::Absent, |member| member.gateway.clone());
        let shown = |gateway: &Gateway| match gateway {
            Gateway::At(address) => address.clone(),
            _ => "an address not known yet".to_owned(),
        };
        let (old, new) = (gateway(self.before), gateway(self.after));
        match (&old, &new) {
            (old, new) if old == new => {}
            // The gateway has it already.
            (Gateway::Unaddressed, Gateway::At(_)) => {}
            (Gateway::Absent, new) => {
                found.add(Kind::Reapply, &format!("it gets an east-west gateway at {}", shown(new)));
            }
            (old, Gateway::Absent) => {
                let why = format!("{} goes away: {}", shown(old), self.said_to_be_dialled(name));
                found.add(Kind::GatewayAddress, &why);
            }
            (old, new) => {
                let mut why = format!("from {} to {}: {}", shown(old), shown(new), self.said_to_be_dialled(name));
                if self.before.remotes_of(name).next().is_some() {
                    // A gateway has one name.
                    let are_addresses = [old, new].iter().all(|gateway| gateway.is_by_address() == Some(true));
                    if !has_address(self.after, name, old) && are_addresses {
                        why.push_str("; for no gap, state both addresses in one commit, the new one as `address`, and remove the old one in the next");
                    }
                    if self.before.version != self.after.version && !has_address(self.before, name, new) {
                        why.push_str("; for no gap, change the version in a later commit: in an upgrade the remotes come first, and would dial an address that the gateway does not have yet");
                    }
                }
                found.add(Kind::GatewayAddress, &why);
            }
        }
    }

    /// The ordinary gateways that come and go, with a profile or by name.
    pub(super) fn gateways(&self, cluster: &ClusterChange, found: &mut Found) {
        // What says which there are, is read only where anything differs.
        if cluster.objects.is_empty() {
            return;
        }
        let [old, new] = [self.before, self.after].map(|side| side.gateways(&cluster.name));
        for gateway in old.difference(&new) {
            let why = format!("its {gateway} goes away, with its Service and address: requests through it fail");
            found.add(Kind::Interrupts, &why);
        }
        for gateway in new.difference(&old) {
            found.add(Kind::Reapply, &format!("it gets the gateway {gateway}"));
        }
    }

    /// Whether a remote dials the gateway of its primary by a name from now on, and by an address before.
    pub(in crate::diff) fn becomes_alias(&self, name: &str) -> bool {
        let is_by_address = |side: &Known<'_>| side.member(&side.member(name)?.primary)?.gateway.is_by_address();
        !self.after.is_primary(name)
            && is_by_address(self.before) == Some(true)
            && is_by_address(self.after) == Some(false)
    }

    /// A Service with another class is another Service: until it has its address, nothing answers those who dial it.
    pub(super) fn gateway_class(&self, name: &str, place: &str, found: &mut Found) {
        let kind = if self.dialled_by(name).is_empty() { Kind::GatewayAddress } else { Kind::Interrupts };
        let why = format!(
            "{place}: the class of its load balancer changes, which Kubernetes allows of no Service: it is deleted and made anew, with another load balancer and its address: {}",
            self.said_to_be_dialled(name)
        );
        found.add(kind, &why);
    }

    /// Nor does a Deployment select other pods: until another one has some, nothing answers.
    pub(super) fn gateway_selector(&self, name: &str, place: &str, found: &mut Found) {
        let kind = if self.dialled_by(name).is_empty() { Kind::Reapply } else { Kind::Interrupts };
        let why = format!(
            "{place}: the labels change by which the gateway's Deployment selects its pods, which Kubernetes does not allow: it is deleted and made anew, and no pod of it runs meanwhile: {}",
            self.said_to_be_dialled(name)
        );
        found.add(kind, &why);
    }

    fn said_to_be_dialled(&self, name: &str) -> String {
        let parts = self.dialled_by(name);
        if parts.is_empty() {
            "no other cluster dials it".to_owned()
        } else {
            format!("dialled by {}", parts.join(", by "))
        }
    }

    /// Who dials a cluster's gateway.
    fn dialled_by(&self, name: &str) -> Vec<String> {
        let members = &self.before.members;
        let remotes = bare_names(self.before.remotes_of(name));
        let network = self.before.member(name).map(|member| member.network.as_str());
        let strangers = members.iter().filter(|(_, member)| Some(member.network.as_str()) != network);
        let strangers = bare_names(strangers.map(|(name, _)| *name));
        // What opens the gateway to traces is its primary's.
        let takes_traces = |side: &Known<'_>| {
            let primary = side.member(name).map_or(name, |member| &member.primary);
            side.record.traces_to.as_deref() == Some(name)
                && side.files_of(primary).keys().any(|path| path.ends_with("/expose-zipkin.yaml"))
        };
        let mut parts = Vec::new();
        if !remotes.is_empty() {
            parts.push(format!("{remotes} for the control plane"));
        }
        if !strangers.is_empty() {
            parts.push(format!("{strangers} for services"));
        }
        if takes_traces(self.before) || takes_traces(self.after) {
            parts.push("all proxies that report traces here".to_owned());
        }
        parts
    }
}
