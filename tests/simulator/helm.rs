//! Helm 4: releases of Istio's charts, as far as scripts and other clusters see them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::charts::{self, deploy, everywhere, merge, namespaced, recorded, revision};
use crate::controllers;
use crate::kubectl;
use crate::kustomize;
use crate::managers;
use crate::reconcile;
use crate::state::{Answer, Cluster, State, key, key_of, text};

/// So many versions of a release Helm keeps.
const HISTORY: u64 = 10;

pub(crate) fn run(state: &mut State, words: &[String]) -> Answer {
    let valued = ["--kube-context", "--repo", "--version", "-n", "-f"];
    let flags = ["--install", "--take-ownership", "--force-conflicts", "--ignore-not-found"];
    match Arguments::parse(words, &valued, &flags) {
        Ok(arguments) => call(state, &arguments),
        Err(error) => Answer::strange(error),
    }
}

fn call(state: &mut State, arguments: &Arguments) -> Answer {
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let (Some(context), Some(namespace)) = (arguments.get("--kube-context"), arguments.get("-n")) else {
        return Answer::strange("helm without --kube-context and -n");
    };
    if state.settings.dead.iter().any(|dead| dead == context) {
        return Answer::refused("Error: kubernetes cluster unreachable: dial tcp 192.0.2.1:6443: i/o timeout");
    }
    state.load_all();
    if state.cluster(context).is_none() {
        return Answer::refused(format!("Error: context \"{context}\" does not exist"));
    }
    let cluster = state.cluster(context).expect("the context is there");
    let answer = match words[..] {
        ["upgrade", release, chart] => upgrade(cluster, arguments, namespace, release, chart),
        ["uninstall", release] => uninstall(cluster, arguments, namespace, release),
        _ => return Answer::strange(format!("helm {}", words.join(" "))),
    };
    reconcile::all(state);
    answer
}

/// A release, and the keys of its objects.
pub(crate) struct Release {
    number: u64,
    pub(crate) keys: Vec<String>,
}

fn record_name(release: &str, number: u64) -> String {
    format!("sh.helm.release.v1.{release}.v{number}")
}

fn is_record(object: &Value, namespace: &str, release: &str) -> bool {
    text(object, "/kind") == "Secret"
        && text(object, "/metadata/namespace") == namespace
        && text(object, "/type") == "helm.sh/release.v1"
        && text(object, "/metadata/labels/name") == release
}

pub(crate) fn find(cluster: &Cluster, namespace: &str, release: &str) -> Option<Release> {
    let records = cluster.objects.values().filter(|object| is_record(object, namespace, release));
    let number = |object: &&Value| text(object, "/metadata/labels/version").parse::<u64>().unwrap_or(0);
    let last = records.max_by_key(number)?;
    let keys = last["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Some(Release { number: number(&last), keys: keys.collect() })
}

/// A chart, what it is installed as and with which values.
pub(crate) struct Chart<'c> {
    pub(crate) name: &'c str,
    pub(crate) version: &'c str,
    pub(crate) values: Value,
    pub(crate) namespace: &'c str,
    pub(crate) release: &'c str,
}

fn upgrade(cluster: &mut Cluster, arguments: &Arguments, namespace: &str, release: &str, chart: &str) -> Answer {
    let Some(version) = arguments.get("--version").filter(|_| arguments.has("--install")) else {
        return Answer::strange("helm upgrade without --install and --version");
    };
    let name = match (chart.strip_prefix("oci://"), arguments.get("--repo")) {
        (Some(path), None) => path.rsplit('/').next().unwrap_or_default(),
        (None, Some(repository)) if repository.starts_with("https://") => chart,
        _ => return Answer::strange(format!("the chart {chart} from {:?}", arguments.get("--repo"))),
    };
    let mut values = json!({});
    for file in arguments.all("-f") {
        let documents = fs::read_to_string(file).map_err(|error| format!("Error: open {file}: {error}"));
        match documents.and_then(|text| kustomize::documents(&text)) {
            Ok(documents) => documents.iter().for_each(|document| merge(&mut values, document)),
            Err(error) => return Answer::refused(error),
        }
    }
    let chart = Chart { name, version, values, namespace, release };
    install(cluster, &chart, "helm", arguments.has("--take-ownership"), arguments.has("--force-conflicts"))
}

/// The objects of a chart.
pub(crate) fn template(chart: &Chart<'_>) -> Result<Vec<Value>, Answer> {
    let Chart { name, version, values, namespace, release } = chart;
    let mut objects = rendered(name, values, version, namespace, release)?;
    charts::stamp(&mut objects, release);
    for object in &mut objects {
        object["metadata"]["labels"]["app.kubernetes.io/version"] = json!(version);
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
    }
    Ok(objects)
}

/// Installs a release, or makes of it what the chart says now.
pub(crate) fn install(
    cluster: &mut Cluster,
    chart: &Chart<'_>,
    manager: &str,
    takes_over: bool,
    is_forced: bool,
) -> Answer {
    let Chart { namespace, release, .. } = *chart;
    if !cluster.objects.contains_key(&key("Namespace", "", namespace)) {
        return Answer::refused(format!("Error: create: failed to create: namespaces \"{namespace}\" not found"));
    }
    let mut objects = match template(chart) {
        Ok(objects) => objects,
        Err(answer) => return answer,
    };
    for object in &mut objects {
        object["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!(release);
        object["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = json!(namespace);
    }
    let known = find(cluster, namespace, release);
    let known_keys = known.as_ref().map(|known| known.keys.as_slice()).unwrap_or_default();
    for object in &objects {
        let key = key_of(object);
        let Some(there) = cluster.objects.get(&key).filter(|_| !known_keys.contains(&key)) else { continue };
        let is_ours = text(there, "/metadata/labels/app.kubernetes.io~1managed-by") == "Helm"
            && text(there, "/metadata/annotations/meta.helm.sh~1release-name") == release
            && text(there, "/metadata/annotations/meta.helm.sh~1release-namespace") == namespace;
        if !is_ours && !takes_over {
            return Answer::refused(format!(
                "Error: unable to continue with install: {} \"{}\" in namespace \"{}\" exists and cannot be imported into the current \
                 release: invalid ownership metadata",
                text(object, "/kind"),
                text(object, "/metadata/name"),
                text(object, "/metadata/namespace")
            ));
        }
    }
    let before = cluster.objects.clone();
    let keys: Vec<String> = objects.iter().map(key_of).collect();
    for object in objects {
        if let Err(error) = managers::apply(cluster, object, manager, is_forced) {
            return Answer::refused(format!("Error: UPGRADE FAILED: {error}"));
        }
    }
    // What the chart no longer has goes, but for what it says is to be kept.
    for key in known_keys.iter().filter(|key| !keys.contains(key) && !is_kept(key)) {
        kubectl::removed(cluster, key);
    }
    let is_idle = known.is_some() && !controllers::differ(&before, &cluster.objects);
    record(cluster, namespace, release, known.map_or(1, |known| known.number + 1), &keys);
    let out = format!("Release \"{release}\" has been upgraded. Happy Helming!\n");
    Answer { out, is_idle, ..Answer::default() }
}

/// The definitions of kinds have the policy `keep` (`1.30.3:manifests/charts/base/files/crd-all.gen.yaml`).
fn is_kept(key: &str) -> bool {
    key.starts_with("CustomResourceDefinition/")
}

/// Helm writes a version of the release down with each call, also where nothing changes.
fn record(cluster: &mut Cluster, namespace: &str, release: &str, number: u64, keys: &[String]) {
    let name = record_name(release, number);
    let labels = json!({"owner": "helm", "name": release, "status": "deployed", "version": number.to_string()});
    let mut secret = namespaced("Secret", &name, labels);
    secret["metadata"]["namespace"] = json!(namespace);
    secret["type"] = json!("helm.sh/release.v1");
    secret["keys"] = json!(keys);
    cluster.objects.insert(key("Secret", namespace, &name), secret);
    if let Some(old) = number.checked_sub(HISTORY) {
        cluster.objects.shift_remove(&key("Secret", namespace, &record_name(release, old)));
    }
}

fn uninstall(cluster: &mut Cluster, arguments: &Arguments, namespace: &str, release: &str) -> Answer {
    if removes(cluster, namespace, release) {
        return Answer::said(format!("release \"{release}\" uninstalled\n"));
    }
    if arguments.has("--ignore-not-found") {
        return Answer { is_idle: true, ..Answer::said(format!("release: \"{release}\" not found\n")) };
    }
    Answer::refused(format!("Error: uninstall: Release not loaded: {release}: release: not found"))
}

/// Removes a release, if it is there.
pub(crate) fn removes(cluster: &mut Cluster, namespace: &str, release: &str) -> bool {
    let Some(found) = find(cluster, namespace, release) else { return false };
    for key in found.keys.iter().filter(|key| !is_kept(key)) {
        kubectl::removed(cluster, key);
    }
    cluster.objects.retain(|_, object| !is_record(object, namespace, release));
    true
}

/// What a chart makes of values. The charts `base` and `istiod` take all that they do not know.
fn rendered(chart: &str, values: &Value, version: &str, namespace: &str, release: &str) -> Result<Vec<Value>, Answer> {
    let profile = text(values, "/profile");
    if !["", "demo", "remote", "preview", "stable", "ambient"].contains(&profile) {
        return Err(Answer::refused(format!("Error: execution error: unknown profile {profile}")));
    }
    let operator = operator(values);
    match chart {
        "base" => Ok(base(values)),
        // Those of Istio came with the Sail operator.
        "base without definitions" => {
            let mut objects = base(values);
            objects.retain(|object| text(object, "/kind") != "CustomResourceDefinition");
            Ok(objects)
        }
        "istiod" => {
            let shared: BTreeSet<String> = base(values).iter().map(key_of).collect();
            let mut objects = charts::objects(&operator, version);
            objects.retain(|object| {
                let is_of_plugin = text(object, "/metadata/name").starts_with("istio-cni");
                !shared.contains(&key_of(object)) && !is_of_plugin
            });
            for object in &mut objects {
                object["metadata"]["labels"]["istio.io/rev"] = json!(revision(&operator));
                if text(object, "/kind") == "Service" {
                    object["install"] =
                        json!({"values": values, "cluster": values["global"]["multiCluster"]["clusterName"]});
                }
            }
            Ok(objects)
        }
        "cni" => {
            let list = include_str!("recorded/cni.txt").replace("{namespace}", namespace);
            let mut objects = recorded(&list, &revision(&operator), "");
            for object in &mut objects {
                object["metadata"]["labels"]["istio.io/rev"] = json!(revision(&operator));
            }
            for object in objects.iter_mut().filter(|object| text(object, "/kind") == "DaemonSet") {
                object["spec"] = json!({"template": {"spec": {"version": version, "values": values}}});
            }
            Ok(objects)
        }
        "gateway" => gateway(values, version, release),
        other => Err(Answer::refused(format!("Error: chart \"{other}\" not found in the repository"))),
    }
}

/// What an IstioOperator would say. Gateways of the profile have a chart of their own.
fn operator(values: &Value) -> Value {
    let profile = if text(values, "/profile") == "remote" { "remote" } else { "minimal" };
    let mut rest = values.clone();
    let fields = rest.as_object_mut().expect("values are a mapping");
    let config = fields.shift_remove("meshConfig");
    let revision = fields.shift_remove("revision");
    fields.shift_remove("profile");
    let is_enabled = values.pointer("/pilot/cni/enabled") == Some(&json!(true));
    json!({"metadata": {"name": "istio"}, "spec": {
        "profile": profile, "revision": revision, "meshConfig": config, "values": rest,
        "components": {"cni": {"enabled": is_enabled}},
    }})
}

/// The definitions, the account that others read the cluster with, and the webhook that validates for the revision `default`
/// (`1.30.3:manifests/charts/base/templates`).
fn base(values: &Value) -> Vec<Value> {
    let mut objects = recorded(include_str!("recorded/minimal.txt"), "default", "");
    objects.retain(|object| {
        text(object, "/kind") == "CustomResourceDefinition"
            || text(object, "/metadata/name") == "istio-reader-service-account"
    });
    let revision = match text(values, "/defaultRevision") {
        "" => "default",
        revision => revision,
    };
    let labels = json!({"app": "istiod", "istio.io/rev": revision});
    objects.push(everywhere("ValidatingWebhookConfiguration", "istiod-default-validator", labels));
    objects
}

/// An ordinary gateway (`1.30.3:manifests/charts/gateway/templates`). Its schema is closed.
fn gateway(values: &Value, version: &str, release: &str) -> Result<Vec<Value>, Answer> {
    const KNOWN: [&str; 8] = [
        "labels",
        "serviceAccount",
        "service",
        "revision",
        "autoscaling",
        "resources",
        "imagePullPolicy",
        "imagePullSecrets",
    ];
    let unknown = values.as_object().into_iter().flatten().find(|(field, _)| !KNOWN.contains(&field.as_str()));
    if let Some((field, _)) = unknown {
        return Err(Answer::refused(format!(
            "Error: values don't meet the specifications of the schema(s): Additional property {field} is not allowed"
        )));
    }
    let labels = &values["labels"];
    let account = text(values, "/serviceAccount/name");
    let mut deployment = namespaced("Deployment", release, json!({}));
    let mut pods = values.clone();
    for field in ["service", "autoscaling", "revision", "labels"] {
        pods.as_object_mut().expect("values are a mapping").shift_remove(field);
    }
    deploy(&mut deployment, labels, &json!({"chart": version, "values": pods}));
    if !text(values, "/revision").is_empty() {
        deployment["spec"]["template"]["metadata"]["labels"]["istio.io/rev"] = values["revision"].clone();
    }
    let mut service = namespaced("Service", release, labels.clone());
    service["spec"] = json!({"type": "LoadBalancer", "selector": labels});
    merge(&mut service["spec"], &values["service"]);
    let mut objects = vec![deployment, service];
    for kind in ["Role", "RoleBinding", "ServiceAccount"] {
        objects.push(namespaced(kind, account, labels.clone()));
    }
    if values.pointer("/autoscaling/enabled") != Some(&json!(false)) {
        objects.push(namespaced("HorizontalPodAutoscaler", release, labels.clone()));
    }
    Ok(objects)
}
