use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::{NodePortRange, ServiceType, Topology, Via};

use super::reads::VERSION;
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| {
        let mut gateways = topology.clusters.iter().filter_map(|cluster| cluster.east_west_gateway.as_ref());
        collector_port(topology).is_some()
            || gateways.any(|gateway| gateway.node_ports.each().iter().any(|(_, port)| port.is_some()))
    }))
    .reads(&[
        VERSION,
        &[
            "tracing.zipkin.via",
            "tracing.zipkin.cluster",
            "tracing.zipkin.nodePort",
            "kubernetes.nodePortRange",
            "cluster.kubernetes.nodePortRange",
            "cluster.name",
            "cluster.eastWestGateway.nodePorts",
            "cluster.eastWestGateway.serviceType",
        ],
    ]);

const RULE: Rule = Rule::error("unusable-node-port", include_str!("../../docs/rules/unusable-node-port.md"));

fn collector_port(topology: &Topology) -> Option<u16> {
    topology.tracing.as_ref()?.zipkin.node_port
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let collector = collector(context, findings);
    for (path, cluster, gateway) in gateways(context) {
        let own = gateway.node_ports.each().into_iter().filter_map(|(name, port)| Some((name, port?)));
        let own = own.map(|(name, port)| (path.child("nodePorts").child(name), port));
        // Of two clusters with one name, nobody knows which is meant.
        let is_collectors = |name: &str| name == cluster.name.as_str() && context.cluster(name).is_some();
        let of_collector = collector.iter().filter(|(name, ..)| is_collectors(name));
        let of_collector = of_collector.map(|(_, place, port)| (place.clone(), *port));
        let mut seen: BTreeMap<u16, FieldPath> = BTreeMap::new();
        for (place, port) in own.chain(of_collector) {
            if gateway.service_type == ServiceType::ClusterIp {
                findings.push(
                    RULE.at(place, format!("the gateway of `{}` has no node ports", cluster.name))
                        .label("a node port of a Service without any")
                        .and(path.child("serviceType"), "a ClusterIP Service")
                        .help("remove the line, or write `serviceType: NodePort`"),
                );
            } else if !context.node_ports(Some(cluster)).contains(port) {
                findings.push(out_of_range(place, port, context.node_ports(Some(cluster))));
            } else if let Some(first) = seen.get(&port).filter(|first| context.is_known(first)) {
                findings.push(
                    RULE.at(place, format!("{port} is the node port of two ports of one gateway"))
                        .label("the same node port")
                        .and(first.clone(), "also here")
                        .help("give each port a node port of its own, or remove the line: Kubernetes then chooses one"),
                );
            } else {
                seen.insert(port, place);
            }
        }
    }
}

/// The collector's node port, with its cluster and its place, where a gateway can have it.
fn collector<'t>(context: &Context<'t>, findings: &mut Vec<Diagnostic>) -> Option<(&'t str, FieldPath, u16)> {
    let port = collector_port(context.topology)?;
    let zipkin = &context.topology.tracing.as_ref()?.zipkin;
    let place = FieldPath::root().child("tracing").child("zipkin").child("nodePort");
    let range = context.node_ports(context.cluster(zipkin.cluster.as_str()));
    if zipkin.via == Via::Gateway && range.contains(port) {
        return Some((zipkin.cluster.as_str(), place, port));
    }
    if zipkin.via == Via::Gateway {
        findings.push(out_of_range(place, port, range));
        return None;
    }
    // An Istio that has no such way refuses the `via`.
    if release(context.topology.istio.version).is_none_or(|release| release.tracing != TracingMeans::Bootstrap) {
        findings.push(
            RULE.at(place, "this node port has no port to serve")
                .label("traces go through the mesh")
                .help("remove the line, or write `via: gateway`"),
        );
    }
    None
}

fn out_of_range(place: FieldPath, port: u16, range: NodePortRange) -> Diagnostic {
    RULE.at(place, format!("{port} is not a node port"))
        .label(format!("Kubernetes accepts {range}"))
        .help("write a port in this range, or remove the line: Kubernetes then chooses one; if the API server has another range, state it as `kubernetes.nodePortRange`")
}
