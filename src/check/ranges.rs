//! The ranges of addresses that a cluster states, each with its place.

use ipnet::IpNet;

use crate::diagnostic::FieldPath;
use crate::topology::{Cidr, Cluster, Node};

/// What a range of pods is of.
pub(super) const PODS: &str = "pods";
const SERVICES: &str = "Services";

/// A range of pods or Services.
pub(super) struct ClusterRange {
    pub(super) net: IpNet,
    pub(super) place: FieldPath,
    /// What has these addresses: pods or Services.
    pub(super) what: &'static str,
    /// Whether it is of the whole cluster's pods, and not of one node's.
    pub(super) is_whole: bool,
}

/// All ranges of a cluster.
pub(super) fn cluster_ranges(path: &FieldPath, cluster: &Cluster) -> Vec<ClusterRange> {
    let services = service_ranges(path, cluster).into_iter().map(|(range, place)| (range, place, SERVICES, false));
    let pods = listed(path, "podCIDRs", &cluster.pod_cidrs).map(|(range, place)| (range, place, PODS, true));
    let nodes = cluster.nodes.iter().enumerate();
    let nodes = nodes.flat_map(|(index, node)| node_ranges(&path.child("nodes").index(index), node));
    let nodes = nodes.map(|(range, place)| (range, place, PODS, false));
    let all = services.chain(pods).chain(nodes);
    all.map(|(range, place, what, is_whole)| ClusterRange { net: range.0, place, what, is_whole }).collect()
}

/// The ranges of the pods on a node.
pub(super) fn node_ranges<'c>(path: &FieldPath, node: &'c Node) -> Vec<(&'c Cidr, FieldPath)> {
    let one = node.pod_cidr.iter().map(|range| (range, path.child("podCIDR")));
    one.chain(listed(path, "podCIDRs", &node.pod_cidrs)).collect()
}

/// The ranges of a cluster's Services.
pub(super) fn service_ranges<'c>(path: &FieldPath, cluster: &'c Cluster) -> Vec<(&'c Cidr, FieldPath)> {
    let one = cluster.service_cidr.iter().map(|range| (range, path.child("serviceCIDR")));
    one.chain(listed(path, "serviceCIDRs", &cluster.service_cidrs)).collect()
}

fn listed<'c>(
    path: &FieldPath,
    field: &'static str,
    ranges: &'c [Cidr],
) -> impl Iterator<Item = (&'c Cidr, FieldPath)> + use<'c> {
    let path = path.child(field);
    ranges.iter().enumerate().map(move |(index, range)| (range, path.index(index)))
}
