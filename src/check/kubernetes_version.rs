use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("kubernetes-version", include_str!("../../docs/rules/kubernetes-version.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = context.topology.istio.version;
    let Some(release) = release(istio) else { return };
    let (oldest, newest) = release.kubernetes;
    let mesh = context.topology.kubernetes.iter().map(|kubernetes| (FieldPath::root().child("kubernetes"), kubernetes));
    let own = context.clusters().filter_map(|(path, cluster)| {
        cluster.kubernetes.as_ref().map(|kubernetes| (path.child("kubernetes"), kubernetes))
    });
    for (place, kubernetes) in mesh.chain(own) {
        let Some(version) = kubernetes.version else { continue };
        if version.major == 1 && (oldest..=newest).contains(&version.minor) {
            continue;
        }
        let message = format!("Istio {istio} does not run on Kubernetes {}.{}", version.major, version.minor);
        findings.push(
            RULE.at(place.child("version"), message)
                .label(format!("it runs on 1.{oldest} to 1.{newest}"))
                .and(FieldPath::root().child("istio").child("version"), "this Istio")
                .help("choose an Istio that supports this Kubernetes, or upgrade the cluster first"),
        );
    }
}
