//! A commented topology to start from.

use serde::Serialize;

use crate::release::{ControlPlaneAddress, Release};
use crate::template;
use crate::topology::{Controller, Date, Install, IstioVersion, MeshId};
use crate::words::plural;
use crate::yaml;

/// The values of a new mesh.
#[derive(Debug)]
pub struct Starter<'s> {
    /// The mesh ID.
    pub mesh_id: &'s MeshId,
    /// The Istio to install.
    pub istio: IstioVersion,
    /// The release that it belongs to.
    pub release: &'s Release,
    /// What installs it.
    pub install: Install,
    /// The controller that applies the tree from Git.
    pub controller: Option<Controller>,
    /// How many clusters there are, from 1 to [`MAXIMUM_CLUSTERS`].
    pub clusters: usize,
    /// How many networks they are on, at most as many as there are clusters.
    pub networks: usize,
    /// How many of them have a control plane of their own, at least one.
    pub primaries: usize,
    /// The root's first day.
    pub issued_on: Date,
    /// Where editors find the schema, as a path from the topology.
    pub schema: &'s str,
}

/// As many hosts as a range that is reserved for documentation has (RFC 5737).
pub const MAXIMUM_CLUSTERS: usize = 254;

/// The column of the remarks behind a line.
const REMARKS: usize = 38;

#[derive(Serialize)]
struct Words<'s> {
    schema: &'s str,
    summary: String,
    mesh_id: String,
    version: String,
    kubernetes: String,
    issued_on: String,
    takes_names: bool,
    install: &'static str,
    controller: &'static str,
    has_remotes: bool,
    networks: Vec<String>,
    clusters: Vec<Cluster>,
}

#[derive(Serialize)]
struct Cluster {
    name: String,
    network: String,
    primary: Option<String>,
    is_first_remote: bool,
    api_server: String,
    gateway: Option<String>,
}

impl Starter<'_> {
    /// The topology's text. Clusters that follow each other share a network and a control plane.
    pub fn text(&self) -> String {
        // The cluster or network that stands at the beginning of the part that a cluster is in.
        let part = |cluster: usize, parts: usize| cluster * parts / self.clusters;
        let first_of = |part: usize, parts: usize| (part * self.clusters).div_ceil(parts);
        let primary_of = |cluster: usize| first_of(part(cluster, self.primaries), self.primaries);
        let first_remote = (0..self.clusters).find(|cluster| primary_of(*cluster) != *cluster);
        let clusters = (0..self.clusters).map(|cluster| {
            let primary = primary_of(cluster);
            let serves_others = (cluster + 1..self.clusters).any(|other| primary_of(other) == cluster);
            // The first one's is there for the collector's sake, wherever others would report to it.
            let has_gateway = self.networks > 1 || serves_others || cluster == 0 && self.clusters > 1;
            Cluster {
                name: format!("cluster{}", cluster + 1),
                network: format!("network{}", part(cluster, self.networks) + 1),
                primary: (primary != cluster).then(|| format!("cluster{}", primary + 1)),
                is_first_remote: first_remote == Some(cluster),
                api_server: format!("https://192.0.2.{}:6443", cluster + 1),
                gateway: has_gateway.then(|| format!("198.51.100.{}", cluster + 1)),
            }
        });
        let text = template::render(
            "topology",
            Words {
                schema: self.schema,
                summary: self.summary(),
                mesh_id: yaml::print(&self.mesh_id.as_str().into()).trim_end().to_owned(),
                version: self.istio.to_string(),
                kubernetes: format!("1.{}", self.release.kubernetes.1),
                issued_on: self.issued_on.to_string(),
                takes_names: self.release.control_plane_address != ControlPlaneAddress::Ip,
                install: if self.install == Install::Istioctl { "" } else { self.install.as_str() },
                controller: self.controller.map_or("", Controller::as_str),
                has_remotes: first_remote.is_some(),
                networks: (1..=self.networks).map(|network| format!("network{network}")).collect(),
                clusters: clusters.collect(),
            },
        );
        text.lines().map(align).collect()
    }

    fn summary(&self) -> String {
        format!(
            "A mesh of {} with {} on {}",
            plural(self.clusters, "cluster"),
            plural(self.primaries, "control plane"),
            plural(self.networks, "network")
        )
    }
}

/// A line whose remark, if it has one, stands below the others'.
fn align(line: &str) -> String {
    match line.rsplit_once("  # ") {
        Some((said, remark)) if !said.trim().is_empty() && said.len() < REMARKS => {
            format!("{said:REMARKS$}# {remark}\n")
        }
        _ => format!("{line}\n"),
    }
}
