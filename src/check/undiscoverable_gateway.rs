use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::{EastWestGateway, ServiceType};

use super::reads::NETWORKS;
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        cluster.east_west_gateway.as_ref().is_some_and(|gateway| gateway.service_type != ServiceType::LoadBalancer)
    }))
    .reads(&[
        NETWORKS,
        &["cluster.name", "cluster.eastWestGateway.externalIPs", "cluster.eastWestGateway.serviceAnnotations"],
    ]);

const RULE: Rule = Rule::error("undiscoverable-gateway", include_str!("../../docs/rules/undiscoverable-gateway.md"));

/// With it istiod takes the external addresses of the nodes and the node port (`1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`).
pub(super) const NODE_SELECTOR: &str = "traffic.istio.io/nodeSelector";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if context.populated_networks().len() < 2 {
        return;
    }
    for (path, cluster, gateway) in gateways(context) {
        if has_address(gateway) {
            continue;
        }
        let kind = gateway.service_type.as_str();
        findings.push(
            RULE.at(path.child("serviceType"),
                format!("istiod cannot find an address of the gateway of `{}`", cluster.name),
            )
            .label(format!("a {kind} Service without external IPs"))
            .help(
                "add `externalIPs`, or use a LoadBalancer; `address` alone is only for people and remotes, and istiod does not see it",
            ),
        );
    }
}

fn has_address(gateway: &EastWestGateway) -> bool {
    match gateway.service_type {
        ServiceType::LoadBalancer => true,
        ServiceType::NodePort if gateway.service_annotations.contains_key(NODE_SELECTOR) => true,
        ServiceType::NodePort | ServiceType::ClusterIp => !gateway.external_ips.is_empty(),
    }
}
