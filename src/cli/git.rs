#![allow(clippy::disallowed_methods, reason = "what stands in a commit is git's to say")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk;
use crate::layout::is_private;

use crate::source::Beside;

use super::{Refusal, external};

/// A commit of the repository that a directory stands in. Nothing is checked out.
pub(super) struct Git {
    directory: String,
    commit: String,
    reference: String,
}

/// The object at a path.
pub(super) enum Found {
    File(Vec<u8>),
    /// The texts below a directory, private keys aside.
    Tree(Vec<(String, String)>),
}

impl Git {
    /// Finds the commit that a reference names.
    pub(super) fn at(directory: &Utf8Path, reference: &str) -> Result<Self, Refusal> {
        if let Some(link) = external::link_on_the_way(directory) {
            return Err(Refusal(format!(
                "git:{reference}: {link} is a symbolic link, and Git would compare with what it leads to: name the directory itself, or \
                 replace the link"
            )));
        }
        let mut git = Self { directory: directory.to_string(), commit: String::new(), reference: reference.to_owned() };
        let inside = git.run(&["rev-parse", "--absolute-git-dir"])?;
        let inside = inside.map_err(|reason| {
            Refusal(format!("git:{reference}: not inside a Git repository that can be read: {reason}"))
        })?;
        if is_planted(directory, &inside) {
            return Err(Refusal(format!(
                "git:{reference}: Git would take {directory} for a bare repository and obey its `config`, which a pull request can \
                 write: remove `HEAD`, `objects` and `refs`, or set GIT_DIR if it is a repository of yours"
            )));
        }
        let commit =
            git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")])?;
        let commit = match commit {
            Ok(commit) => commit,
            // Before the first commit, HEAD names none. Nothing is in it, as in Git's empty tree.
            Err(_) if reference == "HEAD" => git.run(&["hash-object", "-t", "tree", "/dev/null"])?.map_err(Refusal)?,
            Err(_) => {
                return Err(Refusal(format!(
                    "git:{reference}: there is no such commit here (a shallow clone has the last ones only: `git fetch --unshallow`)"
                )));
            }
        };
        String::from_utf8_lossy(&commit).trim().clone_into(&mut git.commit);
        Ok(git)
    }

    /// What stands at a path, if anything does: relative to the repository's root, or with `./` to the directory.
    pub(super) fn find(&self, path: &str) -> Result<Option<Found>, Refusal> {
        let name = self.name(path);
        match self.kind(&name)?.as_deref() {
            Some("tree") => self.tree(&name).map(Found::Tree).map(Some),
            Some("blob") => self.blob(path).map(Found::File).map(Some),
            _ => Ok(None),
        }
    }

    /// The bytes of a file, if there is one.
    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        self.has_file(path)?.then(|| self.blob(path)).transpose()
    }

    /// Whether there is a file or a link.
    pub(super) fn has_file(&self, path: &str) -> Result<bool, Refusal> {
        Ok(self.kind(&self.name(path))?.as_deref() == Some("blob"))
    }

    fn blob(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let bytes = self.run(&["cat-file", "blob", &self.name(path)])?;
        bytes.map_err(|reason| Refusal(format!("git:{}:{path}: {reason}", self.reference)))
    }

    /// What stands at a name: `tree` or `blob`; nothing where the commit has nothing there.
    fn kind(&self, name: &str) -> Result<Option<String>, Refusal> {
        // A line break would end the question, and no name has one.
        if name.contains('\n') {
            return Ok(None);
        }
        let arguments = ["cat-file", "--batch-check=%(objecttype)"];
        let mut process =
            self.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(no_git)?;
        let mut questions = process.stdin.take().expect("standard input is a pipe");
        let asked = writeln!(questions, "{name}");
        drop(questions);
        let answer = process.wait_with_output().map_err(no_git)?;
        if asked.is_err() || !answer.status.success() {
            return Err(self.unreadable());
        }
        let answer = String::from_utf8_lossy(&answer.stdout);
        let answer = answer.trim_end();
        Ok((!answer.ends_with(" missing") && answer != "missing").then(|| answer.to_owned()))
    }

    /// A file that a topology names; `base` is the directory of the topology.
    pub(super) fn read_beside(&self, base: &str, file: &str) -> Beside {
        let path = format!("{base}{file}");
        // Git follows `..` only in paths that start at the directory, with `./`.
        let start = if base.starts_with('.') { "./" } else { "" };
        let mut parts = Vec::new();
        for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
            if part == ".." && parts.last().is_some_and(|last| *last != "..") {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        match self.read(&format!("{start}{}", parts.join("/"))) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("does not exist in {}", self.reference)),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    fn name(&self, path: &str) -> String {
        let path = path.trim_end_matches('/');
        format!("{}:{}", self.commit, if path == "." { "./" } else { path })
    }

    fn tree(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let listing = self.run(&["ls-tree", "-r", "-z", "--full-tree", name])?.map_err(Refusal)?;
        let entries = listing.split(|byte| *byte == 0).filter_map(|entry| {
            let entry = std::str::from_utf8(entry).ok()?;
            let (facts, path) = entry.split_once('\t')?;
            let mut facts = facts.split(' ');
            // A symbolic link (120000) or a submodule (160000) is not a file of a tree.
            let is_file = facts.next()?.starts_with("100");
            let object = facts.nth(1)?;
            (is_file && !is_private(&format!("/{path}"))).then(|| (path.to_owned(), object.to_owned()))
        });
        self.texts(entries.collect())
    }

    /// The texts of many objects, through one process.
    fn texts(&self, entries: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
        let mut process = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(no_git)?;
        let texts = ask(&mut process, entries);
        let status = process.wait().map_err(no_git)?;
        match texts {
            Ok(texts) if status.success() => Ok(texts),
            _ => Err(self.unreadable()),
        }
    }

    fn unreadable(&self) -> Refusal {
        Refusal(format!("git:{}: git cannot read its objects: run `git fsck`", self.reference))
    }

    fn run(&self, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, Refusal> {
        let output = self.command(arguments).output().map_err(no_git)?;
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(if output.status.success() { Ok(output.stdout) } else { Err(reason) })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["--no-optional-locks", "--literal-pathspecs", "-C", &self.directory]).args(arguments);
        command
    }
}

/// Whether the repository is a directory that holds the place itself, and no `.git`. Files that a branch adds can make one:
/// its configuration names programs that Git runs, and its commits are what its author likes.
fn is_planted(directory: &Utf8Path, repository: &[u8]) -> bool {
    let repository = String::from_utf8_lossy(repository);
    let is_inside = |place: Utf8PathBuf| place.starts_with(repository.trim_end_matches('\n'));
    std::env::var_os("GIT_DIR").is_none() && directory.canonicalize_utf8().is_ok_and(is_inside)
}

/// Reads each object while another thread writes the requests, so that a full pipe cannot block both.
fn ask(process: &mut Child, entries: Vec<(String, String)>) -> std::io::Result<Vec<(String, String)>> {
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let (Some(mut questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(broken());
    };
    let objects: String = entries.iter().flat_map(|(_, object)| [object.as_str(), "\n"]).collect();
    let mut answers = BufReader::new(answers);
    std::thread::scope(|scope| {
        let asked = scope.spawn(move || questions.write_all(objects.as_bytes()));
        let mut texts = Vec::with_capacity(entries.len());
        for (path, _) in entries {
            let mut header = String::new();
            answers.read_line(&mut header)?;
            let length: usize =
                header.trim_end().rsplit(' ').next().and_then(|length| length.parse().ok()).ok_or_else(broken)?;
            let mut bytes = vec![0; length + 1];
            answers.read_exact(&mut bytes)?;
            bytes.pop();
            texts.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
        asked.join().map_err(|_| broken())??;
        Ok(texts)
    })
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives the error away")]
fn no_git(error: std::io::Error) -> Refusal {
    Refusal(not_run(&error))
}

/// Why git did not run.
pub(super) fn not_run(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "git is not installed: install it, or add its directory to PATH".to_owned(),
        _ => format!("git cannot be run: {}", disk::cause(error)),
    }
}
