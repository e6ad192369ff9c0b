use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, Install};

use super::reads::REMOTES;
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.istio.profile == DEMO || topology.istio.egress_gateway == Some(true)))
    .reads(&[&["istio.install", "clusters[].istio.install"], REMOTES]);

/// The profile with an egress gateway, and with an ingress gateway for a tour of Istio.
const DEMO: &str = "demo";

const RULE: Rule = Rule::warning("profile-gateways", include_str!("../../docs/rules/profile-gateways.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let by_sail = || topology.clusters.iter().filter(|cluster| topology.install(cluster) == Install::Sail);
    let said = |clusters: &mut dyn Iterator<Item = &Cluster>| names(clusters.map(|cluster| cluster.name.as_str()));
    let istio = FieldPath::root().child("istio");
    let mut find = |place: FieldPath, message: String| {
        findings.push(
            RULE.at(place, message).label("no such gateway is installed").help(
                "install the gateways yourself, by Istio's chart `gateway` or by the Gateway API, and allow this with that reason",
            ),
        );
    };
    if topology.istio.egress_gateway == Some(true) && by_sail().next().is_some() {
        let clusters = said(&mut by_sail());
        find(istio.child("egressGateway"), format!("the Sail operator installs no egress gateway in {clusters}"));
    }
    let mut primaries = by_sail().filter(|cluster| cluster.primary().is_none()).peekable();
    if topology.istio.profile == DEMO && primaries.peek().is_some() {
        let clusters = said(&mut primaries);
        find(
            istio.child("profile"),
            format!("the Sail operator installs none of the gateways of `demo` in {clusters}"),
        );
    }
}
