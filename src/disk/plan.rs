//! The plan of what a build does to a directory, made before the first write.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use camino::Utf8Path;
use rustix::fs::FileType;

use crate::lock::{self, Digest};
use crate::tree::{File, Mode, Tree};

use super::base::{Base, Way, split};
use super::{DiskError, JOURNAL, TEMPORARY, found, refusal, refuse_others};

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
    /// What else stands in the directories of the tree, directories in those of the clusters with a slash at their end.
    pub others: Vec<String>,
    /// Without a lock: files at paths where builds write, and that this one does not emit.
    pub unlisted: Vec<String>,
    /// Whether there is a lock that says what earlier builds wrote.
    pub has_lock: bool,
    /// The journal of builds that were killed.
    pub(super) journal: String,
    /// What the lock says of the files that change, in the form of the journal.
    pub(super) before: String,
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

/// The digests of each path in earlier builds, sorted.
struct Known<'t>(Vec<(&'t str, Digest)>);

impl<'t> Known<'t> {
    fn of(files: impl Iterator<Item = (&'t str, Digest)>) -> Self {
        let mut files: Vec<_> = files.collect();
        files.sort();
        Self(files)
    }

    /// A path, once for each digest.
    fn paths(&self) -> impl Iterator<Item = &'t str> {
        self.0.iter().map(|(path, _)| *path)
    }

    fn has(&self, path: &str) -> bool {
        self.0.binary_search_by_key(&path, |(known, _)| known).is_ok()
    }

    fn has_digest(&self, path: &str, digest: Digest) -> bool {
        self.0.binary_search(&(path, digest)).is_ok()
    }
}

impl Plan {
    /// Compares a directory with a tree.
    ///
    /// # Errors
    /// A file cannot be read, or is in the way.
    pub fn make(directory: &Utf8Path, tree: &Tree) -> Result<Self, DiskError> {
        match Base::open(directory)? {
            Some(base) => Self::of(&base, tree),
            None => Ok(Self {
                states: tree.iter().map(|(path, _)| (path.to_owned(), State::Missing)).collect(),
                ..Self::default()
            }),
        }
    }

    /// The same for a directory that is open.
    pub(super) fn of(base: &Base, tree: &Tree) -> Result<Self, DiskError> {
        let journal = base.path().join(JOURNAL);
        // A build that changes nothing finds the lock that it would write, which was read already.
        let old = match super::bytes_of(base, lock::FILE)? {
            Some(bytes) if tree.get(lock::FILE).is_some_and(|file| file.bytes == bytes) => {
                Some(Cow::Borrowed(tree.lock()))
            }
            Some(bytes) => Some(Cow::Owned(super::parse_lock(&base.path().join(lock::FILE), bytes)?)),
            None => None,
        };
        let (has_lock, old) = (old.is_some(), old.unwrap_or_default());
        let text = String::from_utf8(super::bytes_of(base, JOURNAL)?.unwrap_or_default())
            .map_err(|_| refusal(&journal, "is not valid UTF-8: restore it, or remove it"))?;
        // A line without a line feed was cut short.
        let journal_text: String = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        refuse_others(&journal, lock::journal(&journal_text).map(|(path, _)| path))?;
        let files = old.files.iter().map(|(path, digest)| (path.as_str(), *digest));
        let known = Known::of(files.chain(lock::journal(&journal_text)));
        let paths: BTreeSet<&str> = tree.iter().map(|(path, _)| path).chain(known.paths()).collect();
        let found = if has_lock { Vec::new() } else { found::find(base)? };
        let unlisted = found.into_iter().filter(|path| !paths.contains(path.as_str())).collect();
        let mut plan = Self { unlisted, has_lock, ..Self::default() };
        plan.look(base, tree, &known, &paths)?;
        plan.find_stale(base, tree, &known)?;
        // A file system may keep the new lock and lose the new bytes of a file.
        for (path, digest) in &old.files {
            let is_changing = plan.states.get(path).is_some_and(|state| *state != State::Unchanged);
            if is_changing || plan.stale.binary_search(path).is_ok() {
                writeln!(plan.before, "{digest} {path}").expect("a String takes everything");
            }
        }
        plan.journal = journal_text;
        Ok(plan)
    }

    /// Finds files of earlier builds that are no longer emitted.
    fn find_stale(&mut self, base: &Base, tree: &Tree, known: &Known<'_>) -> Result<(), DiskError> {
        let is_gone = |path: &&str| *path != lock::FILE && tree.get(path).is_none();
        let mut gone: Vec<&str> = known.paths().filter(is_gone).collect();
        gone.dedup();
        // A file that the new lock still lists, such as one of a cluster that is not built this time, is not stale.
        gone.retain(|path| tree.lock().digest(path).is_none());
        let mut way = base.way();
        for path in gone {
            match way.read(path)? {
                None => {}
                Some(_) if known.has_digest(path, Digest::of(&way.bytes)) => self.stale.push(path.to_owned()),
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

    /// Compares the files of the tree, and finds temporaries and files that are not from meshgen, in the directories that exist.
    fn look(&mut self, base: &Base, tree: &Tree, known: &Known<'_>, ours: &BTreeSet<&str>) -> Result<(), DiskError> {
        let directories: Vec<&str> = directories(ours.iter().copied()).into_iter().collect();
        let mut files: BTreeMap<&str, Vec<(&str, &File)>> = BTreeMap::new();
        for (path, file) in tree.iter() {
            files.entry(split(path).0).or_default().push((path, file));
        }
        // One directory after the other, so that each is opened once.
        let found = base.each(&directories, |way, directory| {
            let listed = list(way, directory, ours, &directories)?;
            let files = files.get(directory).into_iter().flatten();
            let states = files.map(|(path, file)| Ok(((*path).to_owned(), state(way, path, file, known)?)));
            Ok((listed, states.collect::<Result<Vec<_>, DiskError>>()?))
        })?;
        for (listed, states) in found {
            self.left_over.extend(listed.left_over);
            self.others.extend(listed.others.into_iter().filter(|path| !self.unlisted.contains(path)));
            self.states.extend(states);
        }
        self.left_over.sort();
        self.others.sort();
        Ok(())
    }
}

/// The state of one file.
fn state(way: &mut Way<'_>, path: &str, file: &File, known: &Known<'_>) -> Result<State, DiskError> {
    let Some(bits) = way.read(path)? else { return Ok(State::Missing) };
    let bytes = &way.bytes;
    let is_known = |bytes: &[u8]| known.has_digest(path, Digest::of(bytes));
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
    Ok(if known.has(path) { State::Edited } else { State::Foreign })
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

/// Lists a directory, which need not exist. `directories` are those of the tree, sorted.
fn list(way: &mut Way<'_>, directory: &str, ours: &BTreeSet<&str>, directories: &[&str]) -> Result<Listed, DiskError> {
    let mut listed = Listed::default();
    for (name, kind) in way.entries(directory)? {
        let path_of = |name: &str| if directory.is_empty() { name.to_owned() } else { [directory, "/", name].concat() };
        let path = path_of(&name);
        if kind == FileType::Directory {
            // Beside the clusters' directories stands whatever people keep there, but not the same name in other letters: where
            // case does not count, that is the same directory.
            if directories.binary_search(&path.as_str()).is_err() {
                let folded = fold(&path);
                if !directory.is_empty() || directories.iter().any(|other| fold(other) == folded) {
                    listed.others.push(path + "/");
                }
            }
            continue;
        }
        // Other files may have this prefix too. A temporary has the name of a known file.
        let becomes = name.strip_prefix(TEMPORARY).map(path_of);
        if path == JOURNAL || becomes.is_some_and(|path| path == JOURNAL || ours.contains(path.as_str())) {
            listed.left_over.push(path);
        } else if !ours.contains(path.as_str()) {
            listed.others.push(path);
        }
    }
    Ok(listed)
}

/// A name as file systems compare it for which case does not count: `ſ` is the same as `s` to them.
fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_all_above_a_path() {
        let found = directories(["a/b/c/d", "a/b/e", "f", "g/h"].into_iter());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["", "a", "a/b", "a/b/c", "g"]);
    }

    #[test]
    fn permissions_agree_in_the_bit_that_git_keeps_and_in_who_may_read_a_secret() {
        let cases = [
            (0o100_644, Mode::Public, true),
            (0o100_600, Mode::Public, true),
            (0o100_744, Mode::Public, false),
            (0o100_755, Mode::Executable, true),
            (0o100_700, Mode::Executable, true),
            (0o100_655, Mode::Executable, false),
            (0o100_600, Mode::Private, true),
            (0o100_400, Mode::Private, true),
            (0o100_640, Mode::Private, false),
            (0o100_700, Mode::Private, false),
        ];
        for (bits, mode, is_right) in cases {
            assert_eq!(agrees(bits, mode), is_right, "{bits:o} {mode:?}");
        }
    }
}
