use crate::diagnostic::{Certainty, Diagnostic, FieldPath, nearest};
use crate::rule::Rule;

use super::reads::NAMES;
use super::{Check, Context, collector_path, names};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[NAMES]);

pub(crate) const RULE: Rule = Rule::error("unknown-cluster", include_str!("../../docs/rules/unknown-cluster.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        if let Some(primary) = &cluster.control_plane {
            find(context, path.child("controlPlane"), primary.as_str(), findings);
        }
    }
    if let Some(tracing) = &context.topology.tracing {
        find(context, collector_path(), tracing.zipkin.cluster.as_str(), findings);
    }
}

fn find(context: &Context<'_>, path: FieldPath, name: &str, findings: &mut Vec<Diagnostic>) {
    if context.has_cluster(name) {
        return;
    }
    let finding = RULE.at(path, format!("cluster `{name}` is not declared")).label("no such cluster");
    findings.push(match nearest(name, context.cluster_names()) {
        Some(meant) => finding
            .help(format!("did you mean `{meant}`?"))
            .patch_as(Certainty::of_name(name, meant, context.cluster_names()), meant),
        None => finding.help(format!("add it to `clusters`, or use {}", names(context.cluster_names()))),
    });
}
