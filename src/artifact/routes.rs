use serde::Serialize;

use crate::mesh::{Cluster, Mesh, Route};
use crate::template;

/// The number by which routes are known as ours (`rtm_protocol`, free for use by operators: linux/rtnetlink.h names 0 to 254).
const PROTOCOL: u8 = 77;

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
        let values = Values { cluster: cluster.name, network: cluster.network, protocol: PROTOCOL, routes: &routes };
        template::render("routes.sh", values)
    })
}
