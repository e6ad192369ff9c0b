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
    // A secret of the control plane's own cluster would register that cluster twice.
    let others: Vec<&Cluster<'_>> = mesh.read_by(cluster).collect();
    (!others.is_empty()).then(|| {
        template::render(
            "remote-secrets.sh",
            Values {
                mesh: mesh.id,
                cluster: cluster.name,
                context: cluster.context,
                create_remote_secret: mesh.release.create_remote_secret,
                others: lines("member", others.iter().map(|other| vec![other.name, other.context, other.api_server])),
                calls: lines("secret", others.iter().map(|other| vec![other.name])),
            },
        )
    })
}

/// Calls of a function: a template would take longer for each of these lines than for the rest of the script.
fn lines<'w>(function: &str, calls: impl Iterator<Item = Vec<&'w str>>) -> String {
    calls.map(|words| [function, &template::words(words)].concat()).collect::<Vec<String>>().join("\n")
}
