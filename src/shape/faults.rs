use serde_json::Value;

use crate::diagnostic::{Cause, Certainty, Diagnostic, FieldPath, Hole, Replacement};
use crate::rule::Rule;

use super::expected::filler;

/// The mistakes that a walk has found, and the places that it filled with an example.
pub(super) struct Faults<'a> {
    pub(super) definitions: &'a Value,
    pub(super) findings: &'a mut Vec<Diagnostic>,
    pub(super) holes: Vec<Hole>,
}

impl Faults<'_> {
    /// Reports a fault and fills its place with an example.
    pub(super) fn hole(
        &mut self,
        schema: &Value,
        path: &FieldPath,
        rule: Rule,
        message: String,
        help: String,
    ) -> Value {
        self.findings.push(rule.at(path.clone(), message).help(help));
        self.holes.push(Hole { path: path.clone(), cause: Cause::Invalid(path.clone()) });
        filler(schema, self.definitions)
    }

    /// Adds a change of the first place to the finding that was made last.
    pub(super) fn offer(&mut self, certainty: Certainty, replacement: Replacement) {
        let finding = self.findings.pop().expect("a finding was made");
        let place = finding.labels[0].place.clone();
        self.findings.push(finding.patch_at(place, certainty, replacement));
    }
}
