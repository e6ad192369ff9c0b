use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum, ValueHint};

use crate::ExternalFiles;
use crate::check::Examined;
use crate::diagnostic::{Diagnostic, Findings};
use crate::report::{self, File};
use crate::source::Source;
use crate::topology::Date;
use crate::words::printable;
use crate::{disk, modeline};

use super::selection::Selection;
use super::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, Today, directory_of, external, fix, print, print_bytes, read_source, say,
    show, source_name, style,
};

/// The options of `check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topologies; `-` is standard input
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    topologies: Vec<Utf8PathBuf>,
    /// Exit with 1 on warnings too
    #[arg(long)]
    strict: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Apply the fixes that are certain to the files, and report the rest
    #[arg(long)]
    fix: bool,
    /// With `--fix`: write nothing, and print what would change
    #[arg(long, requires = "fix")]
    dry_run: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    today: Today,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs; `schemas/check.schema.json` describes it
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands, for annotations on GitHub
    Github,
    /// JUnit XML, for pipelines that show test results
    Junit,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let takes_output = takes_output(arguments)?;
    let today = arguments.today.date();
    let mut files: Vec<File> = Vec::new();
    let mut output = Vec::new();
    for topology in &arguments.topologies {
        if files.iter().all(|file| file.source.name != source_name(topology)) {
            let mut file = look_at(topology, arguments, today, &mut output);
            file.findings.retain(|rule| arguments.selection.has(rule));
            files.push(file);
        }
    }
    if takes_output {
        print_bytes(&output)?;
        say_text(&files);
    } else {
        print(&written(&files, arguments))?;
    }
    for refusal in files.iter().filter_map(|file| file.refusal.as_ref()) {
        say(&format!("error: {refusal}"));
    }
    if arguments.format == Format::Text && files.iter().all(File::is_clean) {
        say(&match files.as_slice() {
            [file] => format!("{}: no findings", printable(&file.source.name)),
            files => format!("{} topologies: no findings", files.len()),
        });
    }
    Ok(code(&files, arguments.strict))
}

/// Whether standard output is for a fixed topology or for a difference, and so not for the report.
fn takes_output(arguments: &Arguments) -> Result<bool, Refusal> {
    let is_stream = arguments.topologies.iter().any(|topology| topology == "-");
    let takes_output = arguments.fix && (arguments.dry_run || is_stream);
    if takes_output && arguments.format != Format::Text {
        let what = if arguments.dry_run { "what would change" } else { "the fixed topology" };
        return Err(Refusal(format!("standard output is for {what} here: remove `--format`")));
    }
    if takes_output && !arguments.dry_run && arguments.topologies.len() > 1 {
        return Err(Refusal(
            "with `--fix`, `-` cannot be combined with files: standard output is for the fixed text".to_owned(),
        ));
    }
    Ok(takes_output)
}

fn look_at(topology: &Utf8Path, arguments: &Arguments, today: Date, output: &mut Vec<u8>) -> File {
    let source = match read_source(topology) {
        Ok(source) => source,
        Err(refusal) => {
            let source = Source::new(source_name(topology), "");
            return File { source, findings: Findings::default(), refusal: Some(refusal.to_string()) };
        }
    };
    if !arguments.fix {
        return examine(topology, source, today);
    }
    match fix::fix(topology, &source, today, arguments.dry_run, &arguments.selection, output) {
        Ok(fixed) => examine(topology, fixed, today),
        Err(refusal) => File { refusal: Some(refusal.to_string()), ..examine(topology, source, today) },
    }
}

/// All errors and warnings of a topology and of the files that it names.
fn examine(topology: &Utf8Path, source: Source, today: Date) -> File {
    let beside = pinned_schema(&source, topology).into_iter().collect();
    let mut findings = Findings::default();
    let examined = crate::examine(&source, &mut findings);
    if let Some(examined) = &examined {
        crate::doubt(examined, &source, today, beside, &mut findings);
    }
    let Some(checked) = examined.and_then(Examined::checked) else { return File { source, findings, refusal: None } };
    let refusal = match external::read_named(ExternalFiles::of(&checked), topology) {
        Ok(Some(external)) => {
            findings.list.extend(crate::check_external(&checked, &external, today));
            None
        }
        Ok(None) => None,
        Err(refusal) => Some(refusal.to_string()),
    };
    File { source, findings, refusal }
}

fn written(files: &[File], arguments: &Arguments) -> String {
    match arguments.format {
        Format::Text => report::texts(files, style(&io::stdout()), !arguments.fix),
        Format::Json => report::json(files),
        Format::Sarif => report::sarif(files),
        Format::Github => report::github(files),
        Format::Junit => report::junit(files, arguments.strict),
    }
}

/// What remains, beside a standard output that is for something else.
fn say_text(files: &[File]) {
    let report = report::texts(files, style(&io::stderr()), false);
    if !report.is_empty() {
        show(report.trim_end());
    }
}

fn code(files: &[File], is_strict: bool) -> u8 {
    if files.iter().any(|file| file.refusal.is_some()) {
        return NOT_DONE;
    }
    let is_wrong = |file: &File| {
        let Findings { list, unchecked } = &file.findings;
        crate::has_errors(list) || !unchecked.is_empty() || is_strict && !list.is_empty()
    };
    if files.iter().any(is_wrong) { FOUND } else { DONE }
}

/// Warnings about the schema that the topology names for editors. A topology from standard input has no place, so it gets none.
fn pinned_schema(source: &Source, topology: &Utf8Path) -> Option<Diagnostic> {
    let text = source.text();
    let (path, place) = modeline::schema(&text).filter(|_| topology != "-")?;
    // A schema that cannot be read is none for editors either.
    let standing = disk::read_if_there(&directory_of(topology).join(path)).ok().flatten();
    modeline::stale(path, place, standing.as_deref())
}
