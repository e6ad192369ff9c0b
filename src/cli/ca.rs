use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand, ValueHint};
use zeroize::Zeroizing;

use crate::disk;
use crate::pki::Seed;
use crate::template::word;

use super::secrecy::{Exposure, GitOption, NO_GIT};
use super::seed::SEED;
use super::{DONE, Outcome, Refusal, directory_of, say};

mod export;
mod renewal;
mod show;

/// The verbs of `ca`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a new secret seed, from which all keys of a mesh derive.
    New(New),
    /// Show the certificates of a mesh: those of a topology, or those in a directory.
    Show(show::Arguments),
    /// Write the certificate and the private key of a cluster for a secret store
    Export(export::Arguments),
}

#[derive(Debug, Args)]
struct New {
    /// The file for the seed; an existing file is never overwritten
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = SEED)]
    ca: Utf8PathBuf,
    /// Keep the root apart: this new file is its seed, which stays offline and is needed only to sign certificates
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    offline_root: Option<Utf8PathBuf>,
    #[command(flatten)]
    git: GitOption,
}

const HEADER: &str = "\
# The secret seed of a mesh, made by `meshgen ca new`. Whoever has it has every private key of the mesh.
# Keep it out of Git, and keep a copy offline: without it no certificate can be issued or renewed.
";

const HEADER_OF_ROOT: &str = "\
# The secret seed of a mesh's root, made by `meshgen ca new --offline-root`. Whoever has it has every private key of the mesh.
# Keep it offline, with a copy: it is needed to sign certificates, and for nothing else.
";

const HEADER_OF_ISSUING: &str = "\
# The secret issuing seed of a mesh, made by `meshgen ca new --offline-root`. Whoever has it has the private key of every cluster, but
# not of the root. Keep it out of Git. The root's seed makes it again: `meshgen ca new --offline-root` keeps that one apart.
";

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let new = match &arguments.verb {
        Verb::New(new) => new,
        Verb::Show(arguments) => return show::run(arguments),
        Verb::Export(arguments) => return export::run(arguments),
    };
    match &new.offline_root {
        None => drop(make(&new.ca, &new.git, say)?),
        Some(root) => make_apart(root, &new.ca, &new.git, say)?,
    }
    Ok(DONE)
}

/// Makes a new seed, and tells what was written.
pub(super) fn make(path: &Utf8Path, git: &GitOption, tell: impl Fn(&str)) -> Result<Seed, Refusal> {
    refuse_place(path)?;
    let seed = Seed::new(*random()?);
    let ignored = write(path, HEADER, &seed, git)?;
    tell(&format!("{path} is the new seed of the mesh: keep a copy of it offline"));
    tell_ignored(ignored, tell);
    Ok(seed)
}

/// Makes the seed of a root, and the issuing seed that derives from it.
fn make_apart(root: &Utf8Path, issuing: &Utf8Path, git: &GitOption, tell: impl Fn(&str)) -> Result<(), Refusal> {
    refuse_place(root)?;
    refuse_place(issuing)?;
    if root == issuing {
        return Err(Refusal(format!("{root} cannot be both seeds: name another file with `--ca FILE`")));
    }
    let seed = Seed::of_root(*random()?);
    let ignored = write(root, HEADER_OF_ROOT, &seed, git)?;
    tell(&format!(
        "{root} is the seed of the mesh's root: build once with `--ca {}`, then keep it offline, with a copy",
        word(root.as_str())
    ));
    tell_ignored(ignored, &tell);
    let ignored = write(issuing, HEADER_OF_ISSUING, &seed.issuing(), git)?;
    tell(&format!("{issuing} is the issuing seed: it gives builds the private keys, as long as no certificate is new"));
    tell_ignored(ignored, &tell);
    Ok(())
}

fn tell_ignored(ignored: Option<Utf8PathBuf>, tell: impl Fn(&str)) {
    if let Some(ignored) = ignored {
        tell(&format!("{ignored} lists the seed now, so that Git ignores it"));
    }
}

/// New secret bytes. The operating system's random bytes are used here and nowhere else.
fn random() -> Result<Zeroizing<[u8; 32]>, Refusal> {
    if is_in_ci() {
        return Err(Refusal(
            "`CI` is set, and no seed is made in CI: it would be lost with the machine, and the mesh needs it to renew its certificates\n\
             help: make it where you can keep a copy, and give it to the job as a secret file that `MESHGEN_CA_SEED_FILE` names\n\
             help: for a mesh that is thrown away, unset `CI`: `env -u CI meshgen ca new`"
                .to_owned(),
        ));
    }
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| Refusal(format!("the operating system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// Writes a seed to a new file; the `.gitignore` that lists it from now on.
fn write(path: &Utf8Path, header: &str, seed: &Seed, git: &GitOption) -> Result<Option<Utf8PathBuf>, Refusal> {
    // Ignored first: at no moment is there a seed that `git add` would take.
    let ignored = ignore(path, git)?;
    let line = seed.line();
    let mut text = Zeroizing::new(String::with_capacity(header.len() + line.len()));
    text.push_str(header);
    text.push_str(&line);
    disk::create_private(path, text.as_bytes())?;
    Ok(ignored)
}

/// Refuses a path where no seed can be made.
fn refuse_place(path: &Utf8Path) -> Result<(), Refusal> {
    let directory = directory_of(path);
    let why = if path == "-" {
        "a seed is a file, and is never printed: name one with `--ca FILE`".to_owned()
    } else if path.as_str().contains(char::is_control) {
        format!("no `.gitignore` can list the name {:?}: choose one without control characters", path.as_str())
    } else if disk::is_directory(path) {
        format!(
            "{path} is a directory, and the seed is a file: name one in it, such as `--ca {}`",
            word(path.join(SEED).as_str())
        )
    } else if disk::exists(path) {
        format!(
            "the mesh has its seed already: {path}\n\
             help: `meshgen build` uses it; for another mesh, name another file with `--ca FILE`"
        )
    } else if disk::exists(&directory) && !disk::is_directory(&directory) {
        format!("{directory} is a file, and the seed needs a directory: name another file")
    } else if !disk::is_directory(&directory) {
        format!(
            "the directory {directory} does not exist: make it (`mkdir -p {}`), or name another file",
            word(directory.as_str())
        )
    } else {
        return Ok(());
    };
    Err(Refusal(why))
}

/// Whether this is a job of a pipeline: they set `CI`, and `CI=false` says that it is not one.
fn is_in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Adds the seed to the `.gitignore` beside it, even outside a Git work tree, because the directory may become one. In a work
/// tree, Git itself is asked whether that is enough.
fn ignore(seed: &Utf8Path, git: &GitOption) -> Result<Option<Utf8PathBuf>, Refusal> {
    let directory = directory_of(seed);
    let name = seed.file_name().unwrap_or(SEED);
    let path = directory.join(".gitignore");
    let before = disk::read_if_there(&path)?.unwrap_or_default();
    let mut text = String::from_utf8(before).map_err(|_| Refusal(format!("{path} is not valid UTF-8")))?;
    let pattern = pattern(name);
    let exposed = || {
        let exposed = git.exposed(&directory, &format!(":(literal){name}"), &[name.to_owned()]);
        exposed.map_err(|reason| Refusal(format!("cannot tell whether Git would add {seed}: {reason}\nhelp: {NO_GIT}")))
    };
    let is_listed = text.lines().any(|line| line == pattern || line == &pattern[1..]);
    if is_listed && exposed()?.is_empty() {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&pattern);
    text.push('\n');
    disk::replace(&path, text.as_bytes())?;
    match exposed()?.as_slice() {
        [] => Ok(Some(path)),
        [(_, Exposure::Tracked), ..] => Err(Refusal(format!(
            "Git tracks {seed} already: run `git rm --cached {}`, or name another file",
            word(seed.as_str())
        ))),
        _ => Err(Refusal(format!("Git would add {seed} although {path} lists it: name another file"))),
    }
}

/// The line of a `.gitignore` that is for this file alone (gitignore(5)).
fn pattern(name: &str) -> String {
    let mut pattern = String::from("/");
    for character in name.chars() {
        // A blank is a part of the name also at its end.
        if "\\*?[] ".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
