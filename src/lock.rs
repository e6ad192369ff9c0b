//! `meshgen.lock`: the record of a tree. What a reader has to know of the mesh, the order of its installation, every certificate,
//! every file. This module only parses and prints it.
//!
//! Each fact is a line of its own that names its cluster, and each cluster's lines stand under a heading: two branches that change
//! neighbouring clusters change no neighbouring lines, and Git's union merge keeps the lines of both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::layout::{CACERTS, KEY, bundle_path};
use crate::topology::{Date, IstioVersion, Name};

pub use self::digest::Digest;

mod digest;
mod print;

/// The lock's path in a tree.
pub const FILE: &str = "meshgen.lock";

/// What to do about a lock that is damaged.
pub(crate) const RESTORE: &str = "restore it from Git; if it is lost, remove it and build with `--adopt`";

/// What stands in the place of a root where there is none.
pub(crate) const NO_ROOT: &str = "none";

/// What the first line of a lock begins with; the number of its format follows.
const FORMAT: &str = "meshgen-lock-";

/// The record of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// Whether the lock is of format 1, which records certificates and files alone.
    pub is_format_1: bool,
    /// The version of Istio, and what installs it.
    pub istio: Option<Istio>,
    /// The repository of Istio's charts, where Helm installs from it.
    pub charts: Option<String>,
    /// The namespaces whose workloads restart where what they started with is older.
    pub workloads: Vec<String>,
    /// The roots that proxies trust. After a merge without a build, those of both branches.
    pub roots: Vec<Certificate>,
    /// Whether the tree has no certificates, because somebody else signs. A lock that says nothing of roots is damaged.
    pub is_without_root: bool,
    /// Certificates that are never to be made again: a cluster, and a generation of its key.
    pub retired: Vec<(String, u32)>,
    /// The cluster of the collector that traces go to.
    pub traces_to: Option<String>,
    /// The cluster for whose gateway's address tracing waits.
    pub traces_wait_for: Option<String>,
    /// The steps of the installation in order, such as `east/30-istio`.
    pub steps: Vec<String>,
    /// The clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// The files, sorted by path. After a merge without a build, a path may have a digest of each branch.
    pub files: Vec<(String, Digest)>,
}

/// What is installed in every cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Istio {
    /// The version.
    pub version: IstioVersion,
    /// The programs that install it, with commas between them.
    pub installer: String,
}

/// What a tree records of a cluster. What is `None` is not recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The name of its network.
    pub network: Option<String>,
    /// The cluster whose istiod serves it; its own name for a primary.
    pub primary: Option<String>,
    /// Whether it waits for the address of its primary's gateway.
    pub is_waiting: bool,
    /// The URL of its API server.
    pub api_server: Option<String>,
    /// The digest of the CA certificates that istiods trust there, if it is not the cluster's own CA.
    pub api_server_ca: Option<Digest>,
    /// The URL of the proxy on the way there.
    pub proxy_url: Option<String>,
    /// The kubeconfig context that the scripts use.
    pub context: Option<String>,
    /// Its east-west gateway.
    pub gateway: Option<Gateway>,
    /// What its proxies know from their start alone: where that differs, they restart.
    pub at_start: Option<String>,
    /// The ranges that nodes of its network's other clusters route to its nodes: destination and next hop.
    pub routes: Vec<(String, String)>,
    /// The certificate that its istiod signs with, and the generation of its key.
    pub certificate: Option<(u32, Certificate)>,
    /// The authorities between that certificate and the root.
    pub issuers: Vec<Certificate>,
    /// SHA-256 of each root that its proxies trust, in the order of `root-cert.pem`; none recorded where the mesh has one root.
    pub roots: Vec<String>,
    /// SHA-256 of the root under which it signs; not recorded where the mesh has one root.
    pub anchor: Option<String>,
    /// The digest of the roots that its mesh config tells proxies besides (`caCertificates`).
    pub told_roots: Option<Digest>,
    /// The digest of its private key, where the tree has it in another form than that of a file.
    pub key: Option<Digest>,
    /// Who can read the private key: age recipients, the fingerprint of the certificate that it is sealed with, or the store that has it.
    pub readers: Vec<String>,
}

/// Whether a cluster has an east-west gateway, and what others dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gateway {
    /// It has none.
    Absent,
    /// It has one whose address is not known yet.
    Unaddressed,
    /// It has one at an address.
    At(String),
}

impl Gateway {
    /// Whether others dial an IP address, and not a name; `None` where nothing is known to dial.
    pub fn is_by_address(&self) -> Option<bool> {
        match self {
            Self::At(address) => Some(address.parse::<IpAddr>().is_ok()),
            Self::Absent | Self::Unaddressed => None,
        }
    }
}

/// What is public of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER in hexadecimal.
    pub fingerprint: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The first day.
    pub not_before: Date,
    /// The last day.
    pub not_after: Date,
}

impl Lock {
    /// The digest of a file.
    pub fn digest(&self, path: &str) -> Option<Digest> {
        let at = self.files.partition_point(|(known, _)| known.as_str() < path);
        self.files.get(at).filter(|(known, _)| known == path).map(|(_, digest)| *digest)
    }

    /// The digest of a cluster's private key.
    pub fn key_digest(&self, cluster: &str) -> Option<Digest> {
        let of_file = || self.digest(&bundle_path(cluster, KEY));
        self.clusters.get(cluster).and_then(|cluster| cluster.key).or_else(of_file)
    }

    /// SHA-256 of each root that the proxies of a cluster trust.
    pub(crate) fn roots_of(&self, cluster: &str) -> Vec<&str> {
        let own = self.clusters.get(cluster).map(|cluster| &cluster.roots).filter(|roots| !roots.is_empty());
        match own {
            Some(roots) => roots.iter().map(String::as_str).collect(),
            None => self.roots.iter().map(|root| root.fingerprint.as_str()).collect(),
        }
    }

    /// The paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(path, _)| path.as_str())
    }

    /// The paths that a tree of before has and this one has not.
    pub fn gone<'b>(&self, before: &'b Self) -> impl Iterator<Item = &'b str> {
        let stated: BTreeSet<&str> = self.paths().collect();
        before.paths().filter(move |path| !stated.contains(path))
    }

    /// Whether a line is about a certificate of a cluster, or about the directory of one.
    pub(crate) fn has_certificates(&self) -> bool {
        let is_certified = |cluster: &Cluster| cluster.certificate.is_some() || !cluster.issuers.is_empty();
        let has_directory = |path: &str| path.split('/').nth(1) == Some(CACERTS);
        self.clusters.values().any(is_certified)
            || self.paths().any(has_directory)
            || self.steps.iter().any(|step| has_directory(step))
    }

    /// Whether nothing was built.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Ok(digest) = word.parse() {
            // A line that was cut short has no path.
            let path = Some(rest).filter(|path| !path.is_empty())?;
            self.files.push((path.to_owned(), digest));
            return Some(());
        }
        match word {
            "" | "#" | "meshgen" => {}
            "istio" => {
                let (version, installer) = rest.split_once(" by ")?;
                self.istio = Some(Istio { version: version.parse().ok()?, installer: installer.to_owned() });
            }
            "charts" => self.charts = Some(rest.strip_prefix("from ")?.to_owned()),
            "workloads" => self.workloads.push(name(rest)?),
            "retired" => {
                let (cluster, generation) = rest.split_once(" generation ")?;
                self.retired.push((name(cluster)?, generation.parse().ok()?));
            }
            "traces" => match rest.strip_prefix("to ") {
                Some(cluster) => self.traces_to = Some(name(cluster)?),
                None => self.traces_wait_for = Some(name(rest.strip_prefix("wait for ")?)?),
            },
            "step" => self.steps.push(rest.to_owned()),
            "root" if rest == NO_ROOT => self.is_without_root = true,
            "root" => self.roots.push(rest.parse().ok()?),
            _ => self.read_fact(word, rest.strip_prefix("of ")?)?,
        }
        Some(())
    }

    /// A fact of a cluster: `network of east lan`.
    fn read_fact(&mut self, word: &str, rest: &str) -> Option<()> {
        let (cluster, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let cluster = self.clusters.entry(name(cluster)?).or_default();
        let text = || Some(value.to_owned());
        match word {
            "network" => cluster.network = Some(name(value)?),
            "primary" => cluster.primary = Some(name(value)?),
            "wait" if value == "for the address of its primary" => cluster.is_waiting = true,
            "server" => cluster.api_server = text(),
            "authority" => cluster.api_server_ca = Some(value.parse().ok()?),
            "way" => cluster.proxy_url = Some(value.strip_prefix("through ")?.to_owned()),
            "proxies" => cluster.at_start = text(),
            "route" => {
                let (destination, via) = value.split_once(" via ")?;
                cluster.routes.push((destination.to_owned(), via.to_owned()));
            }
            "context" => cluster.context = Some(serde_json::from_str(value).ok()?),
            "gateway" if value == "none" => cluster.gateway = Some(Gateway::Absent),
            "gateway" if value.is_empty() => cluster.gateway = Some(Gateway::Unaddressed),
            "gateway" => cluster.gateway = Some(Gateway::At(value.strip_prefix("at ")?.to_owned())),
            "issuer" => cluster.issuers.push(value.parse().ok()?),
            "trust" => cluster.roots.push(value.strip_prefix("sha256:")?.to_owned()),
            "anchor" => cluster.anchor = Some(value.strip_prefix("sha256:")?.to_owned()),
            "told" => cluster.told_roots = Some(value.strip_prefix("roots ")?.parse().ok()?),
            "key" => cluster.key = Some(value.parse().ok()?),
            "reader" => cluster.readers.push(text()?),
            "certificate" => {
                let words: Vec<&str> = value.split(' ').collect();
                let ["generation", generation, "valid", first, "to", last, "serial", serial, fingerprint] = words[..]
                else {
                    return None;
                };
                let certificate = Certificate {
                    fingerprint: fingerprint.strip_prefix("sha256:")?.to_owned(),
                    serial: serial.to_owned(),
                    not_before: Date::of_any_year(first).ok()?,
                    not_after: Date::of_any_year(last).ok()?,
                };
                cluster.certificate = Some((generation.parse().ok()?, certificate));
            }
            _ => return None,
        }
        Some(())
    }
}

/// A name of a cluster, a network or a namespace. Reports repeat it, and whoever can change the lock could write any text there.
fn name(text: &str) -> Option<String> {
    text.parse().ok().map(|name: Name| name.as_str().to_owned())
}

/// Why a text is not a lock that can be used, and what to do, as the rest of a sentence.
impl FromStr for Lock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A marker of Git is no line of a lock, so it is looked for only where a line cannot be read.
        let is_marker = |line: &str| ["<<<<<<< ", "=======", ">>>>>>> "].iter().any(|marker| line.starts_with(marker));
        let refusal = |why: &str| {
            let is_conflict = text.lines().any(is_marker);
            let conflict = "contains an unresolved Git conflict: take either side of it, then build again";
            if is_conflict { conflict } else { why }.to_owned()
        };
        let mut lines = text.lines();
        let mut lock = match lines.next().and_then(|line| line.strip_prefix(FORMAT)) {
            Some("1") => Self { is_format_1: true, ..Self::default() },
            Some("2") => Self::default(),
            Some(format) if format.parse().is_ok_and(|format: u32| format > 2) => {
                return Err(refusal("was written by a newer meshgen: use that version"));
            }
            _ if text.trim().is_empty() => return Err(format!("is empty: {RESTORE}")),
            _ => {
                return Err(refusal(&format!("is not a lock file of meshgen: {RESTORE}")));
            }
        };
        for (number, line) in lines.enumerate() {
            // Two branches of different formats may have been merged.
            // A line feed that follows would make a line end of it.
            let has_return = line.contains('\r');
            if !line.starts_with(FORMAT) && (has_return || lock.read_line(line).is_none()) {
                return Err(refusal(&format!("has a line {} that cannot be read: {RESTORE}", number + 2)));
            }
        }
        // A merge may have left lines in any order.
        lock.files.sort_by(|(one, _), (other, _)| one.cmp(other));
        if lock.roots.is_empty() && !lock.is_without_root {
            return Err(format!("has no root: {RESTORE}"));
        }
        if lock.roots.is_empty() && lock.has_certificates() {
            return Err(format!("says that there are no certificates, and lists some: {RESTORE}"));
        }
        if lock.files.is_empty() {
            return Err(format!("is cut short, because it lists no file: {RESTORE}"));
        }
        Ok(lock)
    }
}

impl FromStr for Certificate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let [fingerprint, "serial", serial, "valid", first, "to", last] = words[..] else { return Err(()) };
        Ok(Self {
            fingerprint: fingerprint.strip_prefix("sha256:").ok_or(())?.to_owned(),
            serial: serial.to_owned(),
            not_before: Date::of_any_year(first).map_err(|_| ())?,
            not_after: Date::of_any_year(last).map_err(|_| ())?,
        })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fingerprint, serial, not_before, not_after } = self;
        write!(out, "sha256:{fingerprint} serial {serial} valid {not_before} to {not_after}")
    }
}

/// The lines of a journal: the digests of the files that a build was about to write.
pub(crate) fn journal(text: &str) -> impl Iterator<Item = (&str, Digest)> {
    text.lines().filter_map(|line| {
        let (digest, path) = line.split_once(' ')?;
        Some((path, digest.parse().ok()?))
    })
}
