use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;
use crate::rule::Rule;
use crate::topology::IstioVersion;

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[VERSION]);

const RULE: Rule = Rule::warning("unread-patch", include_str!("../../docs/rules/unread-patch.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let Some(release) = release(version) else { return };
    let label = match release.read {
        Some(patch) if version.patch <= patch => return,
        Some(patch) => format!("meshgen knows this release up to {}", IstioVersion { patch, ..version }),
        None => format!("meshgen knows a release candidate of 1.{}", release.minor),
    };
    let place = FieldPath::root().child("istio").child("version");
    findings.push(
        RULE.at(place, format!("Istio {version} is newer than what meshgen knows of this release"))
            .label(label)
            .help("read its release notes (istio.io, \"News\") and allow this, or use a meshgen that knows it"),
    );
}
