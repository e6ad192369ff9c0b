use crate::diagnostic::Diagnostic;
use crate::topology::Name;

use super::{Rule, Subject, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "control-plane-without-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/control-plane-without-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (name, remotes) in subject.remotes() {
        let Some(primary) = subject.cluster(name) else { continue };
        if primary.east_west_gateway.is_some() {
            continue;
        }
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let message = format!("`{name}` is the control plane of {remotes} and has no east-west gateway");
        findings.push(
            Diagnostic::error(NAME, subject.cluster_path(name).child("name"), message)
                .label("no `eastWestGateway` in this cluster")
                .help("add `eastWestGateway:` with `externalIPs` or an `address` that the remotes can dial"),
        );
    }
}
