//! Executes a plan: `.gitignore` first, temporaries, one barrier, renames, removals, and the lock last.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::FlockOperation;

use crate::layout::GITIGNORE;
use crate::lock::{self, Digest, Lock};
use crate::parallel;
use crate::tree::{Mode, Tree};

use super::plan::{WORTH_A_THREAD, directories};
use super::{DiskError, JOURNAL, Plan, State, Written, at, is_absent, make_directory, temporary, write_file};

/// An exclusive claim on a directory, so that no other build writes to it. It ends with the process and leaves no file.
#[derive(Debug)]
pub struct Claim {
    directory: File,
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
        let file = File::open(directory).map_err(at(directory))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { directory: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(at(directory)(io::Error::other("another build is writing here: wait until it ends")))
            }
            Err(error) => Err(at(directory)(error.into())),
        }
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

    /// Writes a tree to a directory.
    ///
    /// # Errors
    /// The file and the error of the operating system. Nothing is lost: the next build goes on from there.
    pub fn write(&self, claim: &Claim, directory: &Utf8Path, tree: &Tree, plan: &Plan) -> Result<Written, DiskError> {
        let mut changed: Vec<&str> = plan
            .states
            .iter()
            .filter(|(_, state)| **state != State::Unchanged)
            .map(|(path, _)| path.as_str())
            .collect();
        let unchanged = plan.states.len() - changed.len();
        let written = Written { changed: changed.len(), unchanged, removed: plan.stale.len() };
        let journal = directory.join(JOURNAL);
        for path in plan.left_over.iter().filter(|path| *path != JOURNAL) {
            self.remove(&directory.join(path))?;
        }
        if !changed.is_empty() || !plan.stale.is_empty() {
            let temporaries = self.prepare(claim, directory, tree, &changed, plan);
            if temporaries.is_err() && self.last.is_none() {
                discard(directory, tree, &changed, plan);
            }
            temporaries?;
            changed.retain(|path| *path != GITIGNORE);
            let temporaries = changed.iter().map(|path| temporary(&directory.join(path)));
            self.wait(claim, directory, temporaries.chain([journal.clone()]))?;
            let others: Vec<&str> = changed.iter().copied().filter(|path| *path != lock::FILE).collect();
            parallel::try_map(&others, WORTH_A_THREAD, |path| {
                let target = directory.join(path);
                self.rename(&temporary(&target), &target)
            })?;
            for path in &plan.stale {
                self.remove(&directory.join(path))?;
            }
            // The lock lists the other files, so they are renamed before it.
            if self.barrier == Barrier::Files {
                let renamed = changed.iter().copied().chain(plan.stale.iter().map(String::as_str));
                self.sync_directories(directory, renamed.map(|path| directory.join(path)))?;
            }
            if changed.contains(&lock::FILE) {
                let target = directory.join(lock::FILE);
                self.rename(&temporary(&target), &target)?;
            }
            claim.directory.sync_all().map_err(at(directory))?;
            for path in &plan.stale {
                remove_empty_parents(&directory.join(path), directory);
            }
        }
        if fs::exists(&journal).map_err(at(&journal))? {
            self.remove(&journal)?;
        }
        Ok(written)
    }

    /// Flushes all written files and their names to the disk.
    fn wait(
        &self,
        claim: &Claim,
        directory: &Utf8Path,
        written: impl Iterator<Item = Utf8PathBuf>,
    ) -> Result<(), DiskError> {
        match self.barrier {
            #[cfg(target_os = "linux")]
            Barrier::FileSystem => {
                self.step(directory)?;
                rustix::fs::syncfs(&claim.directory).map_err(|error| at(directory)(error.into()))
            }
            Barrier::Files => {
                let written: Vec<Utf8PathBuf> = written.collect();
                for path in &written {
                    self.sync(path)?;
                }
                self.sync_directories(directory, written.into_iter())
            }
            Barrier::None => Ok(()),
        }
    }

    /// Flushes the directories of files to the disk, up to a root.
    fn sync_directories(&self, root: &Utf8Path, paths: impl Iterator<Item = Utf8PathBuf>) -> Result<(), DiskError> {
        let mut directories = BTreeSet::new();
        for path in paths {
            let inside = path.ancestors().skip(1).take_while(|directory| directory.starts_with(root));
            directories.extend(inside.map(Utf8Path::to_owned));
        }
        // The deepest first, because a directory has its name in its parent.
        directories.iter().rev().try_for_each(|directory| self.sync(directory))
    }

    fn sync(&self, path: &Utf8Path) -> Result<(), DiskError> {
        self.step(path)?;
        File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
    }

    /// Writes the journal with the targets of the temporaries, then the temporaries. If some of them stay, the next
    /// build finds them.
    fn prepare(
        &self,
        claim: &Claim,
        directory: &Utf8Path,
        tree: &Tree,
        changed: &[&str],
        plan: &Plan,
    ) -> Result<(), DiskError> {
        let mut journal = plan.journal.clone();
        if !journal.is_empty() && !journal.ends_with('\n') {
            journal.push('\n');
        }
        // The new lock has the digests of all files but itself.
        let new = Lock::of(tree);
        let known: BTreeMap<&str, Digest> = new.files.iter().map(|(path, digest)| (path.as_str(), *digest)).collect();
        for path in changed {
            let file = tree.get(path).expect("a plan's files are the tree's");
            let digest = known.get(path).copied().unwrap_or_else(|| Digest::of(&file.bytes));
            writeln!(journal, "{digest} {path}").expect("a String takes everything");
        }
        let journal_path = directory.join(JOURNAL);
        self.create(&temporary(&journal_path), journal.as_bytes(), Mode::Public)?;
        self.rename(&temporary(&journal_path), &journal_path)?;
        if changed.contains(&GITIGNORE) {
            self.ignore(claim, directory, tree)?;
        }
        let others: Vec<&str> = changed.iter().copied().filter(|path| *path != GITIGNORE).collect();
        for parent in directories(others.iter().copied()) {
            let parent = directory.join(parent);
            self.step(&parent)?;
            fs::create_dir_all(&parent).map_err(at(&parent))?;
        }
        parallel::try_map(&others, WORTH_A_THREAD, |path| {
            let file = tree.get(path).expect("a plan's files are the tree's");
            self.create(&temporary(&directory.join(path)), &file.bytes, file.mode)
        })?;
        Ok(())
    }

    /// Writes `.gitignore` before any temporary, so that `git add` never adds a key.
    fn ignore(&self, claim: &Claim, directory: &Utf8Path, tree: &Tree) -> Result<(), DiskError> {
        let file = tree.get(GITIGNORE).expect("a plan's files are the tree's");
        let target = directory.join(GITIGNORE);
        let temporary = temporary(&target);
        self.create(&temporary, &file.bytes, file.mode)?;
        // The journal lists the file, so it is flushed before the file is renamed.
        self.wait(claim, directory, [temporary.clone(), directory.join(JOURNAL)].into_iter())?;
        self.rename(&temporary, &target)?;
        claim.directory.sync_all().map_err(at(directory))
    }

    fn create(&self, path: &Utf8Path, bytes: &[u8], mode: Mode) -> Result<(), DiskError> {
        if let Err(error) = self.step(path) {
            // A killed process may leave an incomplete file.
            if self.steps.load(Ordering::Relaxed) == self.last.unwrap_or_default() + 1 {
                write_file(path, &bytes[..bytes.len() / 2], mode)?;
            }
            return Err(error);
        }
        write_file(path, bytes, mode)
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), DiskError> {
        self.step(to)?;
        fs::rename(from, to).map_err(at(to))
    }

    fn remove(&self, path: &Utf8Path) -> Result<(), DiskError> {
        self.step(path)?;
        fs::remove_file(path).map_err(at(path))
    }

    /// Counts an operation, and refuses it after the last one.
    fn step(&self, path: &Utf8Path) -> Result<(), DiskError> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        match self.last {
            Some(last) if step >= last => Err(at(path)(io::Error::other("the disk has ended"))),
            _ => Ok(()),
        }
    }
}

/// Removes temporaries if not all could be written.
fn discard(directory: &Utf8Path, tree: &Tree, changed: &[&str], plan: &Plan) {
    // The lock does not list the files that were renamed already.
    let ignored = fs::read(directory.join(GITIGNORE)).ok();
    let is_in_place = || tree.get(GITIGNORE).map(|file| &file.bytes) == ignored.as_ref();
    let mut is_done = !changed.contains(&GITIGNORE) || !is_in_place();
    for path in changed.iter().copied().chain([JOURNAL]) {
        let target = directory.join(path);
        is_done &= fs::remove_file(temporary(&target)).map_or_else(|error| is_absent(&error), |()| true);
        remove_empty_parents(&target, directory);
    }
    // The journal lists what cannot be removed, and the next build continues from there.
    if is_done && plan.journal.is_empty() {
        let _ = fs::remove_file(directory.join(JOURNAL));
    }
}

fn remove_empty_parents(path: &Utf8Path, root: &Utf8Path) {
    for parent in path.ancestors().skip(1).take_while(|parent| *parent != root) {
        // A directory with other files is not empty, and stays.
        if fs::remove_dir(parent).is_err() {
            return;
        }
    }
}
