use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::RANGES);

const RULE: Rule = Rule::error("unclear-range", include_str!("../../docs/rules/unclear-range.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        if cluster.service_cidr.is_some() && !cluster.service_cidrs.is_empty() {
            findings.push(
                RULE.at(path.child("serviceCIDRs"), "the Services have both `serviceCIDR` and `serviceCIDRs`")
                    .and(path.child("serviceCIDR"), "also here")
                    .help("write every range in `serviceCIDRs`, and remove `serviceCIDR`"),
            );
        }
        for (index, node) in cluster.nodes.iter().enumerate() {
            let path = path.child("nodes").index(index);
            if !context.is_known(&path.child("podCIDR")) || !context.is_known(&path.child("podCIDRs")) {
                continue;
            }
            match (&node.pod_cidr, node.pod_cidrs.as_slice()) {
                (None, []) => findings.push(RULE.at(path, "this node has no range of pods").help(
                    "add `podCIDR: 10.244.0.0/24` with the node's own range, or `podCIDRs: […]` if it has several",
                )),
                (Some(_), [_, ..]) => findings.push(
                    RULE.at(path.child("podCIDRs"), "this node has both `podCIDR` and `podCIDRs`")
                        .and(path.child("podCIDR"), "also here")
                        .help("write every range in `podCIDRs`, and remove `podCIDR`"),
                ),
                _ => {}
            }
        }
    }
}
