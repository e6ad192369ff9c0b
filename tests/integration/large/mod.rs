//! Topologies of many clusters, for what has to hold at any size.

use std::fmt::Write;

/// Names and sizes of those that are looked at: clusters, networks.
pub(crate) const SIZES: [(&str, usize, usize); 6] = [
    ("large-12-on-1", 12, 1),
    ("large-12-on-12", 12, 12),
    ("large-13-on-2", 13, 2),
    ("large-1000-on-21", 1000, 21),
    ("large-1000-on-100", 1000, 100),
    ("large-1000-on-1000", 1000, 1000),
];

/// Clusters dealt out to networks in turn. A tenth are primaries, which control clusters of as many networks as can be.
pub(crate) fn topology(clusters: usize, networks: usize) -> String {
    let mut text = "apiVersion: meshgen/v1\nkind: Topology\nmesh: {id: mesh1}\nistio: {version: 1.30.3}\n\
                    certificates: {issuedOn: 2026-11-01}\ntracing: {zipkin: {cluster: cluster0}}\nnetworks:\n"
        .to_owned();
    // Long names, because text counts too.
    let long = "-of-a-company-that-likes-its-names-to-say-it-all";
    for network in 0..networks {
        writeln!(text, "  - name: network{network}{long}").unwrap();
    }
    text += "clusters:\n";
    let primaries = (clusters / 10).max(1);
    for cluster in 0..clusters {
        let (high, low) = (cluster / 250, cluster % 250);
        writeln!(text, "  - name: cluster{cluster}\n    network: network{}{long}", cluster % networks).unwrap();
        if cluster >= primaries {
            writeln!(text, "    controlPlane: cluster{}", cluster / 21 % primaries).unwrap();
        }
        writeln!(text, "    apiServer: https://10.{high}.{low}.1:6443").unwrap();
        if cluster < primaries.max(networks) {
            writeln!(text, "    eastWestGateway: {{externalIPs: [10.{high}.{low}.100]}}").unwrap();
        }
    }
    text
}
