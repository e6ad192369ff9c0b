use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::ranges::{ClusterRange, PODS, cluster_ranges};
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::RANGES).reads(&[&["cluster.name", "cluster.network"]]);

const RULE: Rule = Rule::error("overlapping-ranges", include_str!("../../docs/rules/overlapping-ranges.md"));

/// A range, and who it belongs to.
struct Range {
    net: IpNet,
    place: FieldPath,
    what: String,
    is_node: bool,
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut networks: BTreeMap<&str, Vec<Range>> = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        let ranges = networks.entry(cluster.network.as_str()).or_default();
        let name = cluster.name.as_str();
        let stated = cluster_ranges(&path, cluster);
        // The ranges of its nodes are parts of the cluster's own.
        let own: Vec<IpNet> = stated.iter().filter(|range| range.is_whole).map(|range| range.net).collect();
        let is_part = |range: &ClusterRange| {
            range.what == PODS && !range.is_whole && own.iter().any(|own| own.contains(&range.net))
        };
        ranges.extend(stated.into_iter().filter(|range| !is_part(range)).map(|range| Range {
            net: range.net,
            place: range.place,
            what: format!("{} of {name}", range.what),
            is_node: false,
        }));
        for (index, node) in cluster.nodes.iter().enumerate() {
            ranges.push(Range {
                net: node.address.0.into(),
                place: path.child("nodes").index(index).child("address"),
                what: format!("a node of {name}"),
                is_node: true,
            });
        }
    }
    for (network, mut ranges) in networks {
        ranges.retain(|range| context.is_known(&range.place));
        ranges.sort_by_key(|range| (range.net.network(), range.net.prefix_len()));
        report(network, &ranges, findings);
    }
}

/// Ranges of prefixes are nested or apart: behind the widest that is open, all that begin before its end lie in it.
fn report(network: &str, ranges: &[Range], findings: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 12;
    let mut rest = ranges;
    while let [widest, later @ ..] = rest {
        let end: IpAddr = widest.net.broadcast();
        let inside = later.partition_point(|range| range.net.network() <= end);
        let (nested, after) = later.split_at(inside);
        rest = after;
        // A node twice is another rule's finding.
        if nested.is_empty() || widest.is_node {
            continue;
        }
        let message = format!("`{}` {} on network `{network}`", widest.net, overlap(nested));
        let mut finding = RULE.at(widest.place.clone(), message).label(widest.what.clone());
        for range in nested.iter().take(SHOWN) {
            finding = finding.and(range.place.clone(), range.what.clone());
        }
        findings.push(finding.help(if nested.iter().all(|range| range.is_node) {
            "choose a range without a node of the network"
        } else {
            "give every cluster of a network its own ranges, or put the clusters on separate networks"
        }));
    }
}

/// What a range has in common with those that lie in it.
fn overlap(nested: &[Range]) -> String {
    let nodes = nested.iter().filter(|range| range.is_node).count();
    let ranges = match nested.len() - nodes {
        0 => None,
        1 => Some("overlaps with another range".to_owned()),
        count => Some(format!("overlaps with {count} other ranges")),
    };
    let nodes = match nodes {
        0 => None,
        1 => Some("contains the address of a node".to_owned()),
        count => Some(format!("contains the addresses of {count} nodes")),
    };
    let both: Vec<String> = ranges.into_iter().chain(nodes).collect();
    both.join(" and ")
}
