use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;
use zeroize::Zeroizing;

use crate::layout::{CERTIFICATE, CHAIN, KEY, ROOT_CERTIFICATE, bundle_path, cluster_of, is_of_bundle, is_private};
use crate::lock::{self, Digest, Lock};
use crate::template::word;

use super::verify::{self, Facts, Files};

/// The certificates that a build wrote earlier, and the lock that pins them.
#[derive(Default)]
pub struct Standing {
    directory: Utf8PathBuf,
    files: BTreeMap<String, Zeroizing<String>>,
    digests: BTreeMap<String, Digest>,
    lock: Lock,
}

/// What is wrong with the files of a cluster.
#[derive(Debug)]
pub(super) struct Damage {
    /// A sentence that begins with a path.
    pub(super) sentence: String,
    /// How the files come back; none if no build wrote them.
    pub(super) help: Option<String>,
}

/// A root that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingRoot {
    /// The file that names it.
    pub path: Utf8PathBuf,
    /// Which one it is.
    pub is: Which,
}

/// Which root is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// That whose DER has this SHA-256, in hexadecimal.
    Fingerprint(String),
    /// Nobody knows, because the certificates cannot be read: their files.
    Unreadable(Vec<(String, Digest)>),
    /// That of an authority which meshgen does not know: the tree has no certificates.
    Unknown,
}

impl Standing {
    /// The directory of a tree, its lock, and the files of every `20-cacerts` by their paths in the tree.
    pub fn new(
        directory: impl Into<Utf8PathBuf>,
        lock: Lock,
        files: impl IntoIterator<Item = (String, Zeroizing<String>)>,
    ) -> Self {
        let digests = lock.files.iter().filter(|(path, _)| is_of_bundle(path)).cloned().collect();
        Self { directory: directory.into(), files: files.into_iter().collect(), digests, lock }
    }

    /// Whether nothing was built yet.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.lock.is_empty()
    }

    /// Whether something was built that has a root.
    pub fn has_root(&self) -> bool {
        !(self.is_empty() || self.lock.is_without_root && self.lock.roots.is_empty())
    }

    /// Whether there are certificates or keys, and no lock that pins them.
    pub fn is_unpinned(&self) -> bool {
        !self.files.is_empty() && self.lock.is_empty()
    }

    /// Whether there is a certificate, and not only keys.
    pub fn has_certificates(&self) -> bool {
        self.files.keys().any(|path| !is_private(path))
    }

    /// The paths of the private keys that are there, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.files.keys().filter(|path| is_private(path)).cloned().collect()
    }

    /// The roots in use: those that the lock names, or without a lock those of the certificates.
    pub fn roots(&self) -> Vec<StandingRoot> {
        if !self.lock.is_empty() {
            let path = self.directory.join(lock::FILE);
            let root = |root: &lock::Certificate| StandingRoot {
                path: path.clone(),
                is: Which::Fingerprint(root.fingerprint.clone()),
            };
            let unknown = self.lock.is_without_root.then(|| StandingRoot { path: path.clone(), is: Which::Unknown });
            return self.lock.roots.iter().map(root).chain(unknown).collect();
        }
        let mut clusters: Vec<&str> = self.files.keys().filter_map(|path| cluster_of(path)).collect();
        clusters.dedup();
        let mut roots: Vec<StandingRoot> = Vec::new();
        for root in clusters.into_iter().flat_map(|cluster| self.roots_of(cluster)) {
            // Files that cannot be read have other paths in each cluster.
            if roots.iter().all(|known| known.is != root.is) {
                roots.push(root);
            }
        }
        roots
    }

    /// The roots of a cluster as its certificates tell them: those of `root-cert.pem`, or else the last one of the chain.
    fn roots_of(&self, cluster: &str) -> Vec<StandingRoot> {
        let facts = |file: &str| {
            let path = bundle_path(cluster, file);
            let facts = self.files.get(&path).and_then(|text| verify::facts_of(text)).unwrap_or_default();
            (self.directory.join(path), facts)
        };
        let (path, mut facts_of_roots) = facts(ROOT_CERTIFICATE);
        let (chain, issuers) = facts(CHAIN);
        let is_in_chain = facts_of_roots.is_empty();
        facts_of_roots.extend(issuers.into_iter().next_back().filter(|_| is_in_chain));
        let path = if is_in_chain { chain } else { path };
        if facts_of_roots.is_empty() {
            let files = self.files.iter().filter(|(path, _)| cluster_of(path) == Some(cluster));
            let files = files.map(|(path, text)| (path.clone(), Digest::of(text.as_bytes()))).collect();
            let path = self.directory.join(bundle_path(cluster, ROOT_CERTIFICATE));
            return vec![StandingRoot { path, is: Which::Unreadable(files) }];
        }
        let root = |facts: Facts| StandingRoot { path: path.clone(), is: Which::Fingerprint(facts.fingerprint) };
        facts_of_roots.into_iter().map(root).collect()
    }

    /// The lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The same, and nothing else of it.
    pub(crate) fn into_lock(self) -> Lock {
        self.lock
    }

    /// The clusters that have certificates here.
    pub(super) fn clusters(&self) -> Vec<&str> {
        let is_bundle = |path: &&String| path.ends_with(CERTIFICATE);
        self.digests.keys().filter(is_bundle).filter_map(|path| cluster_of(path)).collect()
    }

    /// The files of a cluster, if they exist and match the lock. The key may be missing, because it is not in Git.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn files(&self, cluster: &str) -> Result<Files<'_>, Damage> {
        match [ROOT_CERTIFICATE, CERTIFICATE, CHAIN, KEY].map(|file| self.file(cluster, file)) {
            [Ok(root_certificate), Ok(certificate), Ok(chain), key @ (Ok(_) | Err(None))] => {
                Ok(Files { root_certificate, certificate, chain, key: key.ok() })
            }
            found => Err(self.damage(cluster, found.into_iter().filter_map(Result::err).flatten().collect())),
        }
    }

    /// A file of a cluster, or what is wrong with it; nothing is wrong with a missing key.
    fn file(&self, cluster: &str, file: &str) -> Result<&str, Option<String>> {
        let path = bundle_path(cluster, file);
        match (self.files.get(&path), self.digests.get(&path)) {
            (None, _) if is_private(&path) => Err(None),
            (None, _) => Err(Some(format!("{path} does not exist"))),
            (Some(text), Some(digest)) if *digest == Digest::of(text.as_bytes()) => Ok(text),
            (Some(_), Some(_)) => Err(Some(format!("{path} differs from {}", lock::FILE))),
            (Some(_), None) => Err(Some(format!("{path} is not in {}", lock::FILE))),
        }
    }

    /// What is wrong with the files of a cluster. What the lock lists comes back from Git, except keys.
    fn damage(&self, cluster: &str, mut sentences: Vec<String>) -> Damage {
        let is_listed = self.digests.contains_key(&bundle_path(cluster, CERTIFICATE));
        if !is_listed {
            sentences.truncate(1);
            return Damage { sentence: sentences.concat(), help: None };
        }
        let damaged = |file: &&'static str| matches!(self.file(cluster, file), Err(Some(_)));
        let path = |file: &str| word(self.directory.join(bundle_path(cluster, file)).as_str());
        let public: Vec<String> =
            [ROOT_CERTIFICATE, CERTIFICATE, CHAIN].into_iter().filter(damaged).map(path).collect();
        let help = match public.as_slice() {
            [] => format!("remove {}: `meshgen build` with the seed makes it again", path(KEY)),
            [path] => format!("`git checkout -- {path}` brings it back"),
            paths => format!("`git checkout -- {}` brings them back", paths.join(" ")),
        };
        Damage { sentence: sentences.join("; "), help: Some(help) }
    }

    /// The digest of a cluster's private key, as the lock pins it.
    pub(crate) fn key_digest(&self, cluster: &str) -> Option<Digest> {
        self.lock.key_digest(cluster)
    }

    /// Whether a cluster's key was encrypted for these readers and no others.
    pub(crate) fn has_readers(&self, cluster: &str, readers: &[String]) -> bool {
        self.lock.clusters.get(cluster).is_some_and(|cluster| cluster.readers == readers)
    }

    /// A file of a cluster's `20-cacerts`, if it exists and matches the lock.
    pub(crate) fn text(&self, cluster: &str, file: &str) -> Option<&str> {
        self.file(cluster, file).ok()
    }
}

/// The files are not printed, because there are keys among them.
impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Standing({} files)", self.files.len())
    }
}
