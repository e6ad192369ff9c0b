//! The values of Istio's Helm charts, from the same facts as files of kind `IstioOperator`. istioctl gives each chart the values that it reads
//! (`1.30.3:operator/pkg/render/manifest.go`), and so do these files.

use serde_json::{Map, Value, json};

use crate::istio::{self, author};
use crate::mesh::{Cluster, Mesh};
use crate::topology::{FreeForm, Install};

/// Values that the chart `istiod` does not read.
const OF_OTHERS: [&str; 3] = ["base", "cni", "gateways"];

/// The values of the chart `base`: definitions, and the account that other control planes read the cluster with.
pub(super) fn base(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Helm {
        return Vec::new();
    }
    let mut values = profile(mesh, cluster);
    if let Some(revision) = cluster.revision {
        // The webhook that validates configuration calls the istiod of this revision.
        values.insert("defaultRevision".to_owned(), json!(revision));
    }
    add(&mut values, "base", author(mesh, cluster, "base"));
    add(&mut values, "global", author(mesh, cluster, "global"));
    vec![Value::Object(values)]
}

/// The values of the chart `istiod`; where no istiod runs, it makes the webhook and the way to the primary's.
pub(super) fn istiod(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Helm {
        return Vec::new();
    }
    let mut values = profile(mesh, cluster);
    if let Some(revision) = cluster.revision {
        values.insert("revision".to_owned(), json!(revision));
    }
    values.extend(istiod_values(mesh, cluster));
    vec![Value::Object(values)]
}

/// The same without its profile and its revision, which the Sail operator is told elsewhere.
pub(super) fn istiod_values(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> FreeForm {
    let mut values = istio::values(mesh, cluster);
    values.retain(|name, _| !OF_OTHERS.contains(&name.as_str()));
    if let Some(is_enabled) = cluster.cni {
        // istioctl says this of the component.
        let pilot = values.entry("pilot").or_insert_with(|| json!({}));
        let cni = pilot.as_object_mut().map(|pilot| pilot.entry("cni").or_insert_with(|| json!({})));
        if let Some(Value::Object(cni)) = cni {
            cni.insert("enabled".to_owned(), json!(is_enabled));
        }
    }
    if !cluster.runs_istiod {
        // Elsewhere the file beside this one says it.
        add(&mut values, "meshConfig", istio::mesh_config(mesh, cluster));
    }
    values
}

/// The mesh config, as values of the chart `istiod`: a change of tracing is a change of this file.
pub(super) fn mesh_config(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Helm || !cluster.runs_istiod {
        return Vec::new();
    }
    vec![json!({ "meshConfig": istio::mesh_config(mesh, cluster) })]
}

/// The values of the chart `cni`.
pub(super) fn cni(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if !cluster.has_cni_chart() {
        return Vec::new();
    }
    let mut values = profile(mesh, cluster);
    if let Some(revision) = cluster.revision {
        values.insert("revision".to_owned(), json!(revision));
    }
    add(&mut values, "cni", author(mesh, cluster, "cni"));
    add(&mut values, "global", author(mesh, cluster, "global"));
    vec![Value::Object(values)]
}

/// The charts know no profile `default`: what it sets are their defaults.
fn profile(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> FreeForm {
    let profile = if cluster.runs_istiod { mesh.profile } else { "remote" };
    let told = (profile != "default").then(|| ("profile".to_owned(), json!(profile)));
    told.into_iter().collect()
}

pub(super) fn add(values: &mut FreeForm, name: &str, told: Map<String, Value>) {
    if !told.is_empty() {
        values.insert(name.to_owned(), Value::Object(told));
    }
}
