use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{advice, release};
use crate::rule::Rule;

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[VERSION]);

const RULE: Rule = Rule::error("unsupported-istio", include_str!("../../docs/rules/unsupported-istio.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    if release(version).is_some() {
        return;
    }
    let path = FieldPath::root().child("istio").child("version");
    findings.push(
        RULE.at(path, format!("Istio {version} is not supported")).label("unknown version").help(advice(version)),
    );
}
