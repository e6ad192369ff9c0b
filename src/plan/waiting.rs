//! What waits for the address of a gateway.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::artifact;
use crate::layout::{EXPOSURE, TELEMETRY};
use crate::lock::Lock;
use crate::mesh::{Cluster, Mesh};
use crate::words::joined;

/// A cluster whose gateway's address is needed and not known yet.
#[derive(Serialize)]
pub(crate) struct Awaited<'m> {
    name: &'m str,
    context: &'m str,
    /// Who needs it, in words.
    needed_by: String,
}

/// The clusters for whose gateway's address something waits.
pub(crate) fn awaited<'m>(mesh: &'m Mesh<'_>) -> Vec<Awaited<'m>> {
    let awaited = mesh.clusters.iter().filter_map(|cluster| {
        let needed_by = needed_by(mesh, cluster)?;
        Some(Awaited { name: cluster.name, context: cluster.context, needed_by })
    });
    awaited.collect()
}

/// Who needs the address of a cluster's gateway that is not known yet, in words.
pub(crate) fn needed_by(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    let remotes = mesh.waiting_for(cluster).map(|remote| remote.name.to_owned());
    let needed: Vec<String> = remotes.chain(mesh.traces_wait_for(cluster).then(|| "tracing".to_owned())).collect();
    (!needed.is_empty()).then(|| joined(&needed, "and"))
}

/// What a mesh would lose because the address of a gateway is missing: directories such as `west/30-istio`, by the cluster of the
/// gateway. `gone` are the paths of files that the mesh had and that are no longer stated.
pub fn lost<'p>(record: &Lock, gone: impl Iterator<Item = &'p str>) -> BTreeMap<String, BTreeSet<String>> {
    let mut lost: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in gone {
        let mut parts = path.split('/');
        let (Some(name), Some(directory), Some(file)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let cluster = record.clusters.get(name).filter(|cluster| cluster.is_waiting && artifact::waits(directory));
        let is_tracing = directory == TELEMETRY || directory == EXPOSURE && file == "expose-zipkin.yaml";
        let gateway = match cluster {
            Some(cluster) => cluster.primary.as_ref(),
            None => record.traces_wait_for.as_ref().filter(|_| is_tracing),
        };
        if let Some(gateway) = gateway {
            lost.entry(gateway.clone()).or_default().insert(format!("{name}/{directory}"));
        }
    }
    lost
}
