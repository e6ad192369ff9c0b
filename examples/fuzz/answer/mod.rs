//! What has to hold of the answer to any input, whichever text of meshgen it stands for.

use std::path::Path;

pub(crate) mod bundle;
pub(crate) mod ciphertext;
pub(crate) mod journal;
mod lines;
mod topology;

/// A text that meshgen reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Topology,
    /// `meshgen.lock`.
    Lock,
    /// The journal of a build that was killed.
    Journal,
    /// The seed of a mesh.
    Seed,
    /// The files of a bundle of certificates, in one text: see `bundle::files`.
    Bundle,
    /// The file of a cluster's private key in a form that may stand in Git.
    Ciphertext,
}

/// How an input was answered.
pub(crate) struct Answer {
    pub(crate) findings: usize,
    pub(crate) has_errors: bool,
}

impl Target {
    pub(crate) const ALL: [Self; 6] =
        [Self::Topology, Self::Lock, Self::Journal, Self::Seed, Self::Bundle, Self::Ciphertext];

    /// How the name of a file with such an input ends.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Topology => "yaml",
            Self::Lock => "lock",
            Self::Journal => "journal",
            Self::Seed => "seed",
            Self::Bundle => "pem",
            Self::Ciphertext => "ciphertext",
        }
    }

    /// What a file holds, by its name.
    pub(crate) fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default();
        Self::ALL.into_iter().find(|target| target.extension() == extension).unwrap_or(Self::Topology)
    }

    /// Reads an input as meshgen does; it panics where something of the answer is not as it must be. `is_whole` asks for what takes long.
    pub(crate) fn answer(self, bytes: &[u8], is_whole: bool) -> Answer {
        match self {
            Self::Topology => topology::answer(bytes, is_whole),
            Self::Lock => lines::answer_lock(bytes),
            Self::Journal => journal::answer(bytes),
            Self::Seed => lines::answer_seed(bytes),
            Self::Bundle => bundle::answer(bytes, is_whole),
            Self::Ciphertext => ciphertext::answer(bytes),
        }
    }
}

impl Answer {
    /// What is refused for a number of reasons, or taken.
    fn refused(faults: usize) -> Self {
        Self { findings: faults, has_errors: faults > 0 }
    }
}
