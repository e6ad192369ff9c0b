use std::io::{self, IsTerminal};

use camino::Utf8PathBuf;
use clap::Args;

use super::{DONE, FOUND, NOT_DONE, Outcome, Today, draw, external, print, read_source, say};

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
        let mut findings = crate::check_on(&source, today);
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
