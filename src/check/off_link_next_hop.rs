use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::PodRouting;

use super::reads::{NAMES, NETWORKS};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::NODES).reads(&[
    NETWORKS,
    NAMES,
    &["networks[].podRouting", "clusters[].nodes[].address"],
]);

const RULE: Rule = Rule::warning("off-link-next-hop", include_str!("../../docs/rules/off-link-next-hop.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (index, clusters) in context.populated_networks() {
        let network = &context.topology.networks[index];
        if network.pod_routing != PodRouting::Static || clusters.len() < 2 {
            continue;
        }
        let nodes = clusters.iter().flat_map(|(path, cluster)| {
            let nodes = path.child("nodes");
            let place = move |index| nodes.index(index).child("address");
            cluster.nodes.iter().enumerate().map(move |(index, node)| (node.address.0, place(index), cluster))
        });
        let nodes: Vec<(IpAddr, FieldPath, &&crate::topology::Cluster)> = nodes.collect();
        let apart = nodes.iter().find_map(|(address, place, cluster)| {
            let (first, first_place, _) = nodes.iter().find(|(other, _, _)| other.is_ipv4() == address.is_ipv4())?;
            let is_apart = subnet(*address) != subnet(*first);
            is_apart.then_some((address, place, cluster, first, first_place))
        });
        let Some((address, place, cluster, first, first_place)) = apart else { continue };
        findings.push(
            RULE.at(place.clone(),
                format!("nodes of `{}` seem to be in different subnets", network.name),
            )
            .label(format!("this node of `{}` is in {}", cluster.name, subnet(*address)))
            .and(first_place.clone(), format!("this one is in {}", subnet(*first)))
            .help("a next hop must be in a subnet of the node that uses it: use `podRouting: native` if routers know the pods, or allow this if the subnet is wider"),
        );
    }
}

/// The subnet that an address is commonly in: a /24, in IPv6 a /64 (RFC 4291, section 2.5.1).
fn subnet(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, length).expect("the length is one of the family's").trunc()
}
