use crate::diagnostic::Diagnostic;
use crate::topology::ServiceType;

use super::undiscoverable_gateway::NODE_SELECTOR;
use super::{Rule, Subject, gateways};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "node-port-on-external-ip";

const EXPLAIN: &str = include_str!("../../docs/rules/node-port-on-external-ip.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    if subject.populated_networks().len() < 2 {
        return;
    }
    for (path, cluster, gateway) in gateways(subject) {
        let is_selected = gateway.service_annotations.contains_key(NODE_SELECTOR);
        if gateway.service_type != ServiceType::NodePort || !is_selected || gateway.external_ips.is_empty() {
            continue;
        }
        let annotation = path.child("serviceAnnotations").child(NODE_SELECTOR);
        findings.push(
            Diagnostic::warning(
                NAME,
                path.child("externalIPs").index(0),
                format!("other networks dial the gateway of `{}` at this address and its node port", cluster.name),
            )
            .label("kube-proxy serves port 15443 here")
            .and(annotation, "with this, istiod hands out the node port instead")
            .help("remove the annotation, or the external IPs"),
        );
    }
}
