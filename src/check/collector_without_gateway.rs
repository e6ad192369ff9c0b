use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::{Cluster, Name};

use super::reads::{GATEWAYS, REPORTERS};
use super::{About, Check, Context, collector_path, names};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::TRACING).reads(&[REPORTERS, GATEWAYS]);

const RULE: Rule =
    Rule::error("collector-without-gateway", include_str!("../../docs/rules/collector-without-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some((collector, reporters)) = awaited_collector(context) else { return };
    let name = collector.name.as_str();
    let reporters = names(reporters.iter().map(|cluster| Name::as_str(&cluster.name)));
    findings.push(
        RULE.at(collector_path(), format!("`{name}` has no gateway for traces"))
            .label(format!("{reporters} would report here"))
            .and(context.cluster_path(name).child("name"), "no `eastWestGateway` in this cluster")
            .help("add `eastWestGateway:` to this cluster, or run the collector in a cluster that has one"),
    );
}

/// The collector's cluster, where it has no gateway, and the others that would report through one.
pub(super) fn awaited_collector<'t>(context: &Context<'t>) -> Option<(&'t Cluster, Vec<&'t Cluster>)> {
    let name = context.topology.tracing.as_ref()?.zipkin.cluster.as_str();
    let collector = context.cluster(name)?;
    let mut reporters = context.reporters();
    reporters.retain(|cluster| cluster.name.as_str() != name);
    // A primary with remotes needs the gateway anyway, and another rule says so.
    let is_awaited =
        collector.east_west_gateway.is_none() && !reporters.is_empty() && !context.remotes().contains_key(name);
    is_awaited.then_some((collector, reporters))
}
