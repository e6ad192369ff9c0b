use camino::Utf8PathBuf;
use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::disk;

use super::{DONE, Outcome, Refusal, print_bytes};

/// The options of `man`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write meshgen.1, meshgen-build.1 and so on, a page for each verb, to this directory. Default: print meshgen(1)
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Option<Utf8PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &arguments.output else { return print_bytes(&page(&command)?.1) };
    disk::make_directory(directory)?;
    for command in with_verbs(&command) {
        let (name, bytes) = page(command)?;
        disk::replace(&directory.join(name), &bytes)?;
    }
    Ok(DONE)
}

/// A command, its verbs, their verbs and so on.
fn with_verbs(command: &Command) -> Vec<&Command> {
    [command].into_iter().chain(command.get_subcommands().flat_map(with_verbs)).collect()
}

/// The name of a page's file, and its bytes. It has no date, so that the same meshgen gives the same page.
fn page(command: &Command) -> Result<(String, Vec<u8>), Refusal> {
    let man = Man::new(command.clone()).source(concat!("meshgen ", env!("CARGO_PKG_VERSION")));
    let mut bytes = Vec::new();
    man.render(&mut bytes).map_err(|error| Refusal(format!("the man page cannot be made: {error}")))?;
    Ok((man.get_filename(), bytes))
}
