//! What Istio's charts make, as far as scripts and other clusters see it: for istioctl and for Helm.

use serde_json::{Value, json};

use crate::state::text;

pub(crate) const NAMESPACE: &str = "istio-system";

/// Lays `over` onto `base`, as istioctl and Helm merge the files of a command.
pub(crate) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

pub(crate) fn revision(operator: &Value) -> String {
    match text(operator, "/spec/revision") {
        "" => "default".to_owned(),
        revision => revision.to_owned(),
    }
}

pub(crate) fn namespaced(kind: &str, name: &str, labels: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}})
}

pub(crate) fn everywhere(kind: &str, name: &str, labels: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "labels": labels}})
}

/// Gives a Deployment one container, whose pods start anew when `template` changes.
pub(crate) fn deploy(deployment: &mut Value, labels: &Value, template: &Value) {
    deployment["metadata"]["labels"] = labels.clone();
    deployment["spec"] =
        json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": template}});
}

/// The names of what the real istioctl installs (`tools/judges/simulator.py` has written them down), with nothing in them.
pub(crate) fn recorded(list: &str, revision: &str, name: &str) -> Vec<Value> {
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
pub(crate) fn objects(operator: &Value, version: &str) -> Vec<Value> {
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
    // The Service of a remote that dials a name is an alias, which has no endpoints
    // (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-service.yaml`).
    objects.retain(|object| !(is_name(address) && text(object, "/kind") == "EndpointSlice"));
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
                } else if is_name(address) {
                    object["spec"] = json!({"type": "ExternalName", "externalName": address});
                }
            }
            "Deployment" if name == service => {
                let labels = json!({"app": "istiod", "istio": "pilot"});
                let external = &values["global"]["externalIstiod"];
                let domain = &values["global"]["proxy"]["clusterDomain"];
                deploy(
                    object,
                    &labels,
                    &json!({"version": version, "pilot": values["pilot"], "external": external, "domain": domain}),
                );
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
            // All values stand in it (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/configmap-values.yaml`).
            "ConfigMap" if name.starts_with("values") => object["data"] = json!({"merged-values": values.to_string()}),
            "RoleBinding" => object["roleRef"] = role_of(&name),
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

/// Whether a remote dials its control plane by a name.
fn is_name(address: &str) -> bool {
    !address.is_empty() && address.parse::<std::net::IpAddr>().is_err()
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
        let chart = if text(&gateway["label"], "/istio") == "egressgateway" { "egress" } else { "ingress" };
        let values = &operator["spec"]["values"]["gateways"][format!("istio-{chart}gateway")];
        if values["autoscaleEnabled"] == false {
            objects.retain(|object| text(object, "/kind") != "HorizontalPodAutoscaler");
        }
        let least = values["autoscaleMin"].as_u64();
        if least.is_some_and(|least| least > 1) {
            objects.push(namespaced("PodDisruptionBudget", text(&gateway, "/name"), json!({})));
        }
        for object in &mut objects {
            match text(object, "/kind") {
                "Deployment" => {
                    deploy(object, &gateway["label"], &json!({}));
                    object["spec"]["template"] = gateway_template(operator, &gateway, version);
                    let cluster = operator.pointer("/spec/values/global/multiCluster/clusterName");
                    object["install"] = json!({"cluster": cluster});
                }
                "RoleBinding" => {
                    object["roleRef"] = role_of(text(object, "/metadata/name"));
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

/// A `RoleBinding` is called like its Role.
fn role_of(binding: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": binding})
}

/// What istioctl says of the pods of a gateway, as far as meshgen's own objects say the same, and the version, which they do not say
/// (`1.30.3:manifests/charts/gateways/istio-ingress/templates/injected-deployment.yaml`).
fn gateway_template(operator: &Value, gateway: &Value, version: &str) -> Value {
    let (name, kubernetes) = (text(gateway, "/name"), &gateway["k8s"]);
    let revision = text(operator, "/spec/revision");
    let mut labels = gateway["label"].clone();
    labels["sidecar.istio.io/inject"] = json!("true");
    labels["service.istio.io/canonical-name"] = json!(name);
    labels["service.istio.io/canonical-revision"] = json!(if revision.is_empty() { "latest" } else { revision });
    if !revision.is_empty() {
        labels["istio.io/rev"] = json!(revision);
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut env = vec![json!({"name": "ISTIO_META_UNPRIVILEGED_POD", "value": "true"})];
    env.extend(list(&kubernetes["env"]));
    let ports = list(&kubernetes["service"]["ports"]);
    let mut ports: Vec<Value> =
        ports.iter().map(|port| json!({"containerPort": port["targetPort"], "protocol": "TCP"})).collect();
    ports.push(json!({"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}));
    let mut resources =
        json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2000m", "memory": "1024Mi"}});
    merge(&mut resources, &kubernetes["resources"].as_object().map_or(json!({}), |stated| json!(stated)));
    let mut security = json!({"runAsNonRoot": true});
    if operator.pointer("/spec/values/global/platform") != Some(&json!("openshift")) {
        merge(&mut security, &json!({"runAsUser": 1337, "runAsGroup": 1337}));
    }
    let mut container = json!({
        "name": "istio-proxy",
        "image": "auto",
        "ports": ports,
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "privileged": false,
                            "readOnlyRootFilesystem": true},
        "resources": resources,
        "env": env,
    });
    if let Some(policy) = operator.pointer("/spec/values/global/imagePullPolicy") {
        container["imagePullPolicy"] = policy.clone();
    }
    let mut spec = json!({"serviceAccountName": format!("{name}-service-account"), "securityContext": security,
                          "containers": [container], "version": version});
    for field in ["nodeSelector", "tolerations", "affinity", "priorityClassName"] {
        if let Some(told) = kubernetes.get(field) {
            spec[field] = told.clone();
        }
    }
    json!({
        "metadata": {
            "labels": labels,
            "annotations": {
                "inject.istio.io/templates": "gateway",
                "prometheus.io/path": "/stats/prometheus",
                "prometheus.io/port": "15020",
                "prometheus.io/scrape": "true",
                "sidecar.istio.io/inject": "true",
            },
        },
        "spec": spec,
    })
}

/// The label with which charts name who installed them; that of istiod's pods is a reason to start anew.
pub(crate) fn stamp(objects: &mut [Value], instance: &str) {
    for object in objects {
        object["metadata"]["labels"]["app.kubernetes.io/instance"] = json!(instance);
        if text(object, "/kind") == "Deployment" && text(object, "/metadata/labels/app") == "istiod" {
            object["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"] = json!(instance);
        }
    }
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
