use serde::Serialize;

use crate::mesh::{Cluster, Mesh};
use crate::pki::base64;
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    cluster: &'m str,
    context: &'m str,
    create_remote_secret: &'m str,
    /// A line for each cluster whose credentials the primary needs.
    others: String,
    /// A line for each of them behind a proxy: what istiods trust there, and how they get there.
    ways: String,
    /// The same, to get them.
    calls: String,
}

/// `remote-secrets.sh` of a primary: every control plane needs the credentials of every other cluster, remotes of other
/// primaries included, or their services are invisible to it. With a store, no person fetches any.
pub(super) fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    if mesh.remote_access.is_some() {
        return None;
    }
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
                others: lines("member", others.iter().map(|other| [other.name, other.context, other.api_server])),
                ways: ways(&others),
                calls: lines("secret", others.iter().map(|other| [other.name])),
            },
        )
    })
}

fn ways(others: &[&Cluster<'_>]) -> String {
    let behind = others.iter().filter(|other| other.api_server_ca.is_some() || other.proxy_url.is_some());
    let ways = behind.map(|other| {
        let authorities = other.api_server_ca.map(|authorities| base64(authorities.as_bytes()));
        [other.name.to_owned(), authorities.unwrap_or_default(), other.proxy_url.unwrap_or_default().to_owned()]
    });
    lines("way", ways)
}

/// Calls of a function: a template would take longer for each of these lines than for the rest of the script.
fn lines<const N: usize>(function: &str, calls: impl IntoIterator<Item = [impl AsRef<str>; N]>) -> String {
    let mut text = String::new();
    for words in calls {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(function);
        template::words_into(&mut text, words);
    }
    text
}
