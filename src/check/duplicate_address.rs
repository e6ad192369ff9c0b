use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("duplicate-address", include_str!("../../docs/rules/duplicate-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, (usize, FieldPath)> = BTreeMap::new();
    for (position, (path, cluster)) in context.clusters().enumerate() {
        let Some(gateway) = &cluster.east_west_gateway else { continue };
        let path = path.child("eastWestGateway");
        let addresses = gateway
            .external_ips
            .iter()
            .enumerate()
            .map(|(index, address)| (address.0.to_string(), path.child("externalIPs").index(index)));
        let dialled = gateway.address.iter().map(|address| (address.to_string(), path.child("address")));
        for (address, place) in addresses.chain(dialled).filter(|(_, place)| context.is_known(place)) {
            match seen.get(&address) {
                Some((other, first)) if *other != position => findings.push(
                    RULE.at(place, format!("`{address}` is the address of two gateways"))
                        .label("the same address")
                        .and(first.clone(), "also here")
                        .help("give each gateway an address of its own"),
                ),
                Some(_) => {}
                None => {
                    seen.insert(address, (position, place));
                }
            }
        }
    }
}
