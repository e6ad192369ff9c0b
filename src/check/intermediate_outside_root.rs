use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::rule::Rule;
use crate::topology::{Date, Topology};

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Mesh(has_days)).reads(&[&[
    "certificates.issuedOn",
    "certificates.rootValidityDays",
    "certificates.intermediatesIssuedOn",
    "clusters[].certificates.issuedOn",
]]);

const RULE: Rule =
    Rule::error("intermediate-outside-root", include_str!("../../docs/rules/intermediate-outside-root.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    if certificates.issued_on.is_none() {
        return;
    }
    let root = certificates.root_validity();
    let path = FieldPath::root().child("certificates");
    let issued = path.child("issuedOn");
    if let Some(first) = certificates.intermediates_issued_on {
        outside(path.child("intermediatesIssuedOn"), first, &root, &issued, findings);
    }
    let mut longest = None;
    for (place, cluster) in context.clusters() {
        let own = cluster.certificates.as_ref().and_then(|own| own.issued_on);
        if let Some(first) = own {
            outside(place.child("certificates").child("issuedOn"), first, &root, &issued, findings);
        }
        longest = longest.max(Some(certificates.first_day(cluster.certificates.as_ref())));
    }
    let (Some(days), Some(first)) = (certificates.intermediate_validity_days, longest) else { return };
    let end = first.plus_days(days);
    if root.contains(&first) && end > root.end {
        let message = format!(
            "an intermediate issued on {first} for {} outlives its root",
            crate::words::plural(days as usize, "day")
        );
        let room = (root.end.0 - first.0).whole_days();
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
    root: &std::ops::Range<Date>,
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
