use crate::diagnostic::Diagnostic;

use super::{Rule, Subject, primary_of};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "remote-mesh-config";

const EXPLAIN: &str = include_str!("../../docs/rules/remote-mesh-config.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    if !subject.has_thin_remotes() {
        return;
    }
    for (path, cluster) in subject.clusters() {
        let Some(primary) = primary_of(cluster).filter(|_| !cluster.istio.mesh_config.is_empty()) else { continue };
        // Where that is no primary, what this cluster is to be is not known.
        if subject.cluster(primary).is_none_or(|primary| primary_of(primary).is_some()) {
            continue;
        }
        let name = &cluster.name;
        let place = path.child("istio").child("meshConfig");
        findings.push(
            Diagnostic::error(NAME, place, format!("the mesh config of the remote `{name}` is that of `{primary}`"))
                .label("would reach nobody")
                .help(format!("write it for `{primary}`, or make `{name}` a primary by removing its `controlPlane`")),
        );
    }
}
