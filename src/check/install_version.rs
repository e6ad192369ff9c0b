use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{first_with_charts, release};
use crate::rule::Rule;
use crate::topology::Install;

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).reads(&[VERSION, &["istio.install", "clusters[].istio.install"]]);

const RULE: Rule = Rule::error("install-version", include_str!("../../docs/rules/install-version.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = &context.topology.istio;
    if release(istio.version).is_none_or(|release| release.has_charts) {
        return;
    }
    let first = first_with_charts();
    let of_mesh = (FieldPath::root().child("istio"), Some(istio.install));
    let of_clusters = context.clusters().map(|(path, cluster)| (path.child("istio"), cluster.istio.install));
    for (path, _) in [of_mesh].into_iter().chain(of_clusters).filter(|(_, install)| *install == Some(Install::Helm)) {
        findings.push(
            RULE.at(path.child("install"), format!("Istio {} is not installed by Helm", istio.version))
                .and(FieldPath::root().child("istio").child("version"), "this version")
                .help(format!("write `istioctl`, or use Istio 1.{first} or later")),
        );
    }
}
