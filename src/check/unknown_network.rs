use crate::diagnostic::{Certainty, Diagnostic, nearest};

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, Some(&["networks"]), check);

const NAME: &str = "unknown-network";

const EXPLAIN: &str = include_str!("../../docs/rules/unknown-network.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in subject.clusters() {
        let network = cluster.network.as_str();
        if subject.has_network(network) {
            continue;
        }
        let finding = Diagnostic::error(NAME, path.child("network"), format!("network `{network}` is not declared"))
            .label("no such network");
        findings.push(match nearest(network, subject.network_names()) {
            Some(meant) => finding
                .help(format!("did you mean `{meant}`?"))
                .patch_as(Certainty::of_name(network, meant, subject.network_names()), meant),
            None => finding.help(format!("add it to `networks`, or use {}", names(subject.network_names()))),
        });
    }
}
