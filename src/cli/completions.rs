use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Outcome, print};

/// The options of `completions`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "meshgen", &mut script);
    print(&String::from_utf8_lossy(&script))
}
