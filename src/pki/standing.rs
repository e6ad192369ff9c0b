use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::layout::{CERTIFICATE, CHAIN, KEY, ROOT_CERTIFICATE, bundle_path, cluster_of, is_pem};
use crate::lock::{self, Digest, Lock};

use super::verify::Files;

/// The certificates that a build wrote earlier, and the lock that pins them.
#[derive(Default)]
pub struct Standing {
    files: BTreeMap<String, Zeroizing<String>>,
    digests: BTreeMap<String, Digest>,
    lock: Lock,
}

impl Standing {
    /// The files of every `20-cacerts`, by their paths in the tree, and the tree's lock.
    pub fn new(lock: Lock, files: impl IntoIterator<Item = (String, Zeroizing<String>)>) -> Self {
        let pem = lock.files.iter().filter(|(path, _)| is_pem(path));
        Self { files: files.into_iter().collect(), digests: pem.cloned().collect(), lock }
    }

    /// Whether nothing was built yet.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.lock.is_empty()
    }

    /// The lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The clusters that have certificates here.
    pub(super) fn clusters(&self) -> Vec<&str> {
        let is_bundle = |path: &&String| path.ends_with(CERTIFICATE);
        self.digests.keys().filter(is_bundle).filter_map(|path| cluster_of(path)).collect()
    }

    /// The files of a cluster, if they exist and match the lock. The key may be missing, because it is not in Git.
    ///
    /// # Errors
    /// A file is missing or was changed, as the rest of a sentence.
    pub(super) fn files(&self, cluster: &str) -> Result<Files<'_>, String> {
        let file = |name: &str| {
            let path = bundle_path(cluster, name);
            let text = self.files.get(&path).ok_or_else(|| format!("{path} does not exist"))?;
            match self.digests.get(&path) {
                Some(digest) if *digest == Digest::of(text.as_bytes()) => Ok(text.as_str()),
                Some(_) => Err(format!("{path} differs from {}", lock::FILE)),
                None => Err(format!("{path} is not in {}", lock::FILE)),
            }
        };
        Ok(Files {
            root_certificate: file(ROOT_CERTIFICATE)?,
            certificate: file(CERTIFICATE)?,
            chain: file(CHAIN)?,
            key: if self.files.contains_key(&bundle_path(cluster, KEY)) { Some(file(KEY)?) } else { None },
        })
    }

    /// The digest of a cluster's private key, as the lock pins it.
    pub(super) fn key_digest(&self, cluster: &str) -> Option<Digest> {
        self.digests.get(&bundle_path(cluster, KEY)).copied()
    }
}

/// The files are not printed, because there are keys among them.
impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Standing({} files)", self.files.len())
    }
}
