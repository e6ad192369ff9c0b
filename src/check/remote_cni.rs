use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Cluster;

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::SEVERAL_CLUSTERS).reads(&[
    VERSION,
    REMOTES,
    &[
        "istio.profile",
        "istio.cni",
        "istio.cni.enabled",
        "istio.values.global.platform",
        "clusters[].istio.cni",
        "clusters[].istio.cni.enabled",
        "clusters[].istio.values.global.platform",
    ],
]);

const RULE: Rule = Rule::error("remote-cni", include_str!("../../docs/rules/remote-cni.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if !context.has_thin_remotes() {
        return;
    }
    for (path, cluster) in context.clusters() {
        let primary = cluster.primary().and_then(|primary| context.cluster(primary));
        // If the control plane is not a primary, another rule reports it.
        let Some(primary) = primary.filter(|primary| primary.primary().is_none()) else { continue };
        let (name, whose) = (&cluster.name, &primary.name);
        let has_cni = |cluster: &Cluster| context.topology.has_cni(cluster).unwrap_or(false);
        let is_on_openshift = |cluster: &Cluster| context.topology.is_on_openshift(cluster);
        let finding = match (has_cni(cluster), has_cni(primary)) {
            (false, true) => RULE
                .at(place(&path, cluster), format!("the istiod of `{whose}` injects pods of `{name}` that wait for Istio's CNI plugin"))
                .label("without it")
                .help(format!("write `cni: {{enabled: true}}` for `{name}`, or remove it for `{whose}`")),
            (true, false) => RULE
                .at(place(&path, cluster), format!("the istiod of `{whose}` injects pods of `{name}` that do not use Istio's CNI plugin"))
                .label("has no effect")
                .help(format!("write `cni: {{enabled: true}}` for `{whose}` too, best in `istio` for all clusters")),
            _ if is_on_openshift(cluster) && !is_on_openshift(primary) => RULE
                .at(path.child("istio"), format!("`{name}` is OpenShift, and the istiod of `{whose}` injects its pods without what OpenShift needs"))
                .label("its primary is not OpenShift")
                .help(format!("make `{name}` a primary by removing its `controlPlane`, or choose a primary on OpenShift")),
            _ => continue,
        };
        findings.push(finding);
    }
}

/// Where it is said whether the cluster has the plugin: for itself or for all, or nowhere.
fn place(path: &FieldPath, cluster: &Cluster) -> FieldPath {
    if cluster.istio.cni.is_some() { path.child("istio").child("cni") } else { path.child("controlPlane") }
}
