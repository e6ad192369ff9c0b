//! What a topology allows, and why: warnings that are meant to be so.

use crate::diagnostic::{Diagnostic, FieldPath, Findings, Place, Segment};
use crate::rule::{Rule, Stage, UNUSED_ALLOW};
use crate::topology::{Allow, Topology};

use super::every_rule;
use super::holes::Holes;
use super::reads::Fields;

/// What decides on what is allowed.
const MESH_ALLOWS: Fields = &["mesh.allow[].rule"];
/// What decides on what is allowed of a cluster.
const CLUSTER_ALLOWS: Fields = &["cluster.allow[].rule"];

/// The names of the rules whose findings can be allowed.
pub(super) fn allowed_kinds() -> impl Iterator<Item = &'static str> {
    let allowable = every_rule().filter(Rule::can_be_allowed).map(|rule| rule.name);
    allowable.filter(|name| *name != UNUSED_ALLOW.name)
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
///
/// A warning that could be allowed by what is not known is taken out too, and its rule was not applied.
pub(super) fn apply_allowances(
    topology: &Topology,
    holes: &Holes,
    warnings: &mut Vec<Diagnostic>,
    findings: &mut Findings,
) -> Vec<Diagnostic> {
    let mut unused = Vec::new();
    for (place, cluster, allow) in allowances(topology) {
        let before = warnings.len();
        warnings.retain(|finding| {
            let is_meant = finding.rule == allow.rule && cluster.is_none_or(|cluster| is_about(finding, cluster));
            !is_meant || !Rule::is_allowable(finding.rule, finding.severity)
        });
        if warnings.len() < before || !is_about_topology(&allow.rule) || holes.hide(&place.child("rule")).is_some() {
            continue;
        }
        // What it allows may be in a hole.
        if let Some(cause) = holes.first_cause() {
            findings.leave_out(UNUSED_ALLOW.name, cause);
            continue;
        }
        unused.push(
            UNUSED_ALLOW
                .at(place.child("rule"), format!("`{}` finds nothing here", allow.rule))
                .help("remove the entry, because it would hide a later finding"),
        );
    }
    if let Some(cause) = holes.hiding(&[MESH_ALLOWS]) {
        let doubtful = warnings.extract_if(.., |finding| Rule::is_allowable(finding.rule, finding.severity));
        doubtful.for_each(|finding| findings.leave_out(finding.rule, cause));
    }
    for (cluster, cause) in holes.hiding_clusters(&[CLUSTER_ALLOWS]) {
        let doubtful = warnings.extract_if(.., |finding| {
            Rule::is_allowable(finding.rule, finding.severity)
                && cluster.is_none_or(|cluster| is_about(finding, cluster))
        });
        doubtful.for_each(|finding| findings.leave_out(finding.rule, cause));
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

/// Whether the topology alone decides what a rule finds: nothing else may occur another day or on another machine.
fn is_about_topology(rule: &str) -> bool {
    every_rule().all(|known| known.name != rule || matches!(known.stage, Stage::Read | Stage::Check))
}
