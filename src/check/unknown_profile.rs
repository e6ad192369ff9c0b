use crate::diagnostic::{Certainty, Diagnostic, FieldPath, nearest};
use crate::release::release;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "unknown-profile";

const EXPLAIN: &str = include_str!("../../docs/rules/unknown-profile.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = &subject.topology.istio;
    let Some(release) = release(istio.version) else { return };
    let profile = istio.profile.as_str();
    if release.profiles.contains(&profile) {
        return;
    }
    let path = FieldPath::root().child("istio").child("profile");
    let finding = Diagnostic::error(NAME, path, format!("`{profile}` is no profile that installs a control plane"));
    findings.push(match nearest(profile, release.profiles.iter().copied()) {
        Some(meant) => finding
            .help(format!("did you mean `{meant}`?"))
            .patch_as(Certainty::of_word(profile, meant, release.profiles.iter().copied()), meant),
        None => finding.help(format!("Istio {} has {}", istio.version, release.profiles.join(", "))),
    });
}
