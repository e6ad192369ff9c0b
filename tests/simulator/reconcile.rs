//! What clusters do by themselves after a change: istiods read, sign and write; pods start.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::base64;
use crate::charts::namespaced;
use crate::external;
use crate::sail;
use crate::sealed;
use crate::state::{Cluster, State, key, text};

const NAMESPACE: &str = "istio-system";

/// The Secret with the token of the account that reads a cluster (`1.30.3:istioctl/pkg/multicluster/remote_secret.go`).
pub(crate) const TOKEN: &str = "istio-reader-service-account-istio-remote-secret-token";

/// After so many hours a proxy takes another certificate; one is valid for twice as long.
const HALF_A_DAY: u64 = 12;

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
        && text(object, "/metadata/name") != "istio-cni-node"
}

/// The revision that an object belongs to.
fn revision(object: &Value) -> &str {
    match text(object, "/metadata/labels/istio.io~1rev") {
        "" => "default",
        revision => revision,
    }
}

/// The istiod of a revision in a cluster.
pub(crate) fn istiod<'s>(cluster: &'s Cluster, of: &str) -> Option<&'s Value> {
    cluster.objects.values().find(|object| is_istiod(object) && revision(object) == of)
}

/// The revisions that a cluster has an istiod of, or a way to one.
fn revisions(cluster: &Cluster) -> BTreeSet<String> {
    let is_way = |object: &&Value| is_istiod(object) || is_alias(object) || text(object, "/kind") == "EndpointSlice";
    cluster.objects.values().filter(is_way).map(|object| revision(object).to_owned()).collect()
}

/// Whether an object is the Service of a control plane that is dialled by a name.
fn is_alias(object: &Value) -> bool {
    text(object, "/spec/type") == "ExternalName"
}

/// The revision of the injector that a proxy's namespace or its own labels name.
fn revision_of_proxy(cluster: &Cluster, object: &Value) -> String {
    let namespace = cluster.objects.get(&key("Namespace", "", text(object, "/metadata/namespace")));
    // What Helm's chart and meshgen say of a gateway stands in the template of its pods alone.
    if is_gateway(object) && !text(object, "/spec/template/metadata/labels/istio.io~1rev").is_empty() {
        return text(object, "/spec/template/metadata/labels/istio.io~1rev").to_owned();
    }
    revision(if is_gateway(object) { object } else { namespace.unwrap_or(&Value::Null) }).to_owned()
}

/// The context whose istiod of any revision serves a cluster.
pub(crate) fn serving(state: &State, context: &str) -> Option<String> {
    revisions(state.clusters.get(context)?).iter().find_map(|revision| serving_with(state, context, revision))
}

/// The context whose istiod serves a cluster: by its Service with a selector, or by the address behind it.
fn serving_with(state: &State, context: &str, of: &str) -> Option<String> {
    let cluster = state.clusters.get(context)?;
    let address = match istiod(cluster, of) {
        Some(istiod) if text(istiod, "/install/address").is_empty() => return Some(context.to_owned()),
        Some(istiod) => text(istiod, "/install/address").to_owned(),
        None => {
            let is_way = |object: &&Value| {
                text(object, "/kind") == "EndpointSlice" && revision(object) == of && object.get("endpoints").is_some()
            };
            let alias = cluster.objects.values().find(|object| is_alias(object) && revision(object) == of);
            let way = || Some(text(cluster.objects.values().find(is_way)?, "/endpoints/0/addresses/0"));
            alias.map(|service| text(service, "/spec/externalName")).or_else(way)?.to_owned()
        }
    };
    let has_address = |other: &&Cluster| {
        let service = other.objects.get(&key("Service", NAMESPACE, "istio-eastwestgateway"));
        let is_exposed = other.objects.values().any(|object| {
            text(object, "/kind") == "Gateway" && text(object, "/metadata/name").starts_with("istiod-gateway")
        });
        is_exposed
            && istiod(other, of).is_some()
            && service.is_some_and(|service| {
                let addresses = [&service["spec"]["externalIPs"], &service["status"]];
                addresses.iter().any(|addresses| addresses.to_string().contains(&format!("\"{address}\"")))
            })
    };
    state.clusters.values().find(has_address).map(|other| other.context.clone())
}

/// The name by which other clusters know a cluster.
pub(crate) fn id(cluster: &Cluster) -> Option<&str> {
    cluster.objects.values().map(|object| text(object, "/install/cluster")).find(|id| !id.is_empty())
}

/// The token with which others read a cluster, as it stands in the cluster.
pub(crate) fn token(cluster: &Cluster) -> Option<String> {
    let secret = cluster.objects.get(&key("Secret", NAMESPACE, TOKEN))?;
    Some(base64::decoded(text(secret, "/data/token")))
}

/// Whether the istiod of one cluster may read another: it has a remote secret with a token that is valid there.
fn may_read(state: &State, serving: &str, context: &str) -> bool {
    let Some(token) = token(&state.clusters[context]) else { return false };
    let Some(id) = id(&state.clusters[context]) else { return true };
    let secret = state.clusters[serving].objects.get(&key("Secret", NAMESPACE, &format!("istio-remote-secret-{id}")));
    secret.is_some_and(|secret| base64::decoded(text(secret, &format!("/data/{id}"))).contains(&token))
}

fn restarts(object: &Value) -> Value {
    json!([object.pointer("/spec/template"), object.pointer("/simulator/restarts")])
}

/// Brings every cluster to rest.
pub(crate) fn all(state: &mut State) {
    let contexts: Vec<String> = state.clusters.keys().cloned().collect();
    for context in &contexts {
        sail::install(state.clusters.get_mut(context).expect("the context is there"));
    }
    // What istiod signs with may be in a Secret that an operator makes.
    external::all(state);
    sealed::all(state);
    for context in &contexts {
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        istiods(cluster);
        addresses(cluster, state.settings.balancers.get(context));
        slices(cluster);
    }
    lead(state, &contexts);
    let hour = state.settings.hour;
    let known = known(state);
    let networks: BTreeMap<String, String> =
        state.clusters.values().map(|cluster| (cluster.context.clone(), network(cluster).to_owned())).collect();
    for context in &contexts {
        let of = revisions(&state.clusters[context]);
        let reached: BTreeMap<String, String> =
            of.iter().filter_map(|of| Some((of.clone(), serving_with(state, context, of)?))).collect();
        let starts: BTreeMap<String, Start> =
            of.into_iter().filter_map(|of| Some((of.clone(), start(state, context, &of)?))).collect();
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        // Of two istiods, that which is no authority tells nobody a root.
        let secret = cluster.objects.get(&key("Secret", NAMESPACE, "cacerts"));
        let own = secret.map(|secret| &secret["data"]["root-cert.pem"]);
        let roots = || starts.values().map(|start| &start.certificate["root"]);
        let root = roots().find(|root| own == Some(*root)).or_else(|| roots().next()).cloned();
        if let Some(root) = root {
            trust(cluster, &root);
        }
        pods(cluster, &starts, hour);
        connections(cluster, &reached, &known, &networks);
    }
    for context in &contexts {
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        note_changes(cluster, hour);
    }
    sail::judge(state, &contexts);
}

/// Notes when the roots of proxies and the certificate of istiod were changed last.
fn note_changes(cluster: &mut Cluster, hour: u64) {
    for key in [key("ConfigMap", NAMESPACE, "istio-ca-root-cert"), key("Secret", NAMESPACE, "cacerts")] {
        let Some(object) = cluster.objects.get_mut(&key) else { continue };
        let data = object["data"].to_string();
        if object.pointer("/simulator/changed/data") != Some(&json!(data)) {
            object["simulator"]["changed"] = json!({"data": data, "hour": hour});
        }
    }
}

/// What istiod gives a proxy.
struct Start {
    /// What it keeps until it restarts.
    bootstrap: Value,
    /// Who signs its certificate.
    certificate: Value,
}

/// What a proxy of a cluster and a revision starts with now; nothing where no istiod serves it.
fn start(state: &State, context: &str, of: &str) -> Option<Start> {
    let serving = serving_with(state, context, of)?;
    if serving != context && !may_read(state, &serving, context) {
        return None;
    }
    let (own, served_by) = (&state.clusters[context], &state.clusters[&serving]);
    let injected_by = if istiod(own, of).is_some() { own } else { served_by };
    let istiod = istiod(injected_by, of)?;
    let is_config = |object: &&Value| {
        text(object, "/kind") == "ConfigMap" && revision(object) == of && object.pointer("/data/injected").is_some()
    };
    let config = injected_by.objects.values().find(is_config);
    let mesh: Value =
        config.and_then(|config| serde_json::from_str(text(config, "/data/mesh")).ok()).unwrap_or_default();
    let at_start: serde_json::Map<String, Value> =
        AT_START.iter().filter_map(|field| Some(((*field).to_owned(), mesh.get(*field)?.clone()))).collect();
    // A Service that leads to two control planes gives a proxy the one or the other.
    let is_slice = |object: &&Value| text(object, "/kind") == "EndpointSlice" && revision(object) == of;
    let is_alias = own.objects.values().any(|object| is_alias(object) && revision(object) == of);
    let ways = if is_alias { 1 } else { own.objects.values().filter(is_slice).count() };
    let injected = config.map(|config| text(config, "/data/injected"));
    // Pods that rely on the CNI plugin wait for it (`files/injection-template.yaml`, `istio-validation`).
    let has_cni = own.objects.values().any(|object| text(object, "/metadata/name") == "istio-cni-node");
    if injected.is_some_and(|injected| injected.ends_with(",true]")) && !has_cni {
        return None;
    }
    let bootstrap = json!({
        "context": if ways > 1 { format!("{serving}, or an earlier one") } else { serving.clone() },
        "cluster": id(own),
        "version": text(istiod, "/simulator/version"),
        "revision": of,
        "mesh": Value::Object(at_start).to_string(),
        "injected": injected,
    });
    let certificate = json!({
        "authority": istiod.pointer("/simulator/authority"),
        "root": istiod.pointer("/simulator/root"),
        "anchor": istiod.pointer("/simulator/anchor"),
        "hour": state.settings.hour,
    });
    Some(Start { bootstrap, certificate })
}

/// istiods start when they are new or their template changes, and read their authority then, if nobody else signs; from 1.12 on also when it changes under
/// the same root (`1.30.3:pilot/pkg/bootstrap/istio_ca.go`).
fn istiods(cluster: &mut Cluster) {
    let authority = cluster
        .objects
        .get(&key("Secret", NAMESPACE, "cacerts"))
        .map(|secret| {
            let data = &secret["data"];
            json!({"authority": data["ca-cert.pem"], "root": data["root-cert.pem"], "anchor": last_block(&data["cert-chain.pem"])})
        });
    let own = authority.unwrap_or_else(|| json!({"authority": "c2VsZi1zaWduZWQ=", "root": "c2VsZi1zaWduZWQ="}));
    for object in cluster.objects.values_mut().filter(|object| is_istiod(object)) {
        let authority = match text(object, "/install/signer") {
            "" => own.clone(),
            other => json!({"authority": base64::encoded(other.as_bytes()), "root": base64::encoded(other.as_bytes())}),
        };
        let now = restarts(object);
        let is_started = object.pointer("/simulator/template") == Some(&now);
        let reloads = !text(object, "/install/version").starts_with("1.11.")
            && object.pointer("/simulator/root") == Some(&authority["root"]);
        if !is_started {
            object["simulator"]["read"] = json!({});
            let count = object.pointer("/simulator/starts").and_then(Value::as_u64).unwrap_or_default();
            object["simulator"]["starts"] = json!(count + 1);
        }
        if !is_started || reloads {
            object["simulator"]["authority"] = authority["authority"].clone();
            object["simulator"]["root"] = authority["root"].clone();
            object["simulator"]["anchor"] = authority["anchor"].clone();
        }
        object["simulator"]["version"] = object["install"]["version"].clone();
        object["simulator"]["template"] = now;
        object["simulator"]["isReady"] = json!(true);
    }
}

/// The last block of a PEM file, which of a chain is its root.
fn last_block(encoded: &Value) -> String {
    let text = base64::decoded(encoded.as_str().unwrap_or_default());
    text.rfind("-----BEGIN").map(|begin| text[begin..].to_owned()).unwrap_or_default()
}

/// An istiod reads the clusters of whose credentials it has valid ones, and goes on when these end. It writes roots and the certificates
/// of webhooks in a remote without an istiod if the annotation of its namespace names the istiod's cluster. It reads the annotation when
/// it starts, and when it gets another remote secret.
fn lead(state: &mut State, contexts: &[String]) {
    const ANNOTATION: &str = "/metadata/annotations/topology.istio.io~1controlPlaneClusters";
    let namespace = key("Namespace", "", NAMESPACE);
    let named: BTreeMap<String, String> = state
        .clusters
        .values()
        .filter_map(|cluster| {
            let named = text(cluster.objects.get(&namespace)?, ANNOTATION);
            Some((id(cluster)?.to_owned(), named.to_owned()))
        })
        .collect();
    let tokens: BTreeMap<String, String> =
        state.clusters.values().filter_map(|cluster| Some((cluster.context.clone(), token(cluster)?))).collect();
    let opened = |secret: &Value| {
        let text = base64::decoded(secret.as_str().unwrap_or_default());
        tokens.iter().find(|(_, token)| text.contains(*token)).map(|(context, _)| context)
    };
    for cluster in state.clusters.values_mut() {
        let Some(own) = id(cluster).map(str::to_owned) else { continue };
        let secrets: BTreeMap<String, Value> = cluster
            .objects
            .values()
            .filter_map(|secret| {
                let other = text(secret, "/metadata/name").strip_prefix("istio-remote-secret-")?;
                (text(secret, "/kind") == "Secret").then(|| (other.to_owned(), secret["data"][other].clone()))
            })
            .collect();
        for istiod in cluster.objects.values_mut().filter(|object| is_istiod(object)) {
            let known = istiod["simulator"]["read"].take();
            let read = secrets.iter().map(|(other, secret)| {
                let (before, is_known) = (&known[other], known[other]["secret"] == *secret);
                let leads = if is_known { before["leads"].clone() } else { json!(named.get(other) == Some(&own)) };
                let is_read = is_known && before["context"].is_string();
                let context = if is_read { None } else { opened(secret) };
                let context = context.map_or_else(|| before["context"].clone(), |context| json!(context));
                (other.clone(), json!({"secret": secret, "leads": leads, "context": context}))
            });
            istiod["simulator"]["read"] = Value::Object(read.collect());
        }
    }
    for context in contexts {
        let cluster = &state.clusters[context];
        let Some(id) = id(cluster) else { continue };
        let is_thin = !cluster.objects.values().any(is_istiod);
        let is_led = serving(state, context).filter(|_| is_thin).map(|serving| {
            let mut istiods = state.clusters[&serving].objects.values().filter(|object| is_istiod(object));
            istiods.any(|istiod| istiod["simulator"]["read"][id]["leads"] == json!(true))
        });
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        match (cluster.objects.get_mut(&namespace), is_led) {
            (Some(namespace), Some(is_led)) => namespace["simulator"] = json!({ "isLed": is_led }),
            (Some(namespace), None) => {
                namespace.as_object_mut().expect("an object has fields").shift_remove("simulator");
            }
            (None, _) => {}
        }
    }
}

/// A load balancer without external IPs gets the address that a test decides, or one that ends with the number in the name of the
/// cluster's context.
fn addresses(cluster: &mut Cluster, decided: Option<&String>) {
    let number: String = cluster.context.chars().filter(char::is_ascii_digit).collect();
    let address = decided.cloned().unwrap_or_else(|| format!("198.51.100.1{number}"));
    for object in cluster.objects.values_mut().filter(|object| text(object, "/kind") == "Service") {
        let is_gateway = text(object, "/metadata/name") == "istio-eastwestgateway";
        if !is_gateway || object.pointer("/spec/externalIPs").is_some() {
            continue;
        }
        match object.pointer_mut("/status/loadBalancer/ingress").and_then(Value::as_array_mut) {
            None => object["status"] = json!({"loadBalancer": {"ingress": [{"ip": address}]}}),
            // Who moves a load balancer to another address keeps the earlier one until nobody dials it.
            Some(known) if decided.is_some() && !known.iter().any(|one| one["ip"] == address.as_str()) => {
                known.push(json!({"ip": address}));
            }
            Some(_) => {}
        }
    }
}

/// Kubernetes makes an EndpointSlice and an object of kind Endpoints for the Service of an istiod that has a selector, removes them with
/// the Service, and leaves them where the Service lost its selector (`pkg/controller/endpoint/endpoints_controller.go`). Without one, it
/// mirrors the Endpoints with the Service's name, whoever made them; with one, it takes them over.
fn slices(cluster: &mut Cluster) {
    let is_istiod =
        |object: &&Value| text(object, "/kind") == "Service" && text(object, "/metadata/labels/app") == "istiod";
    let services: Vec<Value> = cluster.objects.values().filter(is_istiod).cloned().collect();
    let service = |name: &str| services.iter().find(|service| text(service, "/metadata/name") == name);
    let is_selecting = |name: &str| service(name).map(|service| service.pointer("/spec/selector").is_some());
    cluster.objects.retain(|_, object| {
        text(object, "/kind") != "Endpoints" || is_selecting(text(object, "/metadata/name")).is_some()
    });
    for service in services.iter().filter(|service| service.pointer("/spec/selector").is_some()) {
        let name = text(service, "/metadata/name");
        let mut own = namespaced("Endpoints", name, json!({"istio.io/rev": revision(service)}));
        own["subsets"] = json!([{"addresses": [{"ip": "its own pod"}]}]);
        insert(cluster, own);
    }
    let is_mirrored = |object: &&Value| {
        text(object, "/kind") == "Endpoints" && is_selecting(text(object, "/metadata/name")) == Some(false)
    };
    let endpoints: Vec<Value> = cluster.objects.values().filter(is_mirrored).cloned().collect();
    cluster.objects.retain(|_, object| {
        let of = text(object, "/metadata/labels/kubernetes.io~1service-name");
        match text(object, MAKER) {
            "" => true,
            MIRRORING => endpoints.iter().any(|endpoints| text(endpoints, "/metadata/name") == of),
            _ => service(of).is_some(),
        }
    });
    for service in &services {
        let name = text(service, "/metadata/name");
        if is_selecting(name) == Some(true) {
            insert(cluster, slice(name, "x7k2p", "endpointslice-controller.k8s.io", service));
        }
    }
    for endpoints in &endpoints {
        let mut mirror = slice(text(endpoints, "/metadata/name"), "m4r8q", MIRRORING, endpoints);
        let address = text(endpoints, "/subsets/0/addresses/0/ip");
        mirror["endpoints"] = json!([{"addresses": [address]}]);
        insert(cluster, mirror);
    }
}

const MAKER: &str = "/metadata/labels/endpointslice.kubernetes.io~1managed-by";
const MIRRORING: &str = "endpointslicemirroring-controller.k8s.io";

fn slice(service: &str, suffix: &str, maker: &str, of: &Value) -> Value {
    json!({"kind": "EndpointSlice", "metadata": {"name": format!("{service}-{suffix}"), "namespace": NAMESPACE, "labels": {
        "kubernetes.io/service-name": service,
        "endpointslice.kubernetes.io/managed-by": maker,
        "istio.io/rev": revision(of),
    }}})
}

fn insert(cluster: &mut Cluster, object: Value) {
    cluster.objects.insert(key(text(&object, "/kind"), NAMESPACE, text(&object, "/metadata/name")), object);
}

/// istiod writes its root where proxies and the API server look for it.
fn trust(cluster: &mut Cluster, root: &Value) {
    let text_of_root = base64::decoded(root.as_str().unwrap_or_default());
    let namespaces: Vec<String> = cluster
        .objects
        .values()
        .filter(|object| text(object, "/kind") == "Namespace")
        .map(|object| text(object, "/metadata/name").to_owned())
        .collect();
    for namespace in namespaces {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-ca-root-cert", "namespace": namespace},
                                "data": {"root-cert.pem": text_of_root}});
        let key = key("ConfigMap", &namespace, "istio-ca-root-cert");
        if let Some(noted) = cluster.objects.get(&key).and_then(|before| before.get("simulator")) {
            object["simulator"] = noted.clone();
        }
        cluster.objects.insert(key, object);
    }
    for object in cluster.objects.values_mut() {
        if text(object, "/kind") == "MutatingWebhookConfiguration" {
            for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
                webhook["clientConfig"]["caBundle"] = root.clone();
            }
        }
    }
}

/// Pods start when they are new, or their template changes, with what istiod gives them then. Without an istiod they do not get
/// ready. Those that run take another certificate when half of a day has passed since the last
/// (`1.30.3:security/pkg/nodeagent/cache/secretcache.go`).
fn pods(cluster: &mut Cluster, starts: &BTreeMap<String, Start>, hour: u64) {
    let keys: Vec<String> = cluster.objects.keys().cloned().collect();
    for key in keys {
        let object = &cluster.objects[&key];
        let is_proxy = is_gateway(object) || is_workload(object);
        let start = if is_proxy { starts.get(&revision_of_proxy(cluster, object)) } else { None };
        // A running proxy dials the istiod of the revision that injected it.
        let of = text(object, "/simulator/started/revision").to_owned();
        let object = cluster.objects.get_mut(&key).expect("the key is there");
        let is_workload = ["Deployment", "DaemonSet"].contains(&text(object, "/kind"));
        if is_workload && !is_istiod(object) && !is_proxy {
            object["simulator"]["isReady"] = json!(true);
        }
        if !is_proxy {
            continue;
        }
        let now = restarts(object);
        let is_started = object.pointer("/simulator/template") == Some(&now)
            && object.pointer("/simulator/isReady") == Some(&json!(true));
        if is_started {
            let age = hour - object.pointer("/simulator/certificate/hour").and_then(Value::as_u64).unwrap_or(hour);
            match starts.get(&of) {
                Some(start) if age >= HALF_A_DAY && is_trusted(object, start) => {
                    object["simulator"]["certificate"] = start.certificate.clone();
                }
                _ => {}
            }
            continue;
        }
        object["simulator"]["isReady"] = json!(start.is_some());
        if let Some(start) = start {
            object["simulator"]["started"] = start.bootstrap.clone();
            object["simulator"]["certificate"] = start.certificate.clone();
            object["simulator"]["rootAtStart"] = start.certificate["root"].clone();
            object["simulator"]["startHour"] = json!(hour);
            object["simulator"]["template"] = now;
            object["simulator"]["connection"]["istiod"] = Value::Null;
        }
    }
}

/// What istiods know, by context and revision: how often each has started, and the contexts that it reads.
type Known = BTreeMap<(String, String), (Value, BTreeSet<String>)>;

fn network(cluster: &Cluster) -> &str {
    cluster
        .objects
        .get(&key("Namespace", "", NAMESPACE))
        .map_or("", |namespace| text(namespace, "/metadata/labels/topology.istio.io~1network"))
}

fn known(state: &State) -> Known {
    let mut known = Known::new();
    for cluster in state.clusters.values() {
        for istiod in cluster.objects.values().filter(|object| is_istiod(object)) {
            let read = istiod["simulator"]["read"].as_object().into_iter().flat_map(serde_json::Map::values);
            let read = read.filter_map(|read| Some(read["context"].as_str()?.to_owned()));
            let read = read.chain([cluster.context.clone()]).collect();
            let place = (cluster.context.clone(), revision(istiod).to_owned());
            known.insert(place, (istiod["simulator"]["starts"].clone(), read));
        }
    }
    known
}

/// A running proxy stays with its istiod, and with what it knows, as long as that runs; then it goes to the one to which its Service leads.
/// Its connection outlives the credentials with which its istiod asked who it is. An east-west gateway leads to its own network alone.
fn connections(
    cluster: &mut Cluster,
    reached: &BTreeMap<String, String>,
    known: &Known,
    networks: &BTreeMap<String, String>,
) {
    let own = network(cluster).to_owned();
    for object in cluster.objects.values_mut().filter(|object| is_gateway(object) || is_workload(object)) {
        if object.pointer("/simulator/isReady") != Some(&json!(true)) {
            continue;
        }
        let of = text(object, "/simulator/started/revision").to_owned();
        if !reached.contains_key(&of) {
            object["simulator"]["hasLostItsControlPlane"] = json!(true);
        }
        let before = object.pointer("/simulator/connection").cloned().unwrap_or_default();
        let of_context = |context: &str| known.get(&(context.to_owned(), of.clone()));
        let is_there = before["istiod"]
            .as_str()
            .filter(|context| of_context(context).is_some_and(|(starts, _)| before["starts"] == *starts));
        let Some(context) = is_there.or(reached.get(&of).map(String::as_str)) else { continue };
        let Some((starts, read)) = of_context(context) else { continue };
        let is_passed_through = text(object, "/metadata/name") == "istio-eastwestgateway";
        let is_needed = |other: &str| !is_passed_through || networks.get(other) == Some(&own);
        let knew = before["knows"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for other in knew.filter(|other| !read.contains(*other) && is_needed(other)) {
            object["simulator"]["hasLost"][other] = json!(true);
        }
        object["simulator"]["connection"] = json!({"istiod": context, "starts": starts, "knows": read});
    }
}

/// Whether the agent of a running proxy trusts its istiod: that of 1.11 reads the roots once, later ones whenever the file changes
/// (`1.11.2:pkg/istio-agent/agent.go`, `1.30.3:pkg/istio-agent/agent.go`).
fn is_trusted(object: &Value, start: &Start) -> bool {
    let is_old = text(object, "/simulator/started/version").starts_with("1.11.");
    let known = base64::decoded(text(object, "/simulator/rootAtStart"));
    let anchor = start.certificate["anchor"].as_str().unwrap_or_default();
    !is_old || known.contains(anchor)
}
