use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::CertificateAuthority;

use super::controller::{ABOUT, GITOPS, place};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[GITOPS, &["certificates.authority"]]);

const RULE: Rule = Rule::error("unencrypted-secret", include_str!("../../docs/rules/unencrypted-secret.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(gitops) = &context.topology.gitops else { return };
    if context.topology.certificates.authority == CertificateAuthority::None {
        return;
    }
    findings.push(
        RULE.at(place("controller"), format!("{} cannot apply `20-cacerts`, whose private keys are not in Git", gitops.controller.title()))
            .label("applies what is in Git")
            .help("apply `20-cacerts` of each cluster by hand before the controller begins, as the README of the tree says, and allow this with that reason"),
    );
}
