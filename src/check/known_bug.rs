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
    let is_met = |bug: &&Bug| {
        let is_fixed = bug.fixed_in.is_some_and(|patch| version.patch >= patch);
        !is_fixed && (has_remote_secrets || !bug.needs_remote_secrets)
    };
    let bugs: Vec<&Bug> = release.bugs.iter().filter(is_met).collect();
    if bugs.is_empty() {
        return;
    }
    let minor = release.minor;
    let fixed = |bug: &Bug| bug.fixed_in.map(|patch| IstioVersion { patch, ..version });
    // The patch that fixes them all, if there is one.
    let patches: Option<Vec<IstioVersion>> = bugs.iter().map(|bug| fixed(bug)).collect();
    let best = patches.and_then(|patches| patches.into_iter().max());
    let label = best.map_or_else(|| format!("not fixed in 1.{minor}"), |best| format!("fixed in {best}"));
    let place = FieldPath::root().child("istio").child("version");
    let finding = match bugs.as_slice() {
        [bug] => RULE.at(place, format!("istiod {version} {}", bug.what)).label(format!("{label} ({})", bug.source)),
        bugs => {
            let message = format!("istiod {version} has {} bugs that affect this mesh", bugs.len());
            bugs.iter().fold(RULE.at(place, message).label(label), |finding, bug| {
                let when = fixed(bug).map_or_else(|| format!("in all of 1.{minor}"), |fixed| format!("before {fixed}"));
                finding.help(format!("{when} it {} ({})", bug.what, bug.source))
            })
        }
    };
    findings.push(finding.help(match best {
        Some(best) => format!("write `version: {best}` or later, or allow this"),
        None => "upgrade to a later release, or allow this".to_owned(),
    }));
}
