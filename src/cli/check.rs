use std::io::{self, IsTerminal};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::source::Source;
use crate::{disk, modeline};

use super::{DONE, FOUND, NOT_DONE, Outcome, Today, directory_of, draw, external, print, read_source, say};

/// The options of `check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topologies; `-` is standard input
    #[arg(required = true)]
    topologies: Vec<Utf8PathBuf>,
    /// Exit with 1 on warnings too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    today: Today,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut code = DONE;
    for topology in &arguments.topologies {
        let source = match read_source(topology) {
            Ok(source) => source,
            Err(refusal) => {
                say(&format!("error: {refusal}"));
                code = NOT_DONE;
                continue;
            }
        };
        let today = arguments.today.date();
        let beside = pinned_schema(&source, topology).into_iter().collect();
        let mut findings = crate::check_on(&source, today, beside);
        if let Some(external) = external::read(&source, topology)? {
            findings.extend(crate::check_external(&source, &external, today));
        }
        if findings.is_empty() {
            continue;
        }
        print(&draw(&source, &findings, io::stdout().is_terminal()))?;
        if crate::has_errors(&findings) || arguments.strict {
            code = code.max(FOUND);
        }
    }
    Ok(code)
}

/// What is doubtful about the schema that the topology names for editors. Where a topology from standard input stands, nobody knows.
fn pinned_schema(source: &Source, topology: &Utf8Path) -> Option<Diagnostic> {
    let text = source.text();
    let (path, place) = modeline::schema(&text).filter(|_| topology != "-")?;
    // A schema that cannot be read is none for editors either.
    let standing = disk::read_if_there(&directory_of(topology).join(path)).ok().flatten();
    modeline::stale(path, place, standing.as_deref())
}
