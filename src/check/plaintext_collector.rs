use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::Via;

use super::reads::{GATEWAYS, REPORTERS};
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::TRACING).reads(&[REPORTERS, GATEWAYS, &["tracing.zipkin.gatewayPort"]]);

const RULE: Rule = Rule::warning("plaintext-collector", include_str!("../../docs/rules/plaintext-collector.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &context.topology.tracing else { return };
    let collector = context.cluster(tracing.zipkin.cluster.as_str());
    let has_gateway = collector.is_some_and(|cluster| cluster.east_west_gateway.is_some());
    if tracing.zipkin.via != Via::Gateway || !has_gateway || context.reporters().is_empty() {
        return;
    }
    let can_go_through_mesh =
        release(context.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Provider);
    let help = if can_go_through_mesh {
        "write `via: mesh`, or expose the port only in networks that you trust and allow this"
    } else {
        "expose the port only in networks that you trust, and allow this"
    };
    let place = FieldPath::root().child("tracing").child("zipkin").child("cluster");
    findings.push(
        RULE.at(place, "traces reach the collector in plain text, from anyone who reaches its gateway")
            .label(format!("its gateway takes them at port {}", tracing.zipkin.gateway_port))
            .help(help),
    );
}
