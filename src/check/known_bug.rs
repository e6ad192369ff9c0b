use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{Bug, release};
use crate::rule::Rule;
use crate::topology::IstioVersion;

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[VERSION, &["clusters"]]);

const RULE: Rule = Rule::warning("known-bug", include_str!("../../docs/rules/known-bug.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let Some(release) = release(version) else { return };
    let has_remote_secrets = context.topology.clusters.len() > 1;
    let is_met = |bug: &&Bug| version.patch < bug.fixed_in && (has_remote_secrets || !bug.needs_remote_secrets);
    let bugs: Vec<&Bug> = release.bugs.iter().filter(is_met).collect();
    let Some(fixed_in) = bugs.iter().map(|bug| bug.fixed_in).max() else { return };
    let fixed = IstioVersion { patch: fixed_in, ..version };
    let place = FieldPath::root().child("istio").child("version");
    let finding = match bugs.as_slice() {
        [bug] => {
            RULE.at(place, format!("istiod {version} {}", bug.what)).label(format!("fixed in {fixed} ({})", bug.source))
        }
        bugs => {
            let message = format!("istiod {version} has {} bugs that affect this mesh", bugs.len());
            let finding = RULE.at(place, message).label(format!("fixed in {fixed}"));
            bugs.iter().fold(finding, |finding, bug| {
                let fixed = IstioVersion { patch: bug.fixed_in, ..version };
                finding.help(format!("before {fixed} it {} ({})", bug.what, bug.source))
            })
        }
    };
    findings.push(finding.help(format!("write `version: {fixed}` or later, or allow this")));
}
