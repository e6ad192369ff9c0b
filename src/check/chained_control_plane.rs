use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::topology::Cluster;

use super::{Rule, Subject, names, primary_of};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, Some(&["clusters"]), check);

const NAME: &str = "chained-control-plane";

const EXPLAIN: &str = include_str!("../../docs/rules/chained-control-plane.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in subject.clusters() {
        let chain = chain(subject, cluster);
        let Some(primary) = chain.get(1).filter(|primary| primary_of(primary).is_some()) else { continue };
        let (name, primary_name) = (&cluster.name, &primary.name);
        let place = path.child("controlPlane");
        let declared = subject.cluster_path(primary_name.as_str()).child("controlPlane");
        let end = chain.last().expect("a chain begins with its cluster");
        if primary_of(end).is_none() {
            let message = format!("the control plane of `{name}` is `{primary_name}`, which has none of its own");
            let help = format!(
                "write `controlPlane: {}`, or remove the `controlPlane` of `{primary_name}` to make it a primary",
                end.name
            );
            findings.push(
                Diagnostic::error(NAME, place, message)
                    .label(format!("`{primary_name}` is a remote itself"))
                    .and(declared, "declared here")
                    .help(help),
            );
        } else if is_first_of_circle(subject, cluster, &chain) {
            let message =
                format!("the control planes of {} go round in a circle", names(chain.iter().map(|c| c.name.as_str())));
            findings.push(
                Diagnostic::error(NAME, place, message)
                    .label("no istiod at its end")
                    .and(declared, "and on from here")
                    .help("remove the `controlPlane` of the cluster that is to be the primary"),
            );
        }
    }
}

/// A cluster, its control plane, the control plane of that, up to a primary, an unknown cluster or one that was there already.
fn chain<'t>(subject: &Subject<'t>, cluster: &'t Cluster) -> Vec<&'t Cluster> {
    let mut chain = vec![cluster];
    let mut seen = BTreeSet::from([cluster.name.as_str()]);
    while let Some(next) = chain.last().and_then(|last| primary_of(last)).and_then(|name| subject.cluster(name)) {
        if !seen.insert(next.name.as_str()) {
            break;
        }
        chain.push(next);
    }
    chain
}

/// Whether a chain without end comes back to its first cluster, and no other cluster on it is declared earlier.
fn is_first_of_circle(subject: &Subject<'_>, cluster: &Cluster, chain: &[&Cluster]) -> bool {
    let comes_back = chain.last().and_then(|last| primary_of(last)) == Some(cluster.name.as_str());
    let path = |cluster: &Cluster| subject.cluster_path(cluster.name.as_str());
    comes_back && chain.iter().all(|other| path(cluster) <= path(other))
}
