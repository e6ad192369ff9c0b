//! Applies the certain patches of a topology, and leaves every other byte unchanged.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::diagnostic::{Certainty, Diagnostic, FieldPath, Place, Severity};
use crate::rule::SYNTAX;
use crate::source::Source;
use crate::written::{Edit, Position, Written};

/// A fix may reveal the next mistake, but seldom more often than a topology has levels.
const ROUNDS: usize = 16;
/// How many texts a round may examine to find harmful patches. Patches that it has not tried by then are left out.
const TRIALS: usize = 128;

/// A topology after its certain patches.
#[derive(Debug)]
pub struct Fixed {
    /// The text with every patch that could be made.
    pub source: Source,
    /// The fixes that were made, in order.
    pub fixes: Vec<Fix>,
    /// Fixes that were not made, although they are certain, because they do not reduce the errors.
    pub left: Vec<Fix>,
}

/// A finding whose patch is certain.
#[derive(Debug, PartialEq, Eq)]
pub struct Fix {
    /// The rule that reported it.
    pub rule: &'static str,
    /// What was wrong.
    pub message: String,
    /// Where it was, in the text of its round.
    pub at: Position,
}

/// Applies every certain patch of some rules that removes its finding and adds no error.
///
/// `examine` checks a text.
pub fn fix(source: &Source, examine: impl Fn(&Source) -> Vec<Diagnostic>, is_wanted: impl Fn(&str) -> bool) -> Fixed {
    let mut fixed = Fixed { source: source.clone(), fixes: Vec::new(), left: Vec::new() };
    for _ in 0..ROUNDS {
        let findings = examine(&fixed.source);
        let Round { source, mut fixes, left } = round(&fixed.source, &findings, &examine, &is_wanted);
        fixed.left = left;
        fixed.fixes.append(&mut fixes);
        match source {
            Some(source) => fixed.source = source,
            None => break,
        }
    }
    fixed
}

/// A finding and the change that fixes it.
struct Candidate<'f> {
    finding: &'f Diagnostic,
    edit: Edit,
}

/// The result of the patches of one set of findings.
#[derive(Default)]
struct Round {
    /// `None` if no patch was applied.
    source: Option<Source>,
    fixes: Vec<Fix>,
    left: Vec<Fix>,
}

fn round(
    source: &Source,
    findings: &[Diagnostic],
    examine: &impl Fn(&Source) -> Vec<Diagnostic>,
    is_wanted: &impl Fn(&str) -> bool,
) -> Round {
    let is_certain = |finding: &&Diagnostic| {
        let is_certain = finding.patch.as_ref().is_some_and(|patch| patch.certainty == Certainty::Certain);
        is_certain && finding.rule != SYNTAX.name && is_wanted(finding.rule)
    };
    if !findings.iter().any(|finding| is_certain(&finding)) {
        return Round::default();
    }
    let written = Written::new(source);
    let candidate = |finding| Some(Candidate { finding, edit: written.edit(finding.patch.as_ref()?)? });
    let mut candidates: Vec<Candidate<'_>> = findings.iter().filter(is_certain).filter_map(candidate).collect();
    candidates.sort_by_key(|candidate| (candidate.edit.range.start, candidate.edit.range.end));
    // If two patches overlap, the second waits for the next round, because the first may make it unnecessary.
    let mut end = 0;
    candidates.retain(|candidate| {
        let is_apart = candidate.edit.range.start >= end;
        end = if is_apart { candidate.edit.range.end } else { end };
        is_apart
    });
    let trial = Trial { written: &written, findings, examine, left: Cell::new(TRIALS) };
    let mut chosen = Vec::new();
    trial.choose(&candidates, &mut chosen);
    let fix = |candidate: &Candidate<'_>| Fix {
        rule: candidate.finding.rule,
        message: candidate.finding.message.clone(),
        at: written.position(candidate.edit.range.start),
    };
    let is_chosen = |candidate: &Candidate<'_>| chosen.iter().any(|chosen| std::ptr::eq(*chosen, candidate));
    Round {
        source: (!chosen.is_empty()).then(|| written.after(chosen.iter().map(|candidate| &candidate.edit))),
        fixes: chosen.iter().map(|candidate| fix(candidate)).collect(),
        left: candidates.iter().filter(|candidate| !is_chosen(candidate)).map(fix).collect(),
    }
}

struct Trial<'t, E> {
    written: &'t Written<'t>,
    findings: &'t [Diagnostic],
    examine: &'t E,
    left: Cell<usize>,
}

impl<E: Fn(&Source) -> Vec<Diagnostic>> Trial<'_, E> {
    /// Chooses all patches if together they are an improvement, and otherwise as many as are. Usually almost all of them are.
    fn choose<'c>(&self, candidates: &'c [Candidate<'c>], chosen: &mut Vec<&'c Candidate<'c>>) {
        let Some(left) = self.left.get().checked_sub(1).filter(|_| !candidates.is_empty()) else { return };
        self.left.set(left);
        let together: Vec<&Candidate<'_>> = chosen.iter().copied().chain(candidates).collect();
        if self.improves(&together) {
            chosen.extend(candidates);
        } else if candidates.len() > 1 {
            let (first, second) = candidates.split_at(candidates.len() / 2);
            self.choose(first, chosen);
            self.choose(second, chosen);
        }
    }

    /// Whether the patches remove each of their findings and add no error.
    fn improves(&self, candidates: &[&Candidate<'_>]) -> bool {
        let source = self.written.after(candidates.iter().map(|candidate| &candidate.edit));
        let after = (self.examine)(&source);
        let errors =
            |findings: &[Diagnostic]| findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let fixed: BTreeSet<Fault<'_>> = candidates.iter().map(|candidate| fault(candidate.finding)).collect();
        let is_left = |finding: &Diagnostic| finding.rule == SYNTAX.name || fixed.contains(&fault(finding));
        errors(&after) <= errors(self.findings) && !after.iter().any(is_left)
    }
}

/// What identifies a fault, wherever in the text it is.
type Fault<'f> = (&'static str, &'f str, Option<&'f FieldPath>);

fn fault(finding: &Diagnostic) -> Fault<'_> {
    let field = match &finding.labels[0].place {
        Place::Field(path) | Place::Key(path) => Some(path),
        Place::Whole | Place::Range(_) | Place::File(_) => None,
    };
    (finding.rule, &finding.message, field)
}
