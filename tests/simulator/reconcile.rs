//! What clusters do by themselves after a change: istiods read, sign and write; pods start.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::state::{Cluster, State, key, text};

const NAMESPACE: &str = "istio-system";

/// What a proxy knows from its start: the fields that istiod does not hand to running proxies.
const AT_START: [&str; 5] =
    ["defaultConfig", "enablePrometheusMerge", "proxyInboundListenPort", "proxyListenPort", "trustDomain"];

pub(crate) fn is_istiod(object: &Value) -> bool {
    text(object, "/kind") == "Deployment" && text(object, "/metadata/labels/app") == "istiod"
}

fn is_gateway(object: &Value) -> bool {
    text(object, "/kind") == "Deployment" && !["", "pilot"].contains(&text(object, "/metadata/labels/istio"))
}

/// A workload of a user, with a sidecar.
fn is_workload(object: &Value) -> bool {
    ["Deployment", "StatefulSet", "DaemonSet"].contains(&text(object, "/kind"))
        && text(object, "/metadata/namespace") != NAMESPACE
}

/// A small digest of a value.
fn digest(value: &Value) -> String {
    Sha256::digest(value.to_string()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The context whose istiod serves a cluster: by its Service with a selector, or by the address behind it.
pub(crate) fn serving(state: &State, context: &str) -> Option<String> {
    let cluster = state.clusters.get(context)?;
    let local = cluster.objects.values().find(|object| is_istiod(object));
    let address = match local {
        Some(istiod) if text(istiod, "/install/address").is_empty() => return Some(context.to_owned()),
        Some(istiod) => text(istiod, "/install/address").to_owned(),
        None => {
            let slice = cluster.objects.values().find(|object| text(object, "/kind") == "EndpointSlice")?;
            text(slice, "/endpoints/0/addresses/0").to_owned()
        }
    };
    let has_address = |other: &&Cluster| {
        let service = other.objects.get(&key("Service", NAMESPACE, "istio-eastwestgateway"));
        let is_exposed = other.objects.values().any(|object| {
            text(object, "/kind") == "Gateway" && text(object, "/metadata/name").starts_with("istiod-gateway")
        });
        is_exposed && service.is_some_and(|service| service.to_string().contains(&format!("\"{address}\"")))
    };
    state.clusters.values().find(has_address).map(|other| other.context.clone())
}

/// The name by which other clusters know a cluster.
fn id(cluster: &Cluster) -> Option<&str> {
    cluster.objects.values().map(|object| text(object, "/install/cluster")).find(|id| !id.is_empty())
}

fn restarts(object: &Value) -> Value {
    json!([object.pointer("/spec/template"), object.pointer("/simulator/restarts")])
}

/// Brings every cluster to rest.
pub(crate) fn all(state: &mut State) {
    let contexts: Vec<String> = state.clusters.keys().cloned().collect();
    for context in &contexts {
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        istiods(cluster);
        addresses(cluster);
    }
    for context in &contexts {
        let serving = serving(state, context);
        let started = serving.as_ref().map(|serving| start(state, serving, context));
        let is_known = serving.as_ref().is_some_and(|serving| {
            serving == context
                || id(&state.clusters[context]).is_none_or(|id| {
                    let secret = key("Secret", NAMESPACE, &format!("istio-remote-secret-{id}"));
                    state.clusters[serving].objects.contains_key(&secret)
                })
        });
        let local = state.clusters[context].objects.values().find(|object| is_istiod(object)).cloned();
        let root = match (&local, &serving) {
            (Some(istiod), _) => istiod.pointer("/simulator/root").cloned(),
            (None, Some(serving)) if is_known => {
                let istiod = state.clusters[serving].objects.values().find(|object| is_istiod(object));
                istiod.and_then(|istiod| istiod.pointer("/simulator/root").cloned())
            }
            _ => None,
        };
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        if let Some(root) = root {
            trust(cluster, &root);
        }
        pods(cluster, started.filter(|_| is_known));
    }
}

/// What a proxy of a cluster starts with now.
fn start(state: &State, serving: &str, context: &str) -> Value {
    let served_by = &state.clusters[serving];
    let injected_by =
        if state.clusters[context].objects.values().any(is_istiod) { &state.clusters[context] } else { served_by };
    let istiod = injected_by.objects.values().find(|object| is_istiod(object));
    let config = injected_by
        .objects
        .values()
        .find(|object| text(object, "/kind") == "ConfigMap" && object.pointer("/data/injected").is_some());
    let mesh: Value =
        config.and_then(|config| serde_json::from_str(text(config, "/data/mesh")).ok()).unwrap_or_default();
    let at_start: serde_json::Map<String, Value> =
        AT_START.iter().filter_map(|field| Some(((*field).to_owned(), mesh.get(*field)?.clone()))).collect();
    json!({
        "context": serving,
        "version": istiod.map(|istiod| text(istiod, "/simulator/version")),
        "mesh": Value::Object(at_start).to_string(),
        "injected": config.map(|config| text(config, "/data/injected")),
    })
}

/// istiods start when they are new or their template changes, and read their authority then; from 1.12 on also when it changes under
/// the same root (`1.30.3:pilot/pkg/bootstrap/istio_ca.go`).
fn istiods(cluster: &mut Cluster) {
    let authority = cluster.objects.get(&key("Secret", NAMESPACE, "cacerts")).map(
        |secret| json!({"authority": digest(&secret["data"]["ca-cert.pem"]), "root": secret["data"]["root-cert.pem"]}),
    );
    let authority = authority.unwrap_or_else(|| json!({"authority": "self-signed", "root": "c2VsZi1zaWduZWQ="}));
    for object in cluster.objects.values_mut().filter(|object| is_istiod(object)) {
        let now = restarts(object);
        let is_started = object.pointer("/simulator/template") == Some(&now);
        let reloads = !text(object, "/install/version").starts_with("1.11.")
            && object.pointer("/simulator/root") == Some(&authority["root"]);
        if !is_started || reloads {
            object["simulator"]["authority"] = authority["authority"].clone();
            object["simulator"]["root"] = authority["root"].clone();
        }
        object["simulator"]["version"] = object["install"]["version"].clone();
        object["simulator"]["template"] = now;
        object["simulator"]["isReady"] = json!(true);
    }
}

/// A load balancer without external IPs gets an address.
fn addresses(cluster: &mut Cluster) {
    for object in cluster.objects.values_mut().filter(|object| text(object, "/kind") == "Service") {
        let is_gateway = text(object, "/metadata/name") == "istio-eastwestgateway";
        if is_gateway && object.pointer("/spec/externalIPs").is_none() && object.get("status").is_none() {
            object["status"] = json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}});
        }
    }
}

/// istiod writes its root where proxies and the API server look for it.
fn trust(cluster: &mut Cluster, root: &Value) {
    let text_of_root = decoded(root.as_str().unwrap_or_default());
    let namespaces: Vec<String> = cluster
        .objects
        .values()
        .filter(|object| text(object, "/kind") == "Namespace")
        .map(|object| text(object, "/metadata/name").to_owned())
        .collect();
    for namespace in namespaces {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-ca-root-cert", "namespace": namespace},
                            "data": {"root-cert.pem": text_of_root}});
        cluster.objects.insert(key("ConfigMap", &namespace, "istio-ca-root-cert"), object);
    }
    for object in cluster.objects.values_mut() {
        if text(object, "/kind") == "MutatingWebhookConfiguration" {
            for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
                webhook["clientConfig"]["caBundle"] = root.clone();
            }
        }
    }
}

fn decoded(base64: &str) -> String {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a' + 26),
        b'0'..=b'9' => u32::from(byte - b'0' + 52),
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for chunk in base64.trim_end_matches('=').as_bytes().chunks(4) {
        let word = chunk.iter().fold(0, |word, byte| word << 6 | value(*byte)) << (6 * (4 - chunk.len()));
        bytes.extend((0..chunk.len() * 6 / 8).map(|at| u8::try_from(word >> (16 - 8 * at) & 255).expect("a byte")));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Pods start when they are new, or their template changes, with what istiod gives them then. Without an istiod they do not get ready.
fn pods(cluster: &mut Cluster, started: Option<Value>) {
    for object in cluster.objects.values_mut() {
        if text(object, "/kind") == "Deployment" && !is_istiod(object) && !is_gateway(object) && !is_workload(object) {
            object["simulator"]["isReady"] = json!(true);
        }
        if !(is_gateway(object) || is_workload(object)) {
            continue;
        }
        let now = restarts(object);
        let is_started = object.pointer("/simulator/template") == Some(&now)
            && object.pointer("/simulator/isReady") == Some(&json!(true));
        if is_started {
            continue;
        }
        object["simulator"]["isReady"] = json!(started.is_some());
        if let Some(started) = &started {
            object["simulator"]["started"] = started.clone();
            object["simulator"]["template"] = now;
        }
    }
}
