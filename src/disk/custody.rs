//! Who else can read or replace a secret file.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use rustix::process::Uid;

/// Others may neither read nor write a secret, and the group may read it: Kubernetes mounts Secrets as 0440.
const FORBIDDEN_BITS: u32 = 0o026;

/// Why a secret file is not in its owner's hands alone, and what to do, as the rest of a sentence that begins with its path.
///
/// # Errors
/// The error of the operating system.
pub fn open_to_others(path: &Utf8Path, file: &File) -> io::Result<Option<String>> {
    let metadata = file.metadata()?;
    let mode = metadata.mode();
    if mode & FORBIDDEN_BITS != 0 {
        return Ok(Some(format!("is open to others (mode {:04o}): run `chmod 600 {path}`", mode & 0o777)));
    }
    if lets_others_in(file)? {
        return Ok(Some(format!("is open to others by an access control list: run `setfacl --remove-all {path}`")));
    }
    if is_of_another(rustix::process::geteuid(), metadata.uid()) {
        return Ok(Some(format!("belongs to another user (uid {}): copy it, so that it is yours", metadata.uid())));
    }
    // The link that a user named may be where anybody puts another one.
    let directory = path.parent().filter(|parent| *parent != "").unwrap_or(Utf8Path::new("."));
    let is_anybodys = |directory: &Metadata| directory.mode() & 0o1002 == 0o002;
    if is_anybodys(&directory.metadata()?) {
        return Ok(Some(format!("is in a directory where anybody can replace it: run `chmod o-w {directory}`")));
    }
    Ok(None)
}

/// Whether a file belongs to somebody else than who runs meshgen. A file of root is in good hands, and root reads those of everybody.
fn is_of_another(user: Uid, owner: u32) -> bool {
    !user.is_root() && owner != 0 && owner != user.as_raw()
}

/// Whether an access control list (POSIX 1003.1e, draft 17) names a user or a group that may read or write.
#[cfg(target_os = "linux")]
fn lets_others_in(file: &File) -> io::Result<bool> {
    use rustix::io::Errno;

    let mut list = Vec::with_capacity(64 << 10);
    match rustix::fs::fgetxattr(file, "system.posix_acl_access", rustix::buffer::spare_capacity(&mut list)) {
        Ok(_) => Ok(names_others(&list)),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Other systems keep such lists where only their own libraries read them.
#[cfg(not(target_os = "linux"))]
fn lets_others_in(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// Whether a list has entries of named users or groups that the mask lets read or write (`linux/posix_acl_xattr.h`: a version,
/// then entries of a tag, permissions and an ID).
#[cfg(target_os = "linux")]
fn names_others(list: &[u8]) -> bool {
    const READ_OR_WRITE: u8 = 0o6;
    let (user, group, mask) = (0x02, 0x08, 0x10);
    let entries = || list.get(4..).unwrap_or_default().chunks_exact(8).map(|entry| (entry[0], entry[2]));
    let allowed = entries().find(|(tag, _)| *tag == mask).map_or(READ_OR_WRITE, |(_, permissions)| permissions);
    entries().any(|(tag, permissions)| [user, group].contains(&tag) && permissions & allowed & READ_OR_WRITE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_root_or_ones_own_belongs_to_no_other() {
        for (user, owner, is_anothers) in [(7, 7, false), (7, 0, false), (7, 8, true), (0, 0, false), (0, 8, false)] {
            assert_eq!(is_of_another(Uid::from_raw(user), owner), is_anothers, "{user} {owner}");
        }
    }
}
