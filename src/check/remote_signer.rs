use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::signer_of_cluster;
use crate::rule::Rule;
use crate::topology::CertificateAuthority;
use crate::words::names;

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[
    VERSION,
    REMOTES,
    &["certificates.authority", "istio.values.global.caAddress", "clusters[].istio.values.global.caAddress"],
]);

const RULE: Rule = Rule::error("remote-signer", include_str!("../../docs/rules/remote-signer.md"));

/// The place of a cluster's name, and the name.
type Remote<'t> = (FieldPath, &'t str);

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.certificates.authority != CertificateAuthority::None || !context.has_thin_remotes() {
        return;
    }
    // The remotes that each statement is about.
    let mut asking: BTreeMap<FieldPath, (String, Vec<Remote<'_>>)> = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        let primary = cluster.primary().and_then(|primary| context.cluster(primary));
        let Some(primary) = primary.filter(|primary| primary.primary().is_none()) else { continue };
        let values = [&primary.istio.values, &topology.istio.values];
        let Some((address, place)) = signer_of_cluster(&values) else { continue };
        let owner = if place == 0 { context.cluster_path(primary.name.as_str()) } else { FieldPath::root() };
        let stated = ["istio", "values", "global", "caAddress"].iter().fold(owner, |path, key| path.child(*key));
        let (_, remotes) = asking.entry(stated).or_insert((address, Vec::new()));
        remotes.push((path.child("name"), cluster.name.as_str()));
    }
    for (stated, (address, remotes)) in asking {
        let whose = names(remotes.iter().map(|(_, name)| *name));
        let message = format!("the proxies of {whose} ask `{address}` in their own cluster for certificates");
        let finding = RULE.at(remotes[0].0.clone(), message).label("its primary injects its pods");
        findings.push(
            finding
                .and(stated, "an address that each cluster resolves by itself")
                .help("make it a primary by removing its `controlPlane`, or name an address that every cluster reaches")
                .help("if the authority runs there too, under the same name and with the same root, allow this with that reason"),
        );
    }
}
