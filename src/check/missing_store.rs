use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{RemoteAccess, SecretForm, Topology};

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(asks)).reads(&[STORE]);

const RULE: Rule = Rule::error("missing-store", include_str!("../../docs/rules/missing-store.md"));

/// Whether there is a store, and who uses it.
pub(super) const STORE: &[&str] = &["secrets", "secrets.store", "secrets.form", "remoteAccess"];

/// Whether something comes from a store.
pub(super) fn asks(topology: &Topology) -> bool {
    topology.remote_access == RemoteAccess::ExternalSecrets || topology.secrets.form == SecretForm::ExternalSecrets
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.secrets.store.is_some() || !asks(topology) {
        return;
    }
    let (of_remote_access, of_form) =
        (FieldPath::root().child("remoteAccess"), FieldPath::root().child("secrets").child("form"));
    let form = (topology.secrets.form == SecretForm::ExternalSecrets).then_some(of_form);
    let mut places = (topology.remote_access == RemoteAccess::ExternalSecrets).then_some(of_remote_access);
    let first = places.take().or_else(|| form.clone()).expect("something asks");
    let mut finding =
        RULE.at(first.clone(), "secrets are to come from a store, and the topology names none").label("needs a store");
    if let Some(form) = form.filter(|form| *form != first) {
        finding = finding.and(form, "this too");
    }
    findings.push(
        finding.help(
            "write `store: {name: mesh}` under `secrets`: the name of a ClusterSecretStore that every cluster has",
        ),
    );
}
