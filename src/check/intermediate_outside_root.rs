use std::ops::Range;

use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::rule::Rule;
use crate::topology::{ClusterCertificates, Date, NextRoot, RootPhase, Topology};

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(has_days)).reads(&[&[
    "certificates.issuedOn",
    "certificates.rootValidityDays",
    "certificates.intermediatesIssuedOn",
    "certificates.nextRoot.issuedOn",
    "certificates.nextRoot.validityDays",
    "certificates.nextRoot.phase",
    "clusters[].certificates.issuedOn",
    "clusters[].certificates.nextRootPhase",
]]);

const RULE: Rule =
    Rule::error("intermediate-outside-root", include_str!("../../docs/rules/intermediate-outside-root.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    if certificates.issued_on.is_none() {
        return;
    }
    let path = FieldPath::root().child("certificates");
    let next = certificates.next_root.as_ref().map(NextRoot::validity);
    // The first day of an intermediate, and its root. Under the next root, an earlier day than its first is taken for its first.
    let begins = |own: Option<&ClusterCertificates>, first: Date| {
        let is_by_next = certificates.phase(own).is_some_and(RootPhase::is_signed_by_next);
        match next.clone().filter(|_| is_by_next) {
            Some(next) => (first.max(next.start), next, path.child("nextRoot").child("issuedOn")),
            None => (first, certificates.root_validity(), path.child("issuedOn")),
        }
    };
    if let Some(first) = certificates.intermediates_issued_on {
        let (first, root, issued) = begins(None, first);
        outside(path.child("intermediatesIssuedOn"), first, &root, &issued, findings);
    }
    // The one that would outlive its root by most.
    let mut longest: Option<(i64, Date, Range<Date>, FieldPath)> = None;
    for (place, cluster) in context.clusters() {
        let own = cluster.certificates.as_ref();
        let (first, root, issued) = begins(own, certificates.first_day(own));
        if own.is_some_and(|own| own.issued_on.is_some()) {
            outside(place.child("certificates").child("issuedOn"), first, &root, &issued, findings);
        }
        let room = (root.end.0 - first.0).whole_days();
        if longest.as_ref().is_none_or(|(least, ..)| room < *least) {
            longest = Some((room, first, root, issued));
        }
    }
    let (Some(days), Some((room, first, root, issued))) = (certificates.intermediate_validity_days, longest) else {
        return;
    };
    let end = first.plus_days(days);
    if root.contains(&first) && end > root.end {
        let message = format!(
            "an intermediate issued on {first} for {} outlives its root",
            crate::words::plural(days as usize, "day")
        );
        findings.push(
            RULE.at(path.child("intermediateValidityDays"), message)
                .label(format!("ends on {end}"))
                .and(issued, format!("the root ends on {}", root.end))
                .help(format!("write at most {room}, or remove the line: by default it ends with the root")),
        );
    }
}

fn outside(
    place: impl Into<Place>,
    first: Date,
    root: &Range<Date>,
    issued: &FieldPath,
    findings: &mut Vec<Diagnostic>,
) {
    if root.contains(&first) {
        return;
    }
    findings.push(
        RULE.at(place, format!("the root is not valid on {first}"))
            .label("an intermediate begins here")
            .and(issued.clone(), format!("the root is valid from {} to {}", root.start, root.end))
            .help("choose a day between these two"),
    );
}

/// Whether anything of intermediates is written.
fn has_days(topology: &Topology) -> bool {
    let certificates = &topology.certificates;
    let mut own = topology.clusters.iter().filter_map(|cluster| cluster.certificates.as_ref());
    certificates.intermediates_issued_on.is_some()
        || certificates.intermediate_validity_days.is_some()
        || own.any(|own| own.issued_on.is_some())
}
