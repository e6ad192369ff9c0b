use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Install;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| {
        let mut clusters = topology.clusters.iter();
        topology.istio.revision.is_some() || clusters.any(|cluster| cluster.istio.revision.is_some())
    }))
    .reads(&[&["istio.install", "clusters[].istio.install"], &["istio.revision", "clusters[].istio.revision"]]);

const RULE: Rule = Rule::error("sail-revision", include_str!("../../docs/rules/sail-revision.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let by_sail = || context.clusters().filter(|(_, cluster)| topology.install(cluster) == Install::Sail);
    let is_inherited =
        topology.istio.revision.is_some() && by_sail().any(|(_, cluster)| cluster.istio.revision.is_none());
    let of_mesh = is_inherited.then(FieldPath::root);
    let of_clusters = by_sail().filter(|(_, cluster)| cluster.istio.revision.is_some()).map(|(path, _)| path);
    for path in of_mesh.into_iter().chain(of_clusters) {
        findings.push(
            RULE.at(
                path.child("istio").child("revision"),
                "the Sail operator is told to upgrade in place, and that leaves no place for a revision".to_owned(),
            )
            .label("not offered")
            .help("remove it, or install with istioctl or Helm"),
        );
    }
}
