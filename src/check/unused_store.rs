use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::missing_store::{STORE, asks};
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::Mesh(|topology| topology.secrets.store.is_some())).reads(&[STORE]);

const RULE: Rule = Rule::warning("unused-store", include_str!("../../docs/rules/unused-store.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.secrets.store.is_none() || asks(topology) {
        return;
    }
    findings.push(
        RULE.at(FieldPath::root().child("secrets").child("store"), "no secret of this topology comes from a store")
            .label("nothing uses it")
            .help("write `remoteAccess: externalSecrets`, or `form: externalSecrets` under `secrets`, or remove it"),
    );
}
