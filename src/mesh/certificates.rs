use crate::topology::{self, Date, Topology};

/// How long an intermediate is valid where the author does not say.
const INTERMEDIATE_VALIDITY_DAYS: u32 = 730;

/// What the mesh's root certificate is asked to be.
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
    /// Whether its name and serial number tell the seed and the first day.
    pub names_seed: bool,
    /// Its first moment, 00:00:00 UTC of this day.
    pub not_before: Date,
    /// Its last moment, 00:00:00 UTC of this day; never after the root's.
    pub not_after: Date,
}

impl<'t> Root<'t> {
    pub(crate) fn resolve(topology: &'t Topology) -> Self {
        let validity = topology.certificates.root_validity();
        let names_seed = topology.certificates.names_seed();
        Self {
            mesh_id: topology.mesh.id.as_str(),
            names_seed,
            not_before: not_before(validity.start, names_seed),
            not_after: validity.end,
        }
    }
}

impl<'t> Intermediate<'t> {
    pub(crate) fn resolve(topology: &'t Topology, cluster: &'t topology::Cluster, root: &Root<'t>) -> Self {
        let certificates = &topology.certificates;
        let first = certificates.first_day(cluster.certificates.as_ref());
        let days = certificates.intermediate_validity_days.unwrap_or(INTERMEDIATE_VALIDITY_DAYS);
        Self {
            mesh_id: root.mesh_id,
            cluster: cluster.name.as_str(),
            generation: certificates.generation(cluster.certificates.as_ref()),
            names_seed: root.names_seed,
            not_before: not_before(first, root.names_seed),
            not_after: first.plus_days(days).min(root.not_after),
        }
    }
}

/// A slow clock refuses what begins at this moment, so that new names came with a day before it.
fn not_before(first: Date, names_seed: bool) -> Date {
    if names_seed { first.before() } else { first }
}
