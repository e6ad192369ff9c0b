use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::ServiceType;

use super::controller::{ABOUT, GITOPS, argocd, place};
use super::reads::GATEWAY_ADDRESSES;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[
    GITOPS,
    GATEWAY_ADDRESSES,
    &["cluster.name", "cluster.eastWestGateway.serviceType"],
]);

const RULE: Rule = Rule::warning("unready-gateway", include_str!("../../docs/rules/unready-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if argocd(context).is_none() {
        return;
    }
    for (path, cluster) in context.clusters() {
        let gateway = cluster.east_west_gateway.as_ref();
        if gateway
            .is_some_and(|gateway| gateway.service_type == ServiceType::LoadBalancer && gateway.dialled().is_none())
        {
            findings.push(
                RULE.at(
                    path.child("eastWestGateway"),
                    format!("Argo CD goes on only when the load balancer of `{}` has an address", cluster.name),
                )
                .label("has no address yet")
                .and(place("controller"), "waits for it")
                .help("make sure that something gives it one, such as the cloud or MetalLB, and write the address when it is known"),
            );
        }
    }
}
