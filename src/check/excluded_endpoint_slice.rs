use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::{Address, Cluster, Install};

use super::controller::{ABOUT, GITOPS, argocd, place};
use super::reads::{GATEWAY_ADDRESSES, REMOTES, VERSION};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[
    GITOPS,
    VERSION,
    REMOTES,
    GATEWAY_ADDRESSES,
    &["istio.install", "clusters[].istio.install"],
]);

const RULE: Rule = Rule::error("excluded-endpoint-slice", include_str!("../../docs/rules/excluded-endpoint-slice.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if argocd(context).is_none() || !context.has_thin_remotes() {
        return;
    }
    let dials_ip = |cluster: &&Cluster| {
        // The Sail operator applies the slice by itself.
        if context.topology.install(cluster) == Install::Sail {
            return false;
        }
        let primary = cluster.primary().and_then(|primary| context.cluster(primary));
        let dialled = primary.and_then(|primary| primary.east_west_gateway.as_ref()?.dialled());
        matches!(dialled, Some(Address::Ip(_)))
    };
    if let Some(remote) = context.topology.clusters.iter().find(dials_ip) {
        findings.push(
            RULE.at(
                place("controller"),
                format!("by default Argo CD passes over the EndpointSlice that leads `{}` to its primary", remote.name),
            )
            .label("excludes EndpointSlices")
            .help("merge `argocd/settings.yaml` of the tree into the ConfigMap `argocd-cm`, and allow this with that reason")
            .help("or write a DNS name as the address of the primary's gateway: no EndpointSlice is needed then"),
        );
    }
}
