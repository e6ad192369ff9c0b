use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use camino::{Utf8Path, Utf8PathBuf};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};

use crate::diff::report::{self, Style};
use crate::diff::{Diff, Kind, Side};
use crate::lock::{self, Lock};
use crate::pki::External;
use crate::source::Source;
use crate::words::names;
use crate::{disk, emit, parallel};

use super::git::{Found, Git};
use super::{
    DONE, FOUND, Outcome, Refusal, columns, external, is_colour_wanted, print, read_source, say, say_findings,
};

/// The options of `diff`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The old side: a topology, a built directory, or `git:REF:PATH` of either; `-` is a topology from standard input, but not
    /// with `--since`
    #[arg(value_name = "A", value_hint = ValueHint::AnyPath, required_unless_present = "since")]
    before: Option<String>,
    /// The new side; with `--since`, the only topology or directory
    #[arg(value_name = "B", value_hint = ValueHint::AnyPath)]
    after: Option<String>,
    /// Compare A, a file or directory here, with its state in this commit; if the commit does not have it, every cluster joins
    #[arg(long, value_name = "REF", conflicts_with = "after")]
    since: Option<String>,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 1 only if a consequence is of this kind or worse
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    fail_on: Option<Kind>,
    /// Show scripts and the README line by line, and the names of all clusters
    #[arg(long)]
    full: bool,
}

fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    let kinds = || Kind::ALL.into_iter().filter(|kind| *kind != Kind::Nothing);
    PossibleValuesParser::new(kinds().map(|kind| PossibleValue::new(kind.word()).help(kind.words())))
        .map(move |word| kinds().find(|kind| kind.word() == word).expect("the word is one of a kind"))
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For a comment on a pull request, at most 60,000 characters
    Markdown,
    /// For programs; `schemas/diff.schema.json` describes it
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (before, after) = sides(arguments)?;
    let (before, after) = if before.is_tree() && after.is_tree() {
        parallel::beside(|| before.side(), || after.side())
    } else {
        // Their findings are printed one after the other.
        (before.side(), after.side())
    };
    let (Some(before), Some(after)) = (before?, after?) else { return Ok(super::NOT_DONE) };
    if let Some((gateway, lost)) = before.lost(&after).pop_first() {
        return Err(Refusal(format!(
            "{}: the east-west gateway of `{gateway}` has no address, and {} has what needs it: {}.\n\
             Write the address again; `meshgen explain lost-gateway-address` says why",
            after.name,
            before.name,
            names(lost.iter().map(String::as_str))
        )));
    }
    let diff = crate::diff::compare(&before, &after);
    print(&written(&diff, arguments.format, arguments.full))?;
    if diff.is_empty() && matches!(arguments.format, Format::Text) {
        say("no difference");
    }
    let is_found = match arguments.fail_on {
        None => !diff.is_empty(),
        Some(kind) => diff.clusters.iter().any(|cluster| cluster.worst() <= kind),
    };
    Ok(if is_found { FOUND } else { DONE })
}

fn written(diff: &Diff, format: Format, is_full: bool) -> String {
    match format {
        Format::Text if diff.is_empty() => String::new(),
        Format::Text => report::text(diff, style(is_full)),
        Format::Markdown => report::markdown(diff),
        Format::Json => report::json(diff),
    }
}

/// How standard output shows a difference.
pub(super) fn style(is_full: bool) -> Style {
    let stdout = io::stdout();
    // What goes to a file is not wrapped, so that it is the same on any machine.
    let width = stdout.is_terminal().then(|| columns(&stdout)).flatten();
    Style { is_coloured: is_colour_wanted(&stdout), is_full, width }
}

/// Where a side is found.
enum Place {
    Disk(Utf8PathBuf),
    Commit(Committed),
}

/// A place in a commit.
struct Committed {
    name: String,
    reference: String,
    path: String,
    from: Utf8PathBuf,
    /// Whether the path exists here, so that it is new if the commit does not have it.
    is_here: bool,
}

/// The place that a word of the command line names.
fn place(name: &str) -> Result<Place, Refusal> {
    match name.strip_prefix("git:") {
        None => Ok(Place::Disk(Utf8PathBuf::from(name))),
        Some(rest) => match rest.split_once(':') {
            Some((reference, path)) if !reference.is_empty() => Ok(Place::Commit(Committed {
                name: name.to_owned(),
                reference: reference.to_owned(),
                path: path.to_owned(),
                from: Utf8PathBuf::from("."),
                is_here: false,
            })),
            _ => Err(Refusal(format!("`{name}` is not of the form git:REF:PATH, such as git:main:topology.yaml"))),
        },
    }
}

fn sides(arguments: &Arguments) -> Result<(Place, Place), Refusal> {
    match (&arguments.before, &arguments.after, &arguments.since) {
        (Some(path), None, Some(reference)) if path == "-" => Err(Refusal(format!(
            "standard input has no state in {reference}: name the old side, as in `meshgen diff git:{reference}:topology.yaml -`"
        ))),
        (Some(path), None, Some(reference)) => {
            let path = Utf8PathBuf::from(path);
            Ok((Place::Commit(Committed::since(reference, &path)?), Place::Disk(path)))
        }
        (Some(before), Some(after), None) if before == "-" && after == "-" => {
            Err(Refusal(format!("standard input gives one side only, not both {before} and {after}")))
        }
        (Some(before), Some(after), None) => Ok((place(before)?, place(after)?)),
        (_, _, Some(_)) => Err(Refusal("`--since` needs a topology or a directory".to_owned())),
        _ => Err(Refusal("two sides are needed, or one and `--since REF`".to_owned())),
    }
}

impl Place {
    fn is_tree(&self) -> bool {
        matches!(self, Self::Disk(path) if disk::is_directory(path))
    }

    /// The side; `None` if its topology has errors, which were reported.
    fn side(&self) -> Result<Option<Side>, Refusal> {
        match self {
            Self::Disk(path) if self.is_tree() => standing(path).map(Some),
            Self::Disk(path) => {
                let source = read_source(path)?;
                let external = external::read(&source, path)?;
                Ok(requested(path.as_str(), &source, external.as_ref()))
            }
            Self::Commit(committed) => committed.side(),
        }
    }
}

/// A topology: a file, standard input, or a file in a commit.
pub(super) fn topology(name: &str) -> Result<Source, Refusal> {
    match place(name)? {
        Place::Disk(path) => read_source(&path),
        Place::Commit(committed) => {
            let git = Git::at(&committed.from, &committed.reference)?;
            match git.find(&committed.path)? {
                Some(Found::File(bytes)) => Ok(committed.topology(&git, bytes)),
                Some(Found::Tree(_)) => Err(committed.is_directory()),
                None => Err(committed.refusal()),
            }
        }
    }
}

/// A topology as a commit has it; `None`, with a note, if the commit does not have it.
pub(super) fn topology_since(path: &Utf8Path, reference: &str) -> Result<Option<Source>, Refusal> {
    if path == "-" {
        return Err(Refusal(format!("standard input has no state in {reference}: name the file of the topology")));
    }
    let committed = Committed::since(reference, path)?;
    let git = Git::at(&committed.from, reference)?;
    match git.find(&committed.path)? {
        None => {
            committed.say_it_is_new();
            Ok(None)
        }
        Some(Found::Tree(_)) => Err(committed.is_directory()),
        Some(Found::File(bytes)) => Ok(Some(committed.topology(&git, bytes))),
    }
}

impl Committed {
    /// What a commit has of a file or directory here.
    fn since(reference: &str, path: &Utf8Path) -> Result<Self, Refusal> {
        let (Some(name), true) = (path.file_name(), disk::exists(path)) else {
            return Err(Refusal(format!("{path}: there is no such file or directory")));
        };
        Ok(Self {
            name: format!("git:{reference}:{path}"),
            reference: reference.to_owned(),
            path: format!("./{name}"),
            from: super::directory_of(path),
            is_here: true,
        })
    }

    fn is_directory(&self) -> Refusal {
        Refusal(format!("{} is a directory, and a topology is a file", self.name))
    }

    /// The directory of the path, for files beside it.
    fn base(&self) -> String {
        Utf8Path::new(&self.path).parent().map_or(String::new(), |parent| format!("{parent}/"))
    }

    fn topology(&self, git: &Git, bytes: Vec<u8>) -> Source {
        let base = self.base();
        crate::with_files(Source::new(self.name.as_str(), bytes), |file| git.read_beside(&base, file))
    }

    /// The side; `None` if its topology has errors, which were reported.
    fn side(&self) -> Result<Option<Side>, Refusal> {
        let Self { name, reference, path, from, is_here } = self;
        let git = Git::at(from, reference)?;
        match git.find(path)? {
            None if *is_here => Ok(Some(self.nothing())),
            None => Err(self.refusal()),
            Some(Found::Tree(files)) => {
                let lock = files.iter().find(|(path, _)| path == lock::FILE).map(|(_, text)| text.clone());
                let lock = lock.ok_or_else(|| no_tree(name))?;
                let refused = |why| Refusal(format!("{name}/{}: {why}", lock::FILE));
                let lock: Lock = lock.parse().map_err(refused)?;
                emit::find_fault(&lock).map_or(Ok(()), |why| Err(refused(why)))?;
                let files: Vec<(String, String)> = only_listed(&lock, files).collect();
                Ok(Some(Side::standing(name, lock, files)))
            }
            Some(Found::File(bytes)) => {
                let base = self.base();
                let read = |file: &str| git.read(&format!("{base}{file}"));
                let source = self.topology(&git, bytes);
                let external = external::read_by(&source, read)?;
                Ok(requested(name, &source, external.as_ref()))
            }
        }
    }

    fn refusal(&self) -> Refusal {
        let Self { name, reference, path, .. } = self;
        let plain = path.trim_start_matches("./");
        Refusal(format!(
            "{name}: there is no such file or directory in this commit: a path begins at the root of the repository, and with `./` \
             here; if it is new, write `meshgen diff --since {reference} {plain}`"
        ))
    }

    /// The side of a mesh that the commit does not have.
    fn nothing(&self) -> Side {
        self.say_it_is_new();
        Side::nothing(&self.name)
    }

    fn say_it_is_new(&self) {
        let Self { name, reference, .. } = self;
        let commit = format!("git:{reference}:");
        let path = name.strip_prefix(&commit).unwrap_or(name);
        say(&format!(
            "note: {path} is new since {reference}, so every cluster joins; if it was renamed, compare `{commit}OLD` with it"
        ));
    }
}

fn requested(name: &str, source: &Source, external: Option<&External>) -> Option<Side> {
    match crate::outline(source, external) {
        Ok(outline) => Some(Side::requested(name, outline)),
        Err(findings) => {
            say_findings(source, &findings);
            None
        }
    }
}

/// A directory that a build wrote, as it stands.
fn standing(path: &Utf8Path) -> Result<Side, Refusal> {
    let lock = disk::read_lock(path)?.ok_or_else(|| no_tree(path.as_str()))?;
    let files = disk::read_listed(path, &lock)?;
    Ok(Side::standing(path.as_str(), lock, files))
}

fn no_tree(name: &str) -> Refusal {
    Refusal(format!("{name} has no {}: name a directory that was built, or restore its lock from Git", lock::FILE))
}

/// Files that meshgen did not generate are not a difference.
fn only_listed(lock: &Lock, files: Vec<(String, String)>) -> impl Iterator<Item = (String, String)> {
    let listed: BTreeSet<&str> = lock.paths().collect();
    files.into_iter().filter(move |(path, _)| listed.contains(path.as_str()))
}
