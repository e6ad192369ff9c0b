//! The mesh as a Mermaid flowchart (<https://mermaid.js.org/syntax/flowchart.html>).

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::mesh::{Cluster, Mesh};

/// Clusters inside their networks, who controls whom, gateways, and where traces go.
pub(super) fn clusters(mesh: &Mesh<'_>) -> String {
    let mut picture = "flowchart LR".to_owned();
    for (position, network) in mesh.networks.iter().enumerate() {
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

/// Networks and their primaries, with the number of clusters that each serves there.
pub(super) fn summary(mesh: &Mesh<'_>) -> String {
    let mut picture = "flowchart LR".to_owned();
    for (position, network) in mesh.networks.iter().enumerate() {
        line(
            &mut picture,
            format_args!("  n{position}[\"{}<br>{}\"]", network.name, counted(network.clusters.len(), "cluster")),
        );
    }
    let network_of: BTreeMap<&str, usize> =
        mesh.networks.iter().enumerate().map(|(position, network)| (network.name, position)).collect();
    // Mermaid draws at most 500 edges, so primaries are counted by network too.
    let mut served: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for remote in mesh.remotes() {
        let primary = mesh.primary_of(remote);
        *served.entry((network_of[primary.network], network_of[remote.network])).or_default() += 1;
    }
    for ((primary, network), count) in
        served.iter().filter(|((primary, network), _)| primary != network).take(MAXIMUM_EDGES)
    {
        line(&mut picture, format_args!("  n{primary} -->|controls {count}| n{network}"));
    }
    if let Some(collector) = &mesh.collector {
        let cluster = &mesh.clusters[collector.cluster];
        line(&mut picture, format_args!("  zipkin[(\"Zipkin in {}\")]", cluster.name));
        line(&mut picture, format_args!("  n{} -.- zipkin", network_of[cluster.network]));
    }
    picture
}

/// Mermaid's own limit is 500.
const MAXIMUM_EDGES: usize = 400;

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

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn line(picture: &mut String, line: std::fmt::Arguments<'_>) {
    write!(picture, "\n{line}").expect("a String takes everything");
}
