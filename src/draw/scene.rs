//! What pictures show, without places.

use std::collections::BTreeMap;

use crate::mesh::{Cluster, Mesh};
use crate::pki::inventory::{self, Entry};
use crate::topology::CertificateAuthority;
use crate::words::plural;

/// A mesh.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    /// What the picture is about, in a sentence.
    pub(super) title: String,
    pub(super) networks: Vec<String>,
    pub(super) clusters: Vec<Member>,
    /// The cluster of the trace collector, where proxies report to it.
    pub(super) collector: Option<String>,
    pub(super) certificates: Vec<Entry>,
    /// Why there are no certificates, or what is said of them.
    pub(super) authority: &'static str,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) network: String,
    /// The cluster whose istiod serves it, where that is another.
    pub(super) primary: Option<String>,
    /// What stands in its box below the name.
    pub(super) lines: Vec<String>,
}

impl Scene {
    pub(super) fn of(mesh: &Mesh<'_>) -> Self {
        let collector = mesh.collector.as_ref().map(|collector| mesh.clusters[collector.cluster].name);
        let clusters = mesh.clusters.iter().map(|cluster| member(mesh, cluster, collector)).collect();
        Self {
            title: format!(
                "Mesh {}: Istio {}, {} on {}",
                mesh.id,
                mesh.version,
                plural(mesh.clusters.len(), "cluster"),
                plural(mesh.networks.len(), "network")
            ),
            networks: mesh.networks.iter().map(|network| network.name.to_owned()).collect(),
            clusters,
            collector: collector.map(str::to_owned),
            certificates: match mesh.authority {
                CertificateAuthority::Seed => inventory::requested(mesh),
                CertificateAuthority::External | CertificateAuthority::None => Vec::new(),
            },
            authority: match mesh.authority {
                CertificateAuthority::Seed => "",
                CertificateAuthority::External => {
                    "The certificates are those of an external authority: `meshgen ca show` lists them."
                }
                CertificateAuthority::None => "Another authority signs: the tree has no certificates.",
            },
        }
    }
}

fn member(mesh: &Mesh<'_>, cluster: &Cluster<'_>, collector: Option<&str>) -> Member {
    const ADDRESSES: usize = 2;
    let primary = (!cluster.is_primary()).then(|| mesh.primary_of(cluster).name);
    let mut lines = vec![primary.map_or_else(|| "primary".to_owned(), |primary| format!("remote of {primary}"))];
    if cluster.is_waiting {
        lines.push("waits for an address".to_owned());
    }
    if let Some(gateway) = &cluster.gateway {
        let written = gateway.written;
        let mut addresses: Vec<String> = if written.is_static() {
            Vec::new()
        } else {
            written.external_ips.iter().map(ToString::to_string).collect()
        };
        if addresses.is_empty() {
            addresses.extend(gateway.address.clone());
        }
        let port = if mesh.is_multi_network() { written.port_for_services().to_string() } else { String::new() };
        let shown = addresses.iter().take(ADDRESSES).map(|address| match (port.as_str(), address.contains(':')) {
            ("", _) => format!("gateway {address}"),
            (port, true) => format!("gateway [{address}]:{port}"),
            (port, false) => format!("gateway {address}:{port}"),
        });
        lines.extend(shown);
        match addresses.len() {
            0 => lines.push("gateway, address not stated".to_owned()),
            count if count > ADDRESSES => lines.push(format!("and {} more", plural(count - ADDRESSES, "address"))),
            _ => {}
        }
    }
    if collector == Some(cluster.name) {
        lines.push("Zipkin".to_owned());
    }
    Member {
        name: cluster.name.to_owned(),
        network: cluster.network.to_owned(),
        primary: primary.map(str::to_owned),
        lines,
    }
}

/// What becomes of a part of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Stays,
    Comes,
    Goes,
    Changes,
}

impl State {
    /// The class of its group.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Stays => "",
            Self::Comes => " comes",
            Self::Goes => " goes",
            Self::Changes => " changes",
        }
    }

    /// What stands in front of its name.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Stays => "",
            Self::Comes => "+ ",
            Self::Goes => "- ",
            Self::Changes => "~ ",
        }
    }
}

/// Two meshes in one.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) title: String,
    pub(super) is_change: bool,
    pub(super) networks: Vec<(String, State)>,
    pub(super) clusters: Vec<(Member, State)>,
    /// Who serves whom: the primary and the remote.
    pub(super) control: Vec<(String, String, State)>,
    /// Where traces go, and where they went.
    pub(super) collectors: Vec<(String, State)>,
}

pub(super) fn compared(before: Option<&Scene>, after: &Scene) -> Compared {
    let Some(before) = before else { return alone(after) };
    let old: BTreeMap<&str, &Member> = before.clusters.iter().map(|member| (member.name.as_str(), member)).collect();
    let has = |scene: &Scene, name: &str| scene.clusters.iter().any(|member| member.name == name);
    let mut clusters = Vec::new();
    for member in &after.clusters {
        match old.get(member.name.as_str()) {
            None => clusters.push((member.clone(), State::Comes)),
            Some(same) if *same == member => clusters.push((member.clone(), State::Stays)),
            Some(other) => {
                let mut lines = member.lines.clone();
                if other.network != member.network {
                    lines.push(format!("was on {}", other.network));
                }
                let gone = other.lines.iter().filter(|line| !member.lines.contains(line));
                lines.extend(gone.map(|line| format!("was: {line}")));
                clusters.push((Member { lines, ..member.clone() }, State::Changes));
            }
        }
    }
    let gone = before.clusters.iter().filter(|member| !has(after, &member.name));
    clusters.extend(gone.map(|member| (member.clone(), State::Goes)));
    let state = |is_old: bool, is_new: bool| match (is_old, is_new) {
        (true, false) => State::Goes,
        (false, true) => State::Comes,
        _ => State::Stays,
    };
    let both = |old: &[String], new: &[String]| -> Vec<(String, State)> {
        let gone = old.iter().filter(|name| !new.contains(name));
        new.iter().chain(gone).map(|name| (name.clone(), state(old.contains(name), new.contains(name)))).collect()
    };
    let (was, is) = (control(before), control(after));
    let gone = was.iter().filter(|pair| !is.contains(pair));
    let pairs = is.iter().chain(gone).map(|pair| (pair.clone(), state(was.contains(pair), is.contains(pair))));
    let collectors = |scene: &Scene| scene.collector.iter().cloned().collect::<Vec<String>>();
    Compared {
        title: if before.title == after.title {
            format!("{}: what changes", after.title)
        } else {
            format!("{}: what changes. Before: {}", after.title, before.title)
        },
        is_change: true,
        networks: both(&before.networks, &after.networks),
        clusters,
        control: pairs.map(|((primary, remote), state)| (primary, remote, state)).collect(),
        collectors: both(&collectors(before), &collectors(after)),
    }
}

fn control(scene: &Scene) -> Vec<(String, String)> {
    let pairs = scene.clusters.iter().filter_map(|member| Some((member.primary.clone()?, member.name.clone())));
    pairs.collect()
}

fn alone(scene: &Scene) -> Compared {
    Compared {
        title: scene.title.clone(),
        is_change: false,
        networks: scene.networks.iter().map(|name| (name.clone(), State::Stays)).collect(),
        clusters: scene.clusters.iter().map(|member| (member.clone(), State::Stays)).collect(),
        control: control(scene).into_iter().map(|(primary, remote)| (primary, remote, State::Stays)).collect(),
        collectors: scene.collector.iter().map(|name| (name.clone(), State::Stays)).collect(),
    }
}
