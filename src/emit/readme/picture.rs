//! The mesh as a Mermaid flowchart (<https://mermaid.js.org/syntax/flowchart.html>).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::mesh::{Cluster, Mesh, Network};
use crate::words::plural;

/// The clusters inside their networks, their control planes, their gateways, and the collector.
pub(super) fn clusters(mesh: &Mesh<'_>) -> String {
    let mut picture = "flowchart LR".to_owned();
    let used = mesh.networks.iter().filter(|network| !network.clusters.is_empty());
    for (position, network) in used.enumerate() {
        line(&mut picture, format_args!("  subgraph n{position}[\"{}\"]", network.name));
        for cluster in network.clusters.iter().map(|cluster| &mesh.clusters[*cluster]) {
            line(&mut picture, format_args!("    {}[\"{}\"]", id(cluster), title(cluster)));
        }
        line(&mut picture, format_args!("  end"));
    }
    for remote in mesh.remotes() {
        line(&mut picture, format_args!("  {} -->|controls| {}", id(mesh.primary_of(remote)), id(remote)));
    }
    if let Some(collector) = &mesh.collector {
        line(&mut picture, format_args!("  zipkin[(\"Zipkin in {}\")]", mesh.clusters[collector.cluster].name));
        for cluster in &mesh.clusters {
            line(&mut picture, format_args!("  {} -.->|traces| zipkin", id(cluster)));
        }
    }
    picture
}

/// Networks, with the number of clusters on each, and how many of them are controlled from another.
pub(super) fn summary(mesh: &Mesh<'_>) -> String {
    let mut picture = "flowchart LR".to_owned();
    let (named, others) = by_size(mesh);
    // The box of each network, by name; those without a box of their own share the last.
    let box_of: BTreeMap<&str, usize> = named
        .iter()
        .chain(&others)
        .enumerate()
        .map(|(place, network)| (network.name, place.min(named.len())))
        .collect();
    for (place, network) in named.iter().enumerate() {
        let clusters = plural(network.clusters.len(), "cluster");
        line(&mut picture, format_args!("  n{place}[\"{}<br>{clusters}\"]", network.name));
    }
    if !others.is_empty() {
        let clusters = others.iter().map(|network| network.clusters.len()).sum();
        let (others, clusters) = (plural(others.len(), "more network"), plural(clusters, "cluster"));
        line(&mut picture, format_args!("  n{}[\"{others}<br>{clusters}\"]", named.len()));
    }
    let mut served: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for remote in mesh.remotes() {
        *served.entry((box_of[mesh.primary_of(remote).network], box_of[remote.network])).or_default() += 1;
    }
    for ((primary, network), count) in served.iter().filter(|((primary, network), _)| primary != network) {
        line(&mut picture, format_args!("  n{primary} -->|controls {count}| n{network}"));
    }
    if let Some(collector) = &mesh.collector {
        let cluster = &mesh.clusters[collector.cluster];
        line(&mut picture, format_args!("  zipkin[(\"Zipkin in {}\")]", cluster.name));
        line(&mut picture, format_args!("  n{} -.- zipkin", box_of[cluster.network]));
    }
    picture
}

/// Mermaid draws at most 500 arrows and reads at most 50,000 characters. Between 21 boxes there are at most 420.
const BOXES: usize = 21;

/// The largest networks, which have their own box, and the others. Networks without clusters are left out.
fn by_size<'a, 'm>(mesh: &'a Mesh<'m>) -> (Vec<&'a Network<'m>>, Vec<&'a Network<'m>>) {
    let mut networks: Vec<&Network<'_>> = mesh.networks.iter().filter(|network| !network.clusters.is_empty()).collect();
    networks.sort_by_key(|network| Reverse(network.clusters.len()));
    let others = if networks.len() > BOXES { networks.split_off(BOXES - 1) } else { Vec::new() };
    (networks, others)
}

fn title(cluster: &Cluster<'_>) -> String {
    let role = if cluster.is_primary() { "primary" } else { "remote" };
    let gateway = cluster.gateway.as_ref().map(|gateway| match &gateway.address {
        Some(address) => format!("<br>gateway {address}"),
        None => "<br>gateway".to_owned(),
    });
    format!("{}<br>{role}{}", cluster.name, gateway.unwrap_or_default())
}

/// Names may be words that Mermaid reserves, such as `end`; numbers never are.
fn id(cluster: &Cluster<'_>) -> String {
    format!("c{}", cluster.position)
}

fn line(picture: &mut String, line: std::fmt::Arguments<'_>) {
    write!(picture, "\n{line}").expect("a String takes everything");
}
