//! Reads and writes trees. No other module accesses files.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::emit;
use crate::layout::{is_of_bundle, is_private};
use crate::lock::{self, Lock};
use crate::pki::Standing;
use crate::tree::Mode;

use self::base::{Base, Way};

pub use self::cause::cause;
pub use self::custody::open_to_others;
pub use self::given::{open, read, read_from, read_if_there};
pub use self::plan::{Plan, State};
pub use self::rewrite::rewrite;
pub use self::writer::{Barrier, Claim, Writer};

mod base;
mod cause;
mod custody;
mod found;
mod given;
mod plan;
mod rewrite;
mod writer;

/// An error of the disk, with its path.
#[derive(Debug)]
pub struct DiskError {
    /// The file or directory.
    pub path: Utf8PathBuf,
    /// The error of the operating system.
    pub error: io::Error,
}

/// The result of a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that are new or have other bytes than before.
    pub changed: usize,
    /// Files that had these bytes already, and were not written.
    pub unchanged: usize,
    /// Files of an earlier build that are no longer emitted.
    pub removed: usize,
}

/// Reading fewer files takes less time than starting a thread.
const FILES_WORTH_A_THREAD: usize = 64;

/// The prefix of the name of a temporary file; the name of the file follows.
const TEMPORARY: &str = ".meshgen-";

/// The journal: the files that a build is about to write. If the build is killed, the next one recognises them.
const JOURNAL: &str = ".meshgen-journal";

/// The lock of a tree, if there is one.
///
/// # Errors
/// The file and the error of the operating system, or why it is not a lock.
pub fn read_lock(directory: &Utf8Path) -> Result<Option<Lock>, DiskError> {
    Base::open(directory)?.map_or(Ok(None), |base| lock_of(&base))
}

fn lock_of(base: &Base) -> Result<Option<Lock>, DiskError> {
    let bytes = bytes_of(base, lock::FILE)?;
    bytes.map(|bytes| parse_lock(&base.path().join(lock::FILE), bytes)).transpose()
}

/// The bytes of one file of a tree, if there is one.
fn bytes_of(base: &Base, path: &str) -> Result<Option<Vec<u8>>, DiskError> {
    let mut way = base.way();
    Ok(way.read(path)?.map(|_| way.bytes))
}

fn parse_lock(path: &Utf8Path, bytes: Vec<u8>) -> Result<Lock, DiskError> {
    let text = String::from_utf8(bytes).map_err(|_| refusal(path, "is not valid UTF-8: restore it from Git"))?;
    let lock: Lock = text.parse().map_err(|why: String| refusal(path, &why))?;
    emit::find_fault(&lock).map_or(Ok(lock), |why| Err(refusal(path, &why)))
}

fn refuse_others<'p>(list: &Utf8Path, paths: impl Iterator<Item = &'p str>) -> Result<(), DiskError> {
    emit::find_other(paths).map_or(Ok(()), |why| Err(refusal(list, &why)))
}

/// The lock of a directory and the certificates that it lists, or without a lock those that stand where builds write them.
///
/// # Errors
/// The file and the error of the operating system.
pub fn read_standing(directory: &Utf8Path) -> Result<Standing, DiskError> {
    let Some(base) = Base::open(directory)? else { return Ok(Standing::new(directory, Lock::default(), Vec::new())) };
    let lock = lock_of(&base)?;
    let found = if lock.is_some() { Vec::new() } else { found::find(&base)? };
    let lock = lock.unwrap_or_default();
    let paths: Vec<&str> =
        lock.paths().chain(found.iter().map(String::as_str)).filter(|path| is_of_bundle(path)).collect();
    let files = base.each(&paths, |way, path| {
        let text = |way: &mut Way<'_>| String::from_utf8(std::mem::take(&mut way.bytes)).unwrap_or_default();
        Ok(way.read(path)?.map(|_| (path.to_owned(), Zeroizing::new(text(way)))))
    })?;
    let files: Vec<(String, Zeroizing<String>)> = files.into_iter().flatten().collect();
    Ok(Standing::new(directory, lock, files))
}

/// Whether a build of this directory was killed, and the next one is to complete it.
pub fn is_unfinished(directory: &Utf8Path) -> bool {
    exists(&directory.join(JOURNAL))
}

/// The existing texts that a lock lists. Private keys are never read.
///
/// # Errors
/// The file and the error of the operating system.
pub fn read_listed(directory: &Utf8Path, lock: &Lock) -> Result<Vec<(String, String)>, DiskError> {
    let Some(base) = Base::open(directory)? else { return Ok(Vec::new()) };
    let paths: Vec<&str> = lock.paths().filter(|path| !is_private(path)).collect();
    let texts = base.each(&paths, |way, path| {
        let text = |way: &mut Way<'_>| {
            String::from_utf8(std::mem::take(&mut way.bytes))
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        };
        Ok(way.read(path)?.map(|_| (path.to_owned(), text(way))))
    })?;
    Ok(texts.into_iter().flatten().collect())
}

/// Whether there is a directory at a path.
pub fn is_directory(path: &Utf8Path) -> bool {
    path.is_dir()
}

/// Whether there is anything at a path.
pub fn exists(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes a new file that only its owner can read.
///
/// # Errors
/// The file and the error of the operating system, for example that the file exists.
pub fn create_private(path: &Utf8Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(Mode::Private.bits()).open(path).map_err(at(path))?;
    file.set_permissions(fs::Permissions::from_mode(Mode::Private.bits())).map_err(at(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(path))
}

/// Makes a directory and its parents if they do not exist.
///
/// # Errors
/// The directory and the error of the operating system.
pub fn make_directory(path: &Utf8Path) -> Result<(), DiskError> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(refusal(path, "is a file, and a directory is needed: name another one"));
    }
    fs::create_dir_all(path).map_err(at(path))
}

/// Replaces a file outside a tree atomically.
///
/// # Errors
/// The file and the error of the operating system.
pub fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<(), DiskError> {
    let temporary = temporary_of(path);
    // The user knows the file, and not the temporary.
    write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).map_err(at(path))
}

/// Writes a file that everyone may read.
fn write_new(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_anew(path, Mode::Public)?;
    // The umask may have cleared bits.
    file.set_permissions(fs::Permissions::from_mode(Mode::Public.bits()))?;
    file.write_all(bytes)
}

/// Makes a temporary. Another run may have been killed here: what it left is replaced, never written to.
fn create_anew(path: &Utf8Path, mode: Mode) -> io::Result<fs::File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(mode.bits()).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(path).and_then(|()| create()),
        created => created,
    }
}

fn temporary_of(path: &Utf8Path) -> Utf8PathBuf {
    path.with_file_name(format!("{TEMPORARY}{}", path.file_name().expect("a file has a name")))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn refusal(path: &Utf8Path, why: &str) -> DiskError {
    at(path)(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()))
}

fn at(path: &Utf8Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    |error| DiskError { path, error }
}

impl std::fmt::Display for DiskError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, cause(&self.error))
    }
}
