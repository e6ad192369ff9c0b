use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{CompletionCandidate, ValueCompleter};
use clap_complete::env::Shells;

use crate::diagnostic::Findings;

use super::{Outcome, print, read_source, refused};

/// The options of `completions`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

const PROGRAM: &str = "meshgen";
/// With this variable, a shell asks what may come next instead of running the program.
const QUESTION: &str = "MESHGEN_COMPLETE";

/// Prints a script that makes a shell ask the program itself what may come next.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let name = arguments.shell.to_possible_value().expect("no shell is hidden");
    let shells = Shells::builtins();
    let shell = shells.completer(name.get_name()).expect("clap_complete knows the shells");
    let mut script = Vec::new();
    let written = shell.write_registration(QUESTION, PROGRAM, PROGRAM, PROGRAM, &mut script);
    written.map_err(|error| refused("the script", &error))?;
    print(&String::from_utf8_lossy(&script))
}

/// Answers a shell that asks what may come next, and says whether one asked.
pub(super) fn answer() -> bool {
    let here = std::env::current_dir().ok();
    let question = CompleteEnv::with_factory(super::Arguments::command).var(QUESTION);
    question.try_complete(std::env::args_os(), here.as_deref()).unwrap_or_else(|error| error.exit())
}

/// The clusters of the topologies that the command line names.
pub(super) struct ClusterNames;

impl ValueCompleter for ClusterNames {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(begun) = current.to_str() else { return Vec::new() };
        let words = std::env::args_os().filter_map(|word| Utf8PathBuf::from_os_string(word).ok()).skip(1);
        let names = words.filter(|word| word.is_file()).flat_map(|file| clusters(&file));
        names.filter(|name| name.starts_with(begun)).map(CompletionCandidate::new).collect()
    }
}

fn clusters(topology: &Utf8Path) -> Vec<String> {
    let Ok(source) = read_source(topology) else { return Vec::new() };
    let examined = crate::examine(&source, &mut Findings::default());
    let clusters = examined.iter().flat_map(|examined| &examined.topology().clusters);
    clusters.map(|cluster| cluster.name.to_string()).collect()
}
