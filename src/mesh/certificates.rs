use std::ops::Range;

use crate::topology::{self, Date, RootPhase, RootSeed, Topology};

/// How long an intermediate is valid where the author does not say.
const INTERMEDIATE_VALIDITY_DAYS: u32 = 730;

/// The roots that meshgen makes for a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots<'t> {
    /// The root of the mesh.
    pub present: Root<'t>,
    /// The root that takes its place, and whether it derives from a seed of its own.
    pub next: Option<(Root<'t>, RootSeed)>,
}

/// One of the roots that meshgen makes for a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The root of the mesh.
    Present,
    /// The root that takes its place.
    Next,
}

/// What a root certificate is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root<'t> {
    /// The mesh that trusts it.
    pub mesh_id: &'t str,
    /// Whether its name and serial number tell the seed and the first day.
    pub names_seed: bool,
    /// Its first moment, 00:00:00 UTC of this day.
    pub not_before: Date,
    /// Its last moment, 00:00:00 UTC of this day.
    pub not_after: Date,
}

/// What a cluster's intermediate certificate is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intermediate<'t> {
    /// The mesh whose root signs it.
    pub mesh_id: &'t str,
    /// The cluster whose istiod signs with it.
    pub cluster: &'t str,
    /// Another generation is another key.
    pub generation: u32,
    /// How far the change of the root has come in the cluster; none where no root takes the place of the present one.
    pub phase: Option<RootPhase>,
    /// Whether its name and serial number tell the seed and the first day.
    pub names_seed: bool,
    /// Its first moment, 00:00:00 UTC of this day.
    pub not_before: Date,
    /// Its last moment, 00:00:00 UTC of this day; never after the root's.
    pub not_after: Date,
}

impl<'t> Roots<'t> {
    pub(crate) fn resolve(topology: &'t Topology) -> Self {
        let certificates = &topology.certificates;
        let root = |validity: Range<Date>, names_seed| Root {
            mesh_id: topology.mesh.id.as_str(),
            names_seed,
            not_before: not_before(validity.start, names_seed),
            not_after: validity.end,
        };
        Self {
            present: root(certificates.root_validity(), certificates.names_seed()),
            next: certificates.next_root.as_ref().map(|next| (root(next.validity(), true), next.seed)),
        }
    }

    /// Each of them.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Which, &Root<'t>)> {
        let next = self.next.iter().map(|(root, _)| (Which::Next, root));
        [(Which::Present, &self.present)].into_iter().chain(next)
    }

    /// What tells the roots apart that workloads of a cluster trust, where there are several.
    pub(crate) fn tell_apart(&self, request: &Intermediate<'t>, also_trusted: &str) -> Option<String> {
        let trusted = request.trusted();
        (trusted.len() > 1 || !also_trusted.is_empty()).then(|| {
            let own = trusted.iter().map(|which| {
                let seed = self.next.as_ref().filter(|_| *which == Which::Next).map(|(_, seed)| *seed);
                let root = self.get(*which);
                format!("{} {} {} {seed:?}\n", root.names_seed, root.not_before, root.not_after)
            });
            own.chain([also_trusted.to_owned()]).collect()
        })
    }

    /// One of them; the present one where no other takes its place.
    pub(crate) fn get(&self, which: Which) -> &Root<'t> {
        match (which, &self.next) {
            (Which::Next, Some((next, _))) => next,
            _ => &self.present,
        }
    }
}

impl<'t> Intermediate<'t> {
    pub(crate) fn resolve(topology: &'t Topology, cluster: &'t topology::Cluster, roots: &Roots<'t>) -> Self {
        let certificates = &topology.certificates;
        let phase = certificates.phase(cluster.certificates.as_ref());
        let root = roots.get(signer(phase));
        // Under the next root, the days of before may be too early.
        let earliest = if root.names_seed { root.not_before.plus_days(1) } else { root.not_before };
        let written = certificates.first_day(cluster.certificates.as_ref());
        let first = if signer(phase) == Which::Next { written.max(earliest) } else { written };
        let days = certificates.intermediate_validity_days.unwrap_or(INTERMEDIATE_VALIDITY_DAYS);
        Self {
            mesh_id: root.mesh_id,
            cluster: cluster.name.as_str(),
            generation: certificates.generation(cluster.certificates.as_ref()),
            phase,
            names_seed: root.names_seed,
            not_before: not_before(first, root.names_seed),
            not_after: first.plus_days(days).min(root.not_after),
        }
    }

    /// The root under which it is signed.
    pub fn signer(&self) -> Which {
        signer(self.phase)
    }

    /// The roots that workloads of its cluster trust, in the order in which they are told: the bytes of the present root stay in front,
    /// where an istiod that takes a longer list without a restart looks for them.
    pub fn trusted(&self) -> &'static [Which] {
        match self.phase {
            None => &[Which::Present],
            Some(RootPhase::Trust | RootPhase::Sign) => &[Which::Present, Which::Next],
            Some(RootPhase::Drop) => &[Which::Next],
        }
    }
}

fn signer(phase: Option<RootPhase>) -> Which {
    if phase.is_some_and(RootPhase::is_signed_by_next) { Which::Next } else { Which::Present }
}

/// A slow clock refuses what begins at this moment, so that new names came with a day before it.
fn not_before(first: Date, names_seed: bool) -> Date {
    if names_seed { first.before() } else { first }
}
