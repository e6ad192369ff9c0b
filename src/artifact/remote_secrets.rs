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
    /// The same, to get them.
    calls: String,
}

/// `remote-secrets.sh` of a primary: every control plane needs the credentials of every other cluster, remotes of other
/// primaries included, or their services are invisible to it.
pub(super) fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    // A secret of the control plane's own cluster would register that cluster twice. A cluster that waits has no account to read it.
    let others = mesh.clusters.iter().filter(|other| other.position != cluster.position && !other.is_waiting);
    let is_needed = cluster.is_primary() && others.clone().next().is_some();
    is_needed.then(|| {
        template::render(
            "remote-secrets.sh",
            Values {
                mesh: mesh.id,
                cluster: cluster.name,
                context: cluster.context,
                create_remote_secret: mesh.release.create_remote_secret,
                others: lines("member", others.clone().map(|other| vec![other.name, other.context, other.api_server])),
                calls: lines("secret", others.map(|other| vec![other.name])),
            },
        )
    })
}

/// Calls of a function: a template would take longer for each of these lines than for the rest of the script.
fn lines<'w>(function: &str, calls: impl Iterator<Item = Vec<&'w str>>) -> String {
    calls.map(|words| [function, &template::words(words)].concat()).collect::<Vec<String>>().join("\n")
}
