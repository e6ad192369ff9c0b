use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, RootPhase, Topology};

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(has_part)).reads(&[
    VERSION,
    REMOTES,
    &["certificates.nextRoot.phase", "clusters[].certificates.nextRootPhase"],
]);

const RULE: Rule = Rule::error("root-rotation-apart", include_str!("../../docs/rules/root-rotation-apart.md"));

fn has_part(topology: &Topology) -> bool {
    topology.clusters.iter().any(|cluster| own(cluster).is_some())
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    let phases: Vec<(FieldPath, &Cluster, RootPhase)> = context
        .istiods()
        .filter_map(|(place, cluster)| Some((place, cluster, certificates.phase(cluster.certificates.as_ref())?)))
        .collect();
    let first = |phase| phases.iter().find(|(.., other)| *other == phase).map(|(_, cluster, _)| &cluster.name);
    let (Some(early), Some(late)) = (first(RootPhase::Trust), first(RootPhase::Drop)) else { return };
    // The phase of the mesh is one of both at most.
    let is_told = phases.iter().any(|(_, cluster, _)| own(cluster) == Some(RootPhase::Drop));
    let wrong = if is_told { RootPhase::Drop } else { RootPhase::Trust };
    for (place, cluster, _) in phases.iter().filter(|(_, cluster, _)| own(cluster) == Some(wrong)) {
        let (dropping, trusting) = if is_told { (&cluster.name, early) } else { (late, &cluster.name) };
        findings.push(
            RULE.at(
                place.child("certificates").child("nextRootPhase"),
                format!("`{dropping}` would refuse `{trusting}`, whose certificates are under the present root"),
            )
            .label(if is_told { "trusts the next root alone" } else { "signs under the present root" })
            .help("let the phases of all clusters be at most one apart: write `sign` first, and wait until `verify.sh` says that the next phase may begin"),
        );
    }
}

fn own(cluster: &Cluster) -> Option<RootPhase> {
    cluster.certificates.as_ref()?.next_root_phase
}
