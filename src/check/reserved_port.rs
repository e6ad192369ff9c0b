use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Via;

use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| {
        let mut gateways = topology.clusters.iter().filter_map(|cluster| cluster.east_west_gateway.as_ref());
        topology.tracing.as_ref().is_some_and(|tracing| user_of(tracing.zipkin.gateway_port).is_some())
            || gateways.any(|gateway| gateway.port.is_some())
    }))
    .reads(&[&["tracing.zipkin.via", "tracing.zipkin.gatewayPort", "cluster.name"]]);

const RULE: Rule = Rule::error("reserved-port", include_str!("../../docs/rules/reserved-port.md"));

/// What the port is used for already.
const PORTS: [(u16, &str); 14] = [
    (15000, "Envoy's administration"),
    (15001, "Envoy's outbound traffic"),
    (15002, "the detection of port conflicts"),
    (15004, "the proxy's debug interface"),
    (15006, "Envoy's inbound traffic"),
    (15008, "HBONE"),
    (15009, "HBONE"),
    (15012, "istiod through the gateway"),
    (15017, "istiod's webhooks through the gateway"),
    (15020, "the proxy's metrics"),
    (15021, "the gateway's health"),
    (15053, "the proxy's DNS"),
    (15090, "Envoy's metrics"),
    (15443, "services through the gateway"),
];

/// Who uses a port already.
fn user_of(port: u16) -> Option<&'static str> {
    PORTS.iter().find(|(used, _)| *used == port).map(|(_, user)| *user)
}

/// What other ports of a gateway's Service are for: other networks cannot dial one of these for services. With the number of HBONE,
/// istiod takes a gateway for one of ambient meshes (`1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`).
const OF_THE_SERVICE: [u16; 4] = [15008, 15012, 15017, 15021];

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    services(context, findings);
    let Some(zipkin) = context.topology.tracing.as_ref().map(|tracing| &tracing.zipkin) else { return };
    let port = zipkin.gateway_port;
    if let Some(user) = user_of(port).filter(|_| zipkin.via == Via::Gateway) {
        let place = FieldPath::root().child("tracing").child("zipkin").child("gatewayPort");
        findings.push(
            RULE.at(place, format!("port {port} of the gateway is not free for the collector"))
                .label(format!("taken by {user}"))
                .help("write another port, or remove the line: 15018 is free"),
        );
    }
}

/// The ports for services. That of the collector is a server on every gateway, which istiod would move to the same target.
fn services(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let zipkin = context.topology.tracing.as_ref().map(|tracing| &tracing.zipkin);
    let collector = zipkin.filter(|zipkin| zipkin.via == Via::Gateway).map(|zipkin| zipkin.gateway_port);
    for (path, cluster, gateway) in gateways(context) {
        let Some(port) = gateway.port else { continue };
        let is_of_collector = collector == Some(port) && user_of(port).is_none();
        let user = user_of(port).filter(|_| OF_THE_SERVICE.contains(&port));
        let Some(user) = user.or(is_of_collector.then_some("the collector")) else { continue };
        findings.push(
            RULE.at(
                path.child("port"),
                format!("port {port} of the gateway of `{}` is not free for services", cluster.name),
            )
            .label(format!("taken by {user}"))
            .help("write another port, or remove the line: 15443 is free"),
        );
    }
}
