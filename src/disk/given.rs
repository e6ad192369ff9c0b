//! Files that somebody names: topologies, certificates of an external authority, seeds.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use camino::Utf8Path;
use rustix::fs::OFlags;

use crate::source::MAXIMUM_BYTES;

use super::{DiskError, at, is_absent};

/// Opens a regular file, and nothing else: a pipe may never end.
///
/// # Errors
/// The file and the error of the operating system, or what it is.
pub fn open(path: &Utf8Path) -> Result<File, DiskError> {
    // Opening a pipe without a writer would block otherwise.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("the flags of open are an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(at(path))?;
    let kind = file.metadata().map_err(at(path))?.file_type();
    match other_than_a_file(kind) {
        None => Ok(file),
        Some(what) => {
            let message = format!("{what}, and a regular file is needed: name one, or write to one first");
            Err(at(path)(io::Error::new(io::ErrorKind::InvalidInput, message)))
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The file and the error of the operating system, or that it is no regular file or too large for one that a mesh needs.
pub fn read(path: &Utf8Path) -> Result<Vec<u8>, DiskError> {
    open(path).and_then(|file| read_from(file).map_err(at(path)))
}

/// Reads a file that need not exist.
///
/// # Errors
/// The same, unless the file does not exist.
pub fn read_if_there(path: &Utf8Path) -> Result<Option<Vec<u8>>, DiskError> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(refused) if is_absent(&refused.error) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// Reads what a file or standard input gives, which may have no end.
///
/// # Errors
/// The error of the operating system, or that there is more than a file of a mesh has.
pub fn read_from(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAXIMUM_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAXIMUM_BYTES {
        let message = format!("is larger than {} MiB, and no file of a mesh is: name another one", MAXIMUM_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn other_than_a_file(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("is a directory")
    } else if kind.is_fifo() {
        Some("is a pipe")
    } else {
        Some("is a device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_as_large_as_the_largest_and_no_larger() {
        for length in [0, MAXIMUM_BYTES - 1, MAXIMUM_BYTES] {
            assert_eq!(read_from(io::repeat(7).take(length as u64)).unwrap().len(), length);
        }
        for length in [MAXIMUM_BYTES as u64 + 1, u64::MAX] {
            let refused = read_from(io::repeat(7).take(length)).unwrap_err().to_string();
            assert_eq!(refused, "is larger than 4 MiB, and no file of a mesh is: name another one");
        }
    }
}
