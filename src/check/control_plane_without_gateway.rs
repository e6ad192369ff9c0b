use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::Name;

use super::reads::{GATEWAYS, REMOTES};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::SEVERAL_CLUSTERS)
    .reads(&[REMOTES, GATEWAYS])
    .refuses("cluster.eastWestGateway");

const RULE: Rule =
    Rule::error("control-plane-without-gateway", include_str!("../../docs/rules/control-plane-without-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (name, remotes) in context.remotes() {
        let Some(primary) = context.cluster(name) else { continue };
        if primary.east_west_gateway.is_some() {
            continue;
        }
        let remotes = names(remotes.iter().map(|cluster| Name::as_str(&cluster.name)));
        let message = format!("`{name}` is the control plane of {remotes} and has no east-west gateway");
        findings.push(
            RULE.at(context.cluster_path(name).child("name"), message)
                .label("no `eastWestGateway` in this cluster")
                .help("add `eastWestGateway:` with `externalIPs` or an `address` that the remotes can dial"),
        );
    }
}
