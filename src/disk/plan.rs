//! What a build is going to do to a directory, decided before the first write.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::lock;
use crate::tree::{File, Mode, Tree};

use super::{DiskError, JOURNAL, TEMPORARY, at, read_if_there, stays_inside};

/// How a directory differs from a tree, and whose the difference is.
#[derive(Debug, Default)]
pub struct Plan {
    /// The state of each file of the tree.
    pub states: BTreeMap<String, State>,
    /// Files of an earlier build that are no longer emitted.
    pub stale: Vec<String>,
    /// Files of an earlier build that are no longer emitted, and that somebody edited.
    pub edited_stale: Vec<String>,
    /// What a build that was killed left behind.
    pub left_over: Vec<String>,
    /// How many files of others stand in the tree's directories.
    pub others: usize,
    /// The journal of builds that were killed.
    pub(super) journal: String,
}

/// A file of the tree, as it stands on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It holds what it should.
    Unchanged,
    /// It is not there.
    Missing,
    /// A build wrote it, and nobody since.
    Ours,
    /// A build wrote it, and somebody changed it since.
    Edited,
    /// The same, and only its line ends were changed.
    LineEnds,
    /// No build wrote it.
    Foreign,
}

/// The digests that builds gave to each path.
type Known = BTreeMap<String, Vec<String>>;

impl Plan {
    /// Compares a directory with a tree.
    ///
    /// # Errors
    /// What cannot be read, and what stands in the way.
    pub fn make(directory: &Utf8Path, tree: &Tree) -> Result<Self, DiskError> {
        let lock = directory.join(lock::FILE);
        read_regular(&lock)?;
        let journal = text(&directory.join(JOURNAL))?.unwrap_or_default();
        let mut known = Known::new();
        if let Some(text) = text(&lock)? {
            learn(&mut known, lock::read(&text).map_err(|why| refusal(&lock, why))?, &lock)?;
        }
        // A line that the kill cut short is no line.
        learn(&mut known, lock::lines(&journal), &directory.join(JOURNAL))?;
        let paths: BTreeSet<&str> = tree.iter().map(|(path, _)| path).chain(known.keys().map(String::as_str)).collect();
        let directories = directories(directory, &paths)?;
        let mut plan = Self { journal, ..Self::default() };
        plan.list(directory, &directories, &paths)?;
        plan.states = states(directory, tree, &known)?;
        // What the new lock goes on pinning, such as the clusters that are not built this time, is not stale.
        let new = tree.get(lock::FILE).map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
        let pinned: BTreeSet<&str> = lock::lines(&new).into_iter().map(|(path, _)| path).collect();
        let is_gone = |path: &str| path != lock::FILE && tree.get(path).is_none() && !pinned.contains(path);
        for (path, digests) in known.iter().filter(|(path, _)| is_gone(path)) {
            let target = directory.join(path);
            match read_regular(&target)? {
                None => {}
                Some(bytes) if digests.contains(&lock::digest(&bytes)) => plan.stale.push(path.clone()),
                Some(_) => plan.edited_stale.push(path.clone()),
            }
        }
        Ok(plan)
    }

    /// The files that are in a state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &str> {
        self.states.iter().filter(move |(_, other)| **other == state).map(|(path, _)| path.as_str())
    }

    /// Whether somebody's work would be lost.
    pub fn edited(&self) -> Vec<&str> {
        let edited = self.in_state(State::Edited).chain(self.in_state(State::LineEnds));
        edited.chain(self.edited_stale.iter().map(String::as_str)).collect()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.states.values().all(|state| *state == State::Unchanged)
            && self.stale.is_empty()
            && self.edited_stale.is_empty()
            && self.left_over.is_empty()
    }

    /// Finds left-overs and the files of others.
    fn list(
        &mut self,
        root: &Utf8Path,
        directories: &BTreeSet<Utf8PathBuf>,
        ours: &BTreeSet<&str>,
    ) -> Result<(), DiskError> {
        for directory in directories {
            let full = root.join(directory);
            for entry in full.read_dir_utf8().map_err(at(&full))? {
                let entry = entry.map_err(at(&full))?;
                if !entry.file_type().map_err(at(entry.path()))?.is_file() {
                    continue;
                }
                let path = directory.join(entry.file_name());
                if entry.file_name().starts_with(TEMPORARY) {
                    self.left_over.push(path.into_string());
                } else if !ours.contains(path.as_str()) {
                    self.others += 1;
                }
            }
        }
        self.left_over.sort();
        Ok(())
    }
}

/// The states of a tree's files, read on all processors.
fn states(directory: &Utf8Path, tree: &Tree, known: &Known) -> Result<BTreeMap<String, State>, DiskError> {
    let files: Vec<(&str, &File)> = tree.iter().collect();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = files.len().div_ceil(processors).max(64);
    std::thread::scope(|scope| {
        let read = |files: &[(&str, &File)]| -> Result<Vec<(String, State)>, DiskError> {
            files
                .iter()
                .map(|(path, file)| Ok(((*path).to_owned(), state(directory, path, file, known.get(*path))?)))
                .collect()
        };
        let threads: Vec<_> = files.chunks(share).map(|files| scope.spawn(move || read(files))).collect();
        let mut states = BTreeMap::new();
        for thread in threads {
            states.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(states)
    })
}

fn state(directory: &Utf8Path, path: &str, file: &File, known: Option<&Vec<String>>) -> Result<State, DiskError> {
    let target = directory.join(path);
    let Some(bytes) = read_regular(&target)? else { return Ok(State::Missing) };
    let is_known = |bytes: &[u8]| known.is_some_and(|digests| digests.contains(&lock::digest(bytes)));
    if bytes == file.bytes {
        let bits = target.symlink_metadata().map_err(at(&target))?.permissions().mode();
        return Ok(if agrees(bits, file.mode) { State::Unchanged } else { State::Ours });
    }
    // The lock's own lines were read: what it says of others is used, and it is written anew.
    if path == lock::FILE || is_known(&bytes) {
        return Ok(State::Ours);
    }
    if bytes.contains(&b'\r') {
        let unix: Vec<u8> = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").into_bytes();
        if unix == file.bytes || is_known(&unix) {
            return Ok(State::LineEnds);
        }
    }
    Ok(if known.is_some() { State::Edited } else { State::Foreign })
}

/// Whether permissions are what they should be, as far as Git keeps them and secrets need them.
fn agrees(bits: u32, mode: Mode) -> bool {
    match mode {
        Mode::Public => bits & 0o100 == 0,
        Mode::Executable => bits & 0o100 != 0,
        Mode::Private => bits & 0o777 | mode.bits() == mode.bits(),
    }
}

/// The directories of paths that exist, none of which is a symlink or a file.
fn directories(root: &Utf8Path, paths: &BTreeSet<&str>) -> Result<BTreeSet<Utf8PathBuf>, DiskError> {
    let mut wanted: BTreeSet<&Utf8Path> = BTreeSet::new();
    for path in paths {
        wanted.extend(Utf8Path::new(path).ancestors().skip(1));
    }
    let mut found = BTreeSet::new();
    for directory in wanted {
        let full = root.join(directory);
        // The output directory itself may be a link: the user named it.
        let metadata = if directory == "" { full.metadata() } else { full.symlink_metadata() };
        match metadata {
            Ok(metadata) if metadata.is_dir() => {
                found.insert(directory.to_owned());
            }
            Ok(metadata) if metadata.is_symlink() => {
                return Err(refusal(&full, "is a symbolic link, which a build does not follow: remove it"));
            }
            Ok(_) => return Err(refusal(&full, "is no directory, and the tree needs one there: move it away")),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(at(&full)(error)),
        }
    }
    Ok(found)
}

fn read_regular(path: &Utf8Path) -> Result<Option<Vec<u8>>, DiskError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => fs::read(path).map(Some).map_err(at(path)),
        Ok(metadata) if metadata.is_symlink() => {
            Err(refusal(path, "is a symbolic link, which a build does not follow: remove it"))
        }
        Ok(_) => Err(refusal(path, "is no file, and the tree needs one there: move it away")),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn text(path: &Utf8Path) -> Result<Option<String>, DiskError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| refusal(path, "is no text: restore it, or remove it"))
}

fn learn(known: &mut Known, entries: Vec<(&str, &str)>, from: &Utf8Path) -> Result<(), DiskError> {
    for (path, digest) in entries {
        if !stays_inside(path) {
            return Err(refusal(from, "lists a path outside of its directory: restore it, or remove it"));
        }
        known.entry(path.to_owned()).or_default().push(digest.to_owned());
    }
    Ok(())
}

fn refusal(path: &Utf8Path, why: &str) -> DiskError {
    at(path)(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()))
}
