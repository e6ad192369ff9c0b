use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{release, supported};

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, Some(&[]), check);

const NAME: &str = "unsupported-istio";

const EXPLAIN: &str = include_str!("../../docs/rules/unsupported-istio.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    if release(version).is_some() {
        return;
    }
    let path = FieldPath::root().child("istio").child("version");
    findings.push(
        Diagnostic::error(NAME, path, format!("Istio {version} is not supported"))
            .label("unknown release")
            .help(format!("the supported releases are {}", supported())),
    );
}
