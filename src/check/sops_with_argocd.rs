use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Controller, SecretForm};

use super::controller::{ABOUT, GITOPS, place};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[GITOPS, &["secrets.form"]]);

const RULE: Rule = Rule::error("sops-with-argocd", include_str!("../../docs/rules/sops-with-argocd.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let is_argo = topology.gitops.as_ref().is_some_and(|gitops| gitops.controller == Controller::ArgoCd);
    if is_argo && topology.secrets.form == SecretForm::Sops {
        findings.push(
            RULE.at(FieldPath::root().child("secrets").child("form"), "Argo CD cannot decrypt what SOPS encrypted")
                .label("it would apply the ciphertext")
                .and(place("controller"), "Flux can decrypt it")
                .help(
                    "write `form: sealedSecrets` or `form: externalSecrets`, which a controller of each cluster opens",
                )
                .help("or write `controller: flux`"),
        );
    }
}
