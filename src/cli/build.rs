use camino::Utf8PathBuf;
use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::pki::Authority;
use crate::source::Source;
use crate::{compile, disk};

use super::{DONE, NOT_DONE, Outcome, ca, read_source, say, say_findings};

/// The options of `build`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology; `-` is standard input
    topology: Utf8PathBuf,
    /// The directory that is made to hold the tree
    #[arg(short, long, value_name = "DIR")]
    output: Utf8PathBuf,
    #[command(flatten)]
    seed: ca::SeedOption,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let source = read_source(&arguments.topology)?;
    let findings = crate::check(&source);
    if crate::has_errors(&findings) {
        return Ok(refuse(&source, &findings));
    }
    let seed = ca::read_seed(&arguments.seed, &arguments.topology)?;
    if seed.is_demonstration() {
        say(
            "warning: this is the public demonstration seed: anyone can sign for this mesh; make one of your own with `meshgen ca new`",
        );
    }
    match compile(&source, &Authority::Seed(seed)) {
        Ok(compiled) => {
            say_findings(&source, &compiled.warnings);
            let written = disk::write(&arguments.output, &compiled.tree)?;
            say(&format!(
                "{}: {} files written, {} unchanged, {} removed",
                arguments.output, written.changed, written.unchanged, written.removed
            ));
            Ok(DONE)
        }
        Err(findings) => Ok(refuse(&source, &findings)),
    }
}

/// Draws what stops the build.
fn refuse(source: &Source, findings: &[Diagnostic]) -> u8 {
    say_findings(source, findings);
    say("nothing was written");
    NOT_DONE
}
