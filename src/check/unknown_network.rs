use crate::diagnostic::{Certainty, Diagnostic, nearest};
use crate::rule::Rule;

use super::{Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&["networks[].name"]]);

const RULE: Rule = Rule::error("unknown-network", include_str!("../../docs/rules/unknown-network.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        let network = cluster.network.as_str();
        if context.has_network(network) {
            continue;
        }
        let finding =
            RULE.at(path.child("network"), format!("network `{network}` is not declared")).label("no such network");
        findings.push(match nearest(network, context.network_names()) {
            Some(meant) => finding
                .help(format!("did you mean `{meant}`?"))
                .patch_as(Certainty::of_name(network, meant, context.network_names()), meant),
            None => finding.help(format!("add it to `networks`, or use {}", names(context.network_names()))),
        });
    }
}
