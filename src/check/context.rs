//! A topology as the rules look at it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Cause, FieldPath};
use crate::fact::{MESH_NETWORKS, held};
use crate::release::{RemoteShape, TracingMeans, release};
use crate::topology::{
    Cluster, EastWestGateway, FreeForm, Kubernetes, KubernetesVersion, NodePortRange, Topology, Via,
};

use super::holes::Holes;

/// A topology as one rule sees it.
pub(super) struct Context<'t> {
    pub(super) topology: &'t Topology,
    pub(super) index: &'t Index<'t>,
    /// What is not known.
    pub(super) holes: &'t Holes,
    /// The clusters of which the rule cannot speak.
    pub(super) hidden: &'t BTreeSet<usize>,
    /// Why it was not applied at a place, the first of them.
    pub(super) missed: RefCell<Option<Cause>>,
}

/// The positions of the names of a topology.
pub(super) struct Index<'t> {
    clusters: BTreeMap<&'t str, usize>,
    /// The names that several clusters have.
    ambiguous: BTreeSet<&'t str>,
    networks: BTreeMap<&'t str, usize>,
    /// The networks that have clusters, and their clusters.
    populated: Vec<(usize, Vec<usize>)>,
}

impl<'t> Index<'t> {
    pub(super) fn of(topology: &'t Topology, holes: &Holes) -> Self {
        let is_known = |list: &'static str, index: usize| {
            holes.hide(&FieldPath::root().child(list).index(index).child("name")).is_none()
        };
        let mut clusters = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for (index, cluster) in topology.clusters.iter().enumerate().filter(|(index, _)| is_known("clusters", *index)) {
            let name = cluster.name.as_str();
            if *clusters.entry(name).or_insert(index) != index {
                ambiguous.insert(name);
            }
        }
        let mut networks = BTreeMap::new();
        for (index, network) in topology.networks.iter().enumerate().filter(|(index, _)| is_known("networks", *index)) {
            networks.entry(network.name.as_str()).or_insert(index);
        }
        Self { clusters, ambiguous, networks, populated: topology.populated_networks() }
    }
}

impl<'t> Context<'t> {
    /// The Kubernetes version of a cluster, its own or that of all, and its place.
    pub(super) fn kubernetes_version(
        &self,
        path: &FieldPath,
        cluster: &Cluster,
    ) -> Option<(FieldPath, KubernetesVersion)> {
        let stated = |owner: &FieldPath, kubernetes: &Option<Kubernetes>| {
            let version = kubernetes.as_ref()?.version?;
            Some((owner.child("kubernetes").child("version"), version))
        };
        let own = stated(path, &cluster.kubernetes);
        own.or_else(|| stated(&FieldPath::root(), &self.topology.kubernetes))
    }

    /// The node ports of a cluster.
    pub(super) fn node_ports(&self, cluster: Option<&Cluster>) -> NodePortRange {
        let own = cluster.and_then(|cluster| cluster.kubernetes.as_ref());
        let mut stated = own.into_iter().chain(&self.topology.kubernetes);
        stated.find_map(|kubernetes| kubernetes.node_port_range).unwrap_or_default()
    }

    /// The clusters of which the rule can speak, and their paths.
    pub(super) fn clusters(&self) -> impl Iterator<Item = (FieldPath, &'t Cluster)> {
        let list = FieldPath::root().child("clusters");
        let known = self.topology.clusters.iter().enumerate().filter(|(index, _)| !self.hidden.contains(index));
        known.map(move |(index, cluster)| (list.index(index), cluster))
    }

    /// Whether the value at a place is what the author wrote. If not, the rule is not applied there.
    pub(super) fn is_known(&self, place: &FieldPath) -> bool {
        let cause = self.holes.hide(place);
        self.miss(cause);
        cause.is_none()
    }

    /// Notes why the rule was not applied at a place. What another rule has refused needs no second judgement.
    pub(super) fn miss(&self, cause: Option<&Cause>) {
        let cause = cause.filter(|cause| !matches!(cause, Cause::Refused(..)));
        let mut missed = self.missed.borrow_mut();
        if missed.is_none() {
            *missed = cause.cloned();
        }
    }

    /// The path of the cluster of a name, the first of several.
    pub(super) fn cluster_path(&self, name: &str) -> FieldPath {
        let clusters = FieldPath::root().child("clusters");
        self.index.clusters.get(name).map_or(clusters.clone(), |index| clusters.index(*index))
    }

    /// The cluster of a name; none if several have the name.
    pub(super) fn cluster(&self, name: &str) -> Option<&'t Cluster> {
        self.index
            .clusters
            .get(name)
            .filter(|_| !self.index.ambiguous.contains(name))
            .map(|index| &self.topology.clusters[*index])
    }

    pub(super) fn has_cluster(&self, name: &str) -> bool {
        self.index.clusters.contains_key(name)
    }

    pub(super) fn cluster_names(&self) -> impl Iterator<Item = &'t str> {
        self.index.clusters.keys().copied()
    }

    pub(super) fn network_names(&self) -> impl Iterator<Item = &'t str> {
        self.index.networks.keys().copied()
    }

    pub(super) fn has_network(&self, name: &str) -> bool {
        self.index.networks.contains_key(name)
    }

    /// How many networks have clusters.
    pub(super) fn populated_count(&self) -> usize {
        self.index.populated.len()
    }

    /// The clusters of each network that has any and their paths, in the order in which the networks are declared.
    pub(super) fn populated_networks(&self) -> Vec<(usize, Vec<(FieldPath, &'t Cluster)>)> {
        let list = FieldPath::root().child("clusters");
        let cluster = |position: &usize| (list.index(*position), &self.topology.clusters[*position]);
        let networks = self.index.populated.iter();
        networks.map(|(network, clusters)| (*network, clusters.iter().map(cluster).collect())).collect()
    }

    /// The clusters that a primary serves besides itself, by the primary's name.
    pub(super) fn remotes(&self) -> BTreeMap<&'t str, Vec<&'t Cluster>> {
        let mut remotes: BTreeMap<&str, Vec<&Cluster>> = BTreeMap::new();
        for cluster in &self.topology.clusters {
            if let Some(primary) = cluster.primary()
                && self.cluster(primary).is_some_and(|primary| primary.primary().is_none())
            {
                remotes.entry(primary).or_default().push(cluster);
            }
        }
        remotes
    }

    /// The clusters whose proxies report to a port of the collector's gateway.
    pub(super) fn reporters(&self) -> Vec<&'t Cluster> {
        if self.topology.tracing.as_ref().is_none_or(|tracing| tracing.zipkin.via != Via::Gateway) {
            return Vec::new();
        }
        let reports = |cluster: &&Cluster| self.decides_on_tracing(cluster).collector_override().is_none();
        self.topology.clusters.iter().filter(reports).collect()
    }

    /// The cluster whose mesh config says where a cluster's traces go: its primary's, where that configures tracing.
    fn decides_on_tracing(&self, cluster: &'t Cluster) -> &'t Cluster {
        let release = release(self.topology.istio.version);
        let is_central = release.is_some_and(|release| release.tracing == TracingMeans::Provider);
        let primary = cluster.primary().filter(|_| is_central).and_then(|primary| self.cluster(primary));
        primary.unwrap_or(cluster)
    }

    /// The clusters that run an istiod, among all: what a rule says of them together needs each of them.
    pub(super) fn istiods(&self) -> impl Iterator<Item = (FieldPath, &'t Cluster)> {
        let is_thin = self.has_thin_remotes();
        let list = FieldPath::root().child("clusters");
        let all = self.topology.clusters.iter().enumerate();
        all.filter(move |(_, cluster)| cluster.primary().is_none() || !is_thin)
            .map(move |(index, cluster)| (list.index(index), cluster))
    }

    /// Whether remotes run no istiod of their own.
    pub(super) fn has_thin_remotes(&self) -> bool {
        release(self.topology.istio.version).is_some_and(|release| release.remotes == RemoteShape::Thin)
    }
}

/// The path of what [`Cluster::collector_override`] tells, from its cluster's on.
pub(super) fn collector_override_path(cluster: &FieldPath) -> FieldPath {
    let keys = ["istio", "meshConfig", "defaultConfig", "tracing", "zipkin", "address"];
    keys.into_iter().fold(cluster.clone(), |path, key| path.child(key))
}

/// The path of the field that says where traces go.
pub(super) fn collector_path() -> FieldPath {
    FieldPath::root().child("tracing").child("zipkin").child("cluster")
}

/// The clusters that have a gateway, and the gateway's path.
pub(super) fn gateways<'t>(
    context: &Context<'t>,
) -> impl Iterator<Item = (FieldPath, &'t Cluster, &'t EastWestGateway)> {
    context.clusters().filter_map(|(path, cluster)| {
        let gateway = cluster.east_west_gateway.as_ref()?;
        Some((path.child("eastWestGateway"), cluster, gateway))
    })
}

/// What the topology passes on to Istio, MeshConfig and values, and the path of the mapping that holds both.
pub(super) fn free_forms(topology: &Topology) -> impl Iterator<Item = (FieldPath, &FreeForm, &FreeForm)> {
    let mesh = (FieldPath::root().child("istio"), &topology.istio.mesh_config, &topology.istio.values);
    let clusters = FieldPath::root().child("clusters");
    let own = topology.clusters.iter().enumerate().map(move |(index, cluster)| {
        (clusters.index(index).child("istio"), &cluster.istio.mesh_config, &cluster.istio.values)
    });
    std::iter::once(mesh).chain(own)
}

/// Whether the author's own `meshNetworks` tell every istiod that decides on endpoints where a network's gateways are dialled.
pub(super) fn is_told(context: &Context<'_>, network: &str) -> bool {
    let is_in = |values: &FreeForm| {
        let told = held(values, "values", MESH_NETWORKS).filter(|(_, path)| *path == MESH_NETWORKS);
        let gateways = told.and_then(|(networks, _)| networks.get(network)?.get("gateways")?.as_array());
        gateways.is_some_and(|gateways| !gateways.is_empty())
    };
    let mut primaries = context.topology.clusters.iter().filter(|cluster| cluster.primary().is_none());
    is_in(&context.topology.istio.values) || primaries.all(|primary| is_in(&primary.istio.values))
}
