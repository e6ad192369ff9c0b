use clap::{Args, ValueEnum, ValueHint};

use crate::draw::{self, Facts, View};
use crate::source::Source;

use super::{DONE, NOT_DONE, Outcome, Refusal, Today, checked, diff, print};

/// The options of `draw`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology, or with B the one before: a file, or `git:REF:PATH`; `-` is standard input
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    first: String,
    /// The topology after a change: what comes, goes and changes is drawn
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    second: Option<String>,
    /// Draw what changes in A since this commit
    #[arg(long, value_name = "REF", conflicts_with = "second")]
    since: Option<String>,
    /// What is drawn. Default: the mesh, and in a page all three
    #[arg(long, value_enum)]
    view: Option<Drawn>,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    today: Today,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Drawn {
    /// Networks with their clusters, control planes, gateways and traces
    Mesh,
    /// How each cluster reaches each other
    Matrix,
    /// Certificates on a time line
    Certificates,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One picture
    #[default]
    Svg,
    /// A page that needs nothing else
    Html,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let views = match (arguments.view, arguments.format) {
        (None, Format::Html) => View::ALL.to_vec(),
        (None | Some(Drawn::Mesh), _) => vec![View::Mesh],
        (Some(Drawn::Matrix), _) => vec![View::Matrix],
        (Some(Drawn::Certificates), _) => vec![View::Certificates],
    };
    let (before, after) = sides(arguments)?;
    let before = match before.map(|source| facts(&source, &views)) {
        Some(None) => return Ok(NOT_DONE),
        before => before.flatten(),
    };
    let Some(after) = facts(&after, &views) else { return Ok(NOT_DONE) };
    let (before, today) = (before.as_ref(), arguments.today.date());
    print(&match arguments.format {
        Format::Svg => draw::svg(before, &after, views[0], today),
        Format::Html => draw::page(before, &after, &views, today),
    })?;
    Ok(DONE)
}

/// The topology before, if there is one, and the one after.
fn sides(arguments: &Arguments) -> Result<(Option<Source>, Source), Refusal> {
    let first = &arguments.first;
    match (&arguments.second, &arguments.since) {
        (Some(second), _) if first == "-" && second == "-" => {
            Err(Refusal("standard input gives one topology only".to_owned()))
        }
        (Some(second), _) => Ok((Some(diff::topology(first)?), diff::topology(second)?)),
        (None, Some(reference)) => {
            Ok((diff::topology_since(first.as_str().into(), reference)?, diff::topology(first)?))
        }
        (None, None) => Ok((None, diff::topology(first)?)),
    }
}

/// What is drawn of a topology; `None` if it has errors, which were reported.
fn facts(source: &Source, views: &[View]) -> Option<Facts> {
    checked(source).map(|checked| crate::drawn(&checked, views))
}
