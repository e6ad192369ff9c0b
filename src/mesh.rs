//! The mesh: every reference bound, every default filled in.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Checked;
use crate::release::{Release, TracingMeans, release};
use crate::topology::{
    self, AgeRecipient, CertificateAuthority, Cidr, Controller, Date, FreeForm, GitOps, Install, IstioVersion, Picture,
    PodRouting, RemoteAccess, RootPhase, SecretStore, Topology,
};

pub use self::certificates::{Intermediate, Root, Roots, Which};
pub(crate) use self::cluster::runs_istiod;
pub use self::cluster::{Cluster, Route};
pub use self::gateway::Gateway;
pub(crate) use self::tracing::ZIPKIN_PORT;
pub use self::tracing::{Collector, External, Provider};

mod bootstrap;
mod certificates;
mod cluster;
mod gateway;
mod told;
mod tracing;

/// A mesh in which nothing is left to look up.
#[derive(Debug)]
pub struct Mesh<'t> {
    /// The mesh ID.
    pub id: &'t str,
    /// The SPIFFE trust domain.
    pub trust_domain: &'t str,
    /// The DNS domain of every cluster's Services.
    pub cluster_domain: &'t str,
    /// How the tree shows the mesh.
    pub picture: Picture,
    /// The exact version of Istio.
    pub version: IstioVersion,
    /// What that version means.
    pub release: &'static Release,
    /// What the author says of Istio in all clusters.
    pub istio: &'t topology::Istio,
    /// The installation profile.
    pub profile: &'t str,
    /// Whether the egress gateway is installed, where the author says so.
    pub egress_gateway: Option<bool>,
    /// The controller that applies the tree from Git.
    pub gitops: Option<&'t GitOps>,
    /// The store through which control planes get the credentials of the other clusters; none where a person fetches them.
    pub remote_access: Option<&'t SecretStore>,
    /// Namespaces whose pods restart when a change of mesh config asks for it.
    pub workload_namespaces: Vec<&'t str>,
    /// Where workstations and pipelines are, if that is stated.
    pub workstations: &'t [Cidr],
    /// How private keys reach the clusters.
    pub secrets: &'t topology::Secrets,
    /// The networks that have clusters, in the order in which they are declared.
    pub networks: Vec<Network<'t>>,
    /// Where istiods are told that the gateways of networks are dialled, by network, as Istio's `meshNetworks`.
    pub told_networks: FreeForm,
    /// The clusters, in the order in which they are declared.
    pub clusters: Vec<Cluster<'t>>,
    /// Where traces go.
    pub collector: Option<Collector>,
    /// The roots that meshgen makes; none where somebody else signs, whom meshgen does not know.
    pub roots: Option<Roots<'t>>,
    /// Other roots, in PEM, that all workloads trust besides.
    pub also_trusted: &'t str,
    /// The roots, in PEM, of whoever signs instead of istiod, where they are known.
    pub other_roots: Option<&'t str>,
    /// Certificates that are never to be made again: a cluster, and a generation of its key.
    pub retired: Vec<(&'t str, u32)>,
    /// Who issues the certificates.
    pub authority: CertificateAuthority,
}

/// A network that has clusters.
#[derive(Debug)]
pub struct Network<'t> {
    /// The network's name.
    pub name: &'t str,
    /// How pods of its clusters reach each other.
    pub pod_routing: PodRouting,
    /// The positions of its clusters.
    pub clusters: Vec<usize>,
}

impl<'t> Mesh<'t> {
    /// Binds and fills in what the rules have proven to be there.
    pub fn resolve(checked: &'t Checked) -> Self {
        let topology = checked.topology();
        let release = release(topology.istio.version).expect("unsupported-istio holds");
        let networks = networks(topology);
        let positions: BTreeMap<&str, usize> =
            topology.clusters.iter().enumerate().map(|(position, cluster)| (cluster.name.as_str(), position)).collect();
        let collector = Collector::resolve(topology, release, &positions);
        let authority = topology.certificates.authority;
        let roots = (authority != CertificateAuthority::None).then(|| Roots::resolve(topology));
        let mut clusters: Vec<Cluster<'t>> = topology
            .clusters
            .iter()
            .enumerate()
            .map(|(position, cluster)| {
                let primary = cluster.primary().map_or(position, |primary| positions[primary]);
                let resolved = Cluster::resolve(position, primary, topology, release, roots.as_ref());
                let roots = roots.as_ref().zip(resolved.intermediate.as_ref());
                Cluster {
                    trusts: roots.and_then(|(roots, request)| roots.tell_apart(request, checked.also_trusted())),
                    api_server_ca: checked.authorities_of(position),
                    sealing: checked.sealing_of(position),
                    ..resolved
                }
            })
            .collect();
        for position in 0..clusters.len() {
            let primary = clusters[position].primary;
            clusters[primary].remotes.extend((primary != position).then_some(position));
            if let Some(collector) = collector.as_ref().filter(|_| release.tracing == TracingMeans::Provider) {
                let written = &topology.clusters[position];
                let domain = topology.mesh.cluster_domain.as_str();
                clusters[position].provider =
                    (primary == position).then(|| collector.provider(written, domain)).flatten();
            }
            let is_known = clusters[primary].gateway.as_ref().is_some_and(|gateway| gateway.address.is_some());
            clusters[position].is_waiting = primary != position && !is_known;
        }
        Self {
            id: topology.mesh.id.as_str(),
            trust_domain: topology.mesh.trust_domain.as_str(),
            cluster_domain: topology.mesh.cluster_domain.as_str(),
            picture: topology.mesh.picture,
            version: topology.istio.version,
            release,
            istio: &topology.istio,
            profile: &topology.istio.profile,
            egress_gateway: topology.istio.egress_gateway,
            gitops: topology.gitops.as_ref(),
            workstations: &topology.workstations,
            secrets: &topology.secrets,
            remote_access: match topology.remote_access {
                RemoteAccess::Script => None,
                RemoteAccess::ExternalSecrets => Some(topology.secrets.store.as_ref().expect("missing-store holds")),
            },
            workload_namespaces: topology.workloads.namespaces.iter().map(topology::Name::as_str).collect(),
            told_networks: told::told_networks(&networks, &clusters),
            networks,
            clusters,
            collector,
            roots,
            also_trusted: checked.also_trusted(),
            other_roots: checked.roots(),
            retired: topology
                .certificates
                .retired
                .iter()
                .map(|retired| (retired.cluster.as_str(), retired.generation))
                .collect(),
            authority,
        }
    }

    /// Whether the workloads of a cluster trust several roots, of which one comes or goes.
    pub(crate) fn is_changing_root(&self, cluster: &Cluster<'_>) -> bool {
        self.istiod_of(cluster).trusts.is_some()
    }

    /// Whether the workloads of any cluster do.
    pub(crate) fn changes_root(&self) -> bool {
        self.clusters.iter().any(|cluster| self.is_changing_root(cluster))
    }

    /// The phase after that of the clusters which are least far on the way to the next root.
    pub(crate) fn next_phase(&self) -> Option<RootPhase> {
        let phases = self.clusters.iter().filter_map(|cluster| cluster.intermediate.as_ref()?.phase);
        match phases.min()? {
            RootPhase::Trust => Some(RootPhase::Sign),
            RootPhase::Sign => Some(RootPhase::Drop),
            RootPhase::Drop => None,
        }
    }

    /// The last day of the first root to end, of those that meshgen makes and workloads trust.
    pub fn roots_end(&self) -> Option<Date> {
        let requests = self.clusters.iter().filter_map(|cluster| cluster.intermediate.as_ref());
        let trusted = requests.flat_map(Intermediate::trusted);
        self.roots.as_ref().and_then(|roots| trusted.map(|which| roots.get(*which).not_after).min())
    }

    /// The full name of a Service in `istio-system`, as every cluster's DNS and every istiod know it.
    pub fn host(&self, service: &str) -> String {
        format!("{service}.istio-system.svc.{}", self.cluster_domain)
    }

    /// Whether some cluster's Istio is installed in this way.
    pub fn has_install(&self, install: Install) -> bool {
        self.clusters.iter().any(|cluster| cluster.install == install)
    }

    /// Whether a controller applies the tree.
    pub(crate) fn has_controller(&self, controller: Controller) -> bool {
        self.gitops.is_some_and(|gitops| gitops.controller == controller)
    }

    /// Whether there are pods that reach each other through gateways only.
    pub fn is_multi_network(&self) -> bool {
        self.networks.len() > 1
    }

    /// The cluster whose istiod serves a cluster: its own, or another.
    pub fn primary_of(&self, cluster: &Cluster<'_>) -> &Cluster<'t> {
        &self.clusters[cluster.primary]
    }

    /// The cluster whose istiod injects into a cluster and signs for it: the cluster itself, or its primary.
    pub(crate) fn istiod_of<'m>(&'m self, cluster: &Cluster<'_>) -> &'m Cluster<'t> {
        let position = if cluster.runs_istiod { cluster.position } else { cluster.primary };
        &self.clusters[position]
    }

    /// The clusters that run their own control plane.
    pub fn primaries(&self) -> impl Iterator<Item = &Cluster<'t>> {
        self.clusters.iter().filter(|cluster| cluster.is_primary())
    }

    /// The clusters that another cluster's control plane serves.
    pub fn remotes(&self) -> impl Iterator<Item = &Cluster<'t>> {
        self.clusters.iter().filter(|cluster| !cluster.is_primary())
    }

    /// The position of the network of a cluster.
    pub(crate) fn network_position(&self, cluster: &Cluster<'_>) -> usize {
        let position = self.networks.iter().position(|network| network.name == cluster.network);
        position.expect("a cluster's network has that cluster")
    }

    /// The network of a cluster.
    pub fn network_of(&self, cluster: &Cluster<'_>) -> &Network<'t> {
        &self.networks[self.network_position(cluster)]
    }

    /// The routes from a cluster's nodes to the pods and Services of its network's other clusters.
    pub fn routes(&self, cluster: &Cluster<'_>) -> Vec<Route<'t>> {
        let network = self.network_of(cluster);
        if network.pod_routing == PodRouting::Native {
            return Vec::new();
        }
        let others = network.clusters.iter().filter(|other| **other != cluster.position);
        others.flat_map(|other| self.clusters[*other].routes_to()).collect()
    }

    /// The routes to a cluster from the nodes of its network's other clusters.
    pub fn routes_to(&self, cluster: &Cluster<'_>) -> Vec<Route<'t>> {
        let network = self.network_of(cluster);
        let is_routed = network.pod_routing == PodRouting::Static && network.clusters.len() > 1;
        if is_routed { self.clusters[cluster.position].routes_to() } else { Vec::new() }
    }

    /// Whether a cluster's nodes need routes.
    pub fn has_routes(&self, cluster: &Cluster<'_>) -> bool {
        let network = self.network_of(cluster);
        let is_routed = |other: &usize| *other != cluster.position && self.clusters[*other].is_routed_to();
        network.pod_routing == PodRouting::Static && network.clusters.iter().any(is_routed)
    }

    /// Whether proxies report traces to the collector's gateway.
    pub fn exposes_collector(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.is_exposed)
    }

    /// The clusters that the control plane of a primary reads by their remote secrets: every other one, remotes of other primaries
    /// included. One that waits has no account to be read by yet.
    pub fn read_by(&self, primary: &Cluster<'_>) -> impl Iterator<Item = &Cluster<'t>> {
        let (is_primary, position) = (primary.is_primary(), primary.position);
        self.clusters.iter().filter(move |other| is_primary && other.position != position && !other.is_waiting)
    }

    /// Who can decrypt the private key of a cluster with age: those of the mesh and its own, each once.
    pub(crate) fn readers_of(&self, cluster: &Cluster<'_>) -> Vec<AgeRecipient> {
        let written = self.secrets.age_recipients.iter().chain(&cluster.written.secrets.age_recipients);
        let readers: BTreeSet<AgeRecipient> =
            written.map(|reader| reader.as_str().parse().expect("bad-recipient holds")).collect();
        readers.into_iter().collect()
    }

    /// Whether the control plane of another cluster reads a cluster.
    pub fn is_read(&self, cluster: &Cluster<'_>) -> bool {
        !cluster.is_waiting && self.primaries().any(|primary| primary.position != cluster.position)
    }

    /// Whether tracing waits for the address of a cluster's gateway.
    pub fn traces_wait_for(&self, cluster: &Cluster<'_>) -> bool {
        let is_waiting = |collector: &Collector| collector.is_waiting && collector.cluster == cluster.position;
        self.collector.as_ref().is_some_and(is_waiting)
    }

    /// The clusters that wait for the address of a cluster's gateway.
    pub fn waiting_for(&self, cluster: &Cluster<'_>) -> impl Iterator<Item = &Cluster<'t>> {
        let remotes: Vec<&Cluster<'t>> = cluster.remotes.iter().map(|remote| &self.clusters[*remote]).collect();
        remotes.into_iter().filter(|remote| remote.is_waiting)
    }
}

fn networks(topology: &Topology) -> Vec<Network<'_>> {
    let network = |(position, clusters): (usize, Vec<usize>)| {
        let written = &topology.networks[position];
        Network { name: written.name.as_str(), pod_routing: written.pod_routing, clusters }
    };
    topology.populated_networks().into_iter().map(network).collect()
}
