use crate::mesh::{Cluster, Mesh};
use crate::topology::FreeForm;

use super::{known, take_out, write};
use crate::fact::COLLECTOR;

const LIST: &str = "meshConfig";

/// The mesh config of a cluster; without an istiod, only what its primary has to read there.
pub(crate) fn mesh_config(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> FreeForm {
    let known = known(mesh, cluster);
    if !cluster.runs_istiod {
        return write(&known, LIST, |_| true, []);
    }
    let mut config = write(&known, LIST, |_| true, [&mesh.istio.mesh_config, &cluster.written.istio.mesh_config]);
    if cluster.provider.is_some() {
        // The provider says the same.
        let address = COLLECTOR.strip_prefix(LIST).and_then(|path| path.strip_prefix('.'));
        take_out(&mut config, address.expect("the mesh config tells the bootstrap's collector"));
    }
    config
}
