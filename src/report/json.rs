//! Findings for programs; `schemas/check.schema.json` describes them.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::diagnostic::{Certainty, Severity};
use crate::schema;
use crate::written::Written;

use crate::words::report_json;

use super::{File, Located, Omission, Spot, count, locate, omissions};

/// The format of the JSON report.
pub const FORMAT: &str = "meshgen-check-1";

/// The findings of topologies.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `meshgen-check-1`.
    pub format: &'static str,
    /// The number of findings.
    pub summary: Summary,
    /// The findings in the order of the files, of the places in them, and of the rules.
    pub findings: Vec<Finding>,
    /// The rules that were not applied, or not everywhere, because of a mistake.
    pub unchecked: Vec<Omitted>,
    /// Files that could not be read. The other files have findings all the same.
    pub unread: Vec<Unread>,
}

impl Report {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("check.schema.json")
    }
}

/// The number of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The number of topologies, including those that could not be read.
    pub files: usize,
    /// Findings that stop a build.
    pub errors: usize,
    /// Findings that do not.
    pub warnings: usize,
    /// Findings whose patch is certain: `check --fix` makes it.
    pub fixable: usize,
}

/// One finding, which may be about several places.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The name of the rule, for `meshgen explain`.
    pub rule: &'static str,
    /// Whether the finding stops a build.
    pub severity: Level,
    /// One sentence on what is wrong.
    pub message: String,
    /// The place of the fault.
    pub location: Location,
    /// The other places of the fault.
    pub related: Vec<Location>,
    /// What to do.
    pub help: Vec<String>,
    /// A change of the text that removes the finding.
    pub patch: Option<Patch>,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// It stops a build.
    Error,
    /// It does not stop a build.
    Warning,
}

/// A place, as far as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The file, as it was named; `<stdin>` is standard input.
    pub file: String,
    /// The field, such as `clusters[1].network`; null if the fault is not in a field.
    pub field: Option<String>,
    /// The range of the text; null if the place has none, such as a whole file.
    pub range: Option<Span>,
    /// The fact at the place; may be empty.
    pub text: String,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Its first character.
    pub start: Point,
    /// The character after its last.
    pub end: Point,
}

/// A place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The bytes of the file before it, a byte-order mark included.
    pub offset: usize,
    /// The line, from 1 on.
    pub line: usize,
    /// The column in Unicode code points, from 1 on, a byte-order mark not included.
    pub column: usize,
}

/// A change of a file, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// The text to remove; empty if text is only added.
    pub range: Span,
    /// The text to insert.
    pub replacement: String,
    /// Whether a program may make the change without asking.
    pub certainty: Certainty,
}

/// Rules that were not applied, or not everywhere, for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Omitted {
    /// The names of the rules.
    pub rules: Vec<&'static str>,
    /// The reason, and the names, in a sentence.
    pub message: String,
    /// The place of the mistake.
    pub location: Location,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The topology, as it was named.
    pub file: String,
    /// What could not be read, and why.
    pub message: String,
}

/// Findings as JSON.
pub fn json(files: &[File]) -> String {
    report_json(&report(files))
}

fn report(files: &[File]) -> Report {
    let mut findings = Vec::new();
    let mut unchecked = Vec::new();
    for file in files.iter().filter(|file| !file.findings.is_empty()) {
        let written = Written::new(&file.source);
        findings.extend(locate(&written, &file.findings.list).iter().map(|located| finding(&written, located)));
        unchecked.extend(omissions(&written, &file.findings).iter().map(|omission| omitted(&written, omission)));
    }
    let is_certain =
        |finding: &&Finding| finding.patch.as_ref().is_some_and(|patch| patch.certainty == Certainty::Certain);
    let all = || files.iter().flat_map(|file| &file.findings.list);
    let unread = files.iter().filter_map(|file| {
        file.refusal.as_ref().map(|message| Unread { file: file.source.name.clone(), message: message.clone() })
    });
    Report {
        format: FORMAT,
        summary: Summary {
            files: files.len(),
            errors: count(all(), Severity::Error),
            warnings: count(all(), Severity::Warning),
            fixable: findings.iter().filter(is_certain).count(),
        },
        findings,
        unchecked,
        unread: unread.collect(),
    }
}

fn finding(written: &Written<'_>, located: &Located<'_>) -> Finding {
    let mut locations = located.labels.iter().map(|spot| location(written, spot));
    Finding {
        rule: located.finding.rule,
        severity: match located.finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        message: located.finding.message.clone(),
        location: locations.next().expect("a finding has a place"),
        related: locations.collect(),
        help: located.finding.help.clone(),
        patch: located.edit.as_ref().map(|edit| Patch {
            range: span(written, &edit.range),
            replacement: edit.replacement.clone(),
            certainty: edit.certainty,
        }),
    }
}

fn omitted(written: &Written<'_>, omission: &Omission<'_>) -> Omitted {
    let spot = Spot { place: &omission.place, text: "", range: omission.range.clone() };
    Omitted {
        rules: omission.unchecked.rules.clone(),
        message: omission.unchecked.message(),
        location: location(written, &spot),
    }
}

fn location(written: &Written<'_>, spot: &Spot<'_>) -> Location {
    Location {
        file: spot.other_file().map_or(written.name(), |path| path.as_str()).to_owned(),
        field: spot.field().map(ToString::to_string),
        range: spot.range.as_ref().map(|range| span(written, range)),
        text: spot.text.to_owned(),
    }
}

fn span(written: &Written<'_>, range: &Range<usize>) -> Span {
    let point = |at: usize| {
        let position = written.position(at);
        Point { offset: written.offset(at), line: position.line, column: position.column }
    };
    Span { start: point(range.start), end: point(range.end) }
}
