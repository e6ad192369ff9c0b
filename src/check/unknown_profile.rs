use crate::diagnostic::{Certainty, Diagnostic, FieldPath, nearest};
use crate::release::release;
use crate::rule::Rule;

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::Mesh(|topology| topology.istio.profile != "default")).reads(&[VERSION]);

const RULE: Rule = Rule::error("unknown-profile", include_str!("../../docs/rules/unknown-profile.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = &context.topology.istio;
    let Some(release) = release(istio.version) else { return };
    let profile = istio.profile.as_str();
    if release.profiles.contains(&profile) {
        return;
    }
    let path = FieldPath::root().child("istio").child("profile");
    let finding = RULE.at(path, format!("`{profile}` is not a profile that installs a control plane"));
    findings.push(match nearest(profile, release.profiles.iter().copied()) {
        Some(meant) => finding
            .help(format!("did you mean `{meant}`?"))
            .patch_as(Certainty::of_word(profile, meant, release.profiles.iter().copied()), meant),
        None => finding.help(format!("Istio {} has {}", istio.version, release.profiles.join(", "))),
    });
}
