use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{Release, SAIL, first_with_charts, release, versions_of_sail};
use crate::rule::Rule;
use crate::topology::{Install, IstioVersion};

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).reads(&[VERSION, &["istio.install", "clusters[].istio.install"]]);

const RULE: Rule = Rule::error("install-version", include_str!("../../docs/rules/install-version.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = &context.topology.istio;
    let Some(release) = release(istio.version) else { return };
    let of_mesh = (FieldPath::root().child("istio"), Some(istio.install));
    let of_clusters = context.clusters().map(|(path, cluster)| (path.child("istio"), cluster.istio.install));
    for (path, install) in [of_mesh].into_iter().chain(of_clusters) {
        let Some((program, way_out)) = install.and_then(|install| refusal(install, release, istio.version)) else {
            continue;
        };
        findings.push(
            RULE.at(path.child("install"), format!("Istio {} is not installed by {program}", istio.version))
                .and(FieldPath::root().child("istio").child("version"), "this version")
                .help(way_out),
        );
    }
}

/// What does not install a version, and the way out.
fn refusal(install: Install, release: &Release, version: IstioVersion) -> Option<(String, String)> {
    match install {
        Install::Helm if !release.has_charts => {
            let first = first_with_charts();
            Some(("Helm".to_owned(), format!("write `istioctl`, or use Istio 1.{first} or later")))
        }
        Install::Sail if release.sail.is_none_or(|last| version.patch > last) => {
            let others = if release.has_charts { "`istioctl` or `helm`" } else { "`istioctl`" };
            let way_out = format!("use Istio {}, or write {others}", versions_of_sail());
            Some((format!("the Sail operator {SAIL}"), way_out))
        }
        _ => None,
    }
}
