use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Zipkin;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.tracing.as_ref().is_some_and(|tracing| is_full(&tracing.zipkin))))
    .reads(&[&["istio.profile"]]);

const RULE: Rule = Rule::warning("full-sampling", include_str!("../../docs/rules/full-sampling.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &context.topology.tracing else { return };
    if is_full(&tracing.zipkin) && context.topology.istio.profile.as_str() != "demo" {
        let place = FieldPath::root().child("tracing").child("zipkin").child("samplingPercent");
        findings.push(
            RULE.at(place, "every request of the mesh is traced")
                .label("100 of 100 requests")
                .help("write a smaller share, such as 1, or allow this for a mesh without real traffic"),
        );
    }
}

fn is_full(zipkin: &Zipkin) -> bool {
    zipkin.sampling_percent.0.as_f64().is_some_and(|percent| percent >= 100.0)
}
