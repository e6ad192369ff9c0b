use camino::Utf8Path;
use clap::Args;

use crate::diff::report;
use crate::diff::{self, Side};
use crate::disk::{self, Claim, Plan, State, Writer};
use crate::emit;
use crate::lock;
use crate::tree::{Mode, Tree};
use crate::words::{names, plural, printable};

use super::{DONE, FOUND, NOT_DONE, Outcome, Refusal, print, say};

/// What only a whole tree has.
const README: &str = "README.md";

/// What a build may do to its directory.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write nothing; exit with 1 if DIR is not up to date
    #[arg(long, conflicts_with_all = ["overwrite", "adopt", "new_ca"])]
    check: bool,
    /// Overwrite files that were edited since the last build; edited files that are no longer emitted stay
    #[arg(long)]
    overwrite: bool,
    /// Overwrite files that `meshgen.lock` does not list and whose place the tree needs, and name each one that differs: for a tree that lost its lock
    #[arg(long)]
    adopt: bool,
}

impl Options {
    /// Whether a build needs the lock to know what it may overwrite.
    pub(super) fn needs_lock(&self) -> bool {
        !self.adopt && !self.check
    }
}

/// Writes a tree to a directory, or reports how the directory differs.
pub(super) fn put(directory: &Utf8Path, tree: &Tree, options: &Options, is_quiet: bool) -> Outcome {
    if options.check {
        let plan = Plan::make(directory, tree)?;
        if !is_quiet {
            note_others(directory, &plan);
        }
        return compare(directory, tree, &plan);
    }
    let claim = Claim::take(directory)?;
    let plan = claim.plan(tree)?;
    if is_in_the_way(directory, &plan, options) {
        say("nothing was written");
        return Ok(NOT_DONE);
    }
    let written = Writer::default().write(&claim, tree, &plan)?;
    if !is_quiet {
        note(directory, &plan);
        say(&format!(
            "{directory}: {} written, {} unchanged, {} removed",
            plural(written.changed, "file"),
            written.unchanged,
            written.removed
        ));
    }
    Ok(DONE)
}

/// The private keys of a tree.
pub(super) fn keys(tree: &Tree) -> Vec<String> {
    tree.iter().filter(|(_, file)| file.mode == Mode::Private).map(|(path, _)| path.to_owned()).collect()
}

/// Says what a build did or left that its user may not expect.
fn note(directory: &Utf8Path, plan: &Plan) {
    for path in plan.in_state(State::Foreign) {
        say(&format!("note: {directory}/{path} differed and was overwritten"));
    }
    for path in &plan.edited_stale {
        say(&format!("note: {directory}/{path} was edited and is no longer emitted: remove it if you do not need it"));
    }
    for path in &plan.unlisted {
        say(&format!("note: {directory}/{path} is not part of this tree: remove it if you do not need it"));
    }
    for path in plan.others.iter().filter(|path| emit::is_obeyed(path)) {
        say(&format!(
            "note: {directory}/{} is not from meshgen, and Git, kustomize, Argo CD or Flux obeys it: remove it if you did not put it there",
            printable(path)
        ));
    }
    note_others(directory, plan);
}

/// Names what meshgen did not write.
fn note_others(directory: &Utf8Path, plan: &Plan) {
    let others: Vec<&String> = plan.others.iter().filter(|path| !emit::is_obeyed(path)).collect();
    if !others.is_empty() {
        let verb = if others.len() == 1 { "is" } else { "are" };
        let others: Vec<String> = others.into_iter().map(|path| printable(path)).collect();
        say(&format!(
            "note: {} in {directory} {verb} not from meshgen and {verb} left unchanged",
            names(others.iter().map(String::as_str))
        ));
    }
}

/// What the difference between a directory and a tree means, where the directory holds a tree.
fn meaning(directory: &Utf8Path, tree: &Tree) -> Result<String, Refusal> {
    let Some(lock) = disk::read_lock(directory)? else { return Ok(String::new()) };
    let files = disk::read_listed(directory, &lock)?;
    let before = Side::standing(directory.as_str(), lock, files);
    let after = Side::standing("the topology", tree.lock().clone(), tree.clone().into_texts());
    let difference = diff::compare(&before, &after);
    if difference.is_empty() {
        return Ok(String::new());
    }
    let style = super::diff::style(false);
    Ok(format!("\n{}", report::text(&difference, style)))
}

/// Names the files that a build would overwrite or remove.
fn is_in_the_way(directory: &Utf8Path, plan: &Plan, options: &Options) -> bool {
    let foreign: Vec<&str> = if options.adopt { Vec::new() } else { plan.in_state(State::Foreign).collect() };
    for path in &foreign {
        say(&if plan.has_lock {
            format!("error: {directory}/{path} is not in {}, and the tree needs its place", lock::FILE)
        } else {
            format!("error: {directory}/{path} exists, and no {} says that meshgen wrote it", lock::FILE)
        });
    }
    if !foreign.is_empty() {
        say("help: move away what you need, or build with `--adopt`, which overwrites it");
    }
    if options.overwrite {
        return !foreign.is_empty();
    }
    let edited = plan.edited();
    for path in &edited {
        say(&format!("error: {directory}/{path} was edited since meshgen wrote it"));
    }
    for path in &plan.edited_stale {
        say(&format!("error: {directory}/{path} was edited since meshgen wrote it, and is no longer emitted"));
    }
    if !edited.is_empty() {
        say("help: write what you want in the topology, or discard these edits with `--overwrite`");
    }
    if !plan.edited_stale.is_empty() {
        say("help: remove what is no longer emitted, or keep it as your own file with `--overwrite`");
    }
    if plan.in_state(State::LineEnds).next().is_some() {
        say("help: line ends were converted: commit the tree's `.gitattributes`, and check the files out again");
    }
    !foreign.is_empty() || !edited.is_empty() || !plan.edited_stale.is_empty()
}

/// Lists how a directory differs. A missing private key is not a difference, because private keys are not in Git.
fn compare(directory: &Utf8Path, tree: &Tree, plan: &Plan) -> Outcome {
    let mut text = String::new();
    for (path, state) in &plan.states {
        let is_key = tree.get(path).is_some_and(|file| file.mode == Mode::Private);
        let word = match state {
            State::Unchanged => continue,
            State::Missing if is_key => continue,
            State::Missing => "missing",
            State::Foreign if plan.has_lock => "not in meshgen.lock",
            State::Ours | State::Foreign => "differs",
            State::Edited => "edited",
            State::LineEnds => "line ends converted",
        };
        text.extend([word, "  ", path, "\n"]);
    }
    for path in &plan.stale {
        text.extend(["no longer emitted  ", path, "\n"]);
    }
    for path in &plan.edited_stale {
        text.extend(["edited, and no longer emitted  ", path, "\n"]);
    }
    for path in plan.others.iter().filter(|path| emit::is_obeyed(path)) {
        text.extend(["not from meshgen, and obeyed by Git, kustomize, Argo CD or Flux  ", &printable(path), "\n"]);
    }
    for path in &plan.left_over {
        text.extend(["left by a build that was killed  ", path, "\n"]);
    }
    print(&text)?;
    if !text.is_empty() && tree.get(README).is_some() {
        print(&meaning(directory, tree)?)?;
    }
    Ok(if text.is_empty() { DONE } else { FOUND })
}
