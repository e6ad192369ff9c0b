//! Power is lost at each operation of a build, on real file systems: what their disks hold at that moment is copied, and the
//! next build completes it. `make power-loss` runs this as root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::Utf8Path;
use meshgen::disk::{Claim, State, Writer};
use meshgen::tree::Tree;

use crate::common::trees::{bytes, differing, files, is_of_either, tree};

/// A file system: how an image is made, and what it takes.
struct FileSystem {
    name: &'static str,
    make: &'static [&'static str],
    mebibytes: u64,
}

const FILE_SYSTEMS: [FileSystem; 4] = [
    FileSystem { name: "ext4", make: &["mkfs.ext4", "-q"], mebibytes: 32 },
    FileSystem { name: "xfs", make: &["mkfs.xfs", "-q"], mebibytes: 300 },
    FileSystem { name: "btrfs", make: &["mkfs.btrfs", "-q"], mebibytes: 128 },
    FileSystem { name: "f2fs", make: &["mkfs.f2fs", "-q"], mebibytes: 64 },
];

/// What of the disk's cache was written before the power went, other than what the build waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// Nothing.
    Lost,
    /// Some files and directories, others each time.
    Partly,
    /// The lock and its name, which the build writes last.
    TheLock,
}

/// An image that is mounted until this is dropped.
struct Mounted<'d> {
    directory: &'d Path,
}

impl<'d> Mounted<'d> {
    fn new(image: &Path, directory: &'d Path) -> Self {
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(directory));
        Self { directory }
    }

    fn out(&self) -> PathBuf {
        self.directory.join("out")
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.directory));
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--sparse=always").args([from, to]));
}

/// Builds a tree, and says whether the build came to its end.
fn build(out: &Path, tree: &Tree, writer: &Writer) -> bool {
    let claim = Claim::take(Utf8Path::from_path(out).unwrap()).unwrap();
    let plan = claim.plan(tree).unwrap();
    assert_eq!(plan.edited(), Vec::<&str>::new(), "what a build wrote is known as a build's");
    assert_eq!(plan.edited_stale, Vec::<String>::new(), "the same for what is no longer emitted");
    assert_eq!(plan.in_state(State::Foreign).count(), 0, "what a build wrote is no stranger's");
    writer.write(&claim, tree, &plan).is_ok()
}

/// Writes a part of the cache to the disk, as the system does at any time.
fn flush(out: &Path, cache: Cache, moment: usize) {
    let mut random = fastrand::Rng::with_seed(moment as u64);
    let all: Vec<PathBuf> = files(out).into_keys().map(|path| out.join(path)).collect();
    let chosen: Vec<PathBuf> = match cache {
        Cache::Lost => Vec::new(),
        Cache::TheLock => vec![out.join("meshgen.lock"), out.to_owned()],
        Cache::Partly => all
            .iter()
            .flat_map(|path| [path.clone(), path.parent().unwrap().to_owned()])
            .filter(|_| random.u8(..) < 16)
            .collect(),
    };
    for path in chosen.iter().filter(|path| path.exists()) {
        File::open(path).unwrap().sync_all().unwrap();
    }
}

/// Loses power after each operation of a build; how many images were completed.
fn lose_power(system: &FileSystem, directory: &Path) -> usize {
    let [empty, live, cut, here, there] =
        ["empty.img", "live.img", "cut.img", "here", "there"].map(|name| directory.join(name));
    File::create(&empty).unwrap().set_len(system.mebibytes << 20).unwrap();
    run(Command::new(system.make[0]).args(&system.make[1..]).arg(&empty));
    for directory in [&here, &there] {
        fs::create_dir_all(directory).unwrap();
    }
    let (old, new) = (tree(3, "1.11.2"), tree(2, "1.30.3"));
    {
        let mounted = Mounted::new(&empty, &here);
        assert!(build(&mounted.out(), &old, &Writer::default()));
    }
    let mut images = 0;
    for cache in [Cache::Lost, Cache::Partly, Cache::TheLock] {
        for moment in 0.. {
            copy(&empty, &live);
            let is_ended = {
                let mounted = Mounted::new(&live, &here);
                let is_ended = build(&mounted.out(), &new, &Writer::ending_after(moment));
                flush(&mounted.out(), cache, moment);
                copy(&live, &cut);
                is_ended
            };
            let mounted = Mounted::new(&cut, &there);
            let found = files(&mounted.out());
            is_of_either(&found, &old, &new);
            if is_ended {
                let missing = bytes(&new).into_iter().find(|(path, bytes)| found.get(path) != Some(bytes));
                assert!(missing.is_none(), "{} lost {missing:?} of a build that had ended", system.name);
            }
            assert!(build(&mounted.out(), &new, &Writer::default()));
            let differing = differing(&files(&mounted.out()), &bytes(&new));
            assert_eq!(differing, Vec::<String>::new(), "{}, {cache:?}, after {moment} operations", system.name);
            images += 1;
            if is_ended {
                break;
            }
        }
    }
    images
}

/// `MESHGEN_FILE_SYSTEMS` names those that must be tried; by default, those that the kernel has.
#[test]
#[ignore = "it mounts images of file systems, which needs root"]
#[allow(clippy::print_stderr, reason = "it says what was tried")]
fn a_build_that_loses_power_is_completed_by_the_next() {
    let wanted = std::env::var("MESHGEN_FILE_SYSTEMS").unwrap_or_default();
    for name in wanted.split_whitespace() {
        assert!(FILE_SYSTEMS.iter().any(|system| system.name == name), "`{name}` is no file system of this test");
    }
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    let is_known = |name: &str| known.lines().any(|line| line.trim_start() == name);
    for system in FILE_SYSTEMS {
        if wanted.split_whitespace().any(|name| name == system.name) || wanted.is_empty() && is_known(system.name) {
            let directory = tempfile::tempdir().unwrap();
            eprintln!("{}: {} images were completed", system.name, lose_power(&system, directory.path()));
        } else {
            eprintln!("{}: not tried", system.name);
        }
    }
}
