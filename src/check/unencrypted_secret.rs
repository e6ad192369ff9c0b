use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, SecretForm};

use super::controller::{ABOUT, GITOPS, place};
use super::{Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(ABOUT).reads(&[GITOPS, &["certificates.authority", "secrets.form"]]);

const RULE: Rule = Rule::error("unencrypted-secret", include_str!("../../docs/rules/unencrypted-secret.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(gitops) = &context.topology.gitops else { return };
    let has_keys = context.topology.certificates.authority != CertificateAuthority::None;
    if !has_keys || context.topology.secrets.form != SecretForm::Files {
        return;
    }
    findings.push(
        RULE.at(place("controller"), format!("{} cannot apply `20-cacerts`, whose private keys are not in Git", gitops.controller.title()))
            .label("applies what is in Git")
            .help("write `secrets: {form: …}`: `sops` for Flux, `sealedSecrets` or `externalSecrets` for both")
            .help("or apply `20-cacerts` of each cluster by hand before the controller begins, as the README of the tree says, and allow this with that reason"),
    );
}
