use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::layout::ISTIO_SYSTEM;
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("workload-namespace", include_str!("../../docs/rules/workload-namespace.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let list = FieldPath::root().child("workloads").child("namespaces");
    let mut seen = BTreeMap::new();
    for (index, namespace) in context.topology.workloads.namespaces.iter().enumerate() {
        let (place, name) = (list.index(index), namespace.as_str());
        if !context.is_known(&place) {
            continue;
        }
        if name == ISTIO_SYSTEM {
            findings.push(
                RULE.at(place, "the namespace `istio-system` holds no workloads")
                    .label("istiod and the gateways run here")
                    .help("remove it: `install.sh` restarts the gateways anyway, and istiod must keep running"),
            );
        } else if let Some(first) = seen.insert(name, place.clone()) {
            findings.push(
                RULE.at(place, format!("the namespace `{name}` is listed twice"))
                    .label("its workloads would restart twice")
                    .and(first, "also here")
                    .help("remove one of the two"),
            );
        }
    }
}
