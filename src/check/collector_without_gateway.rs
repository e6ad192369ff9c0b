use crate::diagnostic::Diagnostic;
use crate::topology::{Cluster, Name};

use super::{Rule, Subject, collector_path, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "collector-without-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/collector-without-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Some((collector, reporters)) = awaited_collector(subject) else { return };
    let name = collector.name.as_str();
    let reporters = names(reporters.iter().map(|cluster| Name::as_str(&cluster.name)));
    findings.push(
        Diagnostic::error(
            NAME,
            collector_path(),
            format!("`{name}` has no gateway through which traces could come in"),
        )
        .label(format!("{reporters} would report here"))
        .and(subject.cluster_path(name).child("name"), "no `eastWestGateway` in this cluster")
        .help("add `eastWestGateway:` to this cluster, or let a cluster that has one run the collector"),
    );
}

/// The collector's cluster, where it has no gateway, and the others that would report through one.
pub(super) fn awaited_collector<'t>(subject: &Subject<'t>) -> Option<(&'t Cluster, Vec<&'t Cluster>)> {
    let name = subject.topology.tracing.as_ref()?.zipkin.cluster.as_str();
    let collector = subject.cluster(name)?;
    let mut reporters = subject.reporters();
    reporters.retain(|cluster| cluster.name.as_str() != name);
    // A primary with remotes needs the gateway anyway, and another rule says so.
    let is_awaited =
        collector.east_west_gateway.is_none() && !reporters.is_empty() && !subject.remotes().contains_key(name);
    is_awaited.then_some((collector, reporters))
}
