use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::Via;

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.tracing.as_ref().is_some_and(|tracing| tracing.zipkin.node_port.is_some())))
    .reads(&[VERSION, &["tracing.zipkin.via"]]);

const RULE: Rule = Rule::error("unusable-node-port", include_str!("../../docs/rules/unusable-node-port.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(zipkin) = context.topology.tracing.as_ref().map(|tracing| &tracing.zipkin) else { return };
    let Some(port) = zipkin.node_port else { return };
    let place = FieldPath::root().child("tracing").child("zipkin").child("nodePort");
    if zipkin.via == Via::Mesh {
        // An Istio that has no such way refuses the `via`.
        if release(context.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Bootstrap) {
            return;
        }
        findings.push(
            RULE.at(place, "this node port has no port to serve")
                .label("traces go through the mesh")
                .help("remove the line, or write `via: gateway`"),
        );
    } else if !(30000..=32767).contains(&port) {
        findings.push(
            RULE.at(place, format!("{port} is not a node port"))
                .label("Kubernetes accepts 30000 to 32767")
                .help("write a port in this range, or remove the line: Kubernetes then chooses one"),
        );
    }
}
