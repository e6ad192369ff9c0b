use crate::diff::ClusterChange;
use crate::diff::changed;
use crate::diff::facts::{Known, Member};
use crate::diff::impact::Kind;
use crate::layout::{EASTWEST_GATEWAY, EGRESS_GATEWAY};

use super::keys::private_key;
use super::{Found, Situation};

const RENAMED: &str = "the cluster's name is its ID in every proxy, in its remote secrets and in its certificate, so it must leave and join again";

const EVERYTHING: &str = "apply everything in its directory, in the order below; every primary gets its credentials";

impl Situation<'_> {
    pub(super) fn leaves(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = &cluster.name;
        let new_name = self.new_name(name);
        if self.before.is_waiting(name) {
            found.add(Kind::Leaves, "it waited for an address, and Istio is not there yet");
        } else if let Some(now) = new_name {
            found.add(Kind::Interrupts, &format!("it was renamed to {now}: {RENAMED}"));
            found.add(Kind::Leaves, "its pods keep their sidecars until they restart under the other name");
        } else {
            found.add(
                Kind::Leaves,
                "its pods keep their sidecars until they start without: take the labels for injection from its namespaces, and restart them",
            );
        }
        if let Some(end) = self.before.record.clusters.get(name).and_then(|cluster| cluster.certificate.as_ref()) {
            let why = format!(
                "whoever has the key of its certificate can sign for every identity of the mesh until {}",
                end.1.not_after
            );
            found.add(Kind::Leaves, &why);
        }
    }

    /// The name under which a cluster that leaves joins again.
    pub(in crate::diff) fn new_name(&self, name: &str) -> Option<String> {
        Self::renamed(name, self.before, self.after)
    }

    /// The name that a cluster had which joins under another.
    pub(in crate::diff) fn old_name(&self, name: &str) -> Option<String> {
        Self::renamed(name, self.after, self.before)
    }

    pub(super) fn joins(&self, cluster: &ClusterChange, found: &mut Found) {
        if let Some(was) = self.old_name(&cluster.name).filter(|was| !self.before.is_waiting(was)) {
            found.add(Kind::Interrupts, &format!("it was renamed from {was}: {RENAMED}"));
        }
        self.installer(&cluster.name, found);
        let why = match self.awaited(&cluster.name) {
            None => EVERYTHING.to_owned(),
            Some(primary) => format!(
                "only its namespace and its certificates for now: all else waits for the address of the gateway of {primary}"
            ),
        };
        found.add(Kind::Joins, &why);
        self.way_of_controller(&cluster.name, Kind::Joins, found);
    }

    /// A cluster in which there is no Istio yet.
    pub(super) fn waited(&self, cluster: &ClusterChange, found: &mut Found) {
        if self.awaited(&cluster.name).is_none() {
            let primary = |side: &Known<'_>| side.member(&cluster.name).map(|member| member.primary.clone());
            let why = if primary(self.before) == primary(self.after) {
                "the address that it waited for is known"
            } else {
                "it waits no longer for the address of another gateway"
            };
            found.add(Kind::Joins, &format!("{why}: {EVERYTHING}"));
            return;
        }
        if cluster.certificate.as_ref().is_some_and(|change| change.after.is_none()) {
            let why = "20-cacerts: the Secret `cacerts` is no longer stated, and stays until it is deleted";
            found.add(Kind::Reapply, why);
        } else if self.is_certified(cluster) {
            found.add(Kind::Reapply, "20-cacerts: no istiod reads the Secret `cacerts` yet");
        }
        private_key(cluster, found);
        self.files(cluster, found);
        for object in cluster.objects.iter().filter(|object| object.name.is_some()) {
            self.object(cluster, object, found);
        }
    }

    /// The primary for whose gateway's address a cluster waits after the change.
    fn awaited(&self, name: &str) -> Option<&str> {
        self.after.member(name).filter(|member| member.is_waiting).map(|member| member.primary.as_str())
    }

    /// A cluster that another istiod serves from now on.
    pub(super) fn primary(&self, cluster: &ClusterChange, old: &Member, new: &Member, found: &mut Found) {
        let name = &cluster.name;
        if old.primary == new.primary {
            return;
        }
        let whose =
            |primary: &str| if primary == name { "its own istiod".to_owned() } else { format!("{primary}'s istiod") };
        let why = format!(
            "{} serves it instead of {}: running proxies keep the address that was injected into them",
            whose(&new.primary),
            whose(&old.primary)
        );
        found.add(Kind::RestartProxies, &why);
        if self.new_name(&old.primary).is_some_and(|now| now == new.primary) {
            let why = format!(
                "{} leaves and joins again as {}: until then no istiod serves it, its proxies keep what they know, and no pod with a sidecar starts",
                old.primary, new.primary
            );
            found.add(Kind::Interrupts, &why);
        }
        if new.primary != *name || self.after.members.len() == 1 {
            return;
        }
        // An istiod that serves no other cluster any more is told so when it starts (`externalIstiod`).
        let is_last = || self.after.remotes_of(&old.primary).next().is_none();
        if self.after.has_thin_remotes()
            && self.after.is_primary(&old.primary)
            && (self.before.version != self.after.version || is_last())
        {
            let why = format!(
                "{}'s istiod, which still serves it, starts anew: proxies that connect to its own istiod then know no other cluster until that has their credentials",
                old.primary
            );
            found.add(Kind::Interrupts, &why);
        }
        // Its gateways come with the istiod, what they expose and the credentials after that.
        if self.before.has_step(name, EGRESS_GATEWAY) {
            let why = "its egress gateway starts with its own istiod, which knows no other cluster until it has their credentials";
            found.add(Kind::Interrupts, why);
        }
        let is_rolled_out =
            self.before.version != self.after.version || cluster.objects.iter().any(changed::rolls_out_gateway);
        if self.before.has_step(name, EASTWEST_GATEWAY) && is_rolled_out {
            let others = self.after.members.iter().filter(|(other, _)| *other != name);
            let (near, far): (Vec<_>, Vec<_>) = others.partition(|(_, other)| other.network == new.network);
            if !far.is_empty() {
                let why = "its east-west gateway starts with its own istiod, and lets nothing through until 50-exposure is applied";
                found.add(Kind::Interrupts, why);
            }
            if !near.is_empty() {
                let why = "its east-west gateway starts with its own istiod, which knows no other cluster of its network until it has their credentials";
                found.add(Kind::Interrupts, why);
            }
        }
    }

    /// The remotes without an istiod that a cluster's istiod serves after the change and did not serve before, although it knew them.
    /// It reads whether it leads in a remote when it gets the remote secret and when it starts
    /// (`1.30.3:pilot/pkg/serviceregistry/kube/controller/multicluster.go`).
    pub(in crate::diff) fn taken_over_by(&self, primary: &str) -> Vec<&str> {
        if !self.after.has_thin_remotes() || !self.before.is_primary(primary) {
            return Vec::new();
        }
        // The first remote that it serves is told to its Deployment (`externalIstiod`).
        let is_first = || self.before.remotes_of(primary).next().is_none();
        let starts_anew = || self.before.version != self.after.version || self.is_revised(primary) || is_first();
        // A controller may start it before it has applied the namespaces that istiod reads this from.
        if self.after.controller().is_none() && starts_anew() {
            return Vec::new();
        }
        let gets_secret = |name: &str| {
            let mut changes = self.credentials.iter().filter(|change| change.primary == primary);
            changes.any(|change| change.added.iter().chain(&change.renewed).any(|other| other == name))
        };
        let is_taken_over = |name: &&str| {
            let is_served = |side: &Known<'_>| side.member(name).is_some_and(|member| member.primary == primary);
            *name != primary && is_served(self.after) && !is_served(self.before) && !gets_secret(name)
        };
        self.after.clusters().filter(|name| !self.after.is_waiting(name)).filter(is_taken_over).collect()
    }

    /// The name that a cluster has on the other side only: one with the same API server or, as its commands go there, the same context.
    fn renamed(name: &str, side: &Known<'_>, other: &Known<'_>) -> Option<String> {
        let member = side.member(name)?;
        let find = |is_it: &dyn Fn(&Member) -> bool| {
            let mut candidates = other.members.iter();
            candidates.find(|(known, other)| !side.has(known) && is_it(other)).map(|(known, _)| (*known).to_owned())
        };
        let has_server = |other: &Member| other.server.is_at(&member.server);
        let has_context = |other: &Member| !member.context.is_empty() && other.context == member.context;
        find(&has_server).or_else(|| find(&has_context))
    }
}
