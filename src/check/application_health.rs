use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::controller::{ABOUT, GITOPS, argocd, place};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[GITOPS]);

const RULE: Rule = Rule::error("application-health", include_str!("../../docs/rules/application-health.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if argocd(context).is_some() {
        findings.push(
            RULE.at(place("controller"), "Argo CD does not wait for the steps before, unless it is told how healthy an Application is")
                .label("orders nothing by itself")
                .help("merge `argocd/settings.yaml` of the tree into the ConfigMap `argocd-cm`, and allow this with that reason"),
        );
    }
}
