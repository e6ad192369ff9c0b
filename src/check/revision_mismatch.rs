use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::reads::NAMES;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::SEVERAL_CLUSTERS)
    .reads(&[NAMES, &["istio.revision", "clusters[].istio.revision", "cluster.controlPlane"]])
    .refuses("cluster.istio.revision");

const RULE: Rule = Rule::error("revision-mismatch", include_str!("../../docs/rules/revision-mismatch.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        let Some(primary) = cluster.primary().and_then(|name| context.cluster(name)) else { continue };
        let (own, others) = (context.topology.revision(cluster), context.topology.revision(primary));
        if own == others {
            continue;
        }
        let shown = |revision: Option<&str>| match revision {
            Some(revision) => format!("its revision is `{revision}`"),
            None => "it has no revision".to_owned(),
        };
        let place = match cluster.istio.revision {
            Some(_) => path.child("istio").child("revision"),
            None => path.child("controlPlane"),
        };
        let message = format!("`{}` and its control plane `{}` have different revisions", cluster.name, primary.name);
        findings.push(
            RULE.at(place, message)
                .label(shown(own))
                .and(context.cluster_path(primary.name.as_str()).child("name"), shown(others))
                .help("write one revision for both, best as `istio.revision` for the whole mesh"),
        );
    }
}
