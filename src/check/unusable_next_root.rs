use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, RootSeed, Topology};

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(has_part)).reads(&[&[
    "certificates.authority",
    "certificates.issuedOn",
    "certificates.rootValidityDays",
    "certificates.naming",
    "certificates.nextRoot.issuedOn",
    "certificates.nextRoot.validityDays",
    "certificates.nextRoot.seed",
    "clusters[].certificates.nextRootPhase",
]]);

const RULE: Rule = Rule::error("unusable-next-root", include_str!("../../docs/rules/unusable-next-root.md"));

fn has_part(topology: &Topology) -> bool {
    topology.certificates.next_root.is_some() || phases(topology).next().is_some()
}

/// The clusters that say how far they are.
fn phases(topology: &Topology) -> impl Iterator<Item = FieldPath> {
    let list = FieldPath::root().child("clusters");
    let clusters = topology.clusters.iter().enumerate();
    let own =
        clusters.filter(|(_, cluster)| cluster.certificates.as_ref().is_some_and(|own| own.next_root_phase.is_some()));
    own.map(move |(index, _)| list.index(index).child("certificates").child("nextRootPhase"))
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    // Another rule speaks of what has no effect beside another authority.
    if certificates.authority != CertificateAuthority::Seed {
        return;
    }
    let Some(next) = &certificates.next_root else {
        findings.extend(phases(context.topology).map(|place| {
            RULE.at(place, "`nextRootPhase` has no effect: no root takes the place of the present one")
                .help("write `certificates.nextRoot`, or remove the line")
        }));
        return;
    };
    if certificates.issued_on.is_none() {
        return;
    }
    let path = FieldPath::root().child("certificates");
    let place = path.child("nextRoot").child("issuedOn");
    let (present, validity) = (certificates.root_validity(), next.validity());
    if validity.start >= present.end {
        findings.push(
            RULE.at(place, format!("the next root begins on {}, and the present one has ended then", validity.start))
                .label("begins here")
                .and(path.child("issuedOn"), format!("ends on {}", present.end))
                .help("choose a day before the end: for some days, workloads have to trust both"),
        );
    } else if next.seed == RootSeed::Present && validity.start <= present.start.plus_days(1) {
        findings.push(
            RULE.at(place, "the next root begins too soon after the present one, and derives from the same seed")
                .label("a later day is another key")
                .and(path.child("issuedOn"), format!("begins on {}", present.start))
                .help("write a later day, such as today, or `seed: next` if the seed is to be another"),
        );
    }
}
