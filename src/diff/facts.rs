//! The facts of both sides. A fact that one side does not record is assumed to be equal, and reported as unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde_json::Value;

use crate::fact::is_no_authority;
use crate::layout::{EGRESS_GATEWAY, GATEWAYS, ISTIO, STORED_SECRETS};
use crate::lock::{Cluster, Digest, Gateway};
use crate::release::{Release, RemoteShape, release};
use crate::topology::{Install, IstioVersion};

use super::Side;
use super::controllers::{Root, roots};
use super::manifest::documents;

/// A side, and the facts of its mesh.
pub(super) struct Known<'s> {
    side: &'s Side,
    pub(super) version: Option<IstioVersion>,
    pub(super) members: BTreeMap<&'s str, Member>,
    /// By network: the cluster that is routed to, destination and next hop.
    pub(super) routes: BTreeMap<String, Vec<(&'s str, &'s str, &'s str)>>,
    steps: BTreeSet<&'s str>,
    /// Where a controller reads the tree. Every step of a comparison asks, and only a walk over all files tells.
    pub(super) roots: Vec<Root<'s>>,
}

/// Where istiods find the API server of a cluster, and what they trust there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) url: String,
    /// The digest of the CA certificates, if they are not the cluster's own.
    authorities: Option<Digest>,
    proxy: Option<String>,
}

impl Server {
    /// Whether it is the same machine: behind another proxy, another may have its address.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        !self.url.is_empty() && self.url == other.url && self.proxy == other.proxy
    }
}

/// The facts of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) network: String,
    /// The cluster whose istiod serves it; its own name for a primary.
    pub(super) primary: String,
    pub(super) server: Server,
    pub(super) gateway: Gateway,
    pub(super) context: String,
    /// Whether it waits for the address of its primary's gateway: Istio is not there yet.
    pub(super) is_waiting: bool,
    /// What its proxies know from their start alone; `None` where one side does not record it.
    pub(super) at_start: Option<String>,
}

impl<'s> Known<'s> {
    /// The facts of both sides, and in words those that only one of them records.
    pub(super) fn of(before: &'s Side, after: &'s Side) -> (Self, Self, Vec<String>) {
        let mut unrecorded = BTreeSet::new();
        let known = (Self::beside(before, after, &mut unrecorded), Self::beside(after, before, &mut unrecorded));
        (known.0, known.1, unrecorded.into_iter().map(str::to_owned).collect())
    }

    fn beside(side: &'s Side, other: &Side, unrecorded: &mut BTreeSet<&'static str>) -> Self {
        let is_recorded = side.record.istio.is_some();
        let istio = side.record.istio.as_ref().or(other.record.istio.as_ref());
        if !is_recorded && istio.is_some() && !side.record.is_empty() {
            unrecorded.insert("the version of Istio");
        }
        let none = Cluster::default();
        let members = side.record.clusters.iter().map(|(name, own)| {
            let is_there = other.record.clusters.contains_key(name);
            let other = other.record.clusters.get(name).unwrap_or(&none);
            let mut fact = |own: &Option<String>, other: &Option<String>, what, default: &str| match (own, other) {
                (Some(own), _) => own.clone(),
                (None, Some(other)) => {
                    unrecorded.insert(what);
                    other.clone()
                }
                (None, None) => default.to_owned(),
            };
            let network = fact(&own.network, &other.network, "networks", "");
            let primary = fact(&own.primary, &other.primary, "control planes", name);
            let url = fact(&own.api_server, &other.api_server, "API servers", "");
            // A tree without these facts is of a mesh without proxies.
            let server = Server { url, authorities: own.api_server_ca, proxy: own.proxy_url.clone() };
            let context = fact(&own.context, &other.context, "kubeconfig contexts", name);
            let gateway = match (&own.gateway, &other.gateway) {
                (Some(Gateway::Unaddressed), Some(Gateway::At(address))) if side.record.is_format_1 => {
                    unrecorded.insert("gateway addresses");
                    Gateway::At(address.clone())
                }
                (Some(own), _) => own.clone(),
                (None, other) => other.clone().unwrap_or(Gateway::Absent),
            };
            let at_start = own.at_start.clone().filter(|_| other.at_start.is_some());
            if is_there && own.at_start.is_some() != other.at_start.is_some() {
                unrecorded.extend(["what proxies started with", "node routes"]);
            }
            (name.as_str(), Member { network, primary, server, gateway, context, is_waiting: own.is_waiting, at_start })
        });
        let members: BTreeMap<&str, Member> = members.collect();
        let mut routes: BTreeMap<String, Vec<(&str, &str, &str)>> = BTreeMap::new();
        for (name, cluster) in side.record.clusters.iter().filter(|(_, cluster)| !cluster.routes.is_empty()) {
            let of_cluster = cluster.routes.iter().map(|(to, via)| (name.as_str(), to.as_str(), via.as_str()));
            routes.entry(members[name.as_str()].network.clone()).or_default().extend(of_cluster);
        }
        let steps = side.record.steps.iter().map(String::as_str).collect();
        Self { side, version: istio.map(|istio| istio.version), members, routes, steps, roots: roots(side) }
    }

    /// Whether the istiod that serves a cluster is no authority: nothing happens there when the Secret `cacerts` comes or goes.
    pub(super) fn has_no_authority(&self, cluster: &str) -> bool {
        let owner =
            if self.runs_istiod(cluster) { Some(cluster) } else { self.member(cluster).map(|own| &*own.primary) };
        let values = owner.and_then(|owner| match self.text(&[owner, "/", ISTIO, "/istio.yaml"].concat()) {
            Some(text) => documents(text)?.first()?.pointer("/spec/values")?.as_object().cloned(),
            None => self.values_of_istiod(owner)?.as_object().cloned(),
        });
        values.is_some_and(|values| is_no_authority(&[&values]))
    }

    /// The values that Helm gives the chart of a cluster's control plane, where Helm installs it.
    pub(super) fn values_of_istiod(&self, cluster: &str) -> Option<Value> {
        documents(self.text(&[cluster, "/", ISTIO, "/istiod.values.yaml"].concat())?)?.into_iter().next()
    }

    /// The controller that applies the tree, by the name of its directory.
    pub(super) fn controller(&self) -> Option<&'static str> {
        self.roots.first().map(|root| root.controller)
    }

    /// The controller, if a change reaches clusters in any order: Argo CD's waves order only when Applications are made or changed, and one
    /// in each cluster knows of no other.
    pub(super) fn unordered_controller(&self) -> Option<&'static str> {
        let is_unordered = |root: &&Root<'_>| root.controller != "flux" || root.cluster.is_some();
        self.roots.iter().find(is_unordered).map(|root| root.controller)
    }

    /// The controller of a cluster, and where it runs.
    pub(super) fn root_of(&self, cluster: &str) -> Option<&Root<'_>> {
        self.roots.iter().find(|root| root.cluster.is_none_or(|own| own == cluster))
    }

    /// The clusters of the mesh.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &'s str> {
        self.members.keys().copied()
    }

    pub(super) fn has(&self, cluster: &str) -> bool {
        self.members.contains_key(cluster)
    }

    pub(super) fn member(&self, cluster: &str) -> Option<&Member> {
        self.members.get(cluster)
    }

    /// Whether a cluster waits for the address of its primary's gateway.
    pub(super) fn is_waiting(&self, cluster: &str) -> bool {
        self.member(cluster).is_some_and(|member| member.is_waiting)
    }

    /// The revision of a cluster's control plane: of the record, or of an older tree as its IstioOperator states it.
    pub(super) fn revision(&self, cluster: &str) -> Option<String> {
        if let Some(start) = self.side.record.clusters.get(cluster).and_then(|record| record.at_start.as_deref()) {
            return start.split(' ').find_map(|word| word.strip_prefix("revision=")).map(str::to_owned);
        }
        let path = [cluster, "/", ISTIO, "/istio.yaml"].concat();
        let objects = documents(self.files_of(cluster).get(path.as_str())?)?;
        objects.first()?.pointer("/spec/revision")?.as_str().map(str::to_owned)
    }

    /// What installs Istio in a cluster, by the files that it has.
    pub(super) fn install(&self, cluster: &str) -> Install {
        let path = |file: &str| [cluster, "/", ISTIO, "/", file].concat();
        let is_resource = |text: &str| text.starts_with("apiVersion: sailoperator.io/");
        if self.has_file(&path("istiod.values.yaml")) {
            Install::Helm
        } else if self.text(&path("istio.yaml")).is_some_and(is_resource) {
            Install::Sail
        } else {
            Install::Istioctl
        }
    }

    /// The ordinary gateways of a cluster: those of its profile, and what its IstioOperator says of them
    /// (`1.30.3:manifests/profiles`, `1.11.2:manifests/profiles`).
    pub(super) fn gateways(&self, cluster: &str) -> BTreeSet<&'static str> {
        const GATEWAYS_OF_PROFILE: [(&str, &str, &str, &[&str]); 2] = [
            (
                "ingress",
                "istio-ingressgateway",
                "ingressGateways",
                &["default", "demo", "openshift", "preview", "stable"],
            ),
            ("egress", "istio-egressgateway", "egressGateways", &["demo"]),
        ];
        let text = self.text(&[cluster, "/", ISTIO, "/istio.yaml"].concat());
        let operator = text.and_then(documents).and_then(|objects| objects.into_iter().next()).unwrap_or_default();
        let is_there = |(file, name, component, profiles): &(&str, &str, &str, &[&str])| {
            let stated = operator["spec"]["components"][component].as_array().into_iter().flatten();
            let mut stated =
                stated.filter(|gateway| gateway["name"] == *name).filter_map(|gateway| gateway["enabled"].as_bool());
            match self.install(cluster) {
                Install::Helm => self.has_file(&[cluster, "/", GATEWAYS, "/", file, ".values.yaml"].concat()),
                Install::Istioctl => stated.next_back().unwrap_or_else(|| {
                    let profile = operator["spec"]["profile"].as_str();
                    profile.is_some_and(|profile| profiles.contains(&profile))
                }),
                Install::Sail => false,
            }
        };
        let of_profile = GATEWAYS_OF_PROFILE.iter().filter(|gateway| is_there(gateway)).map(|(_, name, ..)| *name);
        of_profile
            .chain(self.has_files_below(&[cluster, "/", EGRESS_GATEWAY, "/"].concat()).then_some("istio-egressgateway"))
            .collect()
    }

    /// Whether Helm installs Istio in a cluster.
    pub(super) fn is_by_helm(&self, cluster: &str) -> bool {
        self.install(cluster) == Install::Helm
    }

    /// Whether the Sail operator does.
    pub(super) fn is_by_sail(&self, cluster: &str) -> bool {
        self.install(cluster) == Install::Sail
    }

    /// Whether proxies of a cluster are served by its own istiod.
    pub(super) fn is_primary(&self, cluster: &str) -> bool {
        self.member(cluster).is_some_and(|member| member.primary == cluster)
    }

    /// The other clusters that a cluster's istiod serves.
    pub(super) fn remotes_of<'a>(&'a self, primary: &'a str) -> impl Iterator<Item = &'a str> {
        let members = self.members.iter();
        members.filter(move |(name, member)| **name != primary && member.primary == primary).map(|(name, _)| *name)
    }

    /// Whether an istiod runs in a cluster.
    pub(super) fn runs_istiod(&self, cluster: &str) -> bool {
        self.is_primary(cluster) || !self.has_thin_remotes()
    }

    /// The name of the Service that leads to a cluster's control plane.
    pub(super) fn istiod_service(&self, cluster: &str) -> String {
        self.revision(cluster).map_or_else(|| "istiod".to_owned(), |revision| format!("istiod-{revision}"))
    }

    /// The routes that nodes of a cluster need: destination and next hop.
    pub(super) fn routes_from(&self, cluster: &str) -> BTreeSet<(&'s str, &'s str)> {
        let network = self.member(cluster).and_then(|member| self.routes.get(member.network.as_str()));
        let others = network.into_iter().flatten().filter(|(owner, ..)| *owner != cluster);
        others.map(|(_, destination, via)| (*destination, *via)).collect()
    }

    /// Whether control planes get credentials from a store.
    pub(super) fn has_store(&self) -> bool {
        self.steps.iter().any(|step| step.ends_with(STORED_SECRETS))
    }

    /// Whether the installation of a cluster has a step.
    pub(super) fn has_step(&self, cluster: &str, artifact: &str) -> bool {
        self.steps.contains(format!("{cluster}/{artifact}").as_str())
    }

    /// The nodes of a cluster to which others route.
    pub(super) fn nodes_of(&self, cluster: &str) -> BTreeSet<&'s str> {
        let record = self.side.record.clusters.get(cluster);
        record.into_iter().flat_map(|record| &record.routes).map(|(_, via)| via.as_str()).collect()
    }

    /// Whether remotes run no istiod of their own.
    pub(super) fn has_thin_remotes(&self) -> bool {
        self.release().is_some_and(|release| release.remotes == RemoteShape::Thin)
    }

    pub(super) fn release(&self) -> Option<&'static Release> {
        self.version.and_then(release)
    }
}

impl Deref for Known<'_> {
    type Target = Side;

    fn deref(&self) -> &Side {
        self.side
    }
}
