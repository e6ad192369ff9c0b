use crate::diagnostic::Diagnostic;
use crate::release::{release, unknown_in_mesh_config};

use super::unknown_istio_field::describe;
use super::{Rule, Subject, free_forms};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "ignored-istio-field";

const EXPLAIN: &str = include_str!("../../docs/rules/ignored-istio-field.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    let Some(release) = release(version).filter(|release| !release.refuses_unknown_mesh_config) else { return };
    let passed_over = format!("Istio {version} passes over it without a word");
    for (path, mesh_config, _) in free_forms(subject.topology) {
        for unknown in unknown_in_mesh_config(release, mesh_config, &path.child("meshConfig")) {
            findings.push(describe(Diagnostic::warning, NAME, &unknown, &passed_over));
        }
    }
}
