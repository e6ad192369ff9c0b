use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::topology::Cluster;

use super::reads::REMOTES;
use super::{About, Check, Context, names};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::Clusters(|cluster| cluster.control_plane.is_some())).reads(&[REMOTES]);

const RULE: Rule = Rule::error("chained-control-plane", include_str!("../../docs/rules/chained-control-plane.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let ends = ends(context);
    for (position, (path, cluster)) in context.clusters().enumerate() {
        let Some(primary) = next(context, cluster).filter(|primary| primary.primary().is_some()) else { continue };
        let (name, primary_name) = (&cluster.name, &primary.name);
        let place = path.child("controlPlane");
        let declared = context.cluster_path(primary_name.as_str()).child("controlPlane");
        match &ends[position] {
            End::Primary(end) => {
                let message = format!("the control plane of `{name}` is the remote `{primary_name}`");
                let help = format!(
                    "write `controlPlane: {end}`, or remove the `controlPlane` of `{primary_name}` to make it a primary"
                );
                findings.push(
                    RULE.at(place, message)
                        .label(format!("`{primary_name}` is not a primary"))
                        .and(declared, "declared here")
                        .help(help),
                );
            }
            End::Circle(circle) => {
                let message = format!("the control planes of {} form a circle", names(circle.iter().copied()));
                findings.push(
                    RULE.at(place, message)
                        .label("this circle has no istiod")
                        .and(declared, "continues here")
                        .help("remove the `controlPlane` of the cluster that is to be the primary"),
                );
            }
            End::Nowhere => {}
        }
    }
}

/// Where it ends if one goes from a cluster to its control plane, to the control plane of that, and so on.
#[derive(Clone)]
enum End<'t> {
    /// At a primary.
    Primary(&'t str),
    /// Never; these go round, and the cluster is the first of them to be declared.
    Circle(Vec<&'t str>),
    /// At a name that is unknown, or in a circle of which another cluster tells.
    Nowhere,
}

/// The cluster that another takes its control plane from.
fn next<'t>(context: &Context<'t>, cluster: &'t Cluster) -> Option<&'t Cluster> {
    cluster.primary().and_then(|name| context.cluster(name))
}

/// The end for each cluster. No step is gone twice: chains can be as long as the file.
fn ends<'t>(context: &Context<'t>) -> Vec<End<'t>> {
    let clusters: Vec<&Cluster> = context.clusters().map(|(_, cluster)| cluster).collect();
    let positions: BTreeMap<&str, usize> =
        clusters.iter().enumerate().rev().map(|(position, cluster)| (cluster.name.as_str(), position)).collect();
    let mut ends: Vec<Option<End<'_>>> = vec![None; clusters.len()];
    for start in 0..clusters.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut on_way = BTreeSet::new();
        let mut here = start;
        let end = loop {
            if let Some(end) = &ends[here] {
                break match end {
                    End::Primary(name) => End::Primary(name),
                    End::Circle(_) | End::Nowhere => End::Nowhere,
                };
            }
            if !on_way.insert(here) {
                let mut circle = way[way.iter().position(|other| *other == here).expect("it is on the way")..].to_vec();
                // It is told at the cluster that is declared first.
                let first = circle.iter().min().copied().expect("a circle has a cluster");
                let turn = circle.iter().position(|other| *other == first).expect("it is on the circle");
                circle.rotate_left(turn);
                let names = circle.iter().map(|position| clusters[*position].name.as_str()).collect();
                ends[first] = Some(End::Circle(names));
                break End::Nowhere;
            }
            way.push(here);
            match next(context, clusters[here]) {
                Some(next) => here = positions[next.name.as_str()],
                None if clusters[here].primary().is_none() => break End::Primary(clusters[here].name.as_str()),
                None => break End::Nowhere,
            }
        };
        for position in way {
            if ends[position].is_none() {
                ends[position] = Some(end.clone());
            }
        }
    }
    ends.into_iter().map(|end| end.expect("each cluster begins a way")).collect()
}
