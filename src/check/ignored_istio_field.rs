use crate::diagnostic::Diagnostic;
use crate::release::{release, unknown_in_mesh_config};
use crate::rule::Rule;

use super::reads::VERSION;
use super::unknown_istio_field::describe;
use super::{About, Check, Context, free_forms};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[VERSION]);

const RULE: Rule = Rule::warning("ignored-istio-field", include_str!("../../docs/rules/ignored-istio-field.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let Some(release) = release(version).filter(|release| !release.refuses_unknown_mesh_config) else { return };
    let passed_over = format!("Istio {version} silently ignores it");
    for (path, mesh_config, _) in free_forms(context.topology) {
        for unknown in unknown_in_mesh_config(release, mesh_config, &path.child("meshConfig")) {
            findings.push(describe(&RULE, &unknown, &passed_over));
        }
    }
}
