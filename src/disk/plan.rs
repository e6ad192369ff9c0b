//! The plan of what a build does to a directory, made before the first write.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;

use crate::lock::{self, Digest, Lock};
use crate::parallel;
use crate::tree::{File, Mode, Tree};

use super::{DiskError, JOURNAL, TEMPORARY, at, found, is_absent, parse_lock, refusal, refuse_others};

/// How a directory differs from a tree.
#[derive(Debug, Default)]
pub struct Plan {
    /// The state of each file of the tree.
    pub states: BTreeMap<String, State>,
    /// Files of an earlier build that are no longer emitted.
    pub stale: Vec<String>,
    /// The same, but edited since. A build keeps them.
    pub edited_stale: Vec<String>,
    /// Temporaries of a build that was killed.
    pub left_over: Vec<String>,
    /// How many files in the directories of the tree are not from meshgen.
    pub others: usize,
    /// Without a lock: files at paths where builds write, and that this one does not emit.
    pub unlisted: Vec<String>,
    /// Whether there is a lock that says what earlier builds wrote.
    pub has_lock: bool,
    /// The journal of builds that were killed.
    pub(super) journal: String,
}

/// The state on the disk of a file of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is up to date.
    Unchanged,
    /// It does not exist.
    Missing,
    /// An earlier build wrote it, and it has not been edited since.
    Ours,
    /// An earlier build wrote it, and it has been edited since.
    Edited,
    /// The same, but only its line ends changed.
    LineEnds,
    /// No build wrote it.
    Foreign,
}

/// The digests of each path in earlier builds.
type Known<'t> = BTreeMap<&'t str, Vec<Digest>>;

impl Plan {
    /// Compares a directory with a tree.
    ///
    /// # Errors
    /// A file cannot be read, or is in the way.
    pub fn make(directory: &Utf8Path, tree: &Tree) -> Result<Self, DiskError> {
        let (lock, journal) = (directory.join(lock::FILE), directory.join(JOURNAL));
        let old = bytes(&lock)?.map(|bytes| parse_lock(&lock, bytes)).transpose()?;
        let (has_lock, old) = (old.is_some(), old.unwrap_or_default());
        let journal_text = String::from_utf8(bytes(&journal)?.unwrap_or_default())
            .map_err(|_| refusal(&journal, "is not valid UTF-8: restore it, or remove it"))?;
        let mut known = Known::new();
        for (path, digest) in old.files.iter().map(|(path, digest)| (path.as_str(), *digest)) {
            known.entry(path).or_default().push(digest);
        }
        refuse_others(&journal, lock::journal(&journal_text).map(|(path, _)| path))?;
        for (path, digest) in lock::journal(&journal_text) {
            known.entry(path).or_default().push(digest);
        }
        let paths: BTreeSet<&str> = tree.iter().map(|(path, _)| path).chain(known.keys().copied()).collect();
        let found = if has_lock { Vec::new() } else { found::find(directory)? };
        let unlisted = found.into_iter().filter(|path| !paths.contains(path.as_str())).collect();
        let mut plan = Self { unlisted, has_lock, ..Self::default() };
        plan.list(directory, &paths)?;
        plan.states = states(directory, tree, &known)?;
        plan.find_stale(directory, tree, &known)?;
        plan.journal = journal_text;
        Ok(plan)
    }

    /// Finds files of earlier builds that are no longer emitted.
    fn find_stale(&mut self, directory: &Utf8Path, tree: &Tree, known: &Known<'_>) -> Result<(), DiskError> {
        let gone: Vec<(&str, &Vec<Digest>)> = known
            .iter()
            .filter(|(path, _)| **path != lock::FILE && tree.get(path).is_none())
            .map(|(path, digests)| (*path, digests))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        // A file that the new lock still lists, such as one of a cluster that is not built this time, is not stale.
        let new = Lock::of(tree);
        let pinned: BTreeSet<&str> = new.paths().collect();
        let mut bytes = Vec::new();
        for (path, digests) in gone.into_iter().filter(|(path, _)| !pinned.contains(path)) {
            match read_regular(&directory.join(path), &mut bytes)? {
                None => {}
                Some(_) if digests.contains(&Digest::of(&bytes)) => self.stale.push(path.to_owned()),
                Some(_) => self.edited_stale.push(path.to_owned()),
            }
        }
        Ok(())
    }

    /// The files that are in a state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &str> {
        self.states.iter().filter(move |(_, other)| **other == state).map(|(path, _)| path.as_str())
    }

    /// The files of the tree that were edited and that a build would overwrite.
    pub fn edited(&self) -> Vec<&str> {
        self.in_state(State::Edited).chain(self.in_state(State::LineEnds)).collect()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.states.values().all(|state| *state == State::Unchanged)
            && self.stale.is_empty()
            && self.edited_stale.is_empty()
            && self.left_over.is_empty()
    }

    /// Finds temporaries and files that are not from meshgen, in the directories that exist.
    fn list(&mut self, root: &Utf8Path, ours: &BTreeSet<&str>) -> Result<(), DiskError> {
        let directories: Vec<&str> = directories(ours.iter().copied()).into_iter().collect();
        for listed in parallel::try_map(&directories, WORTH_A_THREAD, |directory| list(root, directory, ours))? {
            self.left_over.extend(listed.left_over);
            self.others += listed.others.iter().filter(|path| !self.unlisted.contains(path)).count();
        }
        self.left_over.sort();
        Ok(())
    }
}

/// Reading or writing fewer files or directories takes less time than starting a thread.
pub(super) const WORTH_A_THREAD: usize = 64;

/// The states of a tree's files, read on all processors.
fn states(directory: &Utf8Path, tree: &Tree, known: &Known<'_>) -> Result<BTreeMap<String, State>, DiskError> {
    let files: Vec<(&str, &File)> = tree.iter().collect();
    let shares = parallel::by_share(&files, WORTH_A_THREAD, |files| {
        let mut bytes = Vec::new();
        let read = files
            .iter()
            .map(|(path, file)| Ok(((*path).to_owned(), state(directory, path, file, known.get(*path), &mut bytes)?)));
        read.collect::<Result<Vec<(String, State)>, DiskError>>()
    });
    let shares = shares.into_iter().collect::<Result<Vec<_>, DiskError>>()?;
    Ok(shares.into_iter().flatten().collect())
}

/// The state of one file; `bytes` is where it is read to.
fn state(
    directory: &Utf8Path,
    path: &str,
    file: &File,
    known: Option<&Vec<Digest>>,
    bytes: &mut Vec<u8>,
) -> Result<State, DiskError> {
    let Some(bits) = read_regular(&directory.join(path), bytes)? else { return Ok(State::Missing) };
    let is_known = |bytes: &[u8]| known.is_some_and(|digests| digests.contains(&Digest::of(bytes)));
    if *bytes == file.bytes {
        return Ok(if agrees(bits, file.mode) { State::Unchanged } else { State::Ours });
    }
    // The lines of the lock were read, and the lock is always written again.
    if path == lock::FILE || is_known(bytes) {
        return Ok(State::Ours);
    }
    if bytes.contains(&b'\r') {
        let unix: Vec<u8> = String::from_utf8_lossy(bytes).replace("\r\n", "\n").into_bytes();
        if unix == file.bytes || is_known(&unix) {
            return Ok(State::LineEnds);
        }
    }
    Ok(if known.is_some() { State::Edited } else { State::Foreign })
}

/// Whether permissions are right: the executable bit that Git keeps, and the mode of secrets.
fn agrees(bits: u32, mode: Mode) -> bool {
    match mode {
        Mode::Public => bits & 0o100 == 0,
        Mode::Executable => bits & 0o100 != 0,
        Mode::Private => bits & 0o777 | mode.bits() == mode.bits(),
    }
}

/// The directories of paths, parents first.
pub(super) fn directories<'p>(paths: impl Iterator<Item = &'p str>) -> BTreeSet<&'p str> {
    let mut directories = BTreeSet::from([""]);
    for path in paths {
        let mut rest = path;
        while let Some((directory, _)) = rest.rsplit_once('/') {
            if !directories.insert(directory) {
                break;
            }
            rest = directory;
        }
    }
    directories
}

/// The entries of a directory that are not files of the tree.
#[derive(Default)]
struct Listed {
    left_over: Vec<String>,
    others: Vec<String>,
}

/// Lists a directory, which must not be a symbolic link or a file, and need not exist.
fn list(root: &Utf8Path, directory: &str, ours: &BTreeSet<&str>) -> Result<Listed, DiskError> {
    let mut listed = Listed::default();
    let full = root.join(directory);
    // The output directory may be a link, because the user named it.
    let metadata = if directory.is_empty() { full.metadata() } else { full.symlink_metadata() };
    match metadata {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(metadata) if metadata.is_symlink() => {
            return Err(refusal(&full, "is a symbolic link, which a build does not follow: remove it"));
        }
        Ok(_) => return Err(refusal(&full, "is not a directory, and the tree needs a directory there: move it away")),
        Err(error) if is_absent(&error) => return Ok(listed),
        Err(error) => return Err(at(&full)(error)),
    }
    for entry in full.read_dir_utf8().map_err(at(&full))? {
        let entry = entry.map_err(at(&full))?;
        if !entry.file_type().map_err(at(entry.path()))?.is_file() {
            continue;
        }
        let path_of = |name: &str| if directory.is_empty() { name.to_owned() } else { [directory, "/", name].concat() };
        let path = path_of(entry.file_name());
        // Other files may have this prefix too. A temporary has the name of a known file.
        let becomes = entry.file_name().strip_prefix(TEMPORARY).map(path_of);
        if path == JOURNAL || becomes.is_some_and(|path| path == JOURNAL || ours.contains(path.as_str())) {
            listed.left_over.push(path);
        } else if !ours.contains(path.as_str()) {
            listed.others.push(path);
        }
    }
    Ok(listed)
}

/// Reads a file and its permissions, without following a symbolic link. `None` if there is no file.
fn read_regular(path: &Utf8Path, bytes: &mut Vec<u8>) -> Result<Option<u32>, DiskError> {
    bytes.clear();
    // Opening a pipe without a writer would block otherwise.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("the flags of open are an int");
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => {
            return Err(match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    refusal(path, "is a symbolic link, which a build does not follow: remove it")
                }
                Ok(metadata) if !metadata.is_file() => refusal(path, NO_FILE),
                _ => at(path)(error),
            });
        }
    };
    let metadata = file.metadata().map_err(at(path))?;
    if !metadata.is_file() {
        return Err(refusal(path, NO_FILE));
    }
    // One byte more than the length of the file, so that a short read shows its end.
    bytes.reserve(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    loop {
        let room = bytes.capacity() - bytes.len();
        match rustix::io::read(&file, rustix::buffer::spare_capacity(bytes)) {
            Ok(read) if read < room => break,
            Ok(_) => bytes.reserve(1 << 16),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(at(path)(error.into())),
        }
    }
    Ok(Some(metadata.permissions().mode()))
}

const NO_FILE: &str = "is not a file, and the tree needs a file there: move it away";

fn bytes(path: &Utf8Path) -> Result<Option<Vec<u8>>, DiskError> {
    let mut bytes = Vec::new();
    Ok(read_regular(path, &mut bytes)?.map(|_| bytes))
}
