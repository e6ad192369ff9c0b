use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.tracing.as_ref().is_some_and(|tracing| tracing.zipkin.image.is_some())))
    .reads(&[&["tracing.zipkin.install"]]);

const RULE: Rule = Rule::error("collector-image", include_str!("../../docs/rules/collector-image.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(zipkin) = context.topology.tracing.as_ref().map(|tracing| &tracing.zipkin) else { return };
    if zipkin.install || zipkin.image.is_none() {
        return;
    }
    let path = FieldPath::root().child("tracing").child("zipkin");
    findings.push(
        RULE.at(path.child("image"), "`image` has no effect, because meshgen does not install the collector")
            .and(path.child("install"), "the collector is there already")
            .help("remove the line, or remove `install: false`"),
    );
}
