//! What stands in a directory that has no lock.

use rustix::fs::FileType;

use crate::emit;

use super::DiskError;
use super::base::{Base, Way};

/// The files at paths where builds write: where no lock lists them, nothing says whether a build wrote them.
pub(super) fn find(base: &Base) -> Result<Vec<String>, DiskError> {
    let mut found = Vec::new();
    find_below(&mut base.way(), "", &mut found)?;
    found.sort();
    Ok(found)
}

fn find_below(way: &mut Way<'_>, directory: &str, found: &mut Vec<String>) -> Result<(), DiskError> {
    for (name, kind) in way.entries(directory)? {
        let path = if directory.is_empty() { name } else { [directory, "/", &name].concat() };
        if kind == FileType::Directory && emit::is_directory(&path) {
            find_below(way, &path, found)?;
        } else if kind == FileType::RegularFile && emit::is_emitted(&path) {
            found.push(path);
        }
    }
    Ok(())
}
