//! Flux: what its objects state waits for each other, and is applied again and again
//! (fluxcd/kustomize-controller v1.9.4 and fluxcd/helm-controller v1.6.3, `internal`).

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::charts;
use crate::controllers::{self, FINALIZER, all_of, inventory, memory};
use crate::helm::{self, Chart};
use crate::kustomize;
use crate::reconcile;
use crate::sealed;
use crate::state::{State, key, key_of, text};

const MANAGER: &str = "kustomize-controller";

/// What keeps an object from being pruned.
const KEEPS: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");

/// Does once what can be done; whether anything was.
pub(crate) fn round(state: &mut State) -> bool {
    let mut is_busy = false;
    // Controllers of their own know of no other: the last cluster comes first here, which is the worse order.
    for home in controllers::homes(state, &["Kustomization", "HelmRelease", FINALIZER]).into_iter().rev() {
        for object in all_of(state, &home, "Kustomization") {
            is_busy |= kustomization(state, &home, &object).unwrap_or(false);
        }
        for object in all_of(state, &home, "HelmRelease") {
            is_busy |= release(state, &home, &object).unwrap_or(false);
        }
        for object in all_of(state, &home, FINALIZER) {
            is_busy |= finalize(state, &home, &object["of"]);
        }
        reconcile::all(state);
    }
    is_busy
}

fn is_suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend") == Some(&json!(true))
}

/// The directory of the repository that an object names, and what was pushed there last.
fn source(state: &State, home: &str, object: &Value) -> Option<(PathBuf, String)> {
    let namespace = text(object, "/metadata/namespace");
    let name = text(object, "/spec/sourceRef/name");
    let repository = state.clusters[home].objects.get(&key("GitRepository", namespace, name))?;
    let directory = state.repository(text(repository, "/spec/url"));
    let revision = fs::read_to_string(directory.join("revision")).ok()?;
    Some((directory, revision))
}

/// The cluster that an object is for.
fn target(state: &State, home: &str, object: &Value) -> Option<String> {
    match text(object, "/spec/kubeConfig/secretRef/name") {
        "" => Some(home.to_owned()),
        secret => controllers::registered(state, home, text(object, "/metadata/namespace"), secret),
    }
}

/// Whether everything that an object depends on is ready, and of the same revision.
fn is_due(state: &State, home: &str, object: &Value, revision: &Value) -> bool {
    let namespace = text(object, "/metadata/namespace");
    let is_there = |other: &Value| {
        let key = key(text(object, "/kind"), namespace, text(other, "/name"));
        let other = state.clusters[home].objects.get(&key);
        other.is_some_and(|other| memory(other)["isReady"] == json!(true) && memory(other)["revision"] == *revision)
    };
    object["spec"]["dependsOn"].as_array().into_iter().flatten().all(is_there)
}

fn kustomization(state: &mut State, home: &str, object: &Value) -> Option<bool> {
    let (directory, revision) = source(state, home, object)?;
    let revision = json!(revision);
    if is_suspended(object) || !is_due(state, home, object, &revision) {
        return None;
    }
    let context = target(state, home, object)?;
    let path = text(object, "/spec/path");
    let mut objects = kustomize::build(&directory.join(path.trim_start_matches("./"))).ok()?;
    if let Some(secret) = object.pointer("/spec/decryption/secretRef/name").and_then(Value::as_str) {
        // Without the identities nothing is applied.
        state.clusters[home].objects.get(&key("Secret", text(object, "/metadata/namespace"), secret))?;
        objects = objects.into_iter().map(sealed::decrypted).collect();
    }
    let keys: BTreeSet<String> = objects.iter().map(key_of).collect();
    let mut is_busy = controllers::apply(state, &context, MANAGER, objects, path)?;
    if object.pointer("/spec/prune") == Some(&json!(true)) {
        let gone = inventory(object).difference(&keys).cloned().collect();
        is_busy |= controllers::prune(state, &context, &gone, KEEPS);
    }
    let memory = json!({
        "revision": revision,
        "keys": keys,
        "context": context,
        "isReady": is_healthy(state, home, object, &context, &keys),
    });
    Some(controllers::remember(state, home, object, memory) | is_busy)
}

fn is_healthy(state: &State, home: &str, object: &Value, context: &str, keys: &BTreeSet<String>) -> bool {
    let checks = object["spec"]["healthChecks"].as_array().into_iter().flatten();
    let checked: Vec<String> =
        checks.map(|check| key(text(check, "/kind"), text(check, "/namespace"), text(check, "/name"))).collect();
    if !controllers::are_ready(state, context, &checked) {
        return false;
    }
    let is_installed = |key: &&String| {
        let release = state.clusters[home].objects.get(*key);
        release.is_some_and(|release| memory(release)["isReady"] == json!(true))
    };
    object.pointer("/spec/wait") != Some(&json!(true))
        || controllers::are_ready(state, context, keys)
            && keys.iter().filter(|key| key.starts_with("HelmRelease/")).all(|key| is_installed(&key))
}

fn release(state: &mut State, home: &str, object: &Value) -> Option<bool> {
    if is_suspended(object) || !is_due(state, home, object, &Value::Null) {
        return None;
    }
    let context = target(state, home, object)?;
    let namespace = text(object, "/metadata/namespace");
    let mut values = json!({});
    let mut file = String::new();
    for source in object["spec"]["valuesFrom"].as_array().into_iter().flatten() {
        let map = state.clusters[home].objects.get(&key("ConfigMap", namespace, text(source, "/name")))?;
        let documents = kustomize::documents(map["data"][text(source, "/valuesKey")].as_str()?).ok()?;
        for document in &documents {
            charts::merge(&mut values, document);
        }
        // `MESH-CLUSTER-STEP-values-DIGEST`; meshes of the tests have names without hyphens.
        let name = text(source, "/name").rsplit_once("-values-")?.0;
        let (_, step) = name.split_once('-')?;
        file = step.replacen('-', "/", 1);
    }
    let chart = Chart {
        name: text(object, "/spec/chart/spec/chart"),
        version: text(object, "/spec/chart/spec/version"),
        values,
        namespace: text(object, "/spec/targetNamespace"),
        release: text(object, "/spec/releaseName"),
    };
    let wanted = json!([chart.name, chart.version, chart.values, context]);
    let cluster = state.cluster(&context)?;
    let installed = helm::find(cluster, chart.namespace, chart.release);
    let is_whole = installed.is_some_and(|release| release.keys.iter().all(|key| cluster.objects.contains_key(key)));
    let mut is_busy = false;
    if memory(object)["wanted"] != wanted || !is_whole {
        let before = cluster.objects.clone();
        if helm::install(cluster, &chart, "helm-controller", true, true).code != 0 {
            return None;
        }
        let words =
            ["helm".into(), format!("--kube-context={context}"), "-f".into(), format!("{file}/{}", chart.release)];
        is_busy = controllers::is_changed(state, &context, &before, &words);
    }
    let keys = helm::find(state.cluster(&context)?, chart.namespace, chart.release)?.keys;
    let memory = json!({
        "wanted": wanted,
        "context": context,
        "isReady": controllers::are_ready(state, &context, &keys),
    });
    Some(controllers::remember(state, home, object, memory) | is_busy)
}

/// What happens when an object was deleted.
fn finalize(state: &mut State, home: &str, object: &Value) -> bool {
    let context = text(memory(object), "/context").to_owned();
    if !is_suspended(object) && state.clusters.contains_key(&context) {
        if text(object, "/kind") == "HelmRelease" {
            let cluster = state.cluster(&context).expect("the context is there");
            helm::removes(cluster, text(object, "/spec/targetNamespace"), text(object, "/spec/releaseName"));
        } else if object.pointer("/spec/prune") == Some(&json!(true))
            && text(object, "/spec/deletionPolicy") != "Orphan"
        {
            controllers::prune(state, &context, &inventory(object), KEEPS);
        }
    }
    let cluster = state.cluster(home).expect("the context is there");
    cluster.objects.shift_remove(&format!("{FINALIZER}/{}", key_of(object)));
    true
}
