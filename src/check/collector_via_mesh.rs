use crate::diagnostic::{Certainty, Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::topology::Via;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "collector-via-mesh";

const EXPLAIN: &str = include_str!("../../docs/rules/collector-via-mesh.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version;
    let is_bootstrap = release(version).is_some_and(|release| release.tracing == TracingMeans::Bootstrap);
    if !is_bootstrap || subject.topology.tracing.as_ref().is_none_or(|tracing| tracing.zipkin.via != Via::Mesh) {
        return;
    }
    let path = FieldPath::root().child("tracing").child("zipkin").child("via");
    findings.push(
        Diagnostic::error(NAME, path, format!("Istio {version} cannot report traces through the mesh"))
            .help("write `via: gateway`, or remove the line")
            .patch_as(Certainty::Likely, "gateway"),
    );
}
