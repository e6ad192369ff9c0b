use crate::diagnostic::{Diagnostic, FieldPath};
use crate::topology::CertificateAuthority;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, Some(&[]), check);

const NAME: &str = "missing-issued-on";

const EXPLAIN: &str = include_str!("../../docs/rules/missing-issued-on.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &subject.topology.certificates;
    if certificates.authority == CertificateAuthority::External || certificates.issued_on.is_some() {
        return;
    }
    let path = FieldPath::root().child("certificates");
    findings.push(
        Diagnostic::error(NAME, path, "`issuedOn` is missing in `certificates`")
            .label("the root has no first day")
            .help("add today, for example `issuedOn: 2026-11-01`, and leave it as it is from then on"),
    );
}
