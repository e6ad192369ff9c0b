use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::topology::Via;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "plaintext-collector";

const EXPLAIN: &str = include_str!("../../docs/rules/plaintext-collector.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &subject.topology.tracing else { return };
    let collector = subject.cluster(tracing.zipkin.cluster.as_str());
    let has_gateway = collector.is_some_and(|cluster| cluster.east_west_gateway.is_some());
    if tracing.zipkin.via != Via::Gateway || !has_gateway || subject.reporters().is_empty() {
        return;
    }
    let can_go_through_mesh =
        release(subject.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Provider);
    let help = if can_go_through_mesh {
        "write `via: mesh`, or keep the port within networks that you trust and allow this"
    } else {
        "keep the port within networks that you trust, and allow this"
    };
    let place = FieldPath::root().child("tracing").child("zipkin").child("cluster");
    findings.push(
        Diagnostic::warning(
            NAME,
            place,
            "traces reach the collector in plain text, from anybody who reaches its gateway",
        )
        .label(format!("its gateway takes them at port {}", tracing.zipkin.gateway_port))
        .help(help),
    );
}
