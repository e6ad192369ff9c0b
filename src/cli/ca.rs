use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand, ValueHint};
use zeroize::Zeroizing;

use crate::disk;
use crate::pki::Seed;

use super::seed::SEED;
use super::{DONE, Outcome, Refusal, directory_of, say};

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
}

#[derive(Debug, Args)]
struct New {
    /// The file for the seed; an existing file is never overwritten
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = SEED)]
    ca: Utf8PathBuf,
}

const HEADER: &str = "\
# The secret seed of a mesh, made by `meshgen ca new`. Whoever has it has every private key of the mesh.
# Keep it out of Git, and keep a copy offline: without it no certificate can be issued or renewed.
";

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let new = match &arguments.verb {
        Verb::New(new) => new,
        Verb::Show(arguments) => return show::run(arguments),
    };
    make(&new.ca)?;
    Ok(DONE)
}

/// Makes a new seed. The operating system's random bytes are used here and nowhere else.
pub(super) fn make(path: &Utf8Path) -> Result<Seed, Refusal> {
    if disk::exists(path) {
        return Err(Refusal(format!(
            "{path} exists and is not overwritten: a mesh whose seed is lost needs a new root"
        )));
    }
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|error| Refusal(format!("the operating system gives no random bytes: {error}")))?;
    let seed = Seed::new(*bytes);
    // Ignored first: at no moment is there a seed that `git add` would take.
    if let Some(ignored) = ignore(path)? {
        say(&format!("{ignored} now lists it"));
    }
    let line = seed.line();
    let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + line.len()));
    text.push_str(HEADER);
    text.push_str(&line);
    disk::create_private(path, text.as_bytes())?;
    say(&format!("{path} made; keep a copy of it offline"));
    Ok(seed)
}

/// Adds the seed to the `.gitignore` beside it, even outside a Git work tree, because the directory may become one.
fn ignore(seed: &Utf8Path) -> Result<Option<Utf8PathBuf>, Refusal> {
    let directory = directory_of(seed);
    let path = directory.join(".gitignore");
    let before = disk::read_if_there(&path)?.unwrap_or_default();
    let mut text = String::from_utf8(before).map_err(|_| Refusal(format!("{path} is not valid UTF-8")))?;
    let line = format!("/{}", seed.file_name().unwrap_or(SEED));
    if text.lines().any(|other| other.trim() == line || other.trim() == &line[1..]) {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&line);
    text.push('\n');
    disk::replace(&path, text.as_bytes())?;
    Ok(Some(path))
}
