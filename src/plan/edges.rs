//! What has to be done before a unit, as a controller waits for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, StageName, Unit, What};

/// By cluster and stage, the last unit that others wait for.
type Last = BTreeMap<(usize, StageName), usize>;

impl<'m, 't> Plan<'m, 't> {
    /// The units that a controller applies, in order, each with the positions of those among them that have to be done just before.
    ///
    /// A unit comes after the one before it of its cluster and stage, and the first of a stage after the last of its cluster, and of its
    /// primary, in the stages before. Remote secrets come after the token of each cluster that they are of. What a person does is passed
    /// over: what it comes after is waited for instead. Nothing waits for the ordinary gateways: their load balancers may never get an
    /// address, and the mesh needs none of them.
    pub(crate) fn graph(&self) -> Vec<(&Unit<'m, 't>, Vec<usize>)> {
        let mut graph = Vec::new();
        let mut last = Last::new();
        for stage in &self.stages {
            for unit in stage.units.iter().filter(|unit| unit.what.is_for_controllers()) {
                let place = (unit.cluster.position, stage.name);
                let mut after = BTreeSet::new();
                if let Some(previous) = last.get(&place) {
                    after.insert(*previous);
                } else {
                    add_last_before(&last, place, &mut after);
                    add_last_before(&last, (unit.cluster.primary, stage.name), &mut after);
                }
                if matches!(unit.what, What::Fetched(_)) {
                    let read = self.mesh.read_by(unit.cluster).map(|other| (other.position, StageName::Access));
                    after.extend(read.filter_map(|place| last.get(&place)));
                }
                if !matches!(unit.what, What::GatewayCharts(..)) {
                    last.insert(place, graph.len());
                }
                graph.push((unit, after.into_iter().collect()));
            }
        }
        graph
    }
}

/// Adds the last units of a cluster in the stages before one.
fn add_last_before(last: &Last, (cluster, stage): (usize, StageName), found: &mut BTreeSet<usize>) {
    for before in stage.after() {
        let place = (cluster, *before);
        match last.get(&place) {
            Some(position) => drop(found.insert(*position)),
            None => add_last_before(last, place, found),
        }
    }
}
