use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::reads::NETWORKS;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[NETWORKS]);

const RULE: Rule = Rule::warning("unused-network", include_str!("../../docs/rules/unused-network.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let used: BTreeSet<usize> = context.populated_networks().into_iter().map(|(index, _)| index).collect();
    for (index, network) in context.topology.networks.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        let place = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            RULE.at(place, format!("no cluster is on network `{}`", network.name.as_str()))
                .help("remove it: with fewer networks the mesh may need no gateways"),
        );
    }
}
