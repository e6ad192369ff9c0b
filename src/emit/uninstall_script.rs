use serde::Serialize;

use crate::layout::NAMESPACE;
use crate::mesh::{Cluster, Mesh};
use crate::template;

use super::{MANIFESTS, Role, steps};

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    clusters: Vec<Installed<'m>>,
    routed: Vec<&'m str>,
}

/// A cluster and what was applied there besides Istio.
#[derive(Serialize)]
struct Installed<'m> {
    name: &'m str,
    context: &'m str,
    revision: &'m str,
    directories: Vec<&'static str>,
}

/// `uninstall.sh`: the mesh's clusters without the mesh, remotes before their primaries.
pub(super) fn text(mesh: &Mesh<'_>) -> String {
    let clusters = mesh.remotes().chain(mesh.primaries());
    let clusters = clusters.map(|cluster| Installed {
        name: cluster.name,
        context: cluster.context,
        // istioctl's word for no revision.
        revision: cluster.revision.unwrap_or("default"),
        directories: directories(mesh, cluster),
    });
    template::render(
        "uninstall.sh",
        Values { mesh: mesh.id, clusters: clusters.collect(), routed: steps::routed(mesh) },
    )
}

/// The directories of plain objects, last applied first; the namespace goes last, by itself.
fn directories(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<&'static str> {
    let is_plain = |directory: &str| {
        let mut roles =
            MANIFESTS.iter().filter(|manifest| manifest.directory == directory).map(|manifest| manifest.role);
        directory != NAMESPACE && roles.all(|role| role == Role::Resource)
    };
    let mut directories: Vec<&str> = MANIFESTS
        .iter()
        .filter(|manifest| is_plain(manifest.directory) && !(manifest.documents)(mesh, cluster).is_empty())
        .map(|manifest| manifest.directory)
        .collect();
    directories.dedup();
    directories.reverse();
    directories
}
