//! How a call gets from one cluster to another, check by check, as istiod decides it; and the first check that fails.
//!
//! What the topology says is taken for what is installed. Objects of the clusters, as kubectl prints them, may say otherwise: policies,
//! the Services of gateways, remote secrets and the mesh config.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::flows::Flows;
use crate::istio;
use crate::mesh::{Cluster, Mesh};
use crate::topology::FreeForm;

pub use self::matrix::{Cell, Matrix};
pub use self::objects::Objects;
pub use self::report::{FORMAT, MATRIX_FORMAT, MatrixReport, Pair, Report, json, matrix_json, matrix_text, text};

mod asked;
mod checks;
mod gateways;
mod matrix;
mod objects;
mod policy;
mod reach;
mod report;
mod tls;

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'c> {
    /// The cluster that calls.
    pub from: &'c str,
    /// The namespace of the caller; that of the service, if it is not stated.
    pub from_namespace: Option<&'c str>,
    /// The cluster that is called.
    pub to: &'c str,
    /// The service that is called.
    pub service: Option<Service<'c>>,
}

/// A service of Kubernetes, and a port of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service<'c> {
    /// Its namespace.
    pub namespace: &'c str,
    /// Its name.
    pub name: &'c str,
    /// Its port.
    pub port: u16,
}

impl<'c> Service<'c> {
    /// Reads `NAMESPACE/NAME:PORT`.
    pub fn parse(text: &'c str) -> Option<Self> {
        let (namespace, rest) = text.split_once('/')?;
        let (name, port) = rest.rsplit_once(':')?;
        let is_name = |name: &str| {
            let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !name.is_empty() && name.len() < 64 && name.bytes().all(is_part)
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0)?;
        (is_name(namespace) && is_name(name)).then_some(Self { namespace, name, port })
    }
}

/// How a call gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The cluster that calls.
    pub from: String,
    /// The cluster that is called.
    pub to: String,
    /// The service, as `NAMESPACE/NAME:PORT`, if one is asked about.
    pub service: Option<String>,
    /// The way.
    pub way: Way,
    /// What is dialled: pods have no address here.
    pub endpoints: Vec<Endpoint>,
    /// The server name by which a gateway knows the service.
    pub sni: Option<String>,
    /// The names of the rows of `flows` that the call needs.
    pub flows: Vec<String>,
    /// The checks, in the order in which a call meets them.
    pub checks: Vec<Check>,
}

impl Answer {
    /// The first check that fails.
    pub fn failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.verdict == Verdict::Fails)
    }
}

/// The way of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// It stays in its cluster.
    Inside,
    /// From pod to pod, on one network.
    Direct,
    /// Through an east-west gateway.
    Gateway,
}

/// What is dialled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The cluster of the gateway; null where istiods are told an address that is of no cluster.
    pub cluster: Option<String>,
    /// The address; null where nobody stated it.
    pub address: Option<String>,
    /// The port; null where Kubernetes chooses it.
    pub port: Option<u16>,
}

/// One thing that a call needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What is checked.
    pub check: Name,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub because: String,
    /// What to do if it fails, or how to see it where only the cluster knows.
    pub help: Option<String>,
    /// The files of the tree, or the objects, that decide it.
    pub files: Vec<String>,
}

/// What is checked, in the order in which a call meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Name {
    /// The name of the service is resolved where it is called.
    Name,
    /// The caller's control plane knows the services of the called cluster.
    Known,
    /// There is a way, and it has an address.
    Way,
    /// The caller speaks mutual TLS where a gateway asks for it, and the called pods take what it speaks.
    Policy,
    /// The gateway knows the server name.
    Sni,
    /// The gateway has endpoints for it.
    Gateway,
    /// Both sides trust each other's certificates.
    Trust,
    /// Firewalls let it through.
    Flows,
}

impl Name {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Known => "known",
            Self::Way => "way",
            Self::Policy => "policy",
            Self::Sni => "sni",
            Self::Gateway => "gateway",
            Self::Trust => "trust",
            Self::Flows => "flows",
        }
    }
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It depends on what only clusters and networks know.
    Unseen,
    /// It does not hold: the call fails here.
    Fails,
}

/// A mesh of which calls are asked.
#[derive(Debug)]
pub struct Paths<'m, 't> {
    mesh: &'m Mesh<'t>,
    flows: OnceCell<Flows>,
    objects: &'m Objects,
    /// The mesh config of each cluster, by its position, made when it is asked for.
    configs: Vec<OnceCell<FreeForm>>,
    /// Where calls to each network go, by its position.
    gateways: Vec<Vec<gateways::Found>>,
}

impl<'m, 't> Paths<'m, 't> {
    /// A mesh, and what is known of its clusters besides.
    pub fn of(mesh: &'m Mesh<'t>, objects: &'m Objects) -> Self {
        let configs = mesh.clusters.iter().map(|_| OnceCell::new()).collect();
        Self { mesh, flows: OnceCell::new(), objects, configs, gateways: gateways::of(mesh, objects) }
    }

    /// How a call gets there; `None` if the mesh does not have one of the clusters.
    pub fn answer(&self, call: &Call<'_>) -> Option<Answer> {
        let find = |name: &str| self.mesh.clusters.iter().find(|cluster| cluster.name == name);
        Some(self.check(find(call.from)?, find(call.to)?, call, true))
    }

    /// The same of clusters by their positions, without what never fails: the name, and the rows of the firewall.
    fn decide(&self, from: usize, to: usize, service: Option<Service<'_>>) -> Answer {
        let (from, to) = (&self.mesh.clusters[from], &self.mesh.clusters[to]);
        self.check(from, to, &Call { from: from.name, from_namespace: None, to: to.name, service }, false)
    }

    /// The networks of the clusters, in the same order.
    pub fn networks(&self) -> impl Iterator<Item = &'t str> {
        self.mesh.clusters.iter().map(|cluster| cluster.network)
    }

    /// The names of the clusters, in the order of the topology.
    pub fn clusters(&self) -> impl Iterator<Item = &'t str> {
        self.mesh.clusters.iter().map(|cluster| cluster.name)
    }

    fn flows(&self) -> &Flows {
        self.flows.get_or_init(|| Flows::of(self.mesh))
    }

    fn config(&self, cluster: &Cluster<'_>) -> &FreeForm {
        self.configs[cluster.position].get_or_init(|| istio::mesh_config(self.mesh, cluster))
    }

    /// Of each cluster two numbers: clusters with the same first reach others in the same way, those with the same second are reached so.
    fn kinds(&self) -> Vec<(usize, usize)> {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut number = |key: String| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        let is_shown = |name: &str| self.objects.clusters().any(|cluster| cluster == name);
        let kinds = self.mesh.clusters.iter().map(|cluster| {
            let primary = self.primary_of(cluster);
            let phase = self.mesh.istiod_of(cluster).intermediate.as_ref().map(|request| request.phase);
            // What objects of a cluster say is of that one alone.
            let shown = if is_shown(cluster.name) || is_shown(primary.name) { cluster.name } else { "" };
            let key = format!("{}\n{}\n{phase:?}\n{}\n{shown}", cluster.network, primary.name, cluster.is_waiting);
            // One with a gateway is reached through that.
            let own = if cluster.gateway.is_some() { cluster.name } else { "" };
            (number(key.clone()), number(format!("{key}\n{own}")))
        });
        kinds.collect()
    }

    fn primary_of(&self, cluster: &Cluster<'_>) -> &'m Cluster<'t> {
        &self.mesh.clusters[cluster.primary]
    }
}
