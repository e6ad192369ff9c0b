//! The journal of a build that was killed: whatever it lists, the next build touches no file that no build wrote.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use camino::Utf8Path;
use meshgen::disk::{Barrier, Claim, Plan, Writer};
use meshgen::emit;
use meshgen::lock::{self, Certificate, Digest, Lock};
use meshgen::topology::Date;
use meshgen::tree::{Mode, Tree};

use super::Answer;

const JOURNAL: &str = "out/.meshgen-journal";
const MANIFEST: &str = "east/10-namespace/namespace.yaml";
const KUSTOMIZATION: &str = "east/10-namespace/kustomization.yaml";

/// What stands on the disk, beside the lock of the earlier build. Each file holds its own path, and what is said of it here.
pub(crate) const STANDING: [(&str, &str); 14] = [
    ("outside/namespace.yaml", ""),
    ("mesh.yaml", ""),
    ("ca.seed", ""),
    ("out/.git/HEAD", ""),
    ("out/notes.txt", ""),
    ("out/east/notes.txt", ""),
    ("out/.gitignore", "new"),
    ("out/README.md", "old"),
    ("out/east/10-namespace/namespace.yaml", "new"),
    ("out/east/10-namespace/kustomization.yaml", "edited"),
    ("out/east/10-namespace/.meshgen-kustomization.yaml", "new"),
    ("out/left/10-namespace/namespace.yaml", "old"),
    ("out/gone/10-namespace/namespace.yaml", "old"),
    ("out/gone/20-cacerts/ca-key.pem", "old"),
];

/// A directory in the tree that is a link out of it.
const LINK: (&str, &str) = ("out/linked/10-namespace", "../../outside");

/// The files of the tree that is built, and of the one before.
const BUILT: [&str; 4] = [".gitignore", "README.md", MANIFEST, KUSTOMIZATION];
const BEFORE: [&str; 5] = [".gitignore", "README.md", MANIFEST, KUSTOMIZATION, "left/10-namespace/namespace.yaml"];

/// What a file below `out` holds, so that no two hold the same.
pub(crate) fn held(path: &str, what: &str) -> String {
    format!("{path} {what}\n")
}

/// A file on the disk, or where a link leads.
type Standing = BTreeMap<String, Vec<u8>>;

pub(super) fn answer(bytes: &[u8]) -> Answer {
    let place = directory();
    let base = Utf8Path::from_path(place.path()).unwrap();
    prepare(place.path(), bytes);
    let before = standing(place.path());
    let tree = tree(&BUILT, "new");
    let claim = Claim::take(&base.join("out")).unwrap();
    let Ok(plan) = claim.plan(&tree) else {
        assert_eq!(standing(place.path()), before, "a refusal changes something");
        return Answer::refused(1);
    };
    let listed = plan.stale.iter().chain(&plan.edited_stale).chain(plan.states.keys());
    for path in listed {
        assert!(emit::is_emitted(path), "{path} is not a file of meshgen");
    }
    Writer::default().waiting_for(Barrier::None).write(&claim, &tree, &plan).unwrap();
    let after = standing(place.path());
    assert_only_ours_changed(&before, &after, bytes);
    for (path, file) in tree.iter() {
        assert_eq!(after.get(&format!("out/{path}")), Some(&file.bytes), "{path} is not complete");
    }
    assert!(!after.contains_key(JOURNAL), "the journal is left");
    let Plan { states, stale, left_over, .. } = claim.plan(&tree).unwrap();
    assert!(stale.is_empty() && left_over.is_empty() && states.len() == tree.iter().len(), "something is left to do");
    assert_eq!(standing(place.path()), after, "a comparison changes something");
    Answer::refused(0)
}

/// A directory in memory, where there is one: what is flushed to a disk takes its time.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn prepare(place: &Path, journal: &[u8]) {
    for (path, what) in STANDING {
        let file = place.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let name = path.strip_prefix("out/").unwrap_or(path).replace(".meshgen-k", "k");
        fs::write(file, held(&name, what)).unwrap();
    }
    let (link, target) = LINK;
    fs::create_dir_all(place.join(link).parent().unwrap()).unwrap();
    symlink(target, place.join(link)).unwrap();
    let lock = tree(&BEFORE, "old").get(lock::FILE).unwrap().bytes.clone();
    fs::write(place.join("out").join(lock::FILE), lock).unwrap();
    fs::write(place.join(JOURNAL), journal).unwrap();
}

/// A tree with its lock.
fn tree(paths: &[&str], what: &str) -> Tree {
    let mut tree = Tree::default();
    let mut lock = Lock::default();
    let day: Date = "2026-11-01".parse().unwrap();
    let serial = "00".to_owned();
    lock.roots.push(Certificate { fingerprint: "00".to_owned(), serial, not_before: day, not_after: day });
    for path in paths {
        let what = if *path == ".gitignore" { "new" } else { what };
        let text = held(path, what);
        lock.files.push(((*path).to_owned(), Digest::of(text.as_bytes())));
        tree.add(*path, Mode::Public, text);
    }
    tree.add(lock::FILE, Mode::Public, lock.to_string());
    tree
}

fn standing(place: &Path) -> Standing {
    let mut found = Standing::new();
    let mut directories = vec![place.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(place).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                found.insert(name, fs::read_link(path).unwrap().to_str().unwrap().as_bytes().to_vec());
            } else if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// A file that is gone was written by an earlier build, as the lock or the journal says; a file that is other is one of the tree.
fn assert_only_ours_changed(before: &Standing, after: &Standing, journal: &[u8]) {
    let whole = journal.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    let listed: Vec<&[u8]> = whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    for (full, bytes) in before {
        let path = full.strip_prefix("out/").unwrap_or_default();
        let is_temporary = full == JOURNAL || full.ends_with(".meshgen-kustomization.yaml");
        let is_written = path == lock::FILE || BUILT.contains(&path);
        if after.get(full) == Some(bytes) || is_temporary || is_written {
            continue;
        }
        assert!(!after.contains_key(full), "{full} has changed");
        let line = format!("{} {path}", Digest::of(bytes));
        let is_listed = listed.contains(&line.as_bytes()) || BEFORE.contains(&path);
        assert!(is_listed && emit::is_emitted(path), "{full} is gone");
    }
    let is_new = |path: &&String| !before.contains_key(*path) && !BUILT.contains(&path.trim_start_matches("out/"));
    assert_eq!(after.keys().find(is_new), None, "a file is new");
}
