use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Address, Cluster};

use super::ranges::{ClusterRange, cluster_ranges};
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.clusters.iter().any(Cluster::has_ranges)))
    .reads(&[&["cluster.name", "cluster.controlPlane", "cluster.eastWestGateway.externalIPs[]"]]);

const RULE: Rule = Rule::error("address-inside-range", include_str!("../../docs/rules/address-inside-range.md"));

/// A range of pods or Services of a cluster.
struct Range<'t> {
    net: IpNet,
    place: FieldPath,
    what: &'static str,
    cluster: &'t Cluster,
}

/// An address that others dial.
struct Dialled {
    address: IpAddr,
    place: FieldPath,
    what: String,
    /// Whether only control planes dial it.
    is_for_primaries: bool,
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut ranges: BTreeMap<IpNet, Vec<Range<'_>>> = BTreeMap::new();
    for range in every_range(context).into_iter().filter(|range| context.is_known(&range.place)) {
        ranges.entry(range.net).or_default().push(range);
    }
    let lengths: BTreeSet<u8> = ranges.keys().map(IpNet::prefix_len).collect();
    for dialled in dialled(context) {
        let dials = |range: &&Range<'_>| !dialled.is_for_primaries || range.cluster.primary().is_none();
        // The narrowest says most.
        let nets = lengths.iter().rev().filter_map(|length| IpNet::new(dialled.address, *length).ok());
        let mut around = nets.filter_map(|net| ranges.get(&net.trunc())).flatten();
        let Some(range) = around.find(dials) else { continue };
        let name = &range.cluster.name;
        findings.push(
            RULE.at(
                dialled.place,
                format!("the address of {} is in the range of the {} of `{name}`", dialled.what, range.what),
            )
            .label(format!("in `{name}` this leads to its own {}", range.what))
            .and(range.place.clone(), format!("the {} of `{name}`", range.what))
            .help("give it an address outside every range, or correct the range if the cluster uses a smaller one"),
        );
    }
}

fn every_range<'t>(context: &Context<'t>) -> Vec<Range<'t>> {
    let mut ranges = Vec::new();
    for (path, cluster) in context.clusters() {
        let stated = cluster_ranges(&path, cluster).into_iter();
        ranges.extend(stated.map(|ClusterRange { net, place, what, .. }| Range { net, place, what, cluster }));
    }
    ranges
}

fn dialled(context: &Context<'_>) -> Vec<Dialled> {
    let mut dialled = Vec::new();
    for (path, cluster) in context.clusters() {
        if let (field, Address::Ip(address)) = cluster.dialled_host() {
            let what = if field == "proxyURL" { "proxy to the API server" } else { "API server" };
            dialled.push(Dialled {
                address: *address,
                place: path.child(field),
                what: format!("the {what} of `{}`", cluster.name),
                is_for_primaries: true,
            });
        }
    }
    for (path, cluster, gateway) in gateways(context) {
        let external = gateway.external_ips.iter().enumerate();
        let mut addresses: Vec<(IpAddr, FieldPath)> =
            external.map(|(index, address)| (address.0, path.child("externalIPs").index(index))).collect();
        if let Some(Address::Ip(address)) = gateway.address
            && !addresses.iter().any(|(external, _)| *external == address)
        {
            addresses.push((address, path.child("address")));
        }
        dialled.extend(addresses.into_iter().map(|(address, place)| Dialled {
            address,
            place,
            what: format!("the gateway of `{}`", cluster.name),
            is_for_primaries: false,
        }));
    }
    dialled
}
