use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::controller::{ABOUT, GITOPS, place};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[GITOPS, &["workloads.namespaces"]]);

const RULE: Rule = Rule::warning("controller-scripts", include_str!("../../docs/rules/controller-scripts.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.gitops.is_some() && !topology.workloads.namespaces.is_empty() {
        findings.push(
            RULE.at(
                FieldPath::root().child("workloads").child("namespaces"),
                "no script restarts these workloads where a controller applies the tree",
            )
            .label("restarted by nobody")
            .and(place("controller"), "applies the tree")
            .help("restart them when `meshgen diff` says \"restart proxies\", and allow this, or remove the list"),
        );
    }
}
