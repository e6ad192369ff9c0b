use serde::Serialize;

use crate::mesh::{Cluster, Mesh};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    cluster: &'m str,
    context: &'m str,
    create_remote_secret: &'m str,
    /// A line for each cluster whose credentials the primary needs.
    others: String,
}

/// `remote-secrets.sh` of a primary: every control plane needs the credentials of every other cluster, remotes of other
/// primaries included, or their services are invisible to it.
pub(super) fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    // A secret of the control plane's own cluster would register that cluster twice.
    let others = mesh.clusters.iter().filter(|other| other.position != cluster.position);
    let is_needed = cluster.is_primary() && mesh.clusters.len() > 1;
    is_needed.then(|| {
        template::render(
            "remote-secrets.sh",
            Values {
                mesh: mesh.id,
                cluster: cluster.name,
                context: cluster.context,
                create_remote_secret: mesh.release.create_remote_secret,
                others: others.fold(String::new(), call),
            },
        )
    })
}

/// Adds a call for a cluster: a template would take longer for each of these lines than for the rest of the script.
fn call(mut lines: String, other: &Cluster<'_>) -> String {
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.push_str("secret");
    for argument in [other.name, other.context, other.api_server] {
        lines.push(' ');
        template::quote_into(&mut lines, argument);
    }
    lines
}
