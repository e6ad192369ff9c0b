//! The command line: one verb, one file.
#![allow(clippy::disallowed_methods, reason = "the command line reads the environment")]

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::stream::RawStream;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};
#[cfg(target_os = "linux")]
use rustix::process::DumpableBehavior;
use rustix::process::{Resource, Rlimit};

use crate::check::Checked;
use crate::diagnostic::{Findings, nearest};
use crate::disk;
use crate::lock;
use crate::pki::Standing;
use crate::report;
use crate::source::Source;
use crate::template::word;
use crate::topology::Date;
use crate::words::{names, printable, printable_lines};

use self::terminal::{columns, is_colour_wanted};

mod build;
mod ca;
mod check;
mod completions;
mod diff;
mod draw;
mod explain;
mod external;
mod fix;
mod flows;
mod git;
mod init;
mod man;
mod output;
mod path;
mod retired;
mod rotation;
mod schema;
mod secrecy;
mod seed;
mod selection;
mod terminal;
mod waited;

/// Compiles one topology file into the files that make several Kubernetes clusters one Istio mesh.
#[derive(Debug, Parser)]
#[command(name = "meshgen", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Compile a topology and write its tree.
    Build(build::Arguments),
    /// Show what differs between two topologies or trees, and what that means for the running mesh.
    Diff(diff::Arguments),
    /// Report every mistake in topologies, with its place.
    Check(check::Arguments),
    /// Write a commented topology to start from, and its schema.
    Init(init::Arguments),
    /// Explain a rule, with an example that breaks it and one that follows it.
    Explain(explain::Arguments),
    /// Show what firewalls have to let through: who reaches whom, on which port, and why.
    Flows(flows::Arguments),
    /// Tell how a call gets from one cluster to another, check by check, and where it fails.
    Path(path::Arguments),
    /// Draw a mesh, or what changes between two, as SVG or as a page.
    Draw(draw::Arguments),
    /// Make the secret seed of a mesh, and show its certificates.
    Ca(ca::Arguments),
    /// Print the JSON Schema of topologies.
    Schema,
    /// Print completions for a shell.
    Completions(completions::Arguments),
    /// Print the man page, or write one for each verb.
    Man(man::Arguments),
}

/// Success.
const DONE: u8 = 0;
/// A topology has an error, or two sides differ.
const FOUND: u8 = 1;
/// The command could not be run.
const NOT_DONE: u8 = 2;

/// Runs the verb that the command line names.
pub fn run() -> ExitCode {
    forbid_core_dumps();
    if completions::answer() {
        return ExitCode::SUCCESS;
    }
    let code = match Arguments::parse().verb {
        Verb::Build(arguments) => build::run(&arguments),
        Verb::Diff(arguments) => diff::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Flows(arguments) => flows::run(&arguments),
        Verb::Path(arguments) => path::run(&arguments),
        Verb::Draw(arguments) => draw::run(&arguments),
        Verb::Ca(arguments) => ca::run(&arguments),
        Verb::Schema => schema::run(),
        Verb::Completions(arguments) => completions::run(&arguments),
        Verb::Man(arguments) => man::run(&arguments),
    };
    ExitCode::from(code.unwrap_or_else(|refusal| {
        say(&format!("error: {refusal}"));
        NOT_DONE
    }))
}

/// A core dump would hold the seed, in a file beside the topology or with a service of the machine.
fn forbid_core_dumps() {
    let limit = Rlimit { current: Some(0), maximum: Some(0) };
    // Where that is refused, nothing is lost but this precaution.
    let _ = rustix::process::setrlimit(Resource::Core, limit);
    // Linux does not ask the limit where it pipes core dumps to a program (core(5)).
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Why a verb did nothing: a sentence for the user.
struct Refusal(String);

type Outcome = Result<u8, Refusal>;

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<disk::DiskError> for Refusal {
    fn from(error: disk::DiskError) -> Self {
        Self(error.to_string())
    }
}

/// Reads a topology; `-` is standard input.
fn read_source(path: &Utf8Path) -> Result<Source, Refusal> {
    let bytes = if path == "-" {
        disk::read_from(io::stdin().lock()).map_err(|error| refused("standard input", &error))?
    } else if disk::is_directory(path) {
        return Err(Refusal(format!("{path} is a directory, and a topology is a file: name a file in it")));
    } else {
        external::refuse_link(path)?;
        disk::read(path)?
    };
    Ok(with_files(path, Source::new(source_name(path), bytes)))
}

/// A topology with the files that it names.
fn with_files(path: &Utf8Path, source: Source) -> Source {
    crate::with_files(source, |file| external::read_beside(path, file))
}

/// What an error of the operating system means for a stream or a file.
fn refused(name: &str, error: &io::Error) -> Refusal {
    Refusal(format!("{name}: {}", disk::cause(error)))
}

/// Why certificates that no lock pins are not used.
fn lost_lock(output: &Utf8Path, standing: &Standing, otherwise: &str) -> Refusal {
    let what = if standing.has_certificates() { "certificates" } else { "private keys" };
    let lock = output.join(lock::FILE);
    Refusal(format!(
        "{output} has {what} and no {}, which says what meshgen wrote there\n\
         help: restore it: `git checkout -- {}`\n\
         help: {otherwise}",
        lock::FILE,
        word(lock.as_str())
    ))
}

/// What reports call a topology.
fn source_name(path: &Utf8Path) -> &str {
    if path == "-" { "<stdin>" } else { path.as_str() }
}

/// The directory that relative paths in a topology start at.
fn directory_of(topology: &Utf8Path) -> Utf8PathBuf {
    match topology.parent() {
        Some(parent) if topology != "-" && parent != "" => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}

/// Refuses a cluster that the topology does not have.
fn refuse_unknown(cluster: &str, known: Vec<&str>) -> Result<(), Refusal> {
    if known.contains(&cluster) {
        return Ok(());
    }
    let help = match nearest(cluster, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("name one of its clusters: {}", names(known)),
    };
    Err(Refusal(format!("the topology has no cluster `{}`: {help}", printable(cluster))))
}

/// Writes a result to standard output. A closed pipe is not an error.
fn print(text: &str) -> Outcome {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Outcome {
    match io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(refused("standard output", &error)),
        _ => Ok(DONE),
    }
}

/// Writes a line to standard error.
fn say(sentence: &str) {
    // It may name a file, or repeat what Git says of one.
    show(&printable_lines(sentence));
}

/// Shows a report, which escapes what it repeats, on standard error.
fn show(report: &str) {
    // If standard error is closed too, the error cannot be reported.
    let _ = writeln!(io::stderr().lock(), "{report}");
}

/// How findings are drawn for the stream that they go to.
fn style(stream: &impl RawStream) -> report::Style {
    const COLUMNS: usize = 100;
    let width = columns(stream).unwrap_or(COLUMNS);
    report::Style { is_coloured: is_colour_wanted(stream), width }
}

/// The day that warnings about certificates go by.
#[derive(Debug, clap::Args)]
struct Today {
    /// The day for which certificates are checked. Default: today, UTC
    #[arg(long, value_name = "DATE")]
    now: Option<Date>,
}

impl Today {
    fn date(&self) -> Date {
        self.now.unwrap_or_else(|| Date(time::OffsetDateTime::from(std::time::SystemTime::now()).date()))
    }
}

/// A topology that obeys every rule; `None` if it has errors, which are drawn on standard error.
fn checked(source: &Source) -> Option<Checked> {
    let mut findings = Findings::default();
    let checked = crate::read(source, &mut findings);
    if checked.is_none() {
        say_findings(source, &findings);
    }
    checked
}

/// Draws findings on standard error, where there are any.
fn say_findings(source: &Source, findings: &Findings) {
    if !findings.is_empty() {
        show(report::text(source, findings, style(&io::stderr())).trim_end());
    }
}
