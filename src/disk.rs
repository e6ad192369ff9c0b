//! Reads and writes trees: the only module that knows of files.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::emit::CACERTS;
use crate::lock;
use crate::pki::Standing;
use crate::tree::{Mode, Tree};

/// A refusal of the disk, and where.
#[derive(Debug)]
pub struct DiskError {
    /// The file or directory.
    pub path: Utf8PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

/// What a write did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that are new or have other bytes than before.
    pub changed: usize,
    /// Files that had these bytes already, and were not touched.
    pub unchanged: usize,
    /// Files of an earlier build that are no longer emitted.
    pub removed: usize,
}

/// Names of files that are being written.
const TEMPORARY: &str = ".meshgen-";

/// Reads a file.
///
/// # Errors
/// The file and what the operating system says.
pub fn read(path: &Utf8Path) -> Result<Vec<u8>, DiskError> {
    fs::read(path).map_err(at(path))
}

/// Opens a file, so that one can know whose it is before it is read.
///
/// # Errors
/// The file and what the operating system says.
pub fn open(path: &Utf8Path) -> Result<File, DiskError> {
    File::open(path).map_err(at(path))
}

/// Reads a file that need not exist.
///
/// # Errors
/// The file and what the operating system says, unless that there is none.
pub fn read_if_there(path: &Utf8Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// The certificates and the lock that stand in a directory, if a tree was ever written there.
///
/// # Errors
/// The file and what the operating system says.
pub fn read_standing(directory: &Utf8Path) -> Result<Standing, DiskError> {
    let lock = read_if_there(&directory.join(lock::FILE))?.unwrap_or_default();
    let lock = String::from_utf8_lossy(&lock);
    let mut files = Vec::new();
    for (path, _) in lock::entries(&lock).unwrap_or_default() {
        let is_certificate = path.split('/').nth(1) == Some(CACERTS)
            && Utf8Path::new(path).extension() == Some("pem")
            && stays_inside(path);
        if let Some(bytes) = is_certificate.then(|| read_if_there(&directory.join(path))).transpose()?.flatten() {
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push((path.to_owned(), Zeroizing::new(text)));
        }
    }
    Ok(Standing::new(&lock, files))
}

/// Whether a directory stands at a path.
pub fn is_directory(path: &Utf8Path) -> bool {
    path.is_dir()
}

/// Whether anything stands at a path.
pub fn exists(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes a new file that nobody but its owner reads.
///
/// # Errors
/// The file and what the operating system says, for example that it exists.
pub fn create_private(path: &Utf8Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(Mode::Private.bits()).open(path).map_err(at(path))?;
    file.set_permissions(fs::Permissions::from_mode(Mode::Private.bits())).map_err(at(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(path))
}

/// Replaces a file that is no part of a tree, whole or not at all.
///
/// # Errors
/// The file and what the operating system says.
pub fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<(), DiskError> {
    let temporary = temporary(path);
    write_file(&temporary, bytes, Mode::Public)?;
    fs::rename(&temporary, path).map_err(at(path))
}

/// Makes a directory hold a tree: new files first, then what the last build wrote and this one does not goes away.
///
/// # Errors
/// The file and what the operating system says.
pub fn write(directory: &Utf8Path, tree: &Tree) -> Result<Written, DiskError> {
    let stale = stale(directory, tree)?;
    let mut written = Written::default();
    let mut made = BTreeSet::new();
    fs::create_dir_all(directory).map_err(at(directory))?;
    let (locks, files): (Vec<_>, Vec<_>) = tree.iter().partition(|(path, _)| *path == lock::FILE);
    let mut pending = Vec::new();
    for (path, file) in files.into_iter().chain(locks) {
        let target = directory.join(path);
        if holds(&target, &file.bytes, file.mode)? {
            written.unchanged += 1;
            continue;
        }
        let parent = target.parent().expect("a file has a directory").to_owned();
        if !made.contains(&parent) {
            fs::create_dir_all(&parent).map_err(at(&parent))?;
            made.insert(parent);
        }
        let temporary = temporary(&target);
        write_file(&temporary, &file.bytes, file.mode)?;
        pending.push((temporary, target));
        written.changed += 1;
    }
    for (temporary, target) in pending {
        fs::rename(&temporary, &target).map_err(at(&target))?;
    }
    for path in stale {
        let path = directory.join(path);
        fs::remove_file(&path).map_err(at(&path))?;
        written.removed += 1;
        remove_empty_parents(&path, directory);
    }
    Ok(written)
}

/// What a write would do: the paths of a tree and of the last build whose files differ, and how.
///
/// # Errors
/// The file and what the operating system says.
pub fn compare(directory: &Utf8Path, tree: &Tree) -> Result<Vec<(String, &'static str)>, DiskError> {
    let mut differences: Vec<(String, &str)> =
        stale(directory, tree)?.into_iter().map(|path| (path, "no longer emitted")).collect();
    for (path, file) in tree.iter() {
        match read_if_there(&directory.join(path))? {
            // A private key is git-ignored: a clone has none.
            None if file.mode == Mode::Private => {}
            None => differences.push((path.to_owned(), "missing")),
            Some(bytes) if bytes != file.bytes => differences.push((path.to_owned(), "different")),
            Some(_) => {}
        }
    }
    differences.sort();
    Ok(differences)
}

/// The files that the last build wrote here and that a tree does not hold.
fn stale(directory: &Utf8Path, tree: &Tree) -> Result<Vec<String>, DiskError> {
    let Some(bytes) = read_if_there(&directory.join(lock::FILE))? else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&bytes);
    let entries = lock::entries(&text).unwrap_or_default();
    // A key that a clone lacks is in no tree and still pinned.
    let new = tree.get(lock::FILE).map_or(&[][..], |file| &file.bytes);
    let new = String::from_utf8_lossy(new);
    let pinned: BTreeSet<&str> = lock::entries(&new).unwrap_or_default().into_iter().map(|(path, _)| path).collect();
    Ok(entries
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            !pinned.contains(path) && *path != lock::FILE && stays_inside(path) && exists(&directory.join(path))
        })
        .map(str::to_owned)
        .collect())
}

/// Whether a path from a lock names something inside the directory that the lock stands in.
fn stays_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn holds(path: &Utf8Path, bytes: &[u8], mode: Mode) -> Result<bool, DiskError> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(false) };
    if !metadata.is_file()
        || metadata.len() != bytes.len() as u64
        || metadata.permissions().mode() & 0o777 != mode.bits()
    {
        return Ok(false);
    }
    Ok(fs::read(path).map_err(at(path))? == bytes)
}

fn write_file(path: &Utf8Path, bytes: &[u8], mode: Mode) -> Result<(), DiskError> {
    // Another build may have been killed here: its left-over is ours to replace, never to write into.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(path)(error)),
        _ => {}
    }
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(mode.bits()).open(path).map_err(at(path))?;
    // The umask may have taken bits away.
    if mode != Mode::Private {
        file.set_permissions(fs::Permissions::from_mode(mode.bits())).map_err(at(path))?;
    }
    file.write_all(bytes).map_err(at(path))
}

fn temporary(path: &Utf8Path) -> Utf8PathBuf {
    path.with_file_name(format!("{TEMPORARY}{}", path.file_name().expect("a file has a name")))
}

fn remove_empty_parents(path: &Utf8Path, root: &Utf8Path) {
    for parent in path.ancestors().skip(1).take_while(|parent| *parent != root) {
        // A directory in which somebody keeps a file is not empty, and stays.
        if fs::remove_dir(parent).is_err() {
            return;
        }
    }
}

fn at(path: &Utf8Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    |error| DiskError { path, error }
}

impl std::fmt::Display for DiskError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.error)
    }
}
