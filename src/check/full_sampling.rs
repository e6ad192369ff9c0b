use crate::diagnostic::{Diagnostic, FieldPath};

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::warning(NAME, EXPLAIN, None, check);

const NAME: &str = "full-sampling";

const EXPLAIN: &str = include_str!("../../docs/rules/full-sampling.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(tracing) = &subject.topology.tracing else { return };
    let is_full = tracing.zipkin.sampling_percent.0.as_f64().is_some_and(|percent| percent >= 100.0);
    if is_full && subject.topology.istio.profile.as_str() != "demo" {
        let place = FieldPath::root().child("tracing").child("zipkin").child("samplingPercent");
        findings.push(
            Diagnostic::warning(NAME, place, "every request of the mesh is traced")
                .label("100 of 100 requests")
                .help("write a smaller share, such as 1, or allow this for a mesh without real traffic"),
        );
    }
}
