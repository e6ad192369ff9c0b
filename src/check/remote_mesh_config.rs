use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| !cluster.istio.mesh_config.is_empty()))
    .reads(&[VERSION, REMOTES]);

const RULE: Rule = Rule::error("remote-mesh-config", include_str!("../../docs/rules/remote-mesh-config.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if !context.has_thin_remotes() {
        return;
    }
    for (path, cluster) in context.clusters() {
        let Some(primary) = cluster.primary().filter(|_| !cluster.istio.mesh_config.is_empty()) else { continue };
        // If the control plane is not a primary, another rule reports it.
        if context.cluster(primary).is_none_or(|primary| primary.primary().is_some()) {
            continue;
        }
        let name = &cluster.name;
        let place = path.child("istio").child("meshConfig");
        findings.push(
            RULE.at(place, format!("the mesh config of the remote `{name}` is that of `{primary}`"))
                .label("has no effect")
                .help(format!("write it for `{primary}`, or make `{name}` a primary by removing its `controlPlane`")),
        );
    }
}
