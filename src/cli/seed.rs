#![allow(clippy::disallowed_methods, reason = "the environment names the seeds")]

use std::fmt;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueHint};
use zeroize::Zeroizing;

use crate::disk;
use crate::pki::Seed;
use crate::topology::{Certificates, RootSeed};

use super::secrecy::{Exposure, GitOption, NO_GIT};
use super::{Refusal, directory_of, refused};

/// Where the seeds come from.
#[derive(Debug, Args)]
pub(super) struct SeedOption {
    /// The mesh's seed, `-` for standard input. Default: the file that `MESHGEN_CA_SEED_FILE` names, then `ca.seed` beside the topology
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<Utf8PathBuf>,
    /// The seed of the next root, with `nextRoot: {seed: next}`. Default: the file that `MESHGEN_CA_NEXT_SEED_FILE` names, then
    /// `ca-next.seed` beside the topology
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca_next: Option<Utf8PathBuf>,
}

/// A seed's file, and what names it.
pub(super) struct SeedPlace {
    pub(super) path: Utf8PathBuf,
    /// What names it; `None` where it is looked for beside the topology.
    named_by: Option<&'static str>,
}

/// A seed of a mesh, and where it is looked for.
struct Which {
    option: &'static str,
    variable: &'static str,
    /// Its name beside a topology.
    file: &'static str,
}

/// The seed's name beside a topology.
pub(super) const SEED: &str = "ca.seed";

const PRESENT: Which = Which { option: "--ca", variable: "MESHGEN_CA_SEED_FILE", file: SEED };
const NEXT: Which = Which { option: "--ca-next", variable: "MESHGEN_CA_NEXT_SEED_FILE", file: "ca-next.seed" };

impl SeedOption {
    /// The option that names a seed.
    pub(super) fn given(&self) -> Option<&'static str> {
        [(&self.ca, &PRESENT), (&self.ca_next, &NEXT)]
            .into_iter()
            .find(|(path, _)| path.is_some())
            .map(|(_, which)| which.option)
    }
}

impl SeedPlace {
    /// Whether the seed comes from standard input.
    pub(super) fn is_stream(&self) -> bool {
        self.path == "-"
    }
}

impl fmt::Display for SeedPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.is_stream() { "standard input" } else { self.path.as_str() };
        match self.named_by {
            Some(name) => write!(out, "{path} (from `{name}`)"),
            None => write!(out, "{path} (beside the topology)"),
        }
    }
}

/// A seed has a few hundred bytes; a longer file is not a seed.
const MAXIMUM_BYTES: usize = 64 << 10;

/// The place of the mesh's seed: where the user says that it is, or beside the topology, whether there is one or not.
pub(super) fn place(option: &SeedOption, topology: &Utf8Path) -> Result<SeedPlace, Refusal> {
    place_of(&PRESENT, option.ca.as_ref(), topology)
}

/// The place of the seed of the next root, where that has one of its own.
pub(super) fn place_of_next(
    option: &SeedOption,
    topology: &Utf8Path,
    certificates: &Certificates,
) -> Result<Option<SeedPlace>, Refusal> {
    if certificates.next_root.as_ref().is_none_or(|next| next.seed == RootSeed::Present) {
        return match &option.ca_next {
            None => Ok(None),
            Some(_) => Err(Refusal(
                "`--ca-next` names the seed of a next root, and the topology has none with a seed of its own\n\
                 help: leave it out, or write `nextRoot: {seed: next}`"
                    .to_owned(),
            )),
        };
    }
    if option.ca_next.as_ref().is_some_and(|path| path == "-") && option.ca.as_ref().is_some_and(|path| path == "-") {
        return Err(Refusal("both seeds cannot come from standard input: give one of them a file".to_owned()));
    }
    place_of(&NEXT, option.ca_next.as_ref(), topology).map(Some)
}

fn place_of(which: &'static Which, given: Option<&Utf8PathBuf>, topology: &Utf8Path) -> Result<SeedPlace, Refusal> {
    if let Some(path) = given {
        if path == "-" && topology == "-" {
            return Err(Refusal(
                "topology and seed cannot both come from standard input: give one of them a file".to_owned(),
            ));
        }
        return Ok(SeedPlace { path: path.clone(), named_by: Some(which.option) });
    }
    match std::env::var_os(which.variable).filter(|path| !path.is_empty()) {
        Some(path) => Utf8PathBuf::try_from(std::path::PathBuf::from(path))
            .map(|path| SeedPlace { path, named_by: Some(which.variable) })
            .map_err(|_| Refusal(format!("{} names a file whose name is not valid UTF-8", which.variable))),
        None => Ok(SeedPlace { path: directory_of(topology).join(which.file), named_by: None }),
    }
}

/// Reads a seed, if the user names one or there is one; what is doubtful about it goes to `warn`.
pub(super) fn find(place: &SeedPlace, git: &GitOption, warn: impl Fn(&str)) -> Result<Option<Seed>, Refusal> {
    let is_there = place.is_stream() || disk::exists(&place.path);
    // The user named it, and so expects it to be there.
    if !is_there && place.named_by.is_some() {
        return Err(Refusal(format!(
            "the seed {place} does not exist\nhelp: correct the path; if the mesh has no seed yet, `meshgen ca new` makes one"
        )));
    }
    if is_there { read(&place.path, git, warn).map(Some) } else { Ok(None) }
}

fn read(path: &Utf8Path, git: &GitOption, warn: impl Fn(&str)) -> Result<Seed, Refusal> {
    if path == "-" {
        return parse("standard input", io::stdin().lock());
    }
    let file = disk::open(path)?;
    let open = disk::open_to_others(path, &file).map_err(|error| refused(path.as_str(), &error))?;
    let seed = parse(path.as_str(), file)?;
    if seed.is_demonstration() {
        warn(
            "warning: this is the public demonstration seed: anyone can sign for this mesh; make one of your own with `meshgen ca new`",
        );
        return Ok(seed);
    }
    if let Some(why) = open {
        return Err(Refusal(format!("{path} {why}\nWhoever has it has every key of the mesh.")));
    }
    match exposure(path, git) {
        Ok(None) => Ok(seed),
        Ok(Some(Exposure::Tracked)) => Err(Refusal(format!(
            "Git tracks {path}, and anyone who clones the repository has every key of the mesh: run `git rm --cached {path}` and \
             list it in .gitignore; if it was ever pushed, make a new seed"
        ))),
        Ok(Some(Exposure::NotIgnored)) => Err(Refusal(format!(
            "nothing keeps Git from adding {path}, and anyone who clones the repository would have every key of the mesh: list it in .gitignore"
        ))),
        Err(reason) => Err(Refusal(format!("cannot tell whether Git tracks {path}: {reason}\nhelp: {NO_GIT}"))),
    }
}

/// How Git treats the seed, if it is no secret to it. A link leads to the file that counts.
fn exposure(path: &Utf8Path, git: &GitOption) -> Result<Option<Exposure>, String> {
    let path = path.canonicalize_utf8().map_err(|error| disk::cause(&error))?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    let exposed = git.exposed(directory, &format!(":(literal){name}"), &[name.to_owned()])?;
    Ok(exposed.first().map(|(_, exposure)| *exposure))
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
