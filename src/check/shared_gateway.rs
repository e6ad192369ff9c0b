use crate::diagnostic::{Diagnostic, FieldPath};

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "shared-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/shared-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let networks = subject.populated_networks();
    if networks.len() < 2 {
        return;
    }
    for (index, clusters) in networks {
        let without = || clusters.iter().filter(|cluster| cluster.east_west_gateway.is_none());
        if without().next().is_none() {
            continue;
        }
        let network = subject.topology.networks[index].name.as_str();
        let without = names(without().map(|cluster| cluster.name.as_str()));
        let place = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            Diagnostic::warning(
                NAME,
                place,
                format!("other networks reach {without} through a gateway of another cluster"),
            )
            .label(format!("not every cluster of {network} has a gateway"))
            .help("give each of them an `eastWestGateway`, or allow this where locality does not matter"),
        );
    }
}
