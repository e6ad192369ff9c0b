use serde::Serialize;

use crate::mesh::{Cluster, Mesh};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    cluster: &'m str,
    context: &'m str,
    create_remote_secret: &'m str,
    others: Vec<Other<'m>>,
}

/// A cluster whose credentials a primary needs.
#[derive(Serialize)]
struct Other<'m> {
    name: &'m str,
    context: &'m str,
    api_server: &'m str,
}

/// `remote-secrets.sh` of a primary: every control plane needs the credentials of every other cluster, remotes of other
/// primaries included, or their services are invisible to it.
pub(super) fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    // A secret of the control plane's own cluster would register that cluster twice.
    let others = mesh.clusters.iter().filter(|other| other.position != cluster.position);
    let others: Vec<Other<'_>> =
        others.map(|other| Other { name: other.name, context: other.context, api_server: other.api_server }).collect();
    let is_needed = cluster.is_primary() && !others.is_empty();
    is_needed.then(|| {
        template::render(
            "remote-secrets.sh",
            Values {
                mesh: mesh.id,
                cluster: cluster.name,
                context: cluster.context,
                create_remote_secret: mesh.release.create_remote_secret,
                others,
            },
        )
    })
}
