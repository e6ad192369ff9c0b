//! Files below a directory, none of which is reached through a symbolic link: one step for each part of a path (`openat`).
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{self, AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

use crate::parallel;
use crate::tree::Mode;

use super::{DiskError, FILES_WORTH_A_THREAD, TEMPORARY, at, refusal};

/// More than any file of a mesh has, `verify.sh` of ten thousand clusters included, of which a tenth are primaries.
const MAXIMUM_BYTES: u64 = 256 << 20;

const IS_A_LINK: &str = "is a symbolic link, which meshgen does not follow inside a tree: remove it";
const NO_DIRECTORY: &str = "is not a directory, and the tree needs a directory there: move it away";
const NO_FILE: &str = "is not a file, and the tree needs a file there: move it away";

/// A directory that is held open: if its name is given to something else, this is still the one that was opened.
#[derive(Debug)]
pub(super) struct Base {
    path: Utf8PathBuf,
    handle: OwnedFd,
}

impl Base {
    /// Opens a directory that a user named, which may be a link; nothing if there is none.
    pub(super) fn open(path: &Utf8Path) -> Result<Option<Self>, DiskError> {
        match fs::open(path.as_std_path(), DIRECTORY, fs::Mode::empty()) {
            Ok(handle) => Ok(Some(Self { path: path.to_owned(), handle })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(at(path)(error.into())),
        }
    }

    /// The directory's path, as the user named it.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The directory itself.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// A way to files below it.
    pub(super) fn way(&self) -> Way<'_> {
        Way { base: self, name: String::new(), directory: None, bytes: Vec::new() }
    }

    /// Does the same to many files, on all processors.
    pub(super) fn each<P: AsRef<str> + Sync, R: Send>(
        &self,
        paths: &[P],
        work: impl Fn(&mut Way<'_>, &str) -> Result<R, DiskError> + Sync,
    ) -> Result<Vec<R>, DiskError> {
        let shares = parallel::by_share(paths, FILES_WORTH_A_THREAD, |paths| {
            let mut way = self.way();
            paths.iter().map(|path| work(&mut way, path.as_ref())).collect::<Result<Vec<R>, DiskError>>()
        });
        Ok(shares.into_iter().collect::<Result<Vec<_>, DiskError>>()?.into_iter().flatten().collect())
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The way from a base to its files. It keeps the directory of the last one open, because files of one directory follow each other.
pub(super) struct Way<'b> {
    base: &'b Base,
    /// The directory that is open, as a path below the base.
    name: String,
    directory: Option<OwnedFd>,
    /// What the last file that was read holds.
    pub(super) bytes: Vec<u8>,
}

impl Way<'_> {
    fn full(&self, path: &str) -> Utf8PathBuf {
        self.base.path.join(path)
    }

    /// An error, with the path of its file.
    pub(super) fn refused(&self, path: &str, error: std::io::Error) -> DiskError {
        at(&self.full(path))(error)
    }

    /// Whether there is anything at a path.
    pub(super) fn is_there(&mut self, path: &str) -> Result<bool, DiskError> {
        let (directory, name) = split(path);
        Ok(self.enter(directory)?.is_some_and(|directory| kind(directory, name).is_some()))
    }

    /// Opens a directory below the base, unless there is none.
    fn enter(&mut self, directory: &str) -> Result<Option<BorrowedFd<'_>>, DiskError> {
        if directory.is_empty() {
            return Ok(Some(self.base.handle()));
        }
        if self.directory.is_none() || self.name != directory {
            self.directory = None;
            let mut open: Option<OwnedFd> = None;
            for (end, _) in directory.match_indices('/').chain([(directory.len(), "")]) {
                let name = directory[..end].rsplit('/').next().unwrap_or_default();
                let above = open.as_ref().map_or(self.base.handle(), AsFd::as_fd);
                match fs::openat(above, name, DIRECTORY | OFlags::NOFOLLOW, fs::Mode::empty()) {
                    Ok(next) => open = Some(next),
                    Err(Errno::NOENT) => return Ok(None),
                    Err(error) => {
                        let path = self.full(&directory[..end]);
                        return Err(match (error, kind(above, name)) {
                            (Errno::NOTDIR | Errno::LOOP, Some(FileType::Symlink)) => refusal(&path, IS_A_LINK),
                            (Errno::NOTDIR, Some(_)) => refusal(&path, NO_DIRECTORY),
                            _ => at(&path)(error.into()),
                        });
                    }
                }
            }
            self.directory = open;
            directory.clone_into(&mut self.name);
        }
        Ok(self.directory.as_ref().map(AsFd::as_fd))
    }

    /// The directory of a file, which is there, and the file's name in it.
    fn place<'p>(&mut self, path: &'p str) -> Result<(BorrowedFd<'_>, &'p str), DiskError> {
        let (directory, name) = split(path);
        let full = self.full(directory);
        let open = self.enter(directory)?;
        Ok((open.ok_or_else(|| at(&full)(Errno::NOENT.into()))?, name))
    }

    /// Reads a file into `bytes`; its permissions. `None` if there is no file.
    pub(super) fn read(&mut self, path: &str) -> Result<Option<u32>, DiskError> {
        let full = self.full(path);
        let (directory, name) = split(path);
        let Some(directory) = self.enter(directory)? else { return Ok(None) };
        // Opening a pipe without a writer would block otherwise.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(directory, name, flags, fs::Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => {
                return Err(match kind(directory, name) {
                    Some(kind) if kind.is_symlink() => refusal(&full, IS_A_LINK),
                    Some(kind) if !kind.is_file() => refusal(&full, NO_FILE),
                    _ => at(&full)(error.into()),
                });
            }
        };
        let facts = fs::fstat(&file).map_err(|error| at(&full)(error.into()))?;
        let mode = facts.st_mode;
        if !FileType::from_raw_mode(mode).is_file() {
            return Err(refusal(&full, NO_FILE));
        }
        self.bytes.clear();
        read_all(&file, u64::try_from(facts.st_size).unwrap_or_default(), &mut self.bytes).map_err(at(&full))?;
        #[allow(clippy::useless_conversion, reason = "macOS gives 16 bits")]
        Ok(Some(u32::from(mode)))
    }

    /// The names in a directory and what they are; nothing if there is no directory.
    pub(super) fn entries(&mut self, directory: &str) -> Result<Vec<(String, FileType)>, DiskError> {
        let full = self.full(directory);
        let failed = |error: Errno| at(&full)(error.into());
        let Some(open) = self.enter(directory)? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for entry in Dir::read_from(open).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A name that is not valid UTF-8 is not one of a tree.
            let name = &*entry.file_name().to_string_lossy();
            let known = entry.file_type();
            let found = if known == FileType::Unknown { kind(open, name).unwrap_or(known) } else { known };
            if name != "." && name != ".." {
                entries.push((name.to_owned(), found));
            }
        }
        Ok(entries)
    }

    /// Makes a directory, unless it is there.
    pub(super) fn make(&mut self, directory: &str) -> Result<(), DiskError> {
        let full = self.full(directory);
        let (above, name) = self.place(directory)?;
        match fs::mkdirat(above, name, fs::Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(at(&full)(error.into())),
        }
    }

    /// Writes a new file. One that stands there was left by a build that was killed: it is replaced, never written to.
    pub(super) fn create(&mut self, path: &str, bytes: &[u8], mode: Mode) -> Result<(), DiskError> {
        let full = self.full(path);
        let (directory, name) = self.place(path)?;
        // What is made exclusively is no link that stands there.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let create = || fs::openat(directory, name, flags, permissions(mode));
        let file = match create() {
            Err(Errno::EXIST) => fs::unlinkat(directory, name, AtFlags::empty()).and_then(|()| create()),
            created => created,
        };
        let file = file.map_err(|error| at(&full)(error.into()))?;
        // The umask may have cleared bits.
        if mode != Mode::Private {
            fs::fchmod(&file, permissions(mode)).map_err(|error| at(&full)(error.into()))?;
        }
        std::fs::File::from(file).write_all(bytes).map_err(at(&full))
    }

    /// Gives a temporary the name of its file.
    pub(super) fn rename(&mut self, path: &str) -> Result<(), DiskError> {
        let full = self.full(path);
        let (directory, name) = self.place(path)?;
        let renamed = fs::renameat(directory, temporary_name(name), directory, name);
        renamed.map_err(|error| at(&full)(error.into()))
    }

    /// Removes a file.
    pub(super) fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        let full = self.full(path);
        let (directory, name) = self.place(path)?;
        fs::unlinkat(directory, name, AtFlags::empty()).map_err(|error| at(&full)(error.into()))
    }

    /// Removes the directory of a path and those above it, as far as they are empty.
    pub(super) fn remove_empty_above(&mut self, path: &str) {
        let mut rest = split(path).0;
        while !rest.is_empty() {
            self.directory = None;
            let Ok((above, name)) = self.place(rest) else { return };
            if fs::unlinkat(above, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            rest = split(rest).0;
        }
    }

    /// Flushes a file to the disk.
    pub(super) fn sync(&mut self, path: &str) -> Result<(), DiskError> {
        let full = self.full(path);
        let (directory, name) = self.place(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let synced = fs::openat(directory, name, flags, fs::Mode::empty()).and_then(fs::fsync);
        synced.map_err(|error| at(&full)(error.into()))
    }

    /// Flushes the names in a directory to the disk.
    pub(super) fn sync_directory(&mut self, directory: &str) -> Result<(), DiskError> {
        let full = self.full(directory);
        let open = self.enter(directory)?.ok_or_else(|| at(&full)(Errno::NOENT.into()))?;
        fs::fsync(open).map_err(|error| at(&full)(error.into()))
    }
}

/// Reads a file that is open and seems to be so long.
fn read_all(file: &OwnedFd, length: u64, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    // One byte more than the length of the file, so that a short read shows its end.
    bytes.reserve(usize::try_from(length.min(MAXIMUM_BYTES)).unwrap_or_default() + 1);
    while bytes.len() as u64 <= MAXIMUM_BYTES {
        let room = bytes.capacity() - bytes.len();
        match rustix::io::read(file, rustix::buffer::spare_capacity(bytes)) {
            Ok(read) if read < room => return Ok(()),
            Ok(_) => bytes.reserve(1 << 16),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let message = format!("is larger than {} MiB, and no file of a tree is: move it away", MAXIMUM_BYTES >> 20);
    Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message))
}

/// What a name in a directory is, if there is such a name.
fn kind(directory: BorrowedFd<'_>, name: &str) -> Option<FileType> {
    fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|facts| FileType::from_raw_mode(facts.st_mode))
}

#[allow(clippy::useless_conversion, reason = "macOS takes 16 bits")]
fn permissions(mode: Mode) -> fs::Mode {
    fs::Mode::from_raw_mode(mode.bits().try_into().expect("permissions are few bits"))
}

/// The directory of a path, and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The name of the temporary of a file.
fn temporary_name(name: &str) -> String {
    [TEMPORARY, name].concat()
}

/// The path of the temporary of a file.
pub(super) fn temporary(path: &str) -> String {
    let name = split(path).1;
    [&path[..path.len() - name.len()], &temporary_name(name)].concat()
}

#[cfg(test)]
mod tests {
    use std::fs as std_fs;
    use std::io::{Seek as _, Write as _};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_operation_follows_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(directory.path()).unwrap();
        std_fs::create_dir(place.join("elsewhere")).unwrap();
        std_fs::write(place.join("elsewhere/file"), "theirs").unwrap();
        symlink("elsewhere", place.join("linked")).unwrap();
        symlink("elsewhere/file", place.join("link")).unwrap();
        let base = Base::open(place).unwrap().unwrap();
        let mut way = base.way();
        for path in ["link", "linked/file"] {
            assert!(way.read(path).unwrap_err().to_string().contains("is a symbolic link"), "{path}");
            assert!(way.sync(path).is_err(), "{path}");
        }
        assert!(way.entries("linked").is_err() && way.sync_directory("linked").is_err());
        assert!(way.create("linked/file", b"ours", Mode::Public).is_err());
        way.create("link", b"ours", Mode::Public).unwrap();
        assert_eq!(std_fs::read_to_string(place.join("link")).unwrap(), "ours");
        assert_eq!(std_fs::read_to_string(place.join("elsewhere/file")).unwrap(), "theirs");
        way.sync("link").unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_cannot_be_opened_and_is_no_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::mknodat(fs::CWD, directory.path().join("socket"), FileType::Socket, fs::Mode::RUSR, 0).unwrap();
        let base = Base::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap().unwrap();
        let refused = base.way().read("socket").unwrap_err().to_string();
        assert!(refused.contains("/socket: is not a file, and the tree needs a file there"), "{refused}");
    }

    #[test]
    fn a_file_that_is_longer_than_it_seemed_is_read_to_its_end() {
        let mut file = tempfile::tempfile().unwrap();
        let written = vec![7; 200_000];
        file.write_all(&written).unwrap();
        for seeming in [0, 1, 199_999, 200_000, 200_001] {
            file.rewind().unwrap();
            let mut read = Vec::new();
            read_all(&OwnedFd::from(file.try_clone().unwrap()), seeming, &mut read).unwrap();
            assert!(read == written, "{seeming}");
        }
    }

    #[test]
    fn a_file_of_a_tree_may_be_as_large_as_the_largest_and_no_larger() {
        let file = tempfile::tempfile().unwrap();
        for (length, is_read) in [(256 << 20, true), ((256 << 20) + 1, false)] {
            file.set_len(length).unwrap();
            (&file).rewind().unwrap();
            let mut read = Vec::new();
            let told = read_all(&OwnedFd::from(file.try_clone().unwrap()), length, &mut read);
            match told {
                Ok(()) => assert!(is_read && read.len() as u64 == length),
                Err(error) => assert!(!is_read && error.to_string().starts_with("is larger than 256 MiB"), "{error}"),
            }
        }
    }
}
