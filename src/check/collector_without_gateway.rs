use crate::diagnostic::Diagnostic;
use crate::topology::{Cluster, Name};

use super::{Rule, Subject, collector_path, names};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "collector-without-gateway";

const EXPLAIN: &str = include_str!("../../docs/rules/collector-without-gateway.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &subject.topology.tracing else { return };
    let name = tracing.zipkin.cluster.as_str();
    let Some(collector) = subject.cluster(name) else { return };
    let reporters: Vec<&Cluster> =
        subject.reporters().into_iter().filter(|cluster| cluster.name.as_str() != name).collect();
    // A primary with remotes needs the gateway anyway, and another rule says so.
    if collector.east_west_gateway.is_some() || reporters.is_empty() || subject.remotes().contains_key(name) {
        return;
    }
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
