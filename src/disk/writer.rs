//! Executes a plan: `.gitignore` first, temporaries, one barrier, renames, removals, and the lock last.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8Path;
use rustix::fs::FlockOperation;

use crate::layout::GITIGNORE;
use crate::lock::{self, Digest};
use crate::tree::{Mode, Tree};

use super::base::{Base, Way, temporary};
use super::plan::directories;
use super::{DiskError, JOURNAL, Plan, State, Written, at, make_directory};

/// An exclusive claim on a directory, so that no other build writes to it. It ends with the process and leaves no file.
#[derive(Debug)]
pub struct Claim {
    base: Base,
}

impl Claim {
    /// Claims the directory, and makes it if it does not exist.
    ///
    /// # Errors
    /// The error of the operating system, or another build is at work.
    pub fn take(directory: &Utf8Path) -> Result<Self, DiskError> {
        if is_in_git(directory) {
            return Err(at(directory)(io::Error::other("is inside the directory of Git: name another one")));
        }
        make_directory(directory)?;
        let base = Base::open(directory)?.ok_or_else(|| at(directory)(io::ErrorKind::NotFound.into()))?;
        match rustix::fs::flock(base.handle(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { base }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(at(directory)(io::Error::other("another build is writing here: wait until it ends")))
            }
            Err(error) => Err(at(directory)(error.into())),
        }
    }

    /// Compares the directory with a tree.
    ///
    /// # Errors
    /// A file cannot be read, or is in the way.
    pub fn plan(&self, tree: &Tree) -> Result<Plan, DiskError> {
        Plan::of(&self.base, tree)
    }
}

/// Whether a directory is a `.git` directory or inside one, by its name or by the target of its links.
fn is_in_git(directory: &Utf8Path) -> bool {
    let is_git = |path: &Path| path.components().any(|part| part.as_os_str() == ".git");
    // A directory that does not exist is made below the nearest one that exists.
    let standing = |path: PathBuf| path.ancestors().find_map(|path| path.canonicalize().ok());
    is_git(directory.as_std_path())
        || std::path::absolute(directory).ok().and_then(standing).is_some_and(|path| is_git(&path))
}

/// How a build flushes its temporaries to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Barrier {
    /// One `syncfs` call for the file system.
    #[cfg(target_os = "linux")]
    #[cfg_attr(target_os = "linux", default)]
    FileSystem,
    /// One `fsync` call for each file and then for each directory, on systems without `syncfs`.
    #[cfg_attr(not(target_os = "linux"), default)]
    Files,
    /// No flush, to measure its cost. After a power failure, files may be incomplete.
    None,
}

/// Writes to a disk, or to one that fails.
#[derive(Debug, Default)]
pub struct Writer {
    steps: AtomicUsize,
    last: Option<usize>,
    barrier: Barrier,
}

impl Writer {
    /// A disk that fails after some operations, as for a process that is killed.
    pub fn ending_after(steps: usize) -> Self {
        Self { last: Some(steps), ..Self::default() }
    }

    /// A disk with another way to flush.
    #[must_use]
    pub fn waiting_for(self, barrier: Barrier) -> Self {
        Self { barrier, ..self }
    }

    /// Makes the claimed directory hold a tree.
    ///
    /// # Errors
    /// The file and the error of the operating system. Nothing is lost: the next build goes on from there.
    pub fn write(&self, claim: &Claim, tree: &Tree, plan: &Plan) -> Result<Written, DiskError> {
        let base = &claim.base;
        let mut changed: Vec<&str> = plan
            .states
            .iter()
            .filter(|(_, state)| **state != State::Unchanged)
            .map(|(path, _)| path.as_str())
            .collect();
        let unchanged = plan.states.len() - changed.len();
        let written = Written { changed: changed.len(), unchanged, removed: plan.stale.len() };
        let mut way = base.way();
        for path in plan.left_over.iter().filter(|path| *path != JOURNAL) {
            self.remove(&mut way, path)?;
        }
        if changed.is_empty() && plan.stale.is_empty() {
            self.remove_journal(&mut way)?;
            return Ok(written);
        }
        let temporaries = self.prepare(base, tree, &changed, plan);
        if temporaries.is_err() && self.last.is_none() {
            discard(base, tree, &changed, plan);
        }
        temporaries?;
        changed.retain(|path| *path != GITIGNORE);
        let temporaries = changed.iter().map(|path| temporary(path));
        self.wait(base, temporaries.chain([JOURNAL.to_owned()]))?;
        let others: Vec<&str> = changed.iter().copied().filter(|path| *path != lock::FILE).collect();
        base.each(&others, |way, path| self.rename(way, path))?;
        for path in &plan.stale {
            self.remove(&mut way, path)?;
        }
        // The lock says what the other files hold, so their names are on the disk before it is. btrfs, for one, keeps
        // the order of nothing that nobody waited for.
        self.wait_for_names(base, others.iter().copied().chain(plan.stale.iter().map(String::as_str)))?;
        if changed.contains(&lock::FILE) {
            self.rename(&mut way, lock::FILE)?;
        }
        way.sync_directory("")?;
        for path in &plan.stale {
            way.remove_empty_above(path);
        }
        self.remove_journal(&mut way)?;
        Ok(written)
    }

    /// Flushes written files and their names to the disk.
    fn wait(&self, base: &Base, written: impl Iterator<Item = String>) -> Result<(), DiskError> {
        if self.barrier != Barrier::Files {
            return self.wait_for_names(base, [].into_iter());
        }
        let written: Vec<String> = written.collect();
        let mut way = base.way();
        for path in &written {
            self.step(&way, path)?;
            way.sync(path)?;
        }
        self.wait_for_names(base, written.iter().map(String::as_str))
    }

    /// Flushes the names of files to the disk: that they are new, or gone.
    fn wait_for_names<'p>(&self, base: &Base, paths: impl Iterator<Item = &'p str>) -> Result<(), DiskError> {
        match self.barrier {
            #[cfg(target_os = "linux")]
            Barrier::FileSystem => {
                self.step(&base.way(), "")?;
                rustix::fs::syncfs(base.handle()).map_err(|error| at(base.path())(error.into()))
            }
            Barrier::Files => {
                let mut way = base.way();
                // The deepest first, because a directory has its name in its parent.
                for directory in directories(paths).iter().rev() {
                    self.step(&way, directory)?;
                    way.sync_directory(directory)?;
                }
                Ok(())
            }
            Barrier::None => Ok(()),
        }
    }

    /// Writes the journal with the targets of the temporaries, then the temporaries. If some of them stay, the next
    /// build finds them.
    fn prepare(&self, base: &Base, tree: &Tree, changed: &[&str], plan: &Plan) -> Result<(), DiskError> {
        let mut journal = [plan.journal.as_str(), &plan.before].concat();
        for path in changed {
            let file = tree.get(path).expect("a plan's files are the tree's");
            // The new lock has the digests of all files but itself.
            let digest = tree.lock().digest(path).unwrap_or_else(|| Digest::of(&file.bytes));
            writeln!(journal, "{digest} {path}").expect("a String takes everything");
        }
        let mut way = base.way();
        self.create(&mut way, JOURNAL, journal.as_bytes(), Mode::Public)?;
        self.rename(&mut way, JOURNAL)?;
        if changed.contains(&GITIGNORE) {
            self.ignore(base, tree)?;
        }
        let others: Vec<&str> = changed.iter().copied().filter(|path| *path != GITIGNORE).collect();
        for directory in directories(others.iter().copied()).into_iter().filter(|directory| !directory.is_empty()) {
            self.step(&way, directory)?;
            way.make(directory)?;
        }
        base.each(&others, |way, path| {
            let file = tree.get(path).expect("a plan's files are the tree's");
            self.create(way, path, &file.bytes, file.mode)
        })?;
        Ok(())
    }

    /// Writes `.gitignore` before any temporary, so that `git add` never adds a key.
    fn ignore(&self, base: &Base, tree: &Tree) -> Result<(), DiskError> {
        let file = tree.get(GITIGNORE).expect("a plan's files are the tree's");
        let mut way = base.way();
        self.create(&mut way, GITIGNORE, &file.bytes, file.mode)?;
        // The journal lists the file, so it is flushed before the file is renamed.
        self.wait(base, [temporary(GITIGNORE), JOURNAL.to_owned()].into_iter())?;
        self.rename(&mut way, GITIGNORE)?;
        way.sync_directory("")
    }

    /// Writes the temporary of a file.
    fn create(&self, way: &mut Way<'_>, path: &str, bytes: &[u8], mode: Mode) -> Result<(), DiskError> {
        let path = temporary(path);
        if let Err(error) = self.step(way, &path) {
            // A killed process may leave an incomplete file.
            if self.steps.load(Ordering::Relaxed) == self.last.unwrap_or_default() + 1 {
                way.create(&path, &bytes[..bytes.len() / 2], mode)?;
            }
            return Err(error);
        }
        way.create(&path, bytes, mode)
    }

    fn rename(&self, way: &mut Way<'_>, path: &str) -> Result<(), DiskError> {
        self.step(way, path)?;
        way.rename(path)
    }

    fn remove(&self, way: &mut Way<'_>, path: &str) -> Result<(), DiskError> {
        self.step(way, path)?;
        way.remove(path)
    }

    fn remove_journal(&self, way: &mut Way<'_>) -> Result<(), DiskError> {
        if way.is_there(JOURNAL)? { self.remove(way, JOURNAL) } else { Ok(()) }
    }

    /// Counts an operation, and refuses it after the last one.
    fn step(&self, way: &Way<'_>, path: &str) -> Result<(), DiskError> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        match self.last {
            Some(last) if step >= last => Err(way.refused(path, io::Error::other("the disk has ended"))),
            _ => Ok(()),
        }
    }
}

/// Removes temporaries if not all could be written.
fn discard(base: &Base, tree: &Tree, changed: &[&str], plan: &Plan) {
    let mut way = base.way();
    // The lock does not list the files that were renamed already.
    let ignored = way.read(GITIGNORE).is_ok_and(|found| found.is_some());
    let is_in_place = ignored && tree.get(GITIGNORE).is_some_and(|file| file.bytes == way.bytes);
    let mut is_done = !changed.contains(&GITIGNORE) || !is_in_place;
    for path in changed.iter().copied().chain([JOURNAL]) {
        let temporary = temporary(path);
        is_done &= matches!(way.is_there(&temporary), Ok(false)) || way.remove(&temporary).is_ok();
        way.remove_empty_above(path);
    }
    // The journal lists what cannot be removed, and the next build continues from there.
    if is_done && plan.journal.is_empty() {
        let _ = way.remove(JOURNAL);
    }
}
