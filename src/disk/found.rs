//! What stands in a directory that has no lock.
#![allow(clippy::disallowed_methods, reason = "this is the disk")]

use camino::Utf8Path;

use crate::emit;

use super::{DiskError, at, is_absent};

/// The files at paths where builds write: where no lock lists them, nothing says whether a build wrote them.
pub(super) fn find(root: &Utf8Path) -> Result<Vec<String>, DiskError> {
    let mut found = Vec::new();
    find_below(root, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn find_below(root: &Utf8Path, directory: &str, found: &mut Vec<String>) -> Result<(), DiskError> {
    let full = root.join(directory);
    let entries = match full.read_dir() {
        Err(error) if is_absent(&error) => return Ok(()),
        entries => entries.map_err(at(&full))?,
    };
    for entry in entries {
        let entry = entry.map_err(at(&full))?;
        // A name that is not valid UTF-8 is not one of a tree.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if directory.is_empty() { name } else { [directory, "/", &name].concat() };
        let kind = entry.file_type().map_err(at(&full))?;
        if kind.is_dir() && emit::is_directory(&path) {
            find_below(root, &path, found)?;
        } else if kind.is_file() && emit::is_emitted(&path) {
            found.push(path);
        }
    }
    Ok(())
}
