use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::controller::{ABOUT, GITOPS, place};
use super::reads::REMOTES;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[GITOPS, REMOTES]);

const RULE: Rule = Rule::warning("unordered-controller", include_str!("../../docs/rules/unordered-controller.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let is_apart = context.topology.gitops.as_ref().is_some_and(|gitops| !gitops.hub);
    if is_apart && context.topology.clusters.iter().any(|cluster| cluster.primary().is_some()) {
        findings.push(
            RULE.at(place("hub"), "a controller in each cluster does not wait for the primary of a remote")
                .label("nothing orders the clusters")
                .help("bring up the primaries first, or use one controller for all clusters"),
        );
    }
}
