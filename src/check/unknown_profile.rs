use crate::diagnostic::{Certainty, Diagnostic, FieldPath, nearest};
use crate::release::release;
use crate::rule::Rule;
use crate::topology::Install;

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.istio.profile != "default"))
    .reads(&[VERSION, &["istio.install", "clusters[].istio.install"]]);

const RULE: Rule = Rule::error("unknown-profile", include_str!("../../docs/rules/unknown-profile.md"));

/// Profiles of istioctl that the charts do not have (`1.30.3:manifests/helm-profiles`). `default` is what they do without a profile.
const OF_ISTIOCTL: [(&str, &str); 2] = [
    ("minimal", "write `default`, or install with istioctl"),
    ("openshift", "write `profile: default` and `values: {global: {platform: openshift}}`, or install with istioctl"),
];

/// The profile of istioctl that the Sail operator does not have (istio-ecosystem/sail-operator 1.30.3, `api/v1/istio_types.go`).
const NOT_OF_SAIL: &str = "minimal";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = &context.topology.istio;
    let Some(release) = release(istio.version) else { return };
    let profile = istio.profile.as_str();
    let path = FieldPath::root().child("istio").child("profile");
    if release.profiles.contains(&profile) {
        let topology = context.topology;
        let has = |install| topology.clusters.iter().any(|cluster| topology.install(cluster) == install);
        let of_istioctl = OF_ISTIOCTL.iter().find(|(name, _)| *name == profile);
        if let Some((_, help)) = of_istioctl.filter(|_| has(Install::Helm) && release.has_charts) {
            let finding = RULE.at(path, format!("`{profile}` is not a profile of Istio's Helm charts"));
            findings.push(finding.label("of istioctl alone").help(*help));
        } else if profile == NOT_OF_SAIL && has(Install::Sail) && release.sail.is_some() {
            findings.push(
                RULE.at(path, format!("`{profile}` is not a profile of the Sail operator"))
                    .label("of istioctl alone")
                    .help("write `default`: the operator installs no gateways anyway"),
            );
        }
        return;
    }
    let finding = RULE.at(path, format!("`{profile}` is not a profile that installs a control plane"));
    findings.push(match nearest(profile, release.profiles.iter().copied()) {
        Some(meant) => finding
            .help(format!("did you mean `{meant}`?"))
            .patch_as(Certainty::of_word(profile, meant, release.profiles.iter().copied()), meant),
        None => finding.help(format!("Istio {} has {}", istio.version, release.profiles.join(", "))),
    });
}
