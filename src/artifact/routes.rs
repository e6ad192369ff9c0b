use serde::Serialize;

use crate::layout::ROUTE_PROTOCOL;
use crate::mesh::{Cluster, Mesh, Route};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    cluster: &'m str,
    network: &'m str,
    protocol: u8,
    routes: &'m [Route<'m>],
}

/// `routes.sh` of a cluster on a network with static routes and other clusters.
pub(super) fn text(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    mesh.has_routes(cluster).then(|| {
        let routes = mesh.routes(cluster);
        let values =
            Values { cluster: cluster.name, network: cluster.network, protocol: ROUTE_PROTOCOL, routes: &routes };
        template::render("routes.sh", values)
    })
}
