use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::{other_signer, signer_of_cluster};
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, Cluster, Topology};

use super::reads::{REMOTES, SIGNERS, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(has_part)).reads(&[
    VERSION,
    REMOTES,
    SIGNERS,
    &["certificates.authority", "certificates.rootCertificates"],
]);

const RULE: Rule = Rule::warning("unused-certificates", include_str!("../../docs/rules/unused-certificates.md"));

fn has_part(topology: &Topology) -> bool {
    About::FREE_FORMS.is_in(topology) || topology.certificates.root_certificates.is_some()
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.certificates.authority == CertificateAuthority::None {
        findings.extend(unused_roots(topology));
        return;
    }
    let mut first = None;
    for (path, cluster) in context.istiods() {
        // A cluster whose istiod signs uses its certificate.
        let Some(signer) = other_signer(&[&cluster.istio.values, &topology.istio.values]) else { return };
        first = first.or_else(|| {
            let istio = if signer.place == 0 { path } else { FieldPath::root() }.child("istio");
            Some((signer.path.split('.').fold(istio, |place, key| place.child(key)), signer.says))
        });
    }
    let Some((place, says)) = first else { return };
    findings.push(
        RULE.at(place, "the certificates of workloads come from another authority, and those of this topology are of no use")
            .label(says)
            .help("write `certificates: {authority: none}`, without `issuedOn` and what else is said of certificates there, or allow this as long as workloads go over"),
    );
}

/// Roots that are brought to no authority, because none signs inside a cluster.
fn unused_roots(topology: &Topology) -> Option<Diagnostic> {
    topology.certificates.root_certificates.as_ref()?;
    let signs = |cluster: &Cluster| signer_of_cluster(&[&cluster.istio.values, &topology.istio.values]).is_some();
    if topology.clusters.iter().any(signs) {
        return None;
    }
    let place = FieldPath::root().child("certificates").child("rootCertificates");
    let finding = RULE.at(place, "`rootCertificates` has no effect: no authority signs inside a cluster");
    Some(
        finding
            .label("a `Bundle` would bring them to its namespace")
            .help("name the address of istio-csr in `istio.values.global.caAddress`, or remove the line"),
    )
}
