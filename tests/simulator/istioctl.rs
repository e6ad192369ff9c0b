//! istioctl: what it installs, as far as scripts and other clusters see it.

use std::fs;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::base64;
use crate::kubectl::put;
use crate::kustomize;
use crate::reconcile::{self, TOKEN};
use crate::state::{Answer, Cluster, State, key, text};

const NAMESPACE: &str = "istio-system";
const OWNER: &str = "install.operator.istio.io/owning-resource";

pub(crate) fn run(state: &mut State, words: &[String]) -> Answer {
    let valued = ["--context", "-f", "--name", "--server", "-n", "-o", "--fqdn"];
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
        ["version"] => version(state, &context),
        ["install"] => install(state, &context, arguments),
        ["create-remote-secret"] | ["x", "create-remote-secret"] => create_remote_secret(state, &context, arguments),
        ["remote-clusters"] => remote_clusters(state, &context),
        ["proxy-config", what @ ("bootstrap" | "clusters" | "secret"), "deployment/istio-eastwestgateway"] => {
            proxy_config(state, &context, what, arguments)
        }
        _ => Answer::strange(format!("istioctl {}", words.join(" "))),
    }
}

/// The client's, istiod's, and those of the proxies that it serves (`1.30.3:pkg/version/cobra.go`); questions that fail leave out a line.
fn version(state: &State, context: &str) -> Answer {
    let mut out = format!("client version: {}\n", state.settings.version);
    let cluster = &state.clusters[context];
    let istiod = cluster.objects.values().find(|object| reconcile::is_istiod(object));
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

/// Lays `over` onto `base`, as istioctl merges the files of a command.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
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
        if let Err(error) = put(cluster, object.clone()) {
            return Answer::refused(format!("Error: {error}"));
        }
    }
    // istioctl prunes what it no longer renders of the same revision, but no Endpoints and no EndpointSlices
    // (`1.24.6:operator/pkg/uninstall/prune.go`, the same at 1.30.3).
    cluster.objects.retain(|key, object| {
        ["Endpoints", "EndpointSlice"].contains(&text(object, "/kind"))
            || object.pointer("/metadata/labels").and_then(|labels| labels.get(OWNER)) != Some(&json!(name))
            || text(object, "/metadata/labels/istio.io~1rev") != revision
            || text(object, "/kind") == "CustomResourceDefinition"
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

fn revision(operator: &Value) -> String {
    match text(operator, "/spec/revision") {
        "" => "default".to_owned(),
        revision => revision.to_owned(),
    }
}

fn namespaced(kind: &str, name: &str, labels: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}})
}

fn everywhere(kind: &str, name: &str, labels: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "labels": labels}})
}

/// Gives a Deployment one container, whose pods start anew when `template` changes.
fn deploy(deployment: &mut Value, labels: &Value, template: &Value) {
    deployment["metadata"]["labels"] = labels.clone();
    deployment["spec"] =
        json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": template}});
}

/// The names of what the real istioctl installs (`tools/judges/simulator.py` has written them down), with nothing in them.
fn recorded(list: &str, revision: &str, name: &str) -> Vec<Value> {
    let suffix = if revision == "default" { String::new() } else { format!("-{revision}") };
    let list = list.replace("{revision}", &suffix).replace("{name}", name);
    let lines = list.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines
        .map(|line| match line[..] {
            [kind, "-", name] => everywhere(kind, name, json!({})),
            [kind, namespace, name] => {
                let mut object = namespaced(kind, name, json!({}));
                object["metadata"]["namespace"] = json!(namespace);
                object
            }
            _ => panic!("{line:?} is not an object"),
        })
        .collect()
}

/// The namespace of Istio's CNI plugin, where it is installed.
fn cni(operator: &Value) -> Option<&str> {
    let component = operator.pointer("/spec/components/cni").unwrap_or(&Value::Null);
    let is_of_profile = text(operator, "/spec/profile") == "openshift";
    let is_enabled = component["enabled"].as_bool().unwrap_or(is_of_profile);
    let namespace = component["namespace"].as_str().or(is_of_profile.then_some("kube-system"));
    is_enabled.then(|| namespace.unwrap_or(NAMESPACE))
}

/// What istioctl applies for an IstioOperator.
fn objects(operator: &Value, version: &str) -> Vec<Value> {
    if ["eastwest-gateway", "egress-gateway"].contains(&text(operator, "/metadata/name")) {
        return gateways(operator, version);
    }
    let values = operator.pointer("/spec/values").cloned().unwrap_or_default();
    let list = match text(operator, "/spec/profile") {
        "remote" if values.pointer("/pilot/configMap") == Some(&json!(true)) => {
            include_str!("recorded/remote-config.txt")
        }
        "remote" => include_str!("recorded/remote.txt"),
        "demo" => include_str!("recorded/demo.txt"),
        "minimal" => include_str!("recorded/minimal.txt"),
        _ => include_str!("recorded/default.txt"),
    };
    let revision = revision(operator);
    let mut objects = recorded(list, &revision, "");
    let cni = cni(operator);
    if let Some(namespace) = cni {
        objects.extend(recorded(&include_str!("recorded/cni.txt").replace("{namespace}", namespace), &revision, ""));
    }
    if version.starts_with("1.11.") {
        objects.push(everywhere("CustomResourceDefinition", "istiooperators.install.istio.io", json!({})));
    }
    let service = if revision == "default" { "istiod".to_owned() } else { format!("istiod-{revision}") };
    let is_thin = text(operator, "/spec/profile") == "remote";
    let address = text(&values, "/global/remotePilotAddress");
    for object in &mut objects {
        let name = text(object, "/metadata/name").to_owned();
        match text(object, "/kind") {
            "MutatingWebhookConfiguration" => {
                object["metadata"]["labels"] = json!({"app": "sidecar-injector"});
                object["webhooks"] = json!([{"clientConfig": {"service": {"name": service}}}]);
            }
            // Up to 1.27 the chart has the older kind (`1.27.9:manifests/charts/istio-control/istio-discovery/templates`).
            "EndpointSlice" if is_mirrored(version) => {
                *object = namespaced("Endpoints", &name, json!({}));
                object["subsets"] = json!([{"addresses": [{"ip": address}]}]);
            }
            "EndpointSlice" => {
                object["metadata"]["labels"] = json!({"kubernetes.io/service-name": service});
                object["endpoints"] = json!([{"addresses": [address]}]);
            }
            "Service" if name == service => {
                object["metadata"]["labels"] = json!({"app": "istiod"});
                if !is_thin {
                    object["spec"] = json!({"selector": {"app": "istiod"}});
                }
            }
            "Deployment" if name == service => {
                let labels = json!({"app": "istiod", "istio": "pilot"});
                deploy(object, &labels, &json!({"version": version, "pilot": values["pilot"]}));
                let cluster = values.pointer("/global/multiCluster/clusterName");
                object["install"] =
                    json!({"version": version, "address": address, "cluster": cluster, "signer": signer(&values)});
            }
            "ConfigMap" if name == service.replacen("istiod", "istio", 1) => {
                let networks =
                    json!({"networks": values.pointer("/global/meshNetworks").cloned().unwrap_or_else(|| json!({}))});
                object["data"] = json!({"meshNetworks": serde_yaml::to_string(&networks).expect("it is YAML"), "mesh": operator.pointer("/spec/meshConfig").cloned().unwrap_or_default().to_string(),
                                        "injected": json!([values["global"]["proxy"], values["global"]["caAddress"], cni.is_some()]).to_string()});
            }
            kind @ ("Service" | "Deployment") => {
                let labels = json!({"app": name, "istio": name.trim_start_matches("istio-")});
                if kind == "Deployment" {
                    deploy(object, &labels, &json!({"version": version}));
                } else {
                    object["metadata"]["labels"] = labels;
                }
            }
            _ => {}
        }
    }
    objects
}

/// Who signs instead of istiod: whom proxies ask, or somebody whom no value names.
fn signer(values: &Value) -> Value {
    match text(values, "/global/caAddress") {
        "" if text(values, "/pilot/env/ENABLE_CA_SERVER") == "false" => json!("somebody else"),
        "" => Value::Null,
        address => json!(address),
    }
}

fn is_mirrored(version: &str) -> bool {
    version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor < 28)
}

fn gateways(operator: &Value, version: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let listed = |list| operator.pointer(list).and_then(Value::as_array).into_iter().flatten().cloned();
    let ingress = listed("/spec/components/ingressGateways");
    let egress = listed("/spec/components/egressGateways").map(|mut gateway| {
        // What the chart says (`1.30.3:manifests/charts/gateways/istio-egress/values.yaml`).
        gateway["label"] = json!({"app": "istio-egressgateway", "istio": "egressgateway"});
        gateway
    });
    for gateway in ingress.chain(egress) {
        let mut objects = recorded(include_str!("recorded/gateway.txt"), &revision(operator), text(&gateway, "/name"));
        // Of one pod, the chart makes none (`1.30.3:manifests/charts/gateways/istio-ingress/templates/poddisruptionbudget.yaml`).
        let least = operator.pointer("/spec/values/gateways/istio-ingressgateway/autoscaleMin").and_then(Value::as_u64);
        if least.is_some_and(|least| least > 1) {
            objects.push(namespaced("PodDisruptionBudget", text(&gateway, "/name"), json!({})));
        }
        for object in &mut objects {
            match text(object, "/kind") {
                "Deployment" => {
                    let mut template = json!({"version": version, "env": gateway.pointer("/k8s/env"),
                                              "network": operator.pointer("/spec/values/global/network")});
                    for field in ["resources", "nodeSelector", "tolerations", "affinity", "priorityClassName"] {
                        if let Some(told) = gateway["k8s"].get(field) {
                            template[field] = told.clone();
                        }
                    }
                    deploy(object, &gateway["label"], &template);
                    let cluster = operator.pointer("/spec/values/global/multiCluster/clusterName");
                    object["install"] = json!({"cluster": cluster});
                }
                "Service" => {
                    object["metadata"]["labels"] = gateway["label"].clone();
                    object["spec"] = gateway.pointer("/k8s/service").cloned().unwrap_or_default();
                }
                _ => {}
            }
        }
        for overlay in gateway["k8s"]["overlays"].as_array().into_iter().flatten() {
            let is_meant = |object: &&mut Value| {
                ["/kind", "/name"]
                    .iter()
                    .zip(["/kind", "/metadata/name"])
                    .all(|(said, is)| text(overlay, said) == text(object, is))
            };
            let object = objects.iter_mut().find(is_meant).expect("an overlay is of an object that is there");
            overlay["patches"].as_array().into_iter().flatten().for_each(|patch| lay(object, patch));
        }
        all.extend(objects);
    }
    all
}

/// Sets or deletes a field, as an overlay says (`1.11.2:operator/pkg/patch/patch.go`, `1.30.3:operator/pkg/render/postprocess.go`).
fn lay(object: &mut Value, patch: &Value) {
    let path = text(patch, "/path").replace("\\.", "\n");
    let mut keys: Vec<String> = path.split('.').map(|key| key.replace('\n', ".")).collect();
    let last = keys.pop().expect("a path has a key");
    let parent = keys.iter().fold(object, |place, key| &mut place[key]);
    match patch.get("value") {
        Some(value) => parent[last] = value.clone(),
        None => drop(parent.as_object_mut().expect("the parent is there").shift_remove(&last)),
    }
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
        secret["type"] = json!("kubernetes.io/service-account-token");
        secret["data"]["token"] = json!(base64::encoded(format!("token-{count}-of-{name}").as_bytes()));
        cluster.objects.insert(key("Secret", NAMESPACE, TOKEN), secret);
    }
    let token = reconcile::token(cluster).expect("it was made");
    let authority = base64::encoded(format!("the CA of {name}").as_bytes());
    Answer::said(format!(
        "# This file is autogenerated, do not edit.\napiVersion: v1\nkind: Secret\nmetadata:\n  annotations:\n    \
         networking.istio.io/cluster: {name}\n  creationTimestamp: null\n  labels:\n    istio/multiCluster: \"true\"\n  \
         name: istio-remote-secret-{name}\n  namespace: istio-system\nstringData:\n  {name}: |\n    apiVersion: v1\n    clusters:\n    \
         - cluster:\n        certificate-authority-data: {authority}\n        server: {server}\n      name: {name}\n    users:\n    - name: {name}\n      user:\n        \
         token: {token}\n---\n"
    ))
}

fn remote_clusters(state: &State, context: &str) -> Answer {
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
    let host = arguments.get("--fqdn").unwrap_or_default();
    let serving = reconcile::serving(state, context).unwrap_or_default();
    let mut found = Vec::new();
    for object in state.clusters.get(&serving).into_iter().flat_map(|cluster: &Cluster| cluster.objects.values()) {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        if kind == "ServiceEntry" && object["spec"]["hosts"] == json!([host]) {
            let (port, address) = (&object["spec"]["ports"][0]["number"], &object["spec"]["endpoints"][0]["address"]);
            let socket = json!({"address": address, "portValue": port});
            found.push(json!({"name": format!("outbound|{port}||{host}"), "socketAddress": socket}));
        } else if kind == "Service" && host.starts_with(&format!("{name}.{NAMESPACE}.svc")) {
            for port in object["spec"]["ports"].as_array().into_iter().flatten() {
                found.push(json!({"name": format!("outbound|{}||{host}", port["port"])}));
            }
        }
    }
    // A Service is known from every cluster.
    if found.is_empty() {
        for object in state.clusters.values().flat_map(|cluster| cluster.objects.values()) {
            if text(object, "/kind") == "Service"
                && host.starts_with(&format!("{}.{NAMESPACE}.svc", text(object, "/metadata/name")))
            {
                for port in object["spec"]["ports"].as_array().into_iter().flatten() {
                    found.push(json!({"name": format!("outbound|{}||{host}", port["port"])}));
                }
            }
        }
    }
    Answer::said(json!(found).to_string())
}
