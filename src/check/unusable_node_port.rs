use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::topology::Via;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "unusable-node-port";

const EXPLAIN: &str = include_str!("../../docs/rules/unusable-node-port.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(zipkin) = subject.topology.tracing.as_ref().map(|tracing| &tracing.zipkin) else { return };
    let Some(port) = zipkin.node_port else { return };
    let place = FieldPath::root().child("tracing").child("zipkin").child("nodePort");
    if zipkin.via == Via::Mesh {
        // An Istio that has no such way refuses the `via`.
        if release(subject.topology.istio.version).is_some_and(|release| release.tracing == TracingMeans::Bootstrap) {
            return;
        }
        findings.push(
            Diagnostic::error(NAME, place, "there is no port that this node port could serve")
                .label("traces go through the mesh")
                .help("remove the line, or write `via: gateway`"),
        );
    } else if !(30000..=32767).contains(&port) {
        findings.push(
            Diagnostic::error(NAME, place, format!("{port} is no node port"))
                .label("Kubernetes takes 30000 to 32767")
                .help("write a port in this range, or leave the line out: Kubernetes then chooses one"),
        );
    }
}
