//! Replaces a file of the user's by its next version.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};

use camino::Utf8Path;

use super::{DiskError, at, temporary};

/// Replaces a file that holds `before`, whole or not at all. Its permissions stay and, as far as we may, its owner; a symbolic
/// link goes on leading to it.
///
/// # Errors
/// The file and what the operating system says, or that it is not to be written, or that somebody wrote it meanwhile.
pub fn rewrite(path: &Utf8Path, before: &[u8], after: &[u8]) -> Result<(), DiskError> {
    let target = path.canonicalize_utf8().map_err(at(path))?;
    if !fs::metadata(&target).map_err(at(path))?.is_file() {
        return Err(at(path)(io::Error::other("is no regular file, so there is nothing to write the text back to")));
    }
    // Who may not write the file may not replace it, even where the directory would let them.
    let mut standing = OpenOptions::new().read(true).write(true).open(&target).map_err(at(path))?;
    let temporary = temporary(&target);
    let made = make(&temporary, &standing, after).and_then(|()| {
        let mut bytes = Vec::new();
        standing.read_to_end(&mut bytes)?;
        if bytes != before {
            return Err(io::Error::other("was changed by somebody else meanwhile, and was left alone"));
        }
        fs::rename(&temporary, &target)
    });
    if made.is_err() {
        // The reason why is worth more than a left-over.
        let _ = fs::remove_file(&temporary);
    }
    made.map_err(at(path))?;
    let directory = target.parent().expect("a file has a directory");
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))
}

/// Writes the next version beside the file, for its readers only.
fn make(temporary: &Utf8Path, standing: &File, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    let (wanted, made) = (standing.metadata()?, file.metadata()?);
    if (wanted.uid(), wanted.gid()) != (made.uid(), made.gid()) {
        // Only root gives files away; to keep the text whole matters more than whose it is.
        let _ = fchown(&file, Some(wanted.uid()), Some(wanted.gid()));
    }
    file.set_permissions(Permissions::from_mode(wanted.mode() & 0o7777))?;
    file.write_all(bytes)?;
    file.sync_all()
}
