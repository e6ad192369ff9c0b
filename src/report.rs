//! Reports of findings. Each format is a function that returns a text.

use std::ops::Range;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, FieldPath, Findings, Place, Severity, Unchecked};
use crate::source::Source;
use crate::written::{Edit, Written};

mod github;
mod json;
mod junit;
mod rules;
mod sarif;
mod text;

pub use self::github::github;
pub use self::json::{FORMAT, Report, json};
pub use self::junit::junit;
pub use self::rules::{Explained, FORMAT as RULES_FORMAT, Rules, rules_json};
pub use self::sarif::sarif;
pub use self::text::{Style, text, texts};

/// A topology that was looked at.
#[derive(Debug, Clone)]
pub struct File {
    /// The topology, without a byte where it could not be read.
    pub source: Source,
    /// Its errors and warnings, and what was not looked for.
    pub findings: Findings,
    /// Why it could not be checked completely: it, or a file that it names, could not be read.
    pub refusal: Option<String>,
}

impl File {
    /// Whether it has no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.refusal.is_none()
    }
}

/// A finding and where in the text its places are.
struct Located<'f> {
    finding: &'f Diagnostic,
    labels: Vec<Spot<'f>>,
    edit: Option<Edit>,
}

/// One place of a finding.
struct Spot<'f> {
    place: &'f Place,
    text: &'f str,
    /// The bytes of the text, unless it has no such place.
    range: Option<Range<usize>>,
}

impl Spot<'_> {
    fn field(&self) -> Option<&FieldPath> {
        match self.place {
            Place::Field(path) | Place::Key(path) => Some(path),
            Place::Whole | Place::Range(_) | Place::File(_) => None,
        }
    }

    /// The file that the place is in, if it is not the topology.
    fn other_file(&self) -> Option<&Utf8Path> {
        match self.place {
            Place::File(path) => Some(path),
            _ => None,
        }
    }
}

/// The findings in the order of place and rule; what has no place comes first.
fn locate<'f>(written: &Written<'_>, findings: &'f [Diagnostic]) -> Vec<Located<'f>> {
    let mut located: Vec<Located<'f>> = findings
        .iter()
        .map(|finding| {
            let spot = |label: &'f crate::diagnostic::Label| Spot {
                place: &label.place,
                text: &label.text,
                range: written.range(&label.place),
            };
            let edit = finding.patch.as_ref().and_then(|patch| written.edit(patch));
            Located { finding, labels: finding.labels.iter().map(spot).collect(), edit }
        })
        .collect();
    located.sort_by_key(|located| (located.start(), located.finding.rule));
    located
}

impl Located<'_> {
    /// The bytes from the first place to the last.
    fn span(&self) -> Option<Range<usize>> {
        let ranges = || self.labels.iter().filter_map(|label| label.range.as_ref());
        Some(ranges().map(|range| range.start).min()?..ranges().map(|range| range.end).max()?)
    }

    fn start(&self) -> Option<usize> {
        self.labels.first().and_then(|label| label.range.as_ref()).map(|range| range.start)
    }
}

/// Rules that were not applied, and where in the text the reason is.
struct Omission<'f> {
    unchecked: &'f Unchecked,
    place: Place,
    range: Option<Range<usize>>,
}

/// What was not looked for, in the order of the reasons' places.
fn omissions<'f>(written: &Written<'_>, findings: &'f Findings) -> Vec<Omission<'f>> {
    let omission = |unchecked: &'f Unchecked| {
        let place = unchecked.cause.place();
        let range = written.range(&place);
        Omission { unchecked, place, range }
    };
    let mut omissions: Vec<Omission<'f>> = findings.unchecked.iter().map(omission).collect();
    omissions.sort_by_key(|omission| omission.range.as_ref().map(|range| range.start));
    omissions
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn count<'f>(findings: impl IntoIterator<Item = &'f Diagnostic>, severity: Severity) -> usize {
    findings.into_iter().filter(|finding| finding.severity == severity).count()
}
