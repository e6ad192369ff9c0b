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

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "this is the disk")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use camino::Utf8Path;

    use super::*;

    #[test]
    fn what_builds_write_is_found_where_builds_write_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(directory.path()).unwrap();
        for path in ["east/20-cacerts/ca-cert.pem", "east/notes.md", "deep/er/20-cacerts/ca-cert.pem", "install.sh"] {
            fs::create_dir_all(place.join(path).parent().unwrap()).unwrap();
            fs::write(place.join(path), "").unwrap();
        }
        fs::create_dir(place.join("verify.sh")).unwrap();
        symlink("east", place.join("west")).unwrap();
        let base = Base::open(place).unwrap().unwrap();
        assert_eq!(find(&base).unwrap(), ["east/20-cacerts/ca-cert.pem", "install.sh"]);
    }
}
