//! What a walk left, and what a fresh installation gives.

use std::collections::{BTreeMap, BTreeSet};

use meshgen::lock;
use meshgen::source::Source;
use serde_json::{Map, Value, json};

use crate::common::base64;
use crate::common::simulator::{HUB, Simulator};

use super::{Installed, Walk, nodes_of};

/// The objects of a cluster without what says how often something happened.
pub(super) fn rest(simulator: &Simulator, context: &str) -> BTreeMap<String, Value> {
    let mut objects: BTreeMap<String, Value> = simulator.objects(context).into_iter().collect();
    // Each call of Helm writes down another version of a release.
    let (records, rest): (BTreeMap<_, _>, _) =
        objects.into_iter().partition(|(key, _)| key.contains("/sh.helm.release.v1."));
    objects = rest;
    objects.extend(records.into_iter().map(|(key, mut object)| {
        object["metadata"] = Value::Null;
        (key.rsplit_once(".v").unwrap().0.to_owned(), object)
    }));
    for (key, object) in &mut objects {
        // Who applied what, and labels of whoever was there before.
        for field in ["managers", "applied"] {
            object.as_object_mut().unwrap().shift_remove(field);
        }
        forget_labels(key, object);
        // The certificate beside it says which key it is: in some forms a ciphertext stands for it here.
        if let Some(private_key) = object.pointer_mut("/data/ca-key.pem") {
            *private_key = json!("a key");
        }
        if let Some(noted) = object.get_mut("simulator").and_then(Value::as_object_mut) {
            for name in [
                "changed",
                "connection",
                "controller",
                "read",
                "restarts",
                "rootAtStart",
                "startHour",
                "starts",
                "synced",
                "template",
                "tokens",
                "written",
            ] {
                noted.remove(name);
            }
            if let Some(certificate) = noted.get_mut("certificate") {
                certificate["hour"] = Value::Null;
            }
        }
        if let Some(metadata) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
            metadata.remove("annotations");
        }
        // To know further roots does no harm.
        if let Some(Value::String(started)) = object.pointer_mut("/metadata/annotations/meshgen~1proxies-started-with")
            && let Some(end) = started.find(" roots=")
        {
            started.truncate(end);
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("creationTimestamp");
            if !key.starts_with("Namespace/") {
                metadata.remove("annotations");
            }
            if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
                labels.retain(|_, value| !value.is_null());
                // A namespace without this label has the same injector.
                if key.starts_with("Namespace/")
                    && labels.get("istio.io/rev").is_some_and(|revision| revision == "default")
                {
                    labels.shift_remove("istio.io/rev");
                }
                if labels.is_empty() {
                    metadata.remove("labels");
                }
            }
        }
        // A load balancer may still have an earlier address.
        if key == "Service/istio-system/istio-eastwestgateway" {
            object.as_object_mut().unwrap().remove("status");
        }
        if let Some(name) = key.strip_prefix("Secret/istio-system/istio-remote-secret-") {
            object["data"] = json!(credential(simulator, name, object));
        }
        if key.ends_with("-remote-secret-token") {
            object["data"] = Value::Null;
        }
        if object.get("simulator").is_some_and(|noted| *noted == json!({})) {
            object.as_object_mut().unwrap().remove("simulator");
        }
    }
    // A definition of a kind stays: deleting it would delete all its objects. So do the values of earlier commits.
    objects.retain(|key, _| !key.starts_with("CustomResourceDefinition/") && !is_values(key));
    // Nor does a controller's own namespace go.
    if context != HUB {
        objects.retain(|key, _| !CONTROLLERS.iter().any(|place| is_of_place(key, place)));
    }
    objects
}

const CONTROLLERS: [&str; 2] = ["argocd", "flux-system"];

/// Whether an object is the namespace of a controller, or in it without being what the controller works by.
fn is_of_place(key: &str, place: &str) -> bool {
    let mut parts = key.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("Namespace"), _, name) => name == Some(place),
        (Some("ConfigMap" | "Secret"), namespace, _) => namespace == Some(place),
        _ => false,
    }
}

fn is_values(key: &str) -> bool {
    key.starts_with("ConfigMap/") && key.contains("-values-")
}

/// What controllers work by, in the cluster that is for them alone.
pub(super) fn hub(walk: &Walk<'_>, to: &Installed) -> Vec<String> {
    let objects = |simulator: &Simulator| {
        let mut objects = if simulator.has(HUB) { rest(simulator, HUB) } else { BTreeMap::new() };
        // The names under which a controller knew clusters are for people.
        objects.retain(|key, _| !key.starts_with("Secret/") && !key.starts_with("Namespace/"));
        objects
    };
    let (found, wanted) = (objects(&walk.simulator), objects(&to.simulator));
    let keys: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let other = keys.into_iter().filter(|key| found.get(*key) != wanted.get(*key));
    other.map(|key| format!("hub: {key} is {:?}, not {:?}", found.get(key), wanted.get(key))).collect()
}

/// Removes labels that nobody goes by once another program has taken over, and that it does not state.
fn forget_labels(key: &str, object: &mut Value) {
    let Some(labels) = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) else { return };
    let is_forgotten = |name: &str| {
        ["install.operator.istio.io/", "reconcile.external-secrets.io/"].iter().any(|owner| name.starts_with(owner))
    };
    labels.retain(|name, _| !is_forgotten(name) && name != "operator.istio.io/version");
    let kind = key.split('/').next().unwrap();
    if ["ServiceAccount", "Role", "RoleBinding", "HorizontalPodAutoscaler", "PodDisruptionBudget"].contains(&kind) {
        labels.retain(|name, _| name.ends_with("/managed-by") || name.ends_with("/part-of"));
    }
    if key.ends_with("/istiod-default-validator") {
        labels.clear();
    }
}

/// What a primary has of a cluster. A token is what it is worth.
fn credential(simulator: &Simulator, cluster: &str, secret: &Value) -> String {
    let text = base64::decoded(secret["data"][cluster].as_str().unwrap());
    let lock = simulator.lock();
    let context = lock.clusters.get(cluster).and_then(|cluster| cluster.context.as_deref());
    let valid = context.and_then(|context| token(simulator, context));
    let (before, token) = text.split_once("token: ").unwrap();
    let is_valid = valid.is_some_and(|valid| valid == token.trim());
    format!("{before}token: {}", if is_valid { "valid" } else { "not valid" })
}

/// The token with which others read a cluster.
fn token(simulator: &Simulator, context: &str) -> Option<String> {
    let secret = simulator.object(context, TOKEN)?;
    Some(base64::decoded(secret["data"]["token"].as_str()?))
}

const TOKEN: &str = "Secret/istio-system/istio-reader-service-account-istio-remote-secret-token";

/// The clusters of a mesh by name: context and API server.
pub(super) fn places(source: &Source) -> Places {
    let outline = meshgen::outline(source, None).unwrap();
    let clusters = outline.record.clusters.into_iter();
    let server = |cluster: &lock::Cluster| format!("{} {:?}", cluster.api_server.as_ref().unwrap(), cluster.proxy_url);
    clusters.map(|(name, cluster)| (name, (cluster.context.clone().unwrap(), server(&cluster)))).collect()
}

type Places = BTreeMap<String, (String, String)>;

/// The names and contexts of the clusters that left, and are under no other name in the mesh.
fn gone(before: &Places, after: &Places) -> Vec<(String, String)> {
    let is_there = |place: &(String, String)| after.values().any(|its| its.0 == place.0 || its.1 == place.1);
    let gone = before.iter().filter(|(name, place)| !after.contains_key(*name) && !is_there(place));
    gone.map(|(name, (context, _))| (name.clone(), context.clone())).collect()
}

/// Whether a workload restarts for a person alone: its namespace is not stated.
fn is_of_a_person(walk: &Walk<'_>, key: &str) -> bool {
    is_in_shop(key) && !walk.simulator.lock().workloads.iter().any(|namespace| namespace == "shop")
}

fn is_in_shop(key: &str) -> bool {
    key.starts_with("Deployment/shop/") || key == "Namespace//shop"
}

/// Proxies that refuse each other: none waits for the day that passes.
pub(super) fn roots(walk: &Walk<'_>, to: &Installed) -> Vec<String> {
    const CERTIFICATE: &str = "/simulator/certificate";
    let mut wrong = Vec::new();
    for (name, (context, _)) in places(walk.after) {
        for (key, object) in walk.simulator.objects(&context) {
            let wanted = to.a_day_later[&name].get(&key).and_then(|object| object.pointer(CERTIFICATE));
            let (Some(found), Some(wanted)) = (object.pointer(CERTIFICATE), wanted) else { continue };
            let is_accepted = trusts(found, wanted) && trusts(wanted, found);
            if !is_accepted && !is_of_a_person(walk, &key) {
                wrong.push(format!("{name}: {key} has another root"));
            }
        }
    }
    wrong
}

/// Whether a proxy trusts the root under which another one has its certificate.
fn trusts(one: &Value, other: &Value) -> bool {
    match other["anchor"].as_str() {
        Some(anchor) if !anchor.is_empty() => {
            base64::decoded(one["root"].as_str().unwrap_or_default()).contains(anchor)
        }
        // That of an authority which nobody knows.
        _ => one["root"] == other["root"],
    }
}

/// Whoever ran a primary that left has the tokens that it read clusters with.
pub(super) fn tokens(walk: &Walk<'_>, from: &Installed) -> Vec<String> {
    let (before, after) = (places(walk.before), places(walk.after));
    let lock = from.simulator.lock();
    let is_primary = |name: &str| lock.clusters[name].primary.as_deref() == Some(name);
    if !gone(&before, &after).iter().any(|(name, _)| is_primary(name)) {
        return Vec::new();
    }
    let is_kept = |(name, (context, _)): &(&String, &(String, String))| {
        let known = before.get(*name).and_then(|(context, _)| token(&from.simulator, context));
        known.is_some() && known == token(&walk.simulator, context)
    };
    after.iter().filter(is_kept).map(|(name, _)| format!("{name}: a primary that left can still read it")).collect()
}

const COLLECTOR: [&str; 3] =
    ["Deployment/istio-system/zipkin", "Service/istio-system/zipkin", "Service/istio-system/tracing"];

/// The objects of each cluster.
pub(super) fn clusters(walk: &Walk<'_>, to: &Installed, is_smooth: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let stays = places(walk.after);
    let is_there = |one: &str| stays.values().any(|(context, _)| context == one);
    for (name, (context, _)) in &stays {
        let (mut found, wanted) = (rest(&walk.simulator, context), &to.a_day_later[name]);
        found.retain(|key, _| !is_of_a_person(walk, key));
        for (key, object) in &mut found {
            let Some(noted) = object.get_mut("simulator").and_then(Value::as_object_mut) else { continue };
            if noted.remove("hasLostItsControlPlane").is_some() && is_smooth {
                wrong.push(format!("{name}: {key} lost its control plane"));
            }
            let lost = noted.remove("hasLost");
            let lost = lost.iter().filter_map(Value::as_object).flat_map(Map::keys);
            if is_smooth {
                let lost = lost.filter(|context| is_there(context));
                wrong.extend(lost.map(|context| format!("{name}: {key} lost what it knew of {context}")));
            }
        }
        let lock = walk.simulator.lock();
        // A collector that meshgen installs no longer, and that traces still go to, is somebody else's.
        let is_kept = |key: &str| lock.traces_to.as_ref() == Some(name) && COLLECTOR.contains(&key);
        // In a cluster that waits, nothing injects.
        let is_waiting = lock.clusters[name].is_waiting;
        let keys: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
        for key in keys.into_iter().filter(|key| !(is_waiting && is_in_shop(key))) {
            match (found.get(key), wanted.get(key)) {
                (one, other) if one == other => {}
                (Some(_), None) if is_kept(key) => {}
                (Some(_), None) => wrong.push(format!("{name}: {key} stays")),
                (None, Some(_)) if is_in_shop(key) => {}
                // What istioctl makes for the tag `default` may go with an earlier revision.
                (None, Some(_))
                    if key.contains("revision-tag-default") || key.ends_with("/istiod-default-validator") => {}
                (None, _) => wrong.push(format!("{name}: {key} is missing")),
                (Some(found), Some(wanted)) => wrong.push(format!("{name}: {key} is\n{found:#}\nnot\n{wanted:#}")),
            }
        }
    }
    wrong
}

/// The clusters that left.
pub(super) fn left(walk: &Walk<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (_, context) in gone(&places(walk.before), &places(walk.after)) {
        let objects = walk.simulator.objects(&context);
        let left: Vec<&String> = objects.keys().filter(|key| key.contains("/istio-system")).collect();
        if !left.is_empty() {
            wrong.push(format!("{context}, which left, still has {left:?}"));
        }
    }
    wrong
}

/// The routes of each node.
pub(super) fn nodes(walk: &Walk<'_>, to: &Installed) -> Vec<String> {
    let routes = |state: &Value| -> BTreeSet<String> {
        state["routes"].as_array().unwrap().iter().map(Value::to_string).collect()
    };
    let clusters = places(walk.after);
    let nodes = clusters.keys().flat_map(|cluster| nodes_of(walk.after, cluster)).collect::<BTreeSet<_>>();
    let of = |states: &super::Nodes, node: &str| states.get(node).map(routes).unwrap_or_default();
    let is_other = |node: &&String| of(&walk.nodes, node) != of(&to.nodes, node);
    let told = |node: &String| {
        format!("node {node} has the routes {:?}, not {:?}", of(&walk.nodes, node), of(&to.nodes, node))
    };
    nodes.iter().filter(is_other).map(told).collect()
}
