use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::emit::Outline;
use crate::flows::Flows;
use crate::layout::{
    CERTIFICATE, CHAIN, CONTROLLERS, ROOT_CERTIFICATE, bundle_path, cluster_of, is_of_bundle, is_pem, is_private,
};
use crate::lock::{self, Digest, Lock};
use crate::pki::inventory::{self, Entry, Role};
use crate::plan::waiting;

use super::format_1;

/// One of the two trees that are compared.
#[derive(Debug)]
pub struct Side {
    /// The side, as its user named it.
    pub name: String,
    /// The facts of the mesh that the tree records.
    pub(super) record: Lock,
    /// Every text but private keys, by path.
    files: BTreeMap<String, String>,
    certificates: Certificates,
    /// Who has to reach whom; none where that is not known, because a tree does not say all of it.
    pub(super) flows: Option<Flows>,
}

#[derive(Debug)]
enum Certificates {
    /// The certificates of a topology.
    Requested(Vec<Entry>),
    /// The certificates of a tree by cluster, read when they are needed.
    Standing(BTreeMap<String, OnceLock<Vec<Entry>>>),
}

impl Side {
    /// A topology, as it would be built.
    pub fn requested(name: impl Into<String>, outline: Outline) -> Self {
        Self {
            name: name.into(),
            record: outline.record,
            files: outline.tree.into_texts(),
            certificates: Certificates::Requested(outline.certificates),
            flows: Some(outline.flows),
        }
    }

    /// A mesh that does not exist yet.
    pub fn nothing(name: impl Into<String>) -> Self {
        Self { flows: Some(Flows::nothing()), ..Self::standing(name, Lock::default(), []) }
    }

    /// An existing tree: its lock, and its files by path.
    pub fn standing(name: impl Into<String>, lock: Lock, files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: BTreeMap<String, String> =
            files.into_iter().filter(|(path, _)| !is_private(path) && path != lock::FILE).collect();
        let pem = files.keys().filter(|path| is_pem(path));
        let read = pem.filter_map(|path| Some((cluster_of(path)?.to_owned(), OnceLock::new())));
        let certificates = Certificates::Standing(read.collect());
        let record = if lock.is_format_1 { format_1::with_facts(lock, &files) } else { lock };
        Self { name: name.into(), record, files, certificates, flows: None }
    }

    /// What the other side, which comes after, would take from this one because the address of a gateway is missing there.
    pub fn lost(&self, after: &Self) -> BTreeMap<String, BTreeSet<String>> {
        let gone = self.files.keys().map(String::as_str).filter(|path| !after.files.contains_key(*path));
        waiting::lost(&after.record, gone)
    }

    /// Whether the tree has no certificates, because somebody else signs.
    pub(super) fn is_without_root(&self) -> bool {
        self.record.is_without_root && self.record.roots.is_empty()
    }

    /// The files of the mesh as a whole, and what a controller is told.
    pub(super) fn pages(&self) -> BTreeMap<&str, &str> {
        let is_page = |path: &str| match path.split_once('/') {
            None => true,
            Some((directory, _)) => CONTROLLERS.contains(&directory) && !self.record.clusters.contains_key(directory),
        };
        let pages = self.files.iter().filter(|(path, _)| is_page(path));
        pages.map(|(path, text)| (path.as_str(), text.as_str())).collect()
    }

    /// Whether a directory has any file.
    pub(super) fn has_files_below(&self, prefix: &str) -> bool {
        self.files.range(prefix.to_owned()..).next().is_some_and(|(path, _)| path.starts_with(prefix))
    }

    /// The files of a cluster that are not certificates.
    pub(super) fn files_of(&self, cluster: &str) -> BTreeMap<&str, &str> {
        let prefix = format!("{cluster}/");
        let files = self.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        files.filter(|(path, _)| !is_of_bundle(path)).map(|(path, text)| (path.as_str(), text.as_str())).collect()
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is a file.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The existing public files of a cluster's bundle: `root-cert.pem`, `ca-cert.pem` and `cert-chain.pem`.
    pub(super) fn bundle_files(&self, cluster: &str) -> [Option<&str>; 3] {
        bundle_paths(cluster).map(|path| self.files.get(&path).map(String::as_str))
    }

    /// Every certificate of a cluster's bundle, with its roots.
    pub(super) fn certificates(&self, cluster: &str) -> Vec<&Entry> {
        match &self.certificates {
            Certificates::Requested(entries) => {
                let is_its = |entry: &&Entry| entry.cluster.as_deref() == Some(cluster);
                if !entries.iter().any(|entry| is_its(&entry)) {
                    return Vec::new();
                }
                let is_trusted = |entry: &&Entry| !entry.not_trusted_by.iter().any(|name| name == cluster);
                let is_root = |entry: &&Entry| entry.role == Role::Root && is_trusted(entry);
                entries.iter().filter(|entry| is_root(entry) || is_its(entry)).collect()
            }
            Certificates::Standing(read) => {
                let Some(entries) = read.get(cluster) else { return Vec::new() };
                let certificate = self.record.clusters.get(cluster).and_then(|record| record.certificate.as_ref());
                let generation = certificate.map(|(generation, _)| *generation);
                let read = || inventory::unproven(cluster, generation, self.bundle_files(cluster));
                entries.get_or_init(read).iter().collect()
            }
        }
    }

    /// The certificates of a role in all bundles.
    pub(super) fn all_certificates(&self, role: Role) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = Vec::new();
        for cluster in self.record.clusters.keys() {
            for entry in self.certificates(cluster).into_iter().filter(|entry| entry.role == role) {
                if !all.contains(&entry) {
                    all.push(entry);
                }
            }
        }
        all
    }

    /// The digest of a cluster's private key, as the lock pins it.
    pub(super) fn key_digest(&self, cluster: &str) -> Option<Digest> {
        self.record.key_digest(cluster)
    }
}

/// The paths of the public files of a cluster's bundle.
pub(super) fn bundle_paths(cluster: &str) -> [String; 3] {
    [ROOT_CERTIFICATE, CERTIFICATE, CHAIN].map(|file| bundle_path(cluster, file))
}
