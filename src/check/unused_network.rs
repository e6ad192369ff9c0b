use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, FieldPath};

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "unused-network";

const EXPLAIN: &str = include_str!("../../docs/rules/unused-network.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let used: BTreeSet<usize> = subject.populated_networks().into_iter().map(|(index, _)| index).collect();
    for (index, network) in subject.topology.networks.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        let place = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            Diagnostic::warning(NAME, place, format!("no cluster is on network `{}`", network.name.as_str()))
                .help("remove it: with fewer networks the mesh may need no gateways"),
        );
    }
}
