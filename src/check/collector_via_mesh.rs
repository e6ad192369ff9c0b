use crate::diagnostic::{Certainty, Diagnostic, FieldPath};
use crate::release::{TracingMeans, release};
use crate::rule::Rule;
use crate::topology::Via;

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.tracing.as_ref().is_some_and(|tracing| tracing.zipkin.via == Via::Mesh)))
    .reads(&[VERSION]);

const RULE: Rule = Rule::error("collector-via-mesh", include_str!("../../docs/rules/collector-via-mesh.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let is_bootstrap = release(version).is_some_and(|release| release.tracing == TracingMeans::Bootstrap);
    if !is_bootstrap || context.topology.tracing.as_ref().is_none_or(|tracing| tracing.zipkin.via != Via::Mesh) {
        return;
    }
    let path = FieldPath::root().child("tracing").child("zipkin").child("via");
    findings.push(
        RULE.at(path, format!("Istio {version} cannot report traces through the mesh"))
            .help("write `via: gateway`, or remove the line")
            .patch_as(Certainty::Likely, "gateway"),
    );
}
