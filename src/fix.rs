//! Mends what is certain to be mended, and leaves every other byte alone.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::diagnostic::{Certainty, Diagnostic, FieldPath, Place, Severity};
use crate::rule::SYNTAX;
use crate::source::Source;
use crate::written::{Edit, Position, Written};

/// Mending one fault may show the next, but seldom more often than there are levels in a topology.
const ROUNDS: usize = 16;
/// How often a round looks at a text to find the patches that do harm, where some do: what is not told by then is left.
const TRIALS: usize = 128;

/// A topology after its certain patches.
#[derive(Debug)]
pub struct Fixed {
    /// The text with every patch that could be made.
    pub source: Source,
    /// What was mended, in the order in which it was.
    pub mended: Vec<Mended>,
    /// What was not, although its patch is certain: with it there would be more errors than without, or the same.
    pub left: Vec<Mended>,
}

/// A fault whose patch is certain.
#[derive(Debug, PartialEq, Eq)]
pub struct Mended {
    /// The rule that spoke of it.
    pub rule: &'static str,
    /// What was wrong.
    pub message: String,
    /// Where it was, in the text of its round.
    pub at: Position,
}

/// Makes every certain patch that leaves a topology which can be read, has the fault no more, and has no more errors than before.
///
/// `examine` says what is wrong with a text.
pub fn fix(source: &Source, examine: impl Fn(&Source) -> Vec<Diagnostic>) -> Fixed {
    let mut fixed = Fixed { source: source.clone(), mended: Vec::new(), left: Vec::new() };
    for _ in 0..ROUNDS {
        let findings = examine(&fixed.source);
        let Round { source, mut mended, left } = round(&fixed.source, &findings, &examine);
        fixed.left = left;
        fixed.mended.append(&mut mended);
        match source {
            Some(source) => fixed.source = source,
            None => break,
        }
    }
    fixed
}

/// A finding and the change that mends it.
struct Cure<'f> {
    finding: &'f Diagnostic,
    edit: Edit,
}

/// What the patches of one set of findings did.
#[derive(Default)]
struct Round {
    /// `None` where none was made.
    source: Option<Source>,
    mended: Vec<Mended>,
    left: Vec<Mended>,
}

fn round(source: &Source, findings: &[Diagnostic], examine: &impl Fn(&Source) -> Vec<Diagnostic>) -> Round {
    let is_certain = |finding: &&Diagnostic| {
        finding.patch.as_ref().is_some_and(|patch| patch.certainty == Certainty::Certain) && finding.rule != SYNTAX.name
    };
    if !findings.iter().any(|finding| is_certain(&finding)) {
        return Round::default();
    }
    let written = Written::new(source);
    let cure = |finding| Some(Cure { finding, edit: written.edit(finding.patch.as_ref()?)? });
    let mut cures: Vec<Cure<'_>> = findings.iter().filter(is_certain).filter_map(cure).collect();
    cures.sort_by_key(|cure| (cure.edit.range.start, cure.edit.range.end));
    // Of two that overlap, the second waits for the next round, where it may be gone.
    let mut end = 0;
    cures.retain(|cure| {
        let is_apart = cure.edit.range.start >= end;
        end = if is_apart { cure.edit.range.end } else { end };
        is_apart
    });
    let trial = Trial { written: &written, findings, examine, left: Cell::new(TRIALS) };
    let mut chosen = Vec::new();
    trial.choose(&cures, &mut chosen);
    let fault = |cure: &Cure<'_>| Mended {
        rule: cure.finding.rule,
        message: cure.finding.message.clone(),
        at: written.position(cure.edit.range.start),
    };
    let is_chosen = |cure: &Cure<'_>| chosen.iter().any(|chosen| std::ptr::eq(*chosen, cure));
    Round {
        source: (!chosen.is_empty()).then(|| written.after(chosen.iter().map(|cure| &cure.edit))),
        mended: chosen.iter().map(|cure| fault(cure)).collect(),
        left: cures.iter().filter(|cure| !is_chosen(cure)).map(fault).collect(),
    }
}

struct Trial<'t, E> {
    written: &'t Written<'t>,
    findings: &'t [Diagnostic],
    examine: &'t E,
    left: Cell<usize>,
}

impl<E: Fn(&Source) -> Vec<Diagnostic>> Trial<'_, E> {
    /// Adds all cures to the chosen ones or, where that does harm, as many as do none: mostly all or all but a few do.
    fn choose<'c>(&self, cures: &'c [Cure<'c>], chosen: &mut Vec<&'c Cure<'c>>) {
        let Some(left) = self.left.get().checked_sub(1).filter(|_| !cures.is_empty()) else { return };
        self.left.set(left);
        let together: Vec<&Cure<'_>> = chosen.iter().copied().chain(cures).collect();
        if self.heals(&together) {
            chosen.extend(cures);
        } else if cures.len() > 1 {
            let (first, second) = cures.split_at(cures.len() / 2);
            self.choose(first, chosen);
            self.choose(second, chosen);
        }
    }

    /// Whether a topology is better with the cures than without: each fault is gone, and there are no more errors than before.
    fn heals(&self, cures: &[&Cure<'_>]) -> bool {
        let source = self.written.after(cures.iter().map(|cure| &cure.edit));
        let after = (self.examine)(&source);
        let errors =
            |findings: &[Diagnostic]| findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let cured: BTreeSet<Fault<'_>> = cures.iter().map(|cure| fault(cure.finding)).collect();
        let is_left = |finding: &Diagnostic| finding.rule == SYNTAX.name || cured.contains(&fault(finding));
        errors(&after) <= errors(self.findings) && !after.iter().any(is_left)
    }
}

/// What two findings have in common that speak of one fault, wherever in the text it is.
type Fault<'f> = (&'static str, &'f str, Option<&'f FieldPath>);

fn fault(finding: &Diagnostic) -> Fault<'_> {
    let field = match &finding.labels[0].place {
        Place::Field(path) | Place::Key(path) => Some(path),
        Place::Whole | Place::Range(_) | Place::File(_) => None,
    };
    (finding.rule, &finding.message, field)
}
