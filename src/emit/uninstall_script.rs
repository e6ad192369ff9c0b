use serde::Serialize;

use crate::artifact::Role;
use crate::layout::{EGRESS_GATEWAY, NAMESPACE};
use crate::plan::{Contents, Manifest, Plan};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    clusters: Vec<Installed<'m>>,
    routed: Vec<&'m str>,
    has_remote_secrets: bool,
    has_egress_gateways: bool,
}

/// A cluster and what was applied there besides Istio.
#[derive(Serialize)]
struct Installed<'m> {
    name: &'m str,
    context: &'m str,
    revision: &'m str,
    service: String,
    directories: Vec<&'static str>,
}

/// `uninstall.sh`: the mesh's clusters without the mesh, remotes before their primaries.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let clusters = mesh.remotes().chain(mesh.primaries());
    let clusters = clusters.map(|cluster| Installed {
        name: cluster.name,
        context: cluster.context,
        // istioctl calls an installation without a revision `default`.
        revision: cluster.revision.unwrap_or("default"),
        service: cluster.istiod_service(),
        directories: directories(&plan.contents[cluster.position]),
    });
    template::render(
        "uninstall.sh",
        Values {
            mesh: mesh.id,
            clusters: clusters.collect(),
            routed: plan.routed(),
            has_remote_secrets: mesh.clusters.len() > 1,
            has_egress_gateways: plan.has(EGRESS_GATEWAY),
        },
    )
}

/// The directories of plain objects, last applied first; the namespace goes last, by itself.
fn directories(contents: &Contents) -> Vec<&'static str> {
    let is_plain = |manifests: &[Manifest]| manifests.iter().all(|manifest| manifest.role == Role::Resource);
    let directories = contents.directories.iter().rev();
    let directories = directories.filter(|(directory, manifests)| *directory != NAMESPACE && is_plain(manifests));
    directories.map(|(directory, _)| *directory).collect()
}
