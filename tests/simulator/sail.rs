//! The Sail operator: it makes releases of Istio's charts from its resources (istio-ecosystem/sail-operator 1.30.3).

use serde_json::{Value, json};

use crate::helm::{self, Chart};
use crate::reconcile;
use crate::state::{Cluster, State, key, text};

const MANAGER: &str = "sail-operator";

/// The namespace in which it keeps the release of the chart `base` (`pkg/reconcile/istiod.go`).
const OWN: &str = "sail-operator";

/// Installs what the resources of a cluster say, and removes what none says any more.
pub(crate) fn install(cluster: &mut Cluster) {
    if cluster.objects.contains_key("CustomResourceDefinition//istios.sailoperator.io") {
        istio(cluster);
        cni(cluster);
    }
}

/// The charts of a revision: the name of the release, the chart, and its namespace.
const CHARTS: [(&str, &str, &str); 2] =
    [("default-istiod", "istiod", "istio-system"), ("default-base", "base without definitions", OWN)];

fn istio(cluster: &mut Cluster) {
    let (resource, revision) = (key("Istio", "", "default"), key("IstioRevision", "", "default"));
    let Some(spec) = cluster.objects.get(&resource).map(|istio| istio["spec"].clone()) else {
        if cluster.objects.shift_remove(&revision).is_some() {
            for (release, _, namespace) in CHARTS {
                helm::removes(cluster, namespace, release);
            }
        }
        return;
    };
    let known = cluster.objects.get(&revision).map(|revision| revision["spec"].clone());
    let is_done = known.as_ref() == Some(&spec) && CHARTS.iter().all(|(release, ..)| is_whole(cluster, release));
    let error = if is_done {
        None
    } else {
        let charts = CHARTS.iter().map(|(release, chart, namespace)| {
            upgrade(cluster, &spec, &Release { name: release, chart, namespace }).err()
        });
        charts.collect::<Vec<_>>().into_iter().flatten().next()
    };
    let object = json!({"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "metadata": {"name": "default"},
                        "spec": if error.is_none() { spec } else { Value::Null }});
    cluster.objects.insert(revision.clone(), object);
    for key in [resource, revision] {
        let object = cluster.objects.get_mut(&key).expect("it is there");
        object["status"]["reconciled"] = json!(error.clone().unwrap_or_default());
    }
}

fn cni(cluster: &mut Cluster) {
    let resource = key("IstioCNI", "", "default");
    let release = |namespace| Release { name: "istio-cni", chart: "cni", namespace };
    let Some(spec) = cluster.objects.get(&resource).map(|cni| cni["spec"].clone()) else {
        let is_ours = |object: &&Value| text(object, "/managed-by") == MANAGER;
        let place = cluster.objects.values().find(is_ours).map(|record| text(record, "/metadata/namespace").to_owned());
        if let Some(namespace) = place {
            helm::removes(cluster, &namespace, "istio-cni");
        }
        return;
    };
    let namespace = text(&spec, "/namespace").to_owned();
    let known = cluster.objects[&resource]["status"]["installed"].clone();
    let error = if known == spec && is_whole(cluster, "istio-cni") {
        None
    } else {
        upgrade(cluster, &spec, &release(&namespace)).err()
    };
    for record in cluster.objects.values_mut().filter(|object| text(object, "/metadata/labels/name") == "istio-cni") {
        record["managed-by"] = json!(MANAGER);
    }
    let object = cluster.objects.get_mut(&resource).expect("it is there");
    object["status"]["reconciled"] = json!(error.clone().unwrap_or_default());
    object["status"]["installed"] = if error.is_none() { spec } else { Value::Null };
}

struct Release<'r> {
    name: &'r str,
    chart: &'r str,
    namespace: &'r str,
}

/// Whether everything of a release is there.
fn is_whole(cluster: &Cluster, release: &str) -> bool {
    let namespaces = ["istio-system", "kube-system", OWN];
    let mut found = namespaces.iter().filter_map(|namespace| helm::find(cluster, namespace, release));
    found.any(|found| found.keys.iter().all(|key| cluster.objects.contains_key(key)))
}

/// Its Helm neither takes over objects of others nor applies server-side (`pkg/helm/chartmanager.go`).
fn upgrade(cluster: &mut Cluster, spec: &Value, release: &Release<'_>) -> Result<(), String> {
    let mut values = spec.get("values").cloned().unwrap_or_else(|| json!({}));
    if !["", "default", "openshift"].contains(&text(spec, "/profile")) {
        values["profile"] = spec["profile"].clone();
    }
    let chart = Chart {
        name: release.chart,
        version: text(spec, "/version").trim_start_matches('v'),
        values,
        namespace: release.namespace,
        release: release.name,
    };
    let answer = helm::install(cluster, &chart, MANAGER, false, true);
    if answer.code == 0 { Ok(()) } else { Err(answer.err) }
}

/// Says of each resource whether it is done and whether it is ready. A remote's is, if the webhook has a root and istiod answers behind
/// it (`controllers/webhook/webhook_controller.go`).
pub(crate) fn judge(state: &mut State, contexts: &[String]) {
    for context in contexts {
        let is_served = reconcile::serving(state, context).is_some();
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        let istiod = cluster.objects.values().find(|object| reconcile::is_istiod(object));
        let has_root = |object: &Value| {
            let bundle = object.pointer("/webhooks/0/clientConfig/caBundle");
            text(object, "/kind") == "MutatingWebhookConfiguration" && bundle.is_some_and(Value::is_string)
        };
        let is_up = match istiod {
            Some(istiod) => istiod.pointer("/simulator/isReady") == Some(&json!(true)),
            None => is_served && cluster.objects.values().any(has_root),
        };
        for (name, is_up) in [("Istio", is_up), ("IstioRevision", is_up), ("IstioCNI", true)] {
            let Some(object) = cluster.objects.get_mut(&key(name, "", "default")) else { continue };
            let is_done = text(object, "/status/reconciled").is_empty() && object["status"]["reconciled"].is_string();
            let condition =
                |name: &str, is_true: bool| json!({"type": name, "status": if is_true { "True" } else { "False" }});
            object["status"]["conditions"] =
                json!([condition("Reconciled", is_done), condition("Ready", is_done && is_up)]);
            object["status"]["state"] = json!(if is_done && is_up { "Healthy" } else { "NotReady" });
        }
    }
}

/// Whether a condition of a resource is true.
pub(crate) fn is_met(object: &Value, condition: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == condition && one["status"] == "True")
}

/// Whether an object is a resource of the operator's.
pub(crate) fn is_resource(object: &Value) -> bool {
    ["Istio", "IstioCNI", "IstioRevision"].contains(&text(object, "/kind"))
}
