use serde_json::Value;

use crate::diagnostic::{Cause, Certainty, Diagnostic, FieldPath, Hole, Replacement, Segment};
use crate::rule::Rule;

use crate::syntax::{Document, Kind, NodeId};

use super::expected::Expected;
use super::wording::shown;

/// The mistakes that a walk has found, and the places that it filled with an example.
pub(super) struct Faults<'a> {
    pub(super) document: &'a Document,
    /// The schema that is around all.
    pub(super) whole: &'a Expected,
    pub(super) findings: &'a mut Vec<Diagnostic>,
    pub(super) holes: Vec<Hole>,
}

impl Faults<'_> {
    /// Reports a fault and fills its place with an example.
    pub(super) fn hole(
        &mut self,
        schema: &Expected,
        path: &FieldPath,
        rule: Rule,
        message: String,
        help: String,
    ) -> Value {
        self.findings.push(rule.at(path.clone(), message).help(help));
        self.holes.push(Hole { path: path.clone(), cause: Cause::Invalid(path.clone()) });
        schema.filler(self.whole)
    }

    /// A field as a part of a sentence.
    pub(super) fn in_words(&self, path: &FieldPath) -> String {
        path.in_words(|list, index| self.name(*self.items(list).get(index)?))
    }

    /// The names that the list declares to which a field refers; `None` if it refers to none, or the list declares none.
    pub(super) fn declared(&self, path: &FieldPath) -> Option<Vec<String>> {
        let list = match path.segments().last()? {
            Segment::Key(key) if ["controlPlane", "cluster"].contains(&key.as_ref()) => "clusters",
            Segment::Key(key) if key == "network" => "networks",
            _ => return None,
        };
        let names: Vec<String> = self.items(list).iter().filter_map(|item| self.name(*item)).collect();
        (!names.is_empty()).then_some(names)
    }

    /// The items of a list of the topology.
    fn items(&self, list: &str) -> &[NodeId] {
        match self.document.find(&FieldPath::root().child(list.to_owned())).map(|(id, _)| &self.document.node(id).kind)
        {
            Some(Kind::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// The name of an item, as it is written.
    fn name(&self, item: NodeId) -> Option<String> {
        let Kind::Mapping(mapping) = &self.document.node(item).kind else { return None };
        match &self.document.node(mapping.get("name")?.value).kind {
            Kind::Scalar(name @ Value::String(text), _) if !text.is_empty() => Some(shown(name)),
            _ => None,
        }
    }

    /// Adds a change of the first place to the finding that was made last.
    pub(super) fn offer(&mut self, certainty: Certainty, replacement: Replacement) {
        let finding = self.findings.pop().expect("a finding was made");
        let place = finding.labels[0].place.clone();
        self.findings.push(finding.patch_at(place, certainty, replacement));
    }
}
