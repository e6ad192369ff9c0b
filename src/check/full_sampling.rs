use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::{Check, Context, Needs};

pub(super) const CHECK: Check = Check { rule: RULE, needs: Needs::WholeTopology, run: check };

const RULE: Rule = Rule::warning("full-sampling", include_str!("../../docs/rules/full-sampling.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &context.topology.tracing else { return };
    let is_full = tracing.zipkin.sampling_percent.0.as_f64().is_some_and(|percent| percent >= 100.0);
    if is_full && context.topology.istio.profile.as_str() != "demo" {
        let place = FieldPath::root().child("tracing").child("zipkin").child("samplingPercent");
        findings.push(
            RULE.at(place, "every request of the mesh is traced")
                .label("100 of 100 requests")
                .help("write a smaller share, such as 1, or allow this for a mesh without real traffic"),
        );
    }
}
