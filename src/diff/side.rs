use std::collections::BTreeMap;
use std::sync::OnceLock;

use camino::Utf8Path;

use crate::Outline;
use crate::emit::CACERTS;
use crate::lock;
use crate::pki::inventory::{self, Entry, Role};
use crate::release::{Release, release};
use crate::topology::IstioVersion;

/// One of the two trees that are compared.
#[derive(Debug)]
pub struct Side {
    /// The side, as its user named it.
    pub name: String,
    /// Every text but private keys, by path.
    files: BTreeMap<String, String>,
    certificates: Certificates,
    facts: OnceLock<Facts>,
}

#[derive(Debug)]
enum Certificates {
    /// What a topology asks for.
    Requested(Vec<Entry>),
    /// What a tree holds, by cluster, read where it is asked for; and what its lock says of keys.
    Standing {
        generations: BTreeMap<String, u32>,
        key_digests: BTreeMap<String, String>,
        read: BTreeMap<String, OnceLock<Vec<Entry>>>,
    },
}

/// What a tree says of its mesh.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) version: Option<IstioVersion>,
    pub(super) clusters: BTreeMap<String, Member>,
}

/// What a tree says of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) network: String,
    /// The cluster whose istiod serves it; its own name for a primary.
    pub(super) primary: String,
    pub(super) api_server: String,
    /// What others dial; empty where there is a gateway whose address is not known yet.
    pub(super) gateway: Option<String>,
    pub(super) context: String,
}

const ROOT_CERTIFICATE: &str = "root-cert.pem";
const CERTIFICATE: &str = "ca-cert.pem";
const CHAIN: &str = "cert-chain.pem";

impl Side {
    /// A topology, as it would be built.
    pub fn requested(name: impl Into<String>, outline: Outline) -> Self {
        let files = outline.tree.into_texts();
        Self {
            name: name.into(),
            files,
            certificates: Certificates::Requested(outline.certificates),
            facts: OnceLock::new(),
        }
    }

    /// A tree as it stands: the text of its lock, and its files by path.
    pub fn standing(name: impl Into<String>, lock: &str, files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: BTreeMap<String, String> =
            files.into_iter().filter(|(path, _)| !is_private(path) && path != lock::FILE).collect();
        let pem = files.keys().filter(|path| has_extension(path, "pem"));
        let read = pem.filter_map(|path| Some((path.split_once('/')?.0.to_owned(), OnceLock::new())));
        let keys = lock::lines(lock).into_iter().filter(|(path, _)| is_private(path));
        let generations = lock::generations(lock).into_iter();
        let certificates = Certificates::Standing {
            generations: generations.map(|(cluster, generation)| (cluster.to_owned(), generation)).collect(),
            key_digests: keys.map(|(path, digest)| (path.to_owned(), digest.to_owned())).collect(),
            read: read.collect(),
        };
        Self { name: name.into(), certificates, files, facts: OnceLock::new() }
    }

    /// The clusters of the mesh.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &str> {
        self.facts().clusters.keys().map(String::as_str)
    }

    pub(super) fn has(&self, cluster: &str) -> bool {
        self.facts().clusters.contains_key(cluster)
    }

    pub(super) fn member(&self, cluster: &str) -> Option<&Member> {
        self.facts().clusters.get(cluster)
    }

    pub(super) fn release(&self) -> Option<&'static Release> {
        self.facts().version.and_then(release)
    }

    /// The files of the mesh as a whole.
    pub(super) fn pages(&self) -> BTreeMap<&str, &str> {
        let pages = self.files.iter().filter(|(path, _)| !path.contains('/'));
        pages.map(|(path, text)| (path.as_str(), text.as_str())).collect()
    }

    /// The files of a cluster that are no certificates.
    pub(super) fn files_of(&self, cluster: &str) -> BTreeMap<&str, &str> {
        let prefix = format!("{cluster}/");
        let files = self.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        files
            .filter(|(path, _)| !has_extension(path, "pem"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect()
    }

    /// The public files of a cluster's bundle, where they stand: `root-cert.pem`, `ca-cert.pem` and `cert-chain.pem`.
    pub(super) fn bundle_files(&self, cluster: &str) -> [Option<&str>; 3] {
        let path = |file: &str| format!("{cluster}/{CACERTS}/{file}");
        [ROOT_CERTIFICATE, CERTIFICATE, CHAIN].map(|file| self.files.get(&path(file)).map(String::as_str))
    }

    /// The paths of these files.
    pub(super) fn bundle_paths(&self, cluster: &str) -> [String; 3] {
        [ROOT_CERTIFICATE, CERTIFICATE, CHAIN].map(|file| format!("{cluster}/{CACERTS}/{file}"))
    }

    /// Every certificate of a cluster's bundle, the roots that it makes proxies trust included.
    pub(super) fn certificates(&self, cluster: &str) -> Vec<&Entry> {
        match &self.certificates {
            Certificates::Requested(entries) => {
                let is_its = |entry: &&Entry| entry.cluster.as_deref() == Some(cluster);
                if !entries.iter().any(|entry| is_its(&entry)) {
                    return Vec::new();
                }
                entries.iter().filter(|entry| entry.role == Role::Root || is_its(entry)).collect()
            }
            Certificates::Standing { generations, read, .. } => {
                let Some(entries) = read.get(cluster) else { return Vec::new() };
                let generation = generations.get(cluster).copied();
                let read = || inventory::unproven(cluster, generation, self.bundle_files(cluster));
                entries.get_or_init(read).iter().collect()
            }
        }
    }

    /// The certificates of a role in all bundles.
    pub(super) fn all_certificates(&self, role: Role) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = Vec::new();
        for cluster in self.clusters() {
            for entry in self.certificates(cluster).into_iter().filter(|entry| entry.role == role) {
                if !all.contains(&entry) {
                    all.push(entry);
                }
            }
        }
        all
    }

    /// The digest of a cluster's private key, as the lock pins it.
    pub(super) fn key_digest(&self, cluster: &str) -> Option<&str> {
        let Certificates::Standing { key_digests, .. } = &self.certificates else { return None };
        key_digests.get(&format!("{cluster}/{CACERTS}/ca-key.pem")).map(String::as_str)
    }

    /// The steps of the installation, such as `cluster1/30-istio`, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &str> {
        let script = self.files.get("install.sh").map_or("", String::as_str);
        script.lines().filter_map(|line| line.strip_prefix("step '")?.split('\'').next())
    }

    pub(super) fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            let read = Facts::read(
                self.files.get("README.md").map_or("", String::as_str),
                self.files.get("install.sh").map_or("", String::as_str),
            );
            read.with_directories(self.files.keys())
        })
    }
}

impl Facts {
    /// The table of the tree's README is what says all of a cluster in one place; its context stands in `install.sh`.
    fn read(readme: &str, script: &str) -> Self {
        let version = readme.lines().find_map(|line| line.strip_prefix("Istio ")?.split(',').next()?.parse().ok());
        let contexts: BTreeMap<&str, &str> = script
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("context '")?.strip_suffix('\'')?.split_once("' '"))
            .collect();
        let table = readme.lines().take_while(|line| *line != "</table>");
        let rows = table.filter_map(|line| line.strip_prefix("<td>")?.strip_suffix("</td></tr>"));
        let clusters = rows.filter_map(|row| {
            let cells: Vec<&str> = row.split("</td><td>").collect();
            let [name, network, primary, api_server, gateway, _] = cells.as_slice() else { return None };
            let member = Member {
                network: (*network).to_owned(),
                primary: if *primary == "its own" { name } else { primary }.to_string(),
                api_server: (*api_server).to_owned(),
                gateway: match *gateway {
                    "none" => None,
                    "address not known yet" => Some(String::new()),
                    address => Some(address.to_owned()),
                },
                context: contexts.get(name).unwrap_or(name).to_string(),
            };
            Some((name.to_string(), member))
        });
        Self { version, clusters: clusters.collect() }
    }

    /// A tree whose README is not as it was still has its clusters' directories.
    fn with_directories<'p>(mut self, paths: impl Iterator<Item = &'p String>) -> Self {
        let directories = paths.filter_map(|path| path.split_once('/')).filter(|(_, rest)| rest.starts_with("10-"));
        for (name, _) in directories {
            self.clusters.entry(name.to_owned()).or_insert_with(|| Member {
                network: String::new(),
                primary: name.to_owned(),
                api_server: String::new(),
                gateway: None,
                context: name.to_owned(),
            });
        }
        self
    }
}

pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Utf8Path::new(path).extension() == Some(extension)
}

/// Whether a file may hold a private key.
pub(crate) fn is_private(path: &str) -> bool {
    path.ends_with("/ca-key.pem")
}
