//! What a topology allows, and why: warnings that are meant to be so.

use crate::diagnostic::{Diagnostic, FieldPath, Place, Segment, Severity};
use crate::topology::{Allow, Topology};

use super::elsewhere::{NOT_ALWAYS, UNUSED_ALLOW};
use super::every_rule;

/// The names of the rules whose findings can be allowed.
pub(super) fn allowed_kinds() -> impl Iterator<Item = &'static str> {
    let warnings = every_rule().filter(|rule| rule.severity == Severity::Warning).map(|rule| rule.name);
    warnings.filter(|name| *name != UNUSED_ALLOW)
}

/// What is allowed: where that is written, for which cluster if not for all, and the rule.
pub(super) fn allowances(topology: &Topology) -> impl Iterator<Item = (FieldPath, Option<usize>, &Allow)> {
    let mesh = FieldPath::root().child("mesh").child("allow");
    let mesh = topology.mesh.allow.iter().enumerate().map(move |(index, allow)| (mesh.index(index), None, allow));
    let clusters = topology.clusters.iter().enumerate().flat_map(|(position, cluster)| {
        let path = FieldPath::root().child("clusters").index(position).child("allow");
        cluster.allow.iter().enumerate().map(move |(index, allow)| (path.index(index), Some(position), allow))
    });
    mesh.chain(clusters)
}

/// Takes out the warnings that the topology allows, and says which of its allowances none of them needs.
pub(crate) fn forgive(topology: &Topology, findings: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut unused = Vec::new();
    for (place, cluster, allow) in allowances(topology) {
        let before = findings.len();
        findings.retain(|finding| {
            let is_meant = finding.rule == allow.rule && cluster.is_none_or(|cluster| is_about(finding, cluster));
            finding.severity == Severity::Error || !is_meant
        });
        if findings.len() == before && !NOT_ALWAYS.contains(&allow.rule.as_str()) {
            unused.push(
                Diagnostic::warning(UNUSED_ALLOW, place.child("rule"), format!("nothing here is a `{}`", allow.rule))
                    .help("remove the entry: it would hide one that comes later"),
            );
        }
    }
    unused
}

/// Whether a finding's place is in a cluster.
fn is_about(finding: &Diagnostic, cluster: usize) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => {
            matches!(path.segments(), [Segment::Key(key), Segment::Index(index), ..] if key == "clusters" && *index == cluster)
        }
        _ => false,
    })
}
