use serde::Serialize;

use crate::check::SealingCertificate;
use crate::layout::ISTIO_SYSTEM;
use crate::release::{Release, RemoteShape};
use crate::topology::{self, Install, OPENSHIFT, Topology};

use super::{Gateway, Intermediate, Provider, Roots};

/// What istiod takes where no mesh config states a trust domain (`1.30.3:pkg/config/mesh/mesh.go`).
const DEFAULT_TRUST_DOMAIN: &str = "cluster.local";

/// A cluster of the mesh.
#[derive(Debug)]
pub struct Cluster<'t> {
    /// The cluster's position among the mesh's.
    pub position: usize,
    /// The cluster ID.
    pub name: &'t str,
    /// The name of its network.
    pub network: &'t str,
    /// The kubeconfig context that the scripts use.
    pub context: &'t str,
    /// The URL of its API server.
    pub api_server: &'t str,
    /// The CA certificates, in PEM, that other clusters' istiods trust there; `None` for the cluster's own CA.
    pub api_server_ca: Option<&'t str>,
    /// What tells the roots apart that its workloads trust, where its istiod states several.
    pub trusts: Option<String>,
    /// The certificate that its private key is sealed with.
    pub sealing: Option<&'t SealingCertificate>,
    /// The URL of the proxy through which they reach it.
    pub proxy_url: Option<&'t str>,
    /// The position of the cluster whose istiod serves this one; its own on a primary.
    pub primary: usize,
    /// The positions of the other clusters that this one's istiod serves.
    pub remotes: Vec<usize>,
    /// Its east-west gateway.
    pub gateway: Option<Gateway<'t>>,
    /// Whether it waits for the address of its primary's gateway, which nobody knows yet: it gets only what is prepared.
    pub is_waiting: bool,
    /// Whether an istiod runs here: a primary's always, a remote's where it injects and signs locally.
    pub runs_istiod: bool,
    /// The revision of its control plane.
    pub revision: Option<&'t str>,
    /// What installs Istio there.
    pub install: Install,
    /// Whether Istio's CNI plugin is installed, where that is not left to the profile.
    pub cni: Option<bool>,
    /// Whether it is OpenShift.
    pub is_on_openshift: bool,
    /// The certificate that its istiod signs with, where that is one of the tree.
    pub intermediate: Option<Intermediate<'t>>,
    /// Where its istiod sends traces, on a primary whose istiod tells proxies so.
    pub provider: Option<Provider>,
    /// The trust domain that this cluster has to state itself, because its primary reads it here and would take another.
    pub stated_trust_domain: Option<&'t str>,
    /// The cluster as its author wrote it.
    pub written: &'t topology::Cluster,
}

/// A route of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route<'t> {
    /// The range of addresses that is routed.
    pub destination: String,
    /// The node that it is routed to.
    pub via: String,
    /// The cluster of that node.
    pub cluster: &'t str,
}

/// Whether an istiod runs in a cluster.
pub(crate) fn runs_istiod(cluster: &topology::Cluster, release: &Release) -> bool {
    cluster.primary().is_none() || release.remotes == RemoteShape::LocalIstiod
}

impl<'t> Cluster<'t> {
    pub(super) fn resolve(
        position: usize,
        primary: usize,
        topology: &'t Topology,
        release: &Release,
        roots: Option<&Roots<'t>>,
    ) -> Self {
        let written = &topology.clusters[position];
        let runs_istiod = runs_istiod(written, release);
        let is_of_profile = runs_istiod && topology.istio.profile == OPENSHIFT;
        let states_cni = written.istio.cni.is_some() || topology.istio.cni.is_some() || !is_of_profile;
        Self {
            position,
            name: written.name.as_str(),
            network: written.network.as_str(),
            context: written.kubectl_context(),
            api_server: written.api_server.as_str(),
            api_server_ca: None,
            trusts: None,
            sealing: None,
            proxy_url: written.proxy_url.as_ref().map(|proxy| proxy.url().as_str()),
            primary,
            remotes: Vec::new(),
            gateway: written.east_west_gateway.as_ref().map(Gateway::resolve),
            is_waiting: false,
            runs_istiod,
            revision: topology.revision(written),
            install: topology.install(written),
            cni: topology.has_cni(written).filter(|_| states_cni),
            is_on_openshift: topology.is_on_openshift(written),
            intermediate: roots.filter(|_| runs_istiod).map(|roots| Intermediate::resolve(topology, written, roots)),
            provider: None,
            stated_trust_domain: (!runs_istiod && release.reads_remote_mesh_config)
                .then_some(topology.mesh.trust_domain.as_str())
                .filter(|domain| *domain != DEFAULT_TRUST_DOMAIN),
            written,
        }
    }

    /// Whether the cluster is served by its own control plane.
    pub fn is_primary(&self) -> bool {
        self.primary == self.position
    }

    /// How the controller of `gitops` knows the cluster.
    pub(crate) fn known_as(&self) -> &'t str {
        self.written.gitops.name.as_ref().map_or(self.name, topology::Line::as_str)
    }

    /// Whether Helm installs Istio's CNI plugin there.
    pub(crate) fn has_cni_chart(&self) -> bool {
        self.install == Install::Helm && self.cni == Some(true)
    }

    /// Whether the Sail operator installs Istio's CNI plugin there. What a profile says of it is not enough for the operator: the plugin has
    /// a resource of its own.
    pub(crate) fn has_cni_resource(&self) -> bool {
        self.install == Install::Sail && self.cni.unwrap_or(self.is_on_openshift)
    }

    /// The namespace of Istio's CNI plugin: elsewhere, `OpenShift` gives its pods no privileges
    /// (`1.30.3:manifests/profiles/openshift.yaml`).
    pub(crate) fn cni_namespace(&self) -> &'static str {
        if self.is_on_openshift { "kube-system" } else { ISTIO_SYSTEM }
    }

    /// The name of its control plane's Service: `istiod`, with the revision if there is one.
    pub fn istiod_service(&self) -> String {
        self.revision.map_or_else(|| "istiod".to_owned(), |revision| format!("istiod-{revision}"))
    }

    /// Whether other clusters' nodes need routes to this one.
    pub(super) fn is_routed_to(&self) -> bool {
        !self.written.nodes.is_empty()
    }

    /// The routes that other clusters' nodes need to this one: pods through their node, Services through the first of their family.
    pub(super) fn routes_to(&self) -> Vec<Route<'t>> {
        let route = |destination: &topology::Cidr, node: &topology::Node| Route {
            destination: destination.to_string(),
            via: node.address.to_string(),
            cluster: self.name,
        };
        let pods = self.written.nodes.iter().flat_map(|node| node.pod_ranges().map(move |pods| (pods, node)));
        let services = self.written.service_ranges();
        let services = services.filter_map(|services| Some((services, self.written.first_node_for(services)?)));
        pods.chain(services).map(|(range, node)| route(range, node)).collect()
    }
}
