use crate::diagnostic::{Diagnostic, FieldPath};
use crate::topology::Name;

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "network-without-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/network-without-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let networks = subject.populated_networks();
    if networks.len() < 2 {
        return;
    }
    for (index, clusters) in networks {
        if clusters.iter().any(|cluster| cluster.east_west_gateway.is_some()) {
            continue;
        }
        let name = &subject.topology.networks[index].name;
        let clusters = names(clusters.iter().map(|cluster| Name::as_str(&cluster.name)));
        let path = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            Diagnostic::error(NAME, path, format!("other networks cannot reach `{name}`: it has no east-west gateway"))
                .label(format!("network of {clusters}"))
                .help("add `eastWestGateway:` to at least one cluster of this network"),
        );
    }
}
