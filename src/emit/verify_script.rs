use std::borrow::Cow;

use serde::Serialize;

use crate::mesh::{Cluster, Mesh};
use crate::plan::Plan;
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    lists_remote_clusters: bool,
    clusters: Vec<Checked<'m>>,
}

/// The checks of a cluster.
#[derive(Serialize)]
struct Checked<'m> {
    name: &'m str,
    context: &'m str,
    /// The Deployment of its control plane, if one runs there.
    istiod: String,
    has_gateway: bool,
    address: &'m str,
    /// On a primary, every other cluster: words for the shell.
    known: String,
    /// Where its gateway's proxy reports traces, as its bootstrap says.
    reports_to: Cow<'m, str>,
    /// Where its primary's istiod sends the traces of its gateway's proxy.
    provider: Option<Provided<'m>>,
    has_collector: bool,
}

/// A service that proxies have to know, and the address behind it where it is none of a cluster's.
#[derive(Serialize)]
struct Provided<'m> {
    host: &'m str,
    address: &'m str,
    port: u16,
}

/// `verify.sh`: checks whether the mesh is up.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let clusters = mesh.clusters.iter().map(|cluster| checked(mesh, cluster)).collect();
    template::render(
        "verify.sh",
        Values { mesh: mesh.id, lists_remote_clusters: mesh.release.lists_remote_clusters, clusters },
    )
}

fn checked<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Checked<'m> {
    let gateway = cluster.gateway.as_ref();
    let others = mesh.clusters.iter().filter(|other| cluster.is_primary() && other.position != cluster.position);
    let reports_to = gateway.and_then(|_| mesh.bootstrap_collector_of(cluster));
    let provider = mesh.primary_of(cluster).provider.as_ref().filter(|_| gateway.is_some());
    Checked {
        name: cluster.name,
        context: cluster.context,
        istiod: if cluster.runs_istiod { cluster.istiod_service() } else { String::new() },
        has_gateway: gateway.is_some(),
        address: gateway.and_then(|gateway| gateway.address.as_deref()).unwrap_or_default(),
        known: others.fold(String::new(), |mut words, other| {
            words.push(' ');
            template::quote_into(&mut words, other.name);
            words
        }),
        reports_to: reports_to.unwrap_or_default(),
        provider: provider.map(|provider| Provided {
            host: provider.service.split_once('/').map_or(provider.service.as_str(), |(_, host)| host),
            address: provider.external.as_ref().map_or("", |external| external.address.as_str()),
            port: provider.port,
        }),
        has_collector: mesh.collector.as_ref().is_some_and(|collector| collector.cluster == cluster.position),
    }
}
