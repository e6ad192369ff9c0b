use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Cluster;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&[
    "istio.version",
    "certificates.generation",
    "clusters[].name",
    "clusters[].controlPlane",
    "clusters[].certificates.generation",
]]);

const RULE: Rule = Rule::error("retired-certificate", include_str!("../../docs/rules/retired-certificate.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    let list = FieldPath::root().child("certificates").child("retired");
    // A remote without an istiod has no certificate.
    let is_certified = |cluster: &Cluster| cluster.primary().is_none() || !context.has_thin_remotes();
    for (index, retired) in certificates.retired.iter().enumerate() {
        let item = list.index(index);
        let in_use = context.clusters().find(|(_, cluster)| {
            cluster.name == retired.cluster
                && certificates.generation(cluster.certificates.as_ref()) == retired.generation
                && is_certified(cluster)
        });
        let Some((place, cluster)) = in_use else { continue };
        if !context.is_known(&item.child("cluster")) || !context.is_known(&item.child("generation")) {
            continue;
        }
        let has_own = cluster.certificates.as_ref().is_some_and(|own| own.generation.is_some());
        let place = if has_own { place.child("certificates").child("generation") } else { place.child("name") };
        let (name, generation) = (&cluster.name, retired.generation);
        findings.push(
            RULE.at(item, format!("the certificate of `{name}` with generation {generation} is retired"))
                .label("retired here")
                .and(place, "its key would be in use again")
                .help("write a generation that the cluster never had: `certificates: {generation: N}`"),
        );
    }
}
