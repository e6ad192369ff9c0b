//! Who has to reach whom in a mesh, on which port, and why: the table of a firewall.
//!
//! Each row follows from the topology, and names the file of the tree that makes it so. What only clusters know, such as the addresses that
//! a load balancer gives or those of image registries, is in no row, or in words.

use std::fmt::Write;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::mesh::Mesh;
use crate::words::push_hex;

pub use self::change::{Change, Changes, What};
pub(crate) use self::dialled::{Dialled, Served, gateways};
pub use self::report::{DestinationEnd, FORMAT, Report, Row, SourceCluster, SourceEnd, csv, json, rows};
pub use self::table::{markdown, tables, text};

mod change;
mod dialled;
mod report;
mod rows;
mod table;
mod words;

/// The flows of a mesh.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    /// The mesh ID.
    pub mesh: String,
    /// The names of its networks.
    pub networks: Vec<Arc<str>>,
    /// Its clusters, in the order of the topology.
    pub clusters: Vec<Member>,
    /// The flows: those that begin in a network first, network by network.
    pub rows: Vec<Flow>,
    /// Whether there is a row for each pair of clusters, not for each network.
    is_expanded: bool,
    /// Where workstations and pipelines are, if that is stated.
    workstations: Vec<String>,
    /// Who applies the tree from Git.
    controller: &'static str,
    /// Whether there is one for all clusters.
    has_hub: bool,
}

/// A cluster, as flows name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub name: Arc<str>,
    /// The position of its network.
    pub network: usize,
    /// The addresses of its pods on their own network, where they are stated.
    pods: Vec<String>,
    /// The addresses that its pods have for other networks, where they are stated.
    egress: Vec<String>,
    /// The addresses that its API server has where it calls out, where they are stated.
    api_server_egress: Vec<String>,
    /// The cluster whose istiod serves it.
    primary: usize,
    /// The file that says how Istio is installed there.
    istio: &'static str,
}

/// A flow of TCP connections, from the same role in clusters of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Who opens connections.
    pub source: Source,
    /// To whom.
    pub destination: Destination,
    /// The port that is dialled.
    pub port: Port,
    /// What is said there.
    pub security: Security,
    /// What stops without it.
    pub purposes: &'static [Purpose],
    file: File,
}

/// Who opens connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub role: Role,
    /// The position of the network; none for what is in no network of the mesh.
    pub network: Option<usize>,
    /// The positions of the clusters; none for what is in no cluster. Rows share them.
    pub clusters: Arc<[usize]>,
    /// How far it reaches out, and so by which addresses it is seen.
    scope: Scope,
}

/// How far connections go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Not beyond the cluster.
    Cluster,
    /// To pods of the same network, which see the addresses of pods.
    Network,
    /// Further, where others see what the cluster makes of these addresses.
    Mesh,
}

/// To whom connections are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What it is.
    pub role: Role,
    /// The position of its cluster; none for what is in no cluster.
    pub cluster: Option<usize>,
    /// The position of the network that calls get to there.
    pub network: Option<usize>,
    /// The address or the ranges, where they are known.
    pub addresses: Arc<[Arc<str>]>,
}

/// What takes part in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The control plane of a primary.
    Istiod,
    /// The API server of a cluster.
    ApiServer,
    /// Pods with a sidecar, and gateways.
    Pods,
    /// The pods of an east-west gateway as a source, its address as a destination.
    Gateway,
    /// The load balancer in front of an east-west gateway.
    LoadBalancer,
    /// The nodes of a cluster.
    Nodes,
    /// A proxy through which istiods reach an API server.
    Proxy,
    /// Workstations and pipelines, where scripts run.
    Workstation,
    /// Argo CD or Flux.
    Controller,
    /// The repository that holds the tree.
    Repository,
    /// The repository of Istio's Helm charts.
    Charts,
    /// What takes traces outside the clusters.
    Collector,
}

/// The port of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    /// A number.
    Number(u16),
    /// One or many that have no number here.
    Named(NamedPort),
}

/// Ports without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NamedPort {
    /// Every port of the workloads.
    Any,
    /// The node port that Kubernetes chooses; `nodePorts` fixes it.
    NodePort,
}

/// What is said on a connection, for whoever inspects traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Security {
    /// TLS that the two ends speak with each other: a firewall that opens it breaks it.
    Passthrough,
    /// Plain text.
    Plaintext,
}

/// What stops where a flow is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// istiod does not know services and endpoints of the cluster, and refuses its workloads.
    Discovery,
    /// Proxies know no services.
    Configuration,
    /// Proxies get no certificates.
    Certificates,
    /// Pods start without a sidecar, or do not start.
    Injection,
    /// Services are not reached.
    Calls,
    /// Traces do not arrive.
    Traces,
    /// The load balancer takes the gateway for dead.
    Health,
    /// Nothing is installed, checked or given credentials.
    Installation,
}

/// The file that makes a flow needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    /// A file of the tree.
    Tree(&'static str),
    /// A file of each source's cluster.
    Source(&'static str),
    /// That of each source's cluster which says how Istio is installed.
    SourceIstio,
    /// A file of the cluster whose istiod serves each source.
    Primary(&'static str),
    /// The same, which says how Istio is installed.
    PrimaryIstio,
    /// A file of the destination's cluster.
    Destination(&'static str),
    /// That of the destination's cluster which says how Istio is installed.
    DestinationIstio,
}

impl Flows {
    /// The flows of a mesh.
    pub fn of(mesh: &Mesh<'_>) -> Self {
        rows::flows(mesh)
    }

    /// Those of one cluster: it opens connections, or others open connections to it.
    #[must_use]
    pub fn of_cluster(mut self, name: &str) -> Self {
        let Some(position) = self.clusters.iter().position(|cluster| &*cluster.name == name) else {
            self.rows.clear();
            return self;
        };
        self.rows.retain_mut(|row| {
            let is_source = row.source.clusters.contains(&position);
            let is_destination = row.destination.cluster == Some(position);
            if is_source && !is_destination {
                row.source.clusters = Arc::from([position]);
            }
            is_source || is_destination
        });
        self
    }

    /// A row for each pair of a source's cluster and a destination.
    #[must_use]
    pub fn expanded(mut self) -> Self {
        let alone = |row: Flow| -> Vec<Flow> {
            if row.source.clusters.len() < 2 {
                return vec![row];
            }
            let clusters = row.source.clusters.iter();
            let only = |cluster: &usize| Source { clusters: Arc::from([*cluster]), ..row.source.clone() };
            clusters.map(|cluster| Flow { source: only(cluster), ..row.clone() }).collect()
        };
        self.rows = self.rows.into_iter().flat_map(alone).collect();
        self.is_expanded = true;
        self.rows.sort_by_key(|row| {
            let network = row.source.network.unwrap_or(usize::MAX);
            (network, row.source.clusters.first().copied(), row.source.role)
        });
        self
    }

    /// What a ticket calls a row: it depends on the role and the network of the source, or on its cluster in a row for one pair, and on
    /// the destination and the port; not on which clusters the network has.
    pub fn id(&self, row: &Flow) -> String {
        /// Nearly every key is shorter.
        const KEY: usize = 96;
        let source = match (row.source.network, &*row.source.clusters) {
            (_, [cluster]) if self.is_expanded => &self.clusters[*cluster].name,
            (Some(network), _) => &self.networks[network],
            _ => "",
        };
        let destination = row.destination.cluster.map_or("", |cluster| &self.clusters[cluster].name);
        let mut key = String::with_capacity(KEY);
        for word in [row.source.role.word(), source, row.destination.role.word(), destination] {
            key.push_str(word);
            key.push('\n');
        }
        // The pods of a cluster stay the same when it gets a node.
        for address in row.destination.addresses.iter().filter(|_| row.destination.role != Role::Pods) {
            key.push_str(address);
            key.push('\n');
        }
        write!(key, "{}", row.port).expect("a String takes everything");
        let digest = Sha256::digest(&key);
        key.clear();
        key.push_str("f-");
        push_hex(&mut key, &digest[..5]);
        key
    }

    /// The files that make a flow needed, in the order of its clusters, each once.
    pub fn files(&self, row: &Flow) -> Vec<String> {
        let mut files: Vec<[&str; 3]> = Vec::new();
        self.each_file(row, |parts| {
            if !files.contains(&parts) {
                files.push(parts);
            }
        });
        files.into_iter().map(|parts| parts.concat()).collect()
    }

    /// Hands over the cluster, what stands behind it, and the file, for each cluster that a flow begins in, or for its destination.
    fn each_file<'f>(&'f self, row: &Flow, mut take: impl FnMut([&'f str; 3])) {
        let mut in_cluster = |position: usize, file: Option<&'static str>| {
            let cluster = &self.clusters[position];
            take([&cluster.name, "/", file.unwrap_or(cluster.istio)]);
        };
        let sources = row.source.clusters.iter().copied();
        let primary = |position: usize| self.clusters[position].primary;
        match row.file {
            File::Tree(file) => take([file, "", ""]),
            File::Source(file) => sources.for_each(|position| in_cluster(position, Some(file))),
            File::SourceIstio => sources.for_each(|position| in_cluster(position, None)),
            File::Primary(file) => sources.for_each(|position| in_cluster(primary(position), Some(file))),
            File::PrimaryIstio => sources.for_each(|position| in_cluster(primary(position), None)),
            File::Destination(file) => {
                row.destination.cluster.into_iter().for_each(|position| in_cluster(position, Some(file)));
            }
            File::DestinationIstio => {
                row.destination.cluster.into_iter().for_each(|position| in_cluster(position, None));
            }
        }
    }

    /// The clusters in which a source is, by position and name, and where it is seen; one without a name for what is in no cluster.
    fn ends<'f>(&'f self, row: &'f Flow) -> impl Iterator<Item = (Option<usize>, &'f str, &'f [String])> {
        let nobody = row.source.clusters.is_empty().then_some(None);
        let positions = row.source.clusters.iter().copied().map(Some).chain(nobody);
        positions.map(|position| {
            let name = position.map_or("", |position| &*self.clusters[position].name);
            (position, name, self.addresses_of(&row.source, position))
        })
    }

    /// Those that leave a cluster.
    #[must_use]
    pub fn between_clusters(mut self) -> Self {
        self.rows.retain(|row| row.source.scope != Scope::Cluster);
        self
    }

    /// Whether a firewall cannot tell them from others.
    fn is_same(&self, other: &Self) -> bool {
        let is_same_row = |(one, other): (&Flow, &Flow)| {
            (&one.source, &one.destination, one.port) == (&other.source, &other.destination, other.port)
        };
        self.networks == other.networks
            && self.clusters == other.clusters
            && self.workstations == other.workstations
            && (self.controller, self.has_hub) == (other.controller, other.has_hub)
            && self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(is_same_row)
    }

    fn without_rows(&self) -> Self {
        Self {
            mesh: self.mesh.clone(),
            networks: self.networks.clone(),
            clusters: self.clusters.clone(),
            rows: Vec::new(),
            workstations: self.workstations.clone(),
            ..*self
        }
    }

    /// Those of which something holds.
    pub(crate) fn clone_with(&self, holds: impl Fn(&Flow) -> bool) -> Self {
        let rows = self.rows.iter().filter(|row| holds(row)).cloned().collect();
        Self { rows, ..self.without_rows() }
    }

    /// Those of a mesh that does not exist yet.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Whether the mesh has a cluster.
    pub fn has_cluster(&self, name: &str) -> bool {
        self.clusters.iter().any(|cluster| &*cluster.name == name)
    }

    /// Where the connections of a source's cluster come from, if that is stated.
    fn addresses_of(&self, source: &Source, cluster: Option<usize>) -> &[String] {
        match (source.role, cluster.map(|cluster| &self.clusters[cluster])) {
            (Role::Workstation, _) => &self.workstations,
            (Role::ApiServer, Some(cluster)) if source.scope == Scope::Mesh => &cluster.api_server_egress,
            (Role::Pods | Role::Istiod | Role::Gateway, Some(cluster)) if source.scope != Scope::Mesh => &cluster.pods,
            (Role::Pods | Role::Istiod | Role::Gateway, Some(cluster)) => &cluster.egress,
            _ => &[],
        }
    }
}

impl Role {
    /// Its word in reports for programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Istiod => "istiod",
            Self::ApiServer => "apiServer",
            Self::Pods => "pods",
            Self::Gateway => "gateway",
            Self::LoadBalancer => "loadBalancer",
            Self::Nodes => "nodes",
            Self::Proxy => "proxy",
            Self::Workstation => "workstation",
            Self::Controller => "controller",
            Self::Repository => "repository",
            Self::Charts => "charts",
            Self::Collector => "collector",
        }
    }
}

impl Purpose {
    /// Its word in reports for programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Configuration => "configuration",
            Self::Certificates => "certificates",
            Self::Injection => "injection",
            Self::Calls => "calls",
            Self::Traces => "traces",
            Self::Health => "health",
            Self::Installation => "installation",
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Named(NamedPort::Any) => formatter.write_str("any"),
            Self::Named(NamedPort::NodePort) => formatter.write_str("node port"),
        }
    }
}
