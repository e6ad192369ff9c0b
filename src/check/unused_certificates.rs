use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::other_signer;
use crate::rule::Rule;
use crate::topology::CertificateAuthority;

use super::reads::{REMOTES, SIGNERS, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::FREE_FORMS).reads(&[VERSION, REMOTES, SIGNERS, &["certificates.authority"]]);

const RULE: Rule = Rule::warning("unused-certificates", include_str!("../../docs/rules/unused-certificates.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    if topology.certificates.authority == CertificateAuthority::None {
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
