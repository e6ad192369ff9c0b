//! The resources of the Sail operator, from the same values as files of kind `IstioOperator` and the values of Helm
//! (istio-ecosystem/sail-operator 1.30.3, `api/v1/istio_types.go`, `istiocni_types.go`).

use serde_json::{Map, Value, json};

use crate::istio::{self, author};
use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Mesh};
use crate::topology::{FreeForm, Install};

use super::charts::{add, istiod_values};
use super::labels;

const API_VERSION: &str = "sailoperator.io/v1";

/// The name of the resources. With `InPlace`, the one of kind `Istio` has the name of the revision, and `default` means none
/// (`controllers/istio/istio_controller.go`); the operator takes no other name for one of kind `IstioCNI`.
pub(crate) const NAME: &str = "default";

/// What the values of the plugin's chart may say of `global` (`chart/crds/sailoperator.io_istiocnis.yaml`).
const GLOBAL_OF_CNI: [&str; 9] = [
    "defaultResources",
    "hub",
    "imagePullPolicy",
    "imagePullSecrets",
    "logAsJson",
    "logging",
    "nativeNftables",
    "platform",
    "tag",
];

/// The control plane, or the way to the primary's.
pub(super) fn istio(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Sail {
        return Vec::new();
    }
    let mut values = istiod_values(mesh, cluster);
    add(&mut values, "base", author(mesh, cluster, "base"));
    if !cluster.remotes.is_empty() {
        // The operator does not look at `global.externalIstiod` when it asks whether a control plane serves other clusters.
        let pilot = values.entry("pilot").or_insert_with(|| json!({}));
        pilot["env"]["EXTERNAL_ISTIOD"] = json!("true");
    }
    let mut spec = spec(mesh, cluster, ISTIO_SYSTEM);
    spec.insert("updateStrategy".to_owned(), json!({ "type": "InPlace" }));
    spec.insert("values".to_owned(), Value::Object(values));
    vec![resource("Istio", mesh, &spec)]
}

/// The mesh config, as a patch of the resource beside it: a change of tracing is a change of this file.
///
/// A cluster without an istiod has none: its proxies get their primary's.
pub(super) fn mesh_config(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Sail || !cluster.runs_istiod {
        return Vec::new();
    }
    vec![json!({
        "apiVersion": API_VERSION,
        "kind": "Istio",
        "metadata": { "name": NAME },
        "spec": { "values": { "meshConfig": istio::mesh_config(mesh, cluster) } },
    })]
}

/// Istio's CNI plugin. Its namespace is there: Kubernetes has `kube-system`, and the first step makes `istio-system`.
pub(super) fn cni(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if !cluster.has_cni_resource() {
        return Vec::new();
    }
    let mut values = FreeForm::new();
    add(&mut values, "cni", author(mesh, cluster, "cni"));
    let mut global = author(mesh, cluster, "global");
    global.retain(|field, _| GLOBAL_OF_CNI.contains(&field.as_str()));
    if let Some(platform) = istio::values(mesh, cluster).get("global").and_then(|global| global.get("platform")) {
        global.insert("platform".to_owned(), platform.clone());
    }
    add(&mut values, "global", global);
    let mut spec = spec(mesh, cluster, cluster.cni_namespace());
    if !values.is_empty() {
        spec.insert("values".to_owned(), Value::Object(values));
    }
    vec![resource("IstioCNI", mesh, &spec)]
}

/// What both kinds say: the version, the namespace, and the profile if it is not the usual one.
fn spec(mesh: &Mesh<'_>, cluster: &Cluster<'_>, namespace: &str) -> Map<String, Value> {
    let mut spec = Map::from_iter([
        ("version".to_owned(), json!(format!("v{}", mesh.version))),
        ("namespace".to_owned(), json!(namespace)),
    ]);
    let profile = if cluster.runs_istiod { mesh.profile } else { "remote" };
    if profile != "default" {
        spec.insert("profile".to_owned(), json!(profile));
    }
    spec
}

/// A resource without a namespace: the operator's are those of the cluster.
fn resource(kind: &str, mesh: &Mesh<'_>, spec: &Map<String, Value>) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": { "name": NAME, "labels": labels(mesh) },
        "spec": spec,
    })
}
