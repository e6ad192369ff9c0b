//! What Git would give to everybody who clones: asked before a secret is used or written.
#![allow(clippy::disallowed_methods, reason = "git knows what it tracks and ignores")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use camino::Utf8Path;
use clap::Args;

use crate::disk;
use crate::layout::KEY;
use crate::template::word;
use crate::words::{names, printable};

use super::{Refusal, external, git};

/// Whether git is asked.
#[derive(Debug, Args)]
pub(super) struct GitOption {
    /// Do not ask Git whether it tracks the seed or a private key: where there is no git, as in the container image
    #[arg(long)]
    no_git: bool,
}

/// How Git treats a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposure {
    /// It is in the index.
    Tracked,
    /// `git add` would take it.
    NotIgnored,
}

impl GitOption {
    /// How Git treats some files of a directory, as far as they are no secret to it; `pattern` is a pathspec of them all.
    ///
    /// # Errors
    /// Why Git cannot be asked.
    pub(super) fn exposed(
        &self,
        directory: &Utf8Path,
        pattern: &str,
        paths: &[String],
    ) -> Result<Vec<(String, Exposure)>, String> {
        if self.no_git || !disk::is_directory(directory) {
            return Ok(Vec::new());
        }
        let directory = directory.canonicalize_utf8().map_err(|error| disk::cause(&error))?;
        let Some(repository) = external::repository(&directory) else { return Ok(Vec::new()) };
        let ask = |arguments: &[&str], input: &str| ask(repository, &directory, arguments, input);
        let tracked = ask(&["ls-files", "-z", "--cached", "--", pattern], "")?;
        let list: String = paths.iter().flat_map(|path| [path.as_str(), "\0"]).collect();
        let ignored = if paths.is_empty() { Vec::new() } else { ask(&["check-ignore", "-z", "--stdin"], &list)? };
        let answered: BTreeSet<&String> = ignored.iter().chain(&tracked).collect();
        let others = paths.iter().filter(|path| !answered.contains(path));
        let others = others.map(|path| (path.clone(), Exposure::NotIgnored));
        Ok(tracked.iter().map(|path| (path.clone(), Exposure::Tracked)).chain(others).collect())
    }

    /// Refuses private keys in a directory that Git tracks or would add; `keys` are those that are there.
    pub(super) fn refuse_keys(&self, directory: &Utf8Path, keys: &[String]) -> Result<(), Refusal> {
        let exposed = match self.exposed(directory, &format!(":(glob)**/{KEY}"), keys) {
            Ok(exposed) => exposed,
            Err(_) if keys.is_empty() => return Ok(()),
            Err(reason) => {
                return Err(Refusal(format!(
                    "cannot tell whether Git tracks the private keys in {directory}: {reason}\nhelp: {NO_GIT}"
                )));
            }
        };
        let of = |wanted: Exposure| {
            let paths = exposed.iter().filter(|(_, exposure)| *exposure == wanted);
            paths.map(|(path, _)| printable(directory.join(path).as_str())).collect::<Vec<String>>()
        };
        let (tracked, others) = (of(Exposure::Tracked), of(Exposure::NotIgnored));
        if !tracked.is_empty() {
            // One pathspec for all: `git rm` takes those that are tracked.
            let all = format!(":(glob){}", directory.join("**").join(KEY));
            return Err(Refusal(format!(
                "Git tracks {}, and anyone who clones the repository can sign for the mesh\n\
                 help: run `git rm --cached -- {}`\n\
                 help: if it was ever pushed, docs/certificates.md says what to do about a key that leaked",
                names(tracked.iter().map(String::as_str)),
                word(&all)
            )));
        }
        if !others.is_empty() {
            return Err(Refusal(format!(
                "nothing keeps Git from adding {}\n\
                 help: a `.gitignore` below it or beside it takes it out again, or lacks it: `git check-ignore --verbose` says which",
                names(others.iter().map(String::as_str))
            )));
        }
        Ok(())
    }
}

/// What to do where Git cannot be asked.
pub(super) const NO_GIT: &str = "install git, or if the files were never in Git, say so with `--no-git`";

/// The paths that git prints, each ended by a NUL. It exits with 1 where there are none.
fn ask(repository: &Utf8Path, directory: &Utf8Path, arguments: &[&str], input: &str) -> Result<Vec<String>, String> {
    // Ask about the work tree of these files, not about the one that a Git hook sets, nor about what files that a branch adds make look
    // like a repository: the configuration of such a one names programs that Git runs, to fetch what it lacks.
    // With no monitor, these commands run nothing of the repository itself, so another owner of it does no harm.
    let mut git = Command::new("git")
        .arg(format!("--git-dir={}", repository.join(".git")))
        .arg(format!("--work-tree={repository}"))
        .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", directory.as_str()])
        .args(arguments)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| git::not_run(&error))?;
    let mut questions = git.stdin.take().expect("standard input is a pipe");
    let input = input.to_owned();
    let asked = std::thread::spawn(move || questions.write_all(input.as_bytes()));
    let answer = git.wait_with_output().map_err(|error| git::not_run(&error))?;
    // A git that ended early says why itself.
    let _ = asked.join();
    if !matches!(answer.status.code(), Some(0 | 1)) {
        return Err(String::from_utf8_lossy(&answer.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    Ok(text.split_terminator('\0').map(str::to_owned).collect())
}
