use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::CertificateAuthority;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.certificates.issued_on.is_none()))
    .reads(&[&["certificates.authority", "certificates.issuedOn"]])
    .refuses("certificates.issuedOn");

const RULE: Rule = Rule::error("missing-issued-on", include_str!("../../docs/rules/missing-issued-on.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    if certificates.authority != CertificateAuthority::Seed || certificates.issued_on.is_some() {
        return;
    }
    let path = FieldPath::root().child("certificates");
    findings.push(
        RULE.at(path, "missing field `issuedOn` in `certificates`")
            .label("`issuedOn` is the first day of the root")
            .help("add today, for example `issuedOn: 2026-11-01`, and do not change it afterwards"),
    );
}
