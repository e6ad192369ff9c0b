use crate::diagnostic::{Certainty, Diagnostic, FieldPath, nearest};

use super::{Rule, Subject, collector_path, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, Some(&["clusters"]), check);

const NAME: &str = "unknown-cluster";

const EXPLAIN: &str = include_str!("../../docs/rules/unknown-cluster.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in subject.clusters() {
        if let Some(primary) = &cluster.control_plane {
            find(subject, path.child("controlPlane"), primary.as_str(), findings);
        }
    }
    if let Some(tracing) = &subject.topology.tracing {
        find(subject, collector_path(), tracing.zipkin.cluster.as_str(), findings);
    }
}

fn find(subject: &Subject<'_>, path: FieldPath, name: &str, findings: &mut Vec<Diagnostic>) {
    if subject.has_cluster(name) {
        return;
    }
    let finding = Diagnostic::error(NAME, path, format!("cluster `{name}` is not declared")).label("no such cluster");
    findings.push(match nearest(name, subject.cluster_names()) {
        Some(meant) => finding
            .help(format!("did you mean `{meant}`?"))
            .patch_as(Certainty::of_name(name, meant, subject.cluster_names()), meant),
        None => finding.help(format!("add it to `clusters`, or use {}", names(subject.cluster_names()))),
    });
}
