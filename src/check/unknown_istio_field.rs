use crate::diagnostic::{Certainty, Diagnostic, Place, nearest};
use crate::release::{Release, Unknown, release, unknown_in_mesh_config, unknown_in_values};

use super::{Rule, Subject, free_forms};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "unknown-istio-field";

const EXPLAIN: &str = include_str!("../../docs/rules/unknown-istio-field.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    let Some(release) = release(version) else { return };
    let refusal = format!("istioctl {version} refuses it");
    for unknown in refused(subject, release) {
        findings.push(describe(Diagnostic::error, NAME, &unknown, &refusal));
    }
}

fn refused(subject: &Subject<'_>, release: &Release) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    for (path, mesh_config, values) in free_forms(subject.topology) {
        if release.refuses_unknown_mesh_config {
            unknown.extend(unknown_in_mesh_config(release, mesh_config, &path.child("meshConfig")));
        }
        unknown.extend(unknown_in_values(release, values, &path.child("values")));
    }
    unknown
}

/// Says that Istio has no such field, and which one may be meant.
pub(super) fn describe(
    make: fn(&'static str, Place, String) -> Diagnostic,
    rule: &'static str,
    unknown: &Unknown,
    label: &str,
) -> Diagnostic {
    let place = Place::Key(unknown.path.clone());
    let finding = make(rule, place, format!("Istio has no field `{}` here", unknown.key)).label(label);
    let known = || unknown.known.iter().copied();
    match nearest(&unknown.key, known()) {
        Some(meant) => {
            let certainty = Certainty::of_word(&unknown.key, meant, known());
            finding.help(format!("did you mean `{meant}`?")).patch_as(certainty, meant)
        }
        None => finding.help("remove it, or look up what this release calls it (istio.io, \"Configuration\")"),
    }
}
