use std::ops::Range;

use time::Duration;

use crate::topology::{self, Certificates, Date, Topology};

/// How long an intermediate is valid where the author does not say.
const INTERMEDIATE_VALIDITY_DAYS: u32 = 730;

/// What the mesh's root certificate is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root<'t> {
    /// The mesh that trusts it.
    pub mesh_id: &'t str,
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
    /// Its first moment, 00:00:00 UTC of this day.
    pub not_before: Date,
    /// Its last moment, 00:00:00 UTC of this day; never after the root's.
    pub not_after: Date,
}

impl<'t> Root<'t> {
    pub(super) fn resolve(topology: &'t Topology) -> Self {
        let validity = root_validity(&topology.certificates);
        Self { mesh_id: topology.mesh.id.as_str(), not_before: validity.start, not_after: validity.end }
    }
}

impl<'t> Intermediate<'t> {
    pub(super) fn resolve(topology: &'t Topology, cluster: &'t topology::Cluster, root: &Root<'t>) -> Self {
        let certificates = &topology.certificates;
        let not_before = first_day(certificates, cluster);
        let days = certificates.intermediate_validity_days.unwrap_or(INTERMEDIATE_VALIDITY_DAYS);
        let own = cluster.certificates.as_ref().and_then(|own| own.generation);
        Self {
            mesh_id: root.mesh_id,
            cluster: cluster.name.as_str(),
            generation: own.unwrap_or(certificates.generation),
            not_before,
            not_after: later(not_before, days).min(root.not_after),
        }
    }
}

/// The days on which the root is valid.
pub(crate) fn root_validity(certificates: &Certificates) -> Range<Date> {
    let first = first_day_of_root(certificates);
    first..later(first, certificates.root_validity_days)
}

/// The first day of a cluster's intermediate.
pub(crate) fn first_day(certificates: &Certificates, cluster: &topology::Cluster) -> Date {
    let own = cluster.certificates.as_ref().and_then(|own| own.issued_on);
    own.or(certificates.intermediates_issued_on).unwrap_or_else(|| first_day_of_root(certificates))
}

/// An external authority has dates of its own, which take the place of these when its files have been read.
fn first_day_of_root(certificates: &Certificates) -> Date {
    certificates.issued_on.unwrap_or(Date(time::Date::MIN))
}

fn later(date: Date, days: u32) -> Date {
    Date(date.0.saturating_add(Duration::days(i64::from(days))))
}
