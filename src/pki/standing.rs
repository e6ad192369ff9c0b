use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::emit::CACERTS;
use crate::lock;

use super::verify::Files;

/// The certificates that a build wrote earlier, and the lock that pins them.
#[derive(Default)]
pub struct Standing {
    files: BTreeMap<String, Zeroizing<String>>,
    digests: BTreeMap<String, String>,
    root: Option<String>,
    is_built: bool,
}

impl Standing {
    /// The files of every `20-cacerts`, by their paths in the tree, and the text of the tree's lock.
    pub fn new(lock: &str, files: impl IntoIterator<Item = (String, Zeroizing<String>)>) -> Self {
        let entries = lock::lines(lock);
        let is_built = !entries.is_empty();
        Self {
            files: files.into_iter().collect(),
            digests: entries
                .into_iter()
                .filter(|(path, _)| path.split('/').nth(1) == Some(CACERTS))
                .map(|(path, digest)| (path.to_owned(), digest.to_owned()))
                .collect(),
            is_built,
            root: lock::roots(lock).next().map(str::to_owned),
        }
    }

    /// Whether nothing was built yet.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.is_built
    }

    /// The clusters that have certificates here.
    pub(super) fn clusters(&self) -> Vec<&str> {
        let mut clusters: Vec<&str> =
            self.digests.keys().filter_map(|path| path.strip_suffix("/20-cacerts/ca-cert.pem")).collect();
        clusters.sort_unstable();
        clusters
    }

    /// The fingerprint of the root that the lock names.
    pub(super) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    /// The files of a cluster, if they are there and what the lock pins; the key may be missing, since it is not in Git.
    ///
    /// # Errors
    /// What is missing or was changed, as a sentence's rest that begins with the file.
    pub(super) fn files(&self, cluster: &str) -> Result<Files<'_>, String> {
        let file = |name: &str| {
            let path = path(cluster, name);
            let text = self.files.get(&path).ok_or_else(|| format!("{path} is not there"))?;
            match self.digests.get(&path) {
                Some(digest) if *digest == lock::digest(text.as_bytes()) => Ok(text.as_str()),
                Some(_) => Err(format!("{path} is not what {} pins", lock::FILE)),
                None => Err(format!("{path} is not in {}", lock::FILE)),
            }
        };
        let key = path(cluster, "ca-key.pem");
        Ok(Files {
            root_certificate: file("root-cert.pem")?,
            certificate: file("ca-cert.pem")?,
            chain: file("cert-chain.pem")?,
            key: if self.files.contains_key(&key) { Some(file("ca-key.pem")?) } else { None },
        })
    }

    /// The digest of a cluster's private key, as the lock pins it.
    pub(super) fn key_digest(&self, cluster: &str) -> Option<&str> {
        self.digests.get(&path(cluster, "ca-key.pem")).map(String::as_str)
    }
}

fn path(cluster: &str, file: &str) -> String {
    format!("{cluster}/20-cacerts/{file}")
}

/// There are keys among the files.
impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Standing({} files)", self.files.len())
    }
}
