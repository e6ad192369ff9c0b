use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::ServiceType;

use super::reads::NETWORKS;
use super::undiscoverable_gateway::NODE_SELECTOR;
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        let gateway = cluster.east_west_gateway.as_ref();
        gateway.is_some_and(|gateway| gateway.service_annotations.contains_key(NODE_SELECTOR))
    }))
    .reads(&[NETWORKS, &["cluster.name", "cluster.eastWestGateway.serviceType"]]);

const RULE: Rule =
    Rule::warning("node-port-on-external-ip", include_str!("../../docs/rules/node-port-on-external-ip.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if context.populated_count() < 2 {
        return;
    }
    for (path, cluster, gateway) in gateways(context) {
        let is_selected = gateway.service_annotations.contains_key(NODE_SELECTOR);
        if gateway.service_type != ServiceType::NodePort || !is_selected || gateway.external_ips.is_empty() {
            continue;
        }
        let annotation = path.child("serviceAnnotations").child(NODE_SELECTOR);
        findings.push(
            RULE.at(
                path.child("externalIPs").index(0),
                format!("other networks dial the gateway of `{}` at this address and its node port", cluster.name),
            )
            .label("kube-proxy serves port 15443 here")
            .and(annotation, "with this, istiod hands out the node port instead")
            .help("remove the annotation, or the external IPs"),
        );
    }
}
