#![allow(clippy::disallowed_methods, reason = "the environment names the seed, and git knows whether it is tracked")]

use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueHint};
use zeroize::Zeroizing;

use crate::disk;
use crate::pki::Seed;

use super::{Refusal, directory_of, git, refused};

/// Where the seed comes from.
#[derive(Debug, Args)]
pub(super) struct SeedOption {
    /// The mesh's seed, `-` for standard input. Default: the file that `MESHGEN_CA_SEED_FILE` names, then `ca.seed` beside the topology
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<Utf8PathBuf>,
}

/// A seed's file, and what names it.
pub(super) struct SeedPlace {
    pub(super) path: Utf8PathBuf,
    origin: &'static str,
}

impl SeedPlace {
    /// Whether the seed comes from standard input.
    pub(super) fn is_stream(&self) -> bool {
        self.path == "-"
    }

    /// Whether the user named it, and so expects it to be there.
    fn is_named(&self) -> bool {
        self.origin != BESIDE
    }
}

impl fmt::Display for SeedPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.is_stream() { "standard input" } else { self.path.as_str() };
        write!(out, "{path} ({})", self.origin)
    }
}

const BESIDE: &str = "beside the topology";

/// The seed's name beside a topology.
pub(super) const SEED: &str = "ca.seed";

/// The variable that names the seed's file.
const VARIABLE: &str = "MESHGEN_CA_SEED_FILE";

/// A seed has a few hundred bytes; a longer file is not a seed.
const MAXIMUM_BYTES: usize = 64 << 10;

/// Others may neither read nor write a seed, and the group may read it: Kubernetes mounts Secrets as 0440.
const FORBIDDEN_BITS: u32 = 0o026;

/// The seed's place: where the user says that it is, or beside the topology, whether there is one or not.
pub(super) fn place(option: &SeedOption, topology: &Utf8Path) -> Result<SeedPlace, Refusal> {
    if let Some(path) = &option.ca {
        if path == "-" && topology == "-" {
            return Err(Refusal(
                "topology and seed cannot both come from standard input: give one of them a file".to_owned(),
            ));
        }
        return Ok(SeedPlace { path: path.clone(), origin: "from `--ca`" });
    }
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Utf8PathBuf::try_from(std::path::PathBuf::from(path))
            .map(|path| SeedPlace { path, origin: "from `MESHGEN_CA_SEED_FILE`" })
            .map_err(|_| Refusal(format!("{VARIABLE} names a file whose name is not valid UTF-8"))),
        None => Ok(SeedPlace { path: directory_of(topology).join(SEED), origin: BESIDE }),
    }
}

/// Reads the mesh's seed, if the user names one or there is one; what is doubtful about it goes to `warn`.
pub(super) fn find(place: &SeedPlace, warn: impl Fn(&str)) -> Result<Option<Seed>, Refusal> {
    let is_there = place.is_stream() || disk::exists(&place.path);
    if !is_there && place.is_named() {
        return Err(Refusal(format!(
            "the seed {place} does not exist\nhelp: correct the path; if the mesh has no seed yet, `meshgen ca new` makes one"
        )));
    }
    if is_there { read(&place.path, warn).map(Some) } else { Ok(None) }
}

fn read(path: &Utf8Path, warn: impl Fn(&str)) -> Result<Seed, Refusal> {
    if path == "-" {
        return parse("standard input", io::stdin().lock());
    }
    let file = disk::open(path)?;
    let mode = file.metadata().map_err(|error| refused(path.as_str(), &error))?.permissions().mode();
    let seed = parse(path.as_str(), file)?;
    if seed.is_demonstration() {
        warn(
            "warning: this is the public demonstration seed: anyone can sign for this mesh; make one of your own with `meshgen ca new`",
        );
        return Ok(seed);
    }
    if mode & FORBIDDEN_BITS != 0 {
        let mode = mode & 0o777;
        return Err(Refusal(format!(
            "{path} is open to others (mode {mode:04o}), and anyone who has it has every key of the mesh: run `chmod 600 {path}`"
        )));
    }
    match is_tracked(path) {
        Ok(false) => Ok(seed),
        Ok(true) => Err(Refusal(format!(
            "Git tracks {path}, and anyone who clones the repository has every key of the mesh: run `git rm --cached {path}` and \
             list it in .gitignore; if it was ever pushed, make a new seed"
        ))),
        Err(reason) => {
            warn(&format!("warning: cannot tell whether Git tracks {path}: {reason}"));
            Ok(seed)
        }
    }
}

fn parse(name: &str, reader: impl Read) -> Result<Seed, Refusal> {
    // Reserved at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAXIMUM_BYTES + 1));
    reader.take(MAXIMUM_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| refused(name, &error))?;
    if bytes.len() > MAXIMUM_BYTES {
        return Err(Refusal(format!("{name} is too long to be a seed")));
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Refusal(format!("{name} is not a seed: it is not valid UTF-8")))?;
    Seed::parse(text).map_err(|error| Refusal(format!("{name} {error}")))
}

/// Whether a file is in the index of the Git work tree that it stands in.
fn is_tracked(path: &Utf8Path) -> Result<bool, String> {
    let path = path.canonicalize_utf8().map_err(|error| disk::cause(&error))?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    if !directory.ancestors().any(|ancestor| disk::exists(&ancestor.join(".git"))) {
        return Ok(false);
    }
    // Ask about the work tree of this file, not about the one that a Git hook sets.
    // `ls-files` with no monitor runs nothing of the repository, so another owner of it does no harm.
    let git = Command::new("git")
        .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "--literal-pathspecs", "-C"])
        .args([directory.as_str(), "ls-files", "--error-unmatch", "--", name])
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| git::not_run(&error))?;
    match git.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(String::from_utf8_lossy(&git.stderr).trim().to_owned()),
    }
}
