use std::io;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::flows::{self, Changes, Flows, What};
use crate::source::Source;

use super::completions::ClusterNames;
use super::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, checked, diff, is_colour_wanted, print, read_source, refuse_unknown, say,
};

/// The options of `flows`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    topology: Utf8PathBuf,
    /// Show only what this cluster opens, and what others open to it
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(ClusterNames))]
    cluster: Option<String>,
    /// Show only what comes and goes since this commit; exit with 1 if anything does
    #[arg(long, value_name = "REF")]
    since: Option<String>,
    /// Show a row for each pair of clusters, not for each network
    #[arg(long)]
    expand: bool,
    /// How the table is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For a page or a ticket
    Markdown,
    /// For a spreadsheet
    Csv,
    /// For programs; `schemas/flows.schema.json` describes it
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    // Where the commit cannot be read, standard input is not waited for.
    let old =
        arguments.since.as_ref().map(|reference| diff::topology_since(&arguments.topology, reference)).transpose()?;
    let source = read_source(&arguments.topology)?;
    let Some(after) = flows_of(&source) else { return Ok(NOT_DONE) };
    let (what, code) = match old {
        None => (What::All(chosen(after, arguments)?), DONE),
        Some(old) => {
            // A topology that the commit does not have is new.
            let before = old.map_or_else(|| Some(Flows::nothing()), |source| flows_of(&source));
            let Some(before) = before else { return Ok(NOT_DONE) };
            let mut changes = Changes::between(&before, &after);
            if let Some(cluster) = &arguments.cluster {
                if !before.has_cluster(cluster) {
                    refuse_unknown(cluster, known(&after))?;
                }
                changes = changes.of_cluster(cluster);
            }
            if arguments.expand {
                changes = changes.expanded();
            }
            let code = if changes.is_empty() { DONE } else { FOUND };
            (What::Changes(changes), code)
        }
    };
    let parts = match arguments.format {
        Format::Text => flows::tables(&what, is_colour_wanted(&io::stdout())),
        Format::Markdown => vec![flows::markdown(&what)],
        Format::Csv => vec![flows::csv(&what)],
        Format::Json => vec![flows::json(&what)],
    };
    for part in &parts {
        print(part)?;
    }
    if arguments.since.is_some() && code == DONE && arguments.format == Format::Text {
        say("no difference");
    }
    Ok(code)
}

fn chosen(flows: Flows, arguments: &Arguments) -> Result<Flows, Refusal> {
    let flows = match &arguments.cluster {
        Some(cluster) => {
            refuse_unknown(cluster, known(&flows))?;
            flows.of_cluster(cluster)
        }
        None => flows,
    };
    Ok(if arguments.expand { flows.expanded() } else { flows })
}

fn known(flows: &Flows) -> Vec<&str> {
    flows.clusters.iter().map(|cluster| &*cluster.name).collect()
}

/// The flows of a topology; `None` if it has errors, which were reported.
fn flows_of(source: &Source) -> Option<Flows> {
    checked(source).map(|checked| crate::flows_of(&checked))
}
