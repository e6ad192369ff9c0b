use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::reads::{GATEWAYS, NAMES, NETWORKS};
use super::{About, Check, Context, names};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::SEVERAL_NETWORKS).reads(&[
    NETWORKS,
    NAMES,
    GATEWAYS,
    &["networks[].gateways", "clusters[].eastWestGateway.discovery"],
]);

const RULE: Rule = Rule::warning("shared-gateway", include_str!("../../docs/rules/shared-gateway.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let networks = context.populated_networks();
    if networks.len() < 2 {
        return;
    }
    for (index, clusters) in networks {
        // istiods are told the address of a network's gateway, not whose it is.
        let gateways = clusters.iter().filter(|(_, cluster)| cluster.east_west_gateway.is_some()).count();
        let without = || {
            clusters.iter().filter(|(_, cluster)| match &cluster.east_west_gateway {
                None => true,
                Some(gateway) => gateway.is_static() && gateways > 1,
            })
        };
        if without().next().is_none() {
            continue;
        }
        let network = context.topology.networks[index].name.as_str();
        let without = names(without().map(|(_, cluster)| cluster.name.as_str()));
        let place = FieldPath::root().child("networks").index(index).child("name");
        findings.push(
            RULE.at(place, format!("other networks reach {without} through a gateway of another cluster"))
                .label(format!("not every cluster of {network} has a gateway that istiods know as its own"))
                .help("give each of them an `eastWestGateway`, or allow this if locality does not matter"),
        );
    }
}
