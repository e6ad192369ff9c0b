//! Replaces a file of the user.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use camino::Utf8Path;

use crate::tree::Mode;

use super::{DiskError, at, create_anew, temporary_of};

/// Atomically replaces a file that contains `before`. It keeps the permissions and, if possible, the owner. A symbolic
/// link still points to it.
///
/// # Errors
/// The file and the error of the operating system, or that it must not be written or has changed in the meantime.
pub fn rewrite(path: &Utf8Path, before: &[u8], after: &[u8]) -> Result<(), DiskError> {
    let target = path.canonicalize_utf8().map_err(at(path))?;
    if !fs::metadata(&target).map_err(at(path))?.is_file() {
        return Err(at(path)(io::Error::other("is not a regular file, so the fixed text cannot be written to it")));
    }
    // A user who cannot write the file must not replace it, even if the directory allows that.
    let mut standing = OpenOptions::new().read(true).write(true).open(&target).map_err(at(path))?;
    let temporary = temporary_of(&target);
    let made = make(&temporary, &standing, after).and_then(|()| {
        let mut bytes = Vec::new();
        (&mut standing).take(before.len() as u64 + 1).read_to_end(&mut bytes)?;
        if bytes != before {
            return Err(io::Error::other("was changed in the meantime and is left unchanged"));
        }
        fs::rename(&temporary, &target)
    });
    if made.is_err() {
        // The first error matters more than a temporary that cannot be removed.
        let _ = fs::remove_file(&temporary);
    }
    made.map_err(at(path))?;
    let directory = target.parent().expect("a file has a directory");
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))
}

/// Writes the next version beside the file, with the permissions of the file.
fn make(temporary: &Utf8Path, standing: &File, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_anew(temporary, Mode::Private)?;
    let wanted = standing.metadata()?;
    // Only root can change the owner. An atomic write matters more than the owner.
    let _ = fchown(&file, Some(wanted.uid()), Some(wanted.gid()));
    file.set_permissions(Permissions::from_mode(wanted.mode() & 0o7777))?;
    file.write_all(bytes)?;
    file.sync_all()
}
