//! Findings as GitHub's runner reads them from a job's output.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>

use std::fmt::Write;

use crate::written::{Position, Written};

use crate::words::printable;

use super::{File, Located, Spot, locate, omissions, word};

/// Findings as workflow commands, one a line: annotations of a pull request, at their places.
pub fn github(files: &[File]) -> String {
    let mut out = String::new();
    for file in files {
        let name = &file.source.name;
        if let Some(refusal) = &file.refusal {
            command(&mut out, "error", &format!("file={},title=unreadable", property(name)), refusal);
        }
        if file.findings.is_empty() {
            continue;
        }
        let written = Written::new(&file.source);
        for located in locate(&written, &file.findings.list) {
            annotation(&mut out, &written, &located);
        }
        for omission in omissions(&written, &file.findings) {
            let mut properties = format!("file={}", property(name));
            if let Some(range) = &omission.range {
                properties += &place(written.position(range.start), written.position(range.end));
            }
            command(&mut out, "notice", &(properties + ",title=not checked"), &omission.unchecked.message());
        }
    }
    out
}

fn annotation(out: &mut String, written: &Written<'_>, located: &Located<'_>) {
    let (first, others) = located.labels.split_first().expect("a finding has a place");
    let file = first.other_file().map_or(written.name(), |path| path.as_str());
    let mut properties = format!("file={}", property(file));
    if let Some(range) = &first.range {
        properties += &place(written.position(range.start), written.position(range.end));
    }
    write!(properties, ",title={}", property(located.finding.rule)).expect("a String takes everything");
    // The log of a job shows the message without its properties, so the message repeats its place.
    let mut message = format!("{}: {}", at(written, first), located.finding.message);
    if !first.text.is_empty() && others.is_empty() {
        write!(message, ": {}", first.text).expect("a String takes everything");
    }
    let several = if others.is_empty() { &[][..] } else { &located.labels };
    for spot in several.iter().filter(|spot| !spot.text.is_empty()) {
        write!(message, "\n{}: {}", at(written, spot), spot.text).expect("a String takes everything");
    }
    for help in &located.finding.help {
        write!(message, "\nhelp: {help}").expect("a String takes everything");
    }
    command(out, word(located.finding.severity), &properties, &message);
}

/// A place as compilers write it.
fn at(written: &Written<'_>, spot: &Spot<'_>) -> String {
    let file = spot.other_file().map_or(written.name(), |path| path.as_str());
    match &spot.range {
        Some(range) => {
            let Position { line, column } = written.position(range.start);
            format!("{file}:{line}:{column}")
        }
        None => file.to_owned(),
    }
}

/// GitHub accepts columns only for a place within one line.
fn place(start: Position, end: Position) -> String {
    let lines = format!(",line={},endLine={}", start.line, end.line);
    if start.line == end.line { format!("{lines},col={},endColumn={}", start.column, end.column) } else { lines }
}

fn command(out: &mut String, name: &str, properties: &str, message: &str) {
    writeln!(out, "::{name} {properties}::{}", escaped(message)).expect("a String takes everything");
}

fn escaped(text: &str) -> String {
    let lines = text.split('\n').map(|line| printable(line).replace('%', "%25"));
    lines.collect::<Vec<String>>().join("%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
