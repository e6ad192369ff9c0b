use serde::Serialize;

use crate::mesh::{Cluster, Mesh};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    clusters: Vec<Checked<'m>>,
}

/// What is to be seen in a cluster.
#[derive(Serialize)]
struct Checked<'m> {
    name: &'m str,
    context: &'m str,
    /// The Deployment of its control plane, if one runs there.
    istiod: &'static str,
    has_gateway: bool,
    address: &'m str,
    /// On a primary, every other cluster.
    known: Vec<&'m str>,
    /// Where its gateway's proxy reports traces, as its bootstrap says.
    reports_to: &'m str,
    has_collector: bool,
}

/// `verify.sh`: is the mesh up?
pub(super) fn text(mesh: &Mesh<'_>) -> String {
    let clusters = mesh.clusters.iter().map(|cluster| checked(mesh, cluster)).collect();
    template::render("verify.sh", Values { mesh: mesh.id, clusters })
}

fn checked<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Checked<'m> {
    let gateway = cluster.gateway.as_ref();
    let others = mesh.clusters.iter().filter(|other| cluster.is_primary() && other.position != cluster.position);
    let bootstrap =
        cluster.mesh_config.get("defaultConfig").and_then(|config| config.pointer("/tracing/zipkin/address"));
    let reports_to = bootstrap.filter(|_| gateway.is_some()).and_then(serde_json::Value::as_str);
    Checked {
        name: cluster.name,
        context: cluster.context,
        istiod: "istiod",
        has_gateway: gateway.is_some(),
        address: gateway.and_then(|gateway| gateway.address.as_deref()).unwrap_or_default(),
        known: others.map(|other| other.name).collect(),
        reports_to: reports_to.unwrap_or_default(),
        has_collector: mesh.collector.as_ref().is_some_and(|collector| collector.cluster == cluster.position),
    }
}
