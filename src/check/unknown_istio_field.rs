use crate::diagnostic::{Certainty, Diagnostic, Place, nearest};
use crate::release::{Release, Unknown, release, unknown_in_mesh_config, unknown_in_values};
use crate::rule::Rule;

use super::reads::VERSION;
use super::{About, Check, Context, free_forms};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[VERSION]);

const RULE: Rule = Rule::error("unknown-istio-field", include_str!("../../docs/rules/unknown-istio-field.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let Some(release) = release(version) else { return };
    let refusal = format!("istioctl {version} refuses it");
    for unknown in refused(context, release) {
        findings.push(describe(&RULE, &unknown, &refusal));
    }
}

fn refused(context: &Context<'_>, release: &Release) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    for (path, mesh_config, values) in free_forms(context.topology) {
        if release.refuses_unknown_mesh_config {
            unknown.extend(unknown_in_mesh_config(release, mesh_config, &path.child("meshConfig")));
        }
        unknown.extend(unknown_in_values(release, values, &path.child("values")));
    }
    unknown
}

/// Says that Istio has no such field, and which one may be meant.
pub(super) fn describe(rule: &Rule, unknown: &Unknown, label: &str) -> Diagnostic {
    let place = Place::Key(unknown.path.clone());
    let finding = rule.at(place, format!("Istio has no field `{}` here", unknown.key)).label(label);
    let known = || unknown.known.iter().copied();
    match nearest(&unknown.key, known()) {
        Some(meant) => {
            let certainty = Certainty::of_word(&unknown.key, meant, known());
            finding.help(format!("did you mean `{meant}`?")).patch_as(certainty, meant)
        }
        None => finding.help("remove it, or look up what this release calls it (istio.io, \"Configuration\")"),
    }
}
