//! istioctl: what it installs, as far as scripts and other clusters see it.

use std::fs;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::base64;
use crate::charts::{self, NAMESPACE, everywhere, merge, namespaced, objects, revision};
use crate::kustomize;
use crate::managers;
use crate::reconcile::{self, TOKEN};
use crate::state::{Answer, Cluster, State, key, text};

const OWNER: &str = "install.operator.istio.io/owning-resource";
const NOT_PRUNED: &str = "install.operator.istio.io/owning-resource-not-pruned";

pub(crate) fn run(state: &mut State, words: &[String]) -> Answer {
    let valued = ["--context", "-f", "--name", "--server", "-n", "-o", "--cluster", "--fqdn", "--revision"];
    match Arguments::parse(words, &valued, &["-y", "--remote"]) {
        Ok(arguments) => call(state, &arguments),
        Err(error) => Answer::strange(error),
    }
}

fn call(state: &mut State, arguments: &Arguments) -> Answer {
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    if words == ["version"] && arguments.get("--remote") == Some("false") {
        return Answer::said(format!("client version: {}\n", state.settings.version));
    }
    let Some(context) = arguments.get("--context").map(str::to_owned) else {
        return Answer::strange("istioctl without --context");
    };
    if state.settings.dead.contains(&context) {
        return Answer::refused("Error: dial tcp 192.0.2.1:6443: i/o timeout");
    }
    state.load_all();
    if state.cluster(&context).is_none() {
        return Answer::refused(format!("Error: context \"{context}\" does not exist"));
    }
    match words[..] {
        ["version"] => version(state, &context, arguments),
        ["install"] => install(state, &context, arguments),
        ["create-remote-secret"] | ["x", "create-remote-secret"] => create_remote_secret(state, &context, arguments),
        ["remote-clusters"] => remote_clusters(state, &context, arguments),
        [
            "proxy-config",
            what @ ("bootstrap" | "clusters" | "endpoints" | "secret"),
            "deployment/istio-eastwestgateway",
        ] => proxy_config(state, &context, what, arguments),
        _ => Answer::strange(format!("istioctl {}", words.join(" "))),
    }
}

/// The client's, istiod's, and those of the proxies that it serves (`1.30.3:pkg/version/cobra.go`); questions that fail leave out a line.
fn version(state: &State, context: &str, arguments: &Arguments) -> Answer {
    let mut out = format!("client version: {}\n", state.settings.version);
    let istiod = asked(state, context, arguments);
    if let Some(istiod) = istiod {
        out += &format!("control plane version: {}\n", text(istiod, "/simulator/version"));
        let mut proxies = std::collections::BTreeMap::new();
        for other in state.clusters.values() {
            for proxy in other.objects.values().filter(|object| text(object, "/simulator/started/context") == context) {
                *proxies.entry(text(proxy, "/simulator/started/version")).or_insert(0) += 1;
            }
        }
        let counts: Vec<String> =
            proxies.iter().map(|(version, count)| format!("{version} ({count} proxies)")).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        out += &format!("data plane version: {counts}\n");
    }
    Answer::said(out)
}

fn install(state: &mut State, context: &str, arguments: &Arguments) -> Answer {
    let mut operator = Value::Null;
    for file in arguments.all("-f") {
        let Ok(text) = fs::read_to_string(file) else {
            return Answer::refused(format!("Error: open {file}: no such file"));
        };
        match kustomize::documents(&text) {
            Ok(documents) => documents.iter().for_each(|document| merge(&mut operator, document)),
            Err(error) => return Answer::refused(error),
        }
    }
    let version = state.settings.version.clone();
    let cluster = state.cluster(context).expect("the context is there");
    if !cluster.objects.contains_key(&key("Namespace", "", NAMESPACE)) {
        return Answer::refused("Error: namespaces \"istio-system\" not found");
    }
    let name = text(&operator, "/metadata/name").to_owned();
    let spec = operator["spec"].clone();
    let mut objects = objects(&operator, &version);
    charts::stamp(&mut objects, "istio");
    let revision = revision(&operator);
    let mut keys = Vec::new();
    for object in &mut objects {
        let labels = &mut object["metadata"]["labels"];
        for (label, value) in [
            (OWNER, name.as_str()),
            ("install.operator.istio.io/owning-resource-namespace", NAMESPACE),
            ("operator.istio.io/version", &version),
            ("istio.io/rev", &revision),
        ] {
            labels[label] = json!(value);
        }
        // What is not modelled of a specification is seen to change on the Service.
        if text(object, "/kind") == "Service" {
            object["install"]["spec"] = spec.clone();
            object["install"]["cluster"] =
                spec.pointer("/values/global/multiCluster/clusterName").cloned().unwrap_or_default();
        }
        keys.push(key(text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name")));
        if let Err(error) = managers::apply(cluster, object.clone(), "istio-operator", true) {
            return Answer::refused(format!("Error: {error}"));
        }
    }
    // The gateway's installation would write its name on these.
    if name == "istio" && revision == "default" && is_tagged(&version) {
        tag(cluster);
    }
    // istioctl prunes what it no longer renders of the same revision, but no Endpoints and no EndpointSlices
    // (`1.24.6:operator/pkg/uninstall/prune.go`, the same at 1.30.3).
    cluster.objects.retain(|key, object| {
        ["Endpoints", "EndpointSlice"].contains(&text(object, "/kind"))
            || object.pointer("/metadata/labels").and_then(|labels| labels.get(OWNER)) != Some(&json!(name))
            || text(object, "/metadata/labels/istio.io~1rev") != revision
            || text(object, "/kind") == "CustomResourceDefinition"
            || object.pointer("/metadata/labels").is_some_and(|labels| labels.get(NOT_PRUNED).is_some())
            || keys.contains(key)
    });
    reconcile::all(state);
    if version.starts_with("1.11.") {
        // Without the owner's labels (`1.11.2:operator/cmd/mesh/shared.go`).
        let suffix = if revision == "default" { String::new() } else { format!("-{revision}") };
        let saved = namespaced("IstioOperator", &format!("installed-state-{name}{suffix}"), json!({}));
        let cluster = state.cluster(context).expect("the context is there");
        cluster.objects.insert(key("IstioOperator", NAMESPACE, text(&saved, "/metadata/name")), saved);
    }
    // The bars of its progress go to standard error (github.com/cheggaaa/pb).
    let progress = "✔ Istio core installed\n✔ Istiod installed\n✔ Installation complete";
    Answer { err: progress.to_owned(), ..Answer::default() }
}

/// The webhook and the Service of the tag `default`, and the webhook that validates for it: what istioctl makes besides what it renders,
/// for an installation without a revision (`1.30.3:operator/pkg/webhook/webhook.go`).
fn tag(cluster: &mut Cluster) {
    let labels = |more: Value| {
        let mut labels = json!({OWNER: "istio", "install.operator.istio.io/owning-resource-namespace": NAMESPACE,
                                NOT_PRUNED: "true", "istio.io/rev": "default"});
        managers::lay(&mut labels, &more);
        labels
    };
    let mut webhook = everywhere("MutatingWebhookConfiguration", "istio-revision-tag-default", Value::Null);
    webhook["metadata"]["labels"] = labels(json!({"app": "sidecar-injector", "istio.io/tag": "default"}));
    webhook["webhooks"] = json!([{"clientConfig": {"service": {"name": "istiod"}}}]);
    let mut validator = everywhere("ValidatingWebhookConfiguration", "istiod-default-validator", Value::Null);
    validator["metadata"]["labels"] = labels(json!({"istio.io/tag": "default"}));
    let service = labels(json!({"istio.io/tag": "default"}));
    let service = namespaced("Service", "istiod-revision-tag-default", service);
    for object in [webhook, validator, service] {
        managers::apply(cluster, object, "istio-operator", true).expect("it takes what it states");
    }
}

/// The tag's Service is younger than its webhook; what became of them before 1.28 matters to nobody here.
fn is_tagged(version: &str) -> bool {
    version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 28)
}

/// The form of `1.30.3:istioctl/pkg/multicluster/remote_secret.go`.
fn create_remote_secret(state: &mut State, context: &str, arguments: &Arguments) -> Answer {
    let (Some(name), Some(server)) = (arguments.get("--name"), arguments.get("--server")) else {
        return Answer::strange("create-remote-secret wants --name and --server");
    };
    // It makes the account where Istio's charts did not yet (`1.11.2` and `1.30.3:istioctl/pkg/multicluster/remote_secret.go`, getOrCreateServiceAccount).
    let cluster = state.cluster(context).expect("the context is there");
    if !cluster.objects.contains_key(&key("Namespace", "", NAMESPACE)) {
        return Answer::refused("Error: namespaces \"istio-system\" not found");
    }
    let account = namespaced("ServiceAccount", "istio-reader-service-account", json!({}));
    let account_key = key("ServiceAccount", NAMESPACE, "istio-reader-service-account");
    if !cluster.objects.contains_key(&key("Secret", NAMESPACE, TOKEN)) {
        let account = cluster.objects.entry(account_key).or_insert(account);
        let count = account.pointer("/simulator/tokens").and_then(Value::as_u64).unwrap_or(0) + 1;
        account["simulator"]["tokens"] = json!(count);
        let mut secret = namespaced("Secret", TOKEN, json!({}));
        secret["apiVersion"] = json!("v1");
        secret["type"] = json!("kubernetes.io/service-account-token");
        secret["data"]["token"] = json!(base64::encoded(format!("token-{count}-of-{name}").as_bytes()));
        secret["data"]["ca.crt"] = json!(base64::encoded(format!("the CA of {name}").as_bytes()));
        cluster.objects.insert(key("Secret", NAMESPACE, TOKEN), secret);
    }
    let token = reconcile::token(cluster).expect("it was made");
    let authority = base64::encoded(format!("the CA of {name}").as_bytes());
    Answer::said(format!(
        "# This file is autogenerated, do not edit.\napiVersion: v1\nkind: Secret\nmetadata:\n  annotations:\n    \
         networking.istio.io/cluster: {name}\n  creationTimestamp: null\n  labels:\n    istio/multiCluster: \"true\"\n  \
         name: istio-remote-secret-{name}\n  namespace: istio-system\nstringData:\n  {name}: |\n    apiVersion: v1\n    clusters:\n    \
         - cluster:\n        certificate-authority-data: {authority}\n        server: {server}\n      name: {name}\n    contexts:\n    - context:\n        cluster: {name}\n        user: {name}\n      \
         name: {name}\n    current-context: {name}\n    kind: Config\n    users:\n    - name: {name}\n      user:\n        \
         token: {token}\n---\n"
    ))
}

/// The istiod that istioctl asks: of the revision that it is told, and of the default one if it is told none
/// (`RevisionOrDefault`, `istioctl/pkg/cli/context.go`).
fn asked<'s>(state: &'s State, context: &str, arguments: &Arguments) -> Option<&'s Value> {
    reconcile::istiod(&state.clusters[context], arguments.get("--revision").unwrap_or("default"))
}

fn remote_clusters(state: &State, context: &str, arguments: &Arguments) -> Answer {
    if asked(state, context, arguments).is_none() {
        return Answer::refused("Error: unable to find any Istiod instances");
    }
    let mut out = "NAME     SECRET     STATUS     ISTIOD\n".to_owned();
    for object in state.clusters[context].objects.values() {
        if text(object, "/metadata/labels/istio~1multiCluster") == "true" {
            for name in object["data"].as_object().into_iter().flatten().map(|(name, _)| name) {
                let secret = text(object, "/metadata/name");
                out += &format!("{name}     istio-system/{secret}     synced     istiod-0\n");
            }
        }
    }
    Answer::said(out)
}

fn proxy_config(state: &State, context: &str, what: &str, arguments: &Arguments) -> Answer {
    let cluster = &state.clusters[context];
    let Some(gateway) = cluster.objects.get(&key("Deployment", NAMESPACE, "istio-eastwestgateway")) else {
        return Answer::refused("Error: deployment istio-eastwestgateway not found");
    };
    if what == "bootstrap" {
        let config: Value = serde_json::from_str(text(gateway, "/simulator/started/mesh")).unwrap_or_default();
        let address = text(&config, "/defaultConfig/tracing/zipkin/address");
        let (host, port) = address.rsplit_once(':').unwrap_or(("", "0"));
        let socket = json!({"address": host.trim_matches(['[', ']']), "portValue": port.parse::<u16>().unwrap_or(0)});
        return Answer::said(
            json!({"bootstrap": {"staticResources": {"clusters": [{"name": "zipkin", "socketAddress": socket}]}}})
                .to_string(),
        );
    }
    if what == "secret" {
        // A chain of the proxy's own certificate, the one that signed it, and the root.
        let pem = |path: &str| base64::decoded(text(gateway, path));
        let root = pem("/simulator/certificate/root");
        let chain = ["-----BEGIN CERTIFICATE-----\nleaf\n", &pem("/simulator/certificate/authority"), &root].concat();
        let bytes = |text: &str| json!({"inlineBytes": base64::encoded(text.as_bytes())});
        let secrets = json!([
            {"name": "default", "secret": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
             "name": "default", "tlsCertificate": {"certificateChain": bytes(&chain), "privateKey": bytes("[redacted]")}}},
            {"name": "ROOTCA", "secret": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
             "name": "ROOTCA", "validationContext": {"trustedCa": bytes(&root)}}},
        ]);
        return Answer::said(json!({"dynamicActiveSecrets": secrets}).to_string());
    }
    let serving = reconcile::serving(state, context).unwrap_or_default();
    let entries = state.clusters.get(&serving).into_iter().flat_map(|cluster: &Cluster| cluster.objects.values());
    let entries = entries.filter(|object| text(object, "/kind") == "ServiceEntry");
    let mut found = Vec::new();
    if what == "clusters" {
        // The clusters of Envoy for a host. What istiod tells it of addresses does not stand in them.
        let host = arguments.get("--fqdn").unwrap_or_default();
        let mut add = |port: &Value| found.push(json!({"name": format!("outbound|{port}||{host}"), "type": "EDS"}));
        entries
            .filter(|entry| entry["spec"]["hosts"] == json!([host]))
            .for_each(|e| add(&e["spec"]["ports"][0]["number"]));
        // A Service is known from every cluster.
        let services = state.clusters.values().flat_map(|cluster| cluster.objects.values());
        let services = services.filter(|object| {
            let name = text(object, "/metadata/name");
            text(object, "/kind") == "Service" && host.starts_with(&format!("{name}.{NAMESPACE}.svc"))
        });
        services
            .filter_map(|service| service["spec"]["ports"].as_array())
            .flatten()
            .for_each(|port| add(&port["port"]));
        return Answer::said(json!(found).to_string());
    }
    // The addresses of a cluster of Envoy. A gateway that asks for the view of its own network has none of a Service on another one.
    let name = arguments.get("--cluster").unwrap_or_default();
    for entry in entries {
        let (host, port) = (&entry["spec"]["hosts"][0], &entry["spec"]["ports"][0]["number"]);
        if name != format!("outbound|{port}||{}", host.as_str().unwrap_or_default()) {
            continue;
        }
        let address = text(entry, "/spec/endpoints/0/address");
        let mut status = json!({"address": {"socketAddress": {"address": address, "portValue": port}}});
        if text(entry, "/spec/resolution") == "DNS" {
            status["address"]["socketAddress"]["address"] = json!("198.51.100.7");
            status["hostname"] = json!(address);
        }
        found.push(json!({"name": name, "addedViaApi": true, "hostStatuses": [status]}));
    }
    Answer::said(json!(found).to_string())
}
