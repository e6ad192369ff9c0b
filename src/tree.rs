//! Files by path, in memory.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::lock::{self, Lock};

/// The files that realise a topology, or that stand in a directory, by path with `/` between its parts.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, File>,
    /// What its `meshgen.lock` says: as it was added, or once somebody has asked.
    lock: OnceLock<Lock>,
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for Tree {}

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Who may do what with it.
    pub mode: Mode,
}

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everyone reads it: 0644.
    Public,
    /// Everyone runs it: 0755.
    Executable,
    /// Nobody but its owner reads it: 0600.
    Private,
}

impl Mode {
    /// The permission bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Executable => 0o755,
            Self::Private => 0o600,
        }
    }
}

impl Tree {
    /// Adds a file.
    ///
    /// # Panics
    /// If two artifacts have the same path.
    pub fn add(&mut self, path: impl Into<String>, mode: Mode, bytes: impl Into<Vec<u8>>) {
        let path = path.into();
        let mut bytes = bytes.into();
        // The whole tree stays in memory until it is written, so unused capacity is returned.
        bytes.shrink_to_fit();
        self.lock.take();
        let before = self.files.insert(path.clone(), File { bytes, mode });
        assert!(before.is_none(), "two artifacts claim {path}");
    }

    /// The file at a path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Adds the lock, after all that it lists.
    pub(crate) fn add_lock(&mut self, lock: Lock) {
        self.add(lock::FILE, Mode::Public, lock.to_string());
        debug_assert_eq!(*self.lock(), lock, "what is printed is what is read");
        self.lock = OnceLock::from(lock);
    }

    /// The lock that it holds; an empty one where it holds none.
    ///
    /// # Panics
    /// If what it holds is not a lock.
    pub(crate) fn lock(&self) -> &Lock {
        self.lock.get_or_init(|| {
            let text = self.get(lock::FILE).map(|file| String::from_utf8_lossy(&file.bytes));
            text.map(|text| text.parse().expect("what was printed can be read")).unwrap_or_default()
        })
    }

    /// All files, by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// The texts of all files that are not private, by path.
    pub fn into_texts(self) -> BTreeMap<String, String> {
        let public = self.files.into_iter().filter(|(_, file)| file.mode != Mode::Private);
        public.map(|(path, file)| (path, String::from_utf8_lossy(&file.bytes).into_owned())).collect()
    }

    /// All files of several trees.
    ///
    /// # Panics
    /// If two artifacts have the same path.
    pub fn join(trees: impl IntoIterator<Item = Self>) -> Self {
        let mut files: Vec<(String, File)> = trees.into_iter().flat_map(|tree| tree.files).collect();
        files.sort_by(|(left, _), (right, _)| left.cmp(right));
        for pair in files.windows(2) {
            assert!(pair[0].0 != pair[1].0, "two artifacts claim {}", pair[0].0);
        }
        Self { files: files.into_iter().collect(), ..Self::default() }
    }
}

/// Private bytes stay private when a tree is printed for debugging.
impl std::fmt::Debug for File {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "File({:?}, {} bytes)", self.mode, self.bytes.len())
    }
}
