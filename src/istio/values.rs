use serde_json::Value;

use crate::mesh::{Cluster, Mesh};
use crate::topology::FreeForm;

use super::{keys, known, merge, take_out, write};
use crate::fact::{FACTS, Write};

/// The Helm values of a cluster.
pub(crate) fn values(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> FreeForm {
    let author = [&mesh.istio.values, &cluster.written.istio.values];
    write(&known(mesh, cluster), "values", |_| true, author)
}

/// What the author says of an ordinary gateway of a cluster.
pub(crate) fn gateway_values(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &str) -> FreeForm {
    let author = [&mesh.istio.values, &cluster.written.istio.values];
    let author = author.into_iter().filter_map(|values| values.get("gateways")?.get(gateway)?.as_object());
    write(&known(mesh, cluster), "values.gateways", |_| false, author)
}

/// What of `global` a cluster's east-west gateway is told: the author's too, since a private registry serves the gateway as well.
pub(crate) fn gateway_global(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> FreeForm {
    const LIST: &str = "values.global";
    let author = [&mesh.istio.values, &cluster.written.istio.values];
    let author = author.into_iter().filter_map(|values| values.get("global")?.as_object());
    let mut global = write(&known(mesh, cluster), LIST, |fact| fact.is_for_gateways, author);
    // The author may have repeated a fact that is not for gateways.
    let others = FACTS.iter().filter(|fact| !fact.is_for_gateways && !matches!(fact.write, Write::Never));
    for keys in others.filter_map(|fact| keys(fact, LIST)) {
        take_out(&mut global, keys);
    }
    global
}

/// A field of the author's values, of a cluster over those of all.
pub(crate) fn author(mesh: &Mesh<'_>, cluster: &Cluster<'_>, field: &str) -> FreeForm {
    let mut told = FreeForm::new();
    for values in [&mesh.istio.values, &cluster.written.istio.values] {
        if let Some(over) = values.get(field).and_then(Value::as_object) {
            merge(&mut told, over);
        }
    }
    told
}
