use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "known-bug";

const EXPLAIN: &str = include_str!("../../docs/rules/known-bug.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    let Some(release) = release(version) else { return };
    for bug in release.bugs.iter().filter(|bug| version.patch < bug.mended_in) {
        let place = FieldPath::root().child("istio").child("version");
        findings.push(
            Diagnostic::warning(NAME, place, format!("Istio {version} {}", bug.what))
                .label(format!("mended in {}.{}.{}", version.major, version.minor, bug.mended_in))
                .help(format!(
                    "write `version: {}.{}.{}` or later, or allow this",
                    version.major, version.minor, bug.mended_in
                )),
        );
    }
}
