//! A disk that ends at any operation. Each test has a process of its own, which starts no other, so that nobody inherits a claim.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use meshgen::disk::{Barrier, Claim, State, Writer};
use meshgen::tree::Tree;

use crate::common::{is_alone, share, trees};

use trees::{bytes, differing, files, is_of_either, of_an_earlier_version, tree, writes_keys};

fn utf8(path: &Path) -> &Utf8Path {
    Utf8Path::from_path(path).unwrap()
}

/// Makes a directory hold a tree, on a disk that may end after some operations.
fn put(directory: &Path, tree: &Tree, writer: &Writer) -> Result<(), String> {
    let directory = utf8(directory);
    let claim = Claim::take(directory).map_err(|error| error.to_string())?;
    let plan = claim.plan(tree).map_err(|error| error.to_string())?;
    assert_eq!(plan.edited(), Vec::<&str>::new(), "what a build wrote is known as a build's");
    assert_eq!(plan.edited_stale, Vec::<String>::new(), "the same for what is no longer emitted");
    assert_eq!(plan.in_state(State::Foreign).count(), 0, "what a build wrote is no stranger's");
    writer.write(&claim, tree, &plan).map(|_| ()).map_err(|error| error.to_string())
}

/// Ends a build at each of its operations in turn, and completes it; how many operations there are.
fn end_everywhere(barrier: Barrier) -> usize {
    end_each(Some(&tree(3, "1.11.2")), &tree(2, "1.30.3"), barrier, 1).0
}

/// The same for any trees, of which the first need not be, and one of so many operations; how many operations there are, and after how many of them there is
/// a key that has not its name yet.
fn end_each(old: Option<&Tree>, new: &Tree, barrier: Barrier, step: usize) -> (usize, usize) {
    let (mut moments, mut keys) = (0, 0);
    loop {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        if let Some(old) = old {
            put(&out, old, &Writer::default()).unwrap();
        }
        let old = old.unwrap_or(new);
        let ended = put(&out, new, &Writer::ending_after(moments).waiting_for(barrier));
        is_of_either(&files(&out), old, new);
        keys += usize::from(writes_keys(&files(&out)));
        if ended.is_ok() {
            assert_eq!(files(&out), bytes(new));
            return (moments, keys);
        }
        // Either version may be wanted next: the change may have been taken back.
        let wanted = if (moments / step).is_multiple_of(2) { new } else { old };
        put(&out, wanted, &Writer::default()).unwrap();
        assert_eq!(differing(&files(&out), &bytes(wanted)), Vec::<String>::new(), "after {moments} operations");
        moments += step;
    }
}

#[test]
fn a_build_that_ends_at_any_operation_is_completed_by_the_next() {
    if !is_alone() {
        return;
    }
    let moments = end_everywhere(Barrier::default());
    let changed = differing(&bytes(&tree(3, "1.11.2")), &bytes(&tree(2, "1.30.3"))).len();
    assert!(moments >= changed, "{moments} operations change {changed} files");
}

#[test]
fn at_no_moment_is_a_key_written_that_nothing_ignores() {
    if !is_alone() {
        return;
    }
    let new = tree(2, "1.30.3");
    let old = of_an_earlier_version(&tree(1, "1.11.2"));
    for (old, barrier) in [(None, Barrier::default()), (Some(&old), Barrier::Files)] {
        let (moments, keys) = end_each(old, &new, barrier, share(1, 4));
        assert!(keys > share(10, 2) && keys < moments, "{keys} of {moments}");
    }
}

#[test]
fn a_build_that_fails_once_gitignore_is_in_place_is_completed_by_any_version() {
    if !is_alone() {
        return;
    }
    let new = tree(2, "1.30.3");
    for old in [None, Some(of_an_earlier_version(&tree(1, "1.11.2")))] {
        let directory = tempfile::tempdir().unwrap();
        if let Some(old) = &old {
            put(directory.path(), old, &Writer::default()).unwrap();
        }
        let claim = Claim::take(utf8(directory.path())).unwrap();
        let plan = claim.plan(&new).unwrap();
        fs::write(directory.path().join("c1"), "in the way").unwrap();
        Writer::default().write(&claim, &new, &plan).unwrap_err();
        drop(claim);
        fs::remove_file(directory.path().join("c1")).unwrap();
        let wanted = old.unwrap_or_else(|| of_an_earlier_version(&new));
        put(directory.path(), &wanted, &Writer::default()).unwrap();
        assert_eq!(differing(&files(directory.path()), &bytes(&wanted)), Vec::<String>::new());
    }
}

#[test]
fn where_a_file_system_cannot_be_waited_for_each_file_is() {
    if !is_alone() {
        return;
    }
    let (changed, hasty) = (differing(&bytes(&tree(3, "1.11.2")), &bytes(&tree(2, "1.30.3"))), Barrier::None);
    let stays = changed.iter().filter(|path| tree(2, "1.30.3").get(path).is_some()).count();
    // Each of them, the journal, and at least the output directory once before and once after the renames.
    assert!(end_everywhere(Barrier::Files) >= end_everywhere(hasty) + stays + 3);
}

#[test]
fn builds_that_end_one_after_another_are_completed_too() {
    if !is_alone() {
        return;
    }
    let (old, new) = (tree(3, "1.11.2"), tree(2, "1.30.3"));
    for first in (0..60).step_by(share(7, 20)) {
        for second in (0..60).step_by(11) {
            let directory = tempfile::tempdir().unwrap();
            put(directory.path(), &old, &Writer::default()).unwrap();
            let _ = put(directory.path(), &new, &Writer::ending_after(first));
            let _ = put(directory.path(), &old, &Writer::ending_after(second));
            put(directory.path(), &new, &Writer::default()).unwrap();
            assert_eq!(differing(&files(directory.path()), &bytes(&new)), Vec::<String>::new(), "{first} {second}");
        }
    }
}

#[test]
fn a_directory_that_goes_away_meanwhile_comes_back_with_the_next_build() {
    if !is_alone() {
        return;
    }
    let (old, new) = (tree(2, "1.11.2"), tree(2, "1.30.3"));
    for gone in ["c0/30-istio", "c0", ""] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        put(&out, &old, &Writer::default()).unwrap();
        let claim = Claim::take(utf8(&out)).unwrap();
        let plan = claim.plan(&new).unwrap();
        fs::remove_dir_all(out.join(gone)).unwrap();
        // Whether that is noticed depends on what is written there; nothing that is left is torn.
        let _ = Writer::default().write(&claim, &new, &plan);
        is_of_either(&files(&out), &old, &new);
        drop(claim);
        put(&out, &new, &Writer::default()).unwrap();
        assert_eq!(differing(&files(&out), &bytes(&new)), Vec::<String>::new(), "{gone}");
    }
}

/// Somebody who may write here turns a directory into a link while a build is at work.
#[test]
fn a_directory_that_becomes_a_link_meanwhile_is_not_followed() {
    if !is_alone() {
        return;
    }
    let (old, new) = (tree(2, "1.11.2"), tree(2, "1.30.3"));
    for turned in ["c0/30-istio", "c0", ""] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        put(&out, &old, &Writer::default()).unwrap();
        let claim = Claim::take(utf8(&out)).unwrap();
        let plan = claim.plan(&new).unwrap();
        let (moved, elsewhere) = (directory.path().join("moved"), directory.path().join("elsewhere"));
        fs::rename(out.join(turned), &moved).unwrap();
        fs::create_dir_all(elsewhere.join("c0/30-istio")).unwrap();
        symlink(&elsewhere, directory.path().join("out").join(turned).components().collect::<PathBuf>()).unwrap();
        let written = Writer::default().write(&claim, &new, &plan);
        assert_eq!(files(&elsewhere).keys().collect::<Vec<_>>(), Vec::<&String>::new(), "{turned}");
        match written {
            Ok(_) => assert_eq!((turned, files(&moved)), ("", bytes(&new)), "the claimed directory, wherever it is"),
            Err(error) => assert!(error.to_string().contains("is a symbolic link"), "{error}"),
        }
    }
}

/// A file system that was not waited for may keep the lock's new name and lose those of other files.
#[test]
fn a_lock_that_is_newer_than_its_files_is_completed_while_the_journal_is_there() {
    if !is_alone() {
        return;
    }
    let (old, new) = (tree(3, "1.11.2"), tree(2, "1.30.3"));
    let whole = end_everywhere(Barrier::default());
    for lost in [1, 2, 3] {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), &old, &Writer::default()).unwrap();
        let before = files(directory.path());
        // All but the last operation, which removes the journal.
        put(directory.path(), &new, &Writer::ending_after(whole - 1)).unwrap_err();
        assert_eq!(files(directory.path())["meshgen.lock"], bytes(&new)["meshgen.lock"]);
        for (path, bytes) in before.iter().filter(|(path, _)| *path != "meshgen.lock").step_by(lost) {
            fs::create_dir_all(directory.path().join(path).parent().unwrap()).unwrap();
            fs::write(directory.path().join(path), bytes).unwrap();
        }
        put(directory.path(), &new, &Writer::default()).unwrap();
        assert_eq!(differing(&files(directory.path()), &bytes(&new)), Vec::<String>::new());
    }
}

#[test]
fn two_builds_exclude_each_other() {
    if !is_alone() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let held = Claim::take(utf8(directory.path())).unwrap();
    let refused = Claim::take(utf8(directory.path())).unwrap_err();
    assert!(refused.to_string().contains("another build is writing here"), "{refused}");
    drop(held);
    put(directory.path(), &tree(1, "1.11.2"), &Writer::default()).unwrap();
    assert_eq!(files(directory.path()), bytes(&tree(1, "1.11.2")), "the claim leaves no file");
}

/// A loss of power may cut the journal short. What was its last line is nobody's file.
#[test]
fn a_journal_that_was_cut_short_is_no_obstacle_to_later_builds() {
    if !is_alone() {
        return;
    }
    let (old, new) = (tree(1, "1.11.2"), tree(1, "1.30.3"));
    for cut in ["0", &"0".repeat(64), &format!("{} c0/30-is", "0".repeat(64))] {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), &old, &Writer::default()).unwrap();
        fs::write(directory.path().join(".meshgen-journal"), cut).unwrap();
        for moments in 1..9 {
            put(directory.path(), &new, &Writer::ending_after(moments)).unwrap_err();
        }
        put(directory.path(), &new, &Writer::default()).unwrap();
        assert_eq!(files(directory.path()), bytes(&new), "{cut}");
    }
}

/// Nobody sees what is flushed before power is lost; each flush is an operation.
#[test]
fn a_build_waits_for_its_files_and_for_their_names() {
    if !is_alone() {
        return;
    }
    let tree = tree(1, "1.11.2");
    let operations = |barrier| {
        let ends = |moments: &usize| {
            let directory = tempfile::tempdir().unwrap();
            put(directory.path(), &tree, &Writer::ending_after(*moments).waiting_for(barrier)).is_ok()
        };
        (0..1_000).find(ends).unwrap()
    };
    let none = operations(Barrier::None);
    let paths = || tree.iter().map(|(path, _)| Path::new(path));
    let directories: BTreeSet<&Path> = paths().flat_map(|path| path.ancestors().skip(1)).collect();
    // Before `.gitignore` has its name, its temporary, the journal and the directory of both; before all other files, each and the journal, and each
    // directory; before the lock, each directory.
    let each = (2 + 1) + (paths().count() - 1 + 1 + directories.len()) + directories.len();
    assert_eq!(operations(Barrier::Files), none + each);
    #[cfg(target_os = "linux")]
    assert_eq!(operations(Barrier::FileSystem), none + 3);
}

/// A killed process may have written a part of a file: the disk that ends leaves one at each.
#[test]
fn a_disk_that_ends_leaves_each_file_incomplete_once() {
    if !is_alone() {
        return;
    }
    let tree = tree(1, "1.11.2");
    let mut incomplete = BTreeSet::new();
    for moments in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let ended = put(directory.path(), &tree, &Writer::ending_after(moments));
        let found = files(directory.path());
        for (path, whole) in bytes(&tree) {
            let (above, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(above, name)| (above, name));
            let temporary = Path::new(above).join(format!(".meshgen-{name}"));
            if found.get(temporary.to_str().unwrap()).is_some_and(|part| part[..] == whole[..whole.len() / 2]) {
                assert!(incomplete.insert(path.clone()), "{path} is incomplete twice");
            }
        }
        if ended.is_ok() {
            break;
        }
    }
    assert!(incomplete.iter().eq(bytes(&tree).keys()), "{incomplete:?}");
}
