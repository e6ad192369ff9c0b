//! What has to be done before a unit, as a controller waits for it.

use std::collections::BTreeSet;

use super::{Plan, Stage, StageName, Unit, What};

impl<'m, 't> Plan<'m, 't> {
    /// The units that a controller applies, in order, each with the positions of those among them that have to be done just before.
    ///
    /// A unit comes after the one before it of its cluster and stage, and the first of a stage after the last of its cluster, and of its
    /// primary, in the stages before. What a person does is passed over: what it comes after is waited for instead. Nothing waits for the
    /// ordinary gateways: their load balancers may never get an address, and the mesh needs none of them.
    pub(crate) fn graph(&self) -> Vec<(&Unit<'m, 't>, Vec<usize>)> {
        let units: Vec<&Unit<'m, 't>> = self.units().filter(|unit| unit.what.is_for_controllers()).collect();
        let position = |wanted: &Unit<'_, '_>| {
            units.iter().position(|unit| unit.cluster.position == wanted.cluster.position && unit.what == wanted.what)
        };
        let before = |unit: &&Unit<'m, 't>| {
            let stage = self.stages.iter().find(|stage| stage.units.iter().any(|other| is_same(other, unit)));
            let stage = stage.expect("a unit is in a stage");
            let mut found = BTreeSet::new();
            let own: Vec<&Unit<'_, '_>> =
                stage.units.iter().filter(|other| is_of(other, unit.cluster.position)).collect();
            let at = own.iter().position(|other| is_same(other, unit)).expect("a unit is in its stage");
            match own[..at].iter().rev().filter(|other| is_needed(other)).find_map(|other| position(other)) {
                Some(previous) => drop(found.insert(previous)),
                None => {
                    for cluster in BTreeSet::from([unit.cluster.position, unit.cluster.primary]) {
                        self.last_before(stage.name, cluster, &position, &mut found);
                    }
                }
            }
            found.into_iter().collect()
        };
        units.iter().map(|unit| (*unit, before(unit))).collect()
    }

    /// The last units of a cluster in the stages before one.
    fn last_before(
        &self,
        name: StageName,
        cluster: usize,
        position: &impl Fn(&Unit<'_, '_>) -> Option<usize>,
        found: &mut BTreeSet<usize>,
    ) {
        for before in name.after() {
            let units = self.stages.iter().find(|stage| stage.name == *before).map_or(&[][..], Stage::units);
            let own = units.iter().rev().filter(|unit| is_of(unit, cluster) && is_needed(unit));
            match own.into_iter().find_map(position) {
                Some(last) => drop(found.insert(last)),
                None => self.last_before(*before, cluster, position, found),
            }
        }
    }
}

impl<'m, 't> Stage<'m, 't> {
    fn units(&self) -> &[Unit<'m, 't>] {
        &self.units
    }
}

fn is_needed(unit: &Unit<'_, '_>) -> bool {
    !matches!(unit.what, What::GatewayCharts(..))
}

fn is_of(unit: &Unit<'_, '_>, cluster: usize) -> bool {
    unit.cluster.position == cluster
}

fn is_same(unit: &Unit<'_, '_>, other: &Unit<'_, '_>) -> bool {
    unit.cluster.position == other.cluster.position && unit.what == other.what
}
