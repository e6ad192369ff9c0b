//! Argo CD: an Application of Applications makes them in waves, and each is synced when Git or it changes
//! (argo-cd.readthedocs.io, "Sync Phases and Waves", "Automated Sync Policy").

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::charts;
use crate::controllers::{self, all_of, inventory, memory};
use crate::helm::{self, Chart};
use crate::kustomize;
use crate::reconcile;
use crate::sail;
use crate::state::{State, key_of, text};

const MANAGER: &str = "argocd-controller";

/// What keeps an object from being pruned.
const KEEPS: (&str, &str) = ("argocd.argoproj.io/sync-options", "Prune=false");

/// Does once what can be done; whether anything was.
pub(crate) fn round(state: &mut State) -> bool {
    let mut is_busy = false;
    for home in controllers::homes(state, &["Application"]) {
        let applications = all_of(state, &home, "Application");
        // Those that are there are synced at once when Git changes; waves order only when they are made and changed.
        // The last comes first here, which is the worse order.
        for application in applications.iter().rev() {
            is_busy |= sync(state, &home, application).unwrap_or(false);
            reconcile::all(state);
        }
        for application in &applications {
            is_busy |= waves(state, &home, application).unwrap_or(false);
        }
    }
    is_busy
}

/// The objects of an Application; none where its source cannot be read.
fn built(state: &State, application: &Value) -> Option<Vec<Value>> {
    let spec = &application["spec"];
    let sources: Vec<&Value> =
        spec["sources"].as_array().map_or_else(|| vec![&spec["source"]], |all| all.iter().collect());
    let mut objects = Vec::new();
    for source in &sources {
        let directory = state.repository(text(source, "/repoURL"));
        if let Some(path) = source["path"].as_str() {
            objects.extend(kustomize::build(&directory.join(path)).ok()?);
        }
        let Some(chart) = source["chart"].as_str() else { continue };
        let mut values = json!({});
        for file in source["helm"]["valueFiles"].as_array().into_iter().flatten() {
            let path = file.as_str()?.strip_prefix("$values/")?;
            let of = sources.iter().find(|source| source["ref"] == "values")?;
            let text = fs::read_to_string(state.repository(text(of, "/repoURL")).join(path)).ok()?;
            kustomize::documents(&text).ok()?.iter().for_each(|document| charts::merge(&mut values, document));
        }
        let chart = Chart {
            name: chart,
            version: text(source, "/targetRevision"),
            values,
            namespace: text(spec, "/destination/namespace"),
            release: text(source, "/helm/releaseName"),
        };
        objects.extend(helm::template(&chart).ok()?);
    }
    Some(objects)
}

fn is_of_applications(objects: &[Value]) -> bool {
    objects.iter().any(|object| text(object, "/kind") == "Application")
}

/// The step of the tree that an Application is.
fn path(application: &Value) -> String {
    let source = text(application, "/spec/source/path");
    if !source.is_empty() {
        return source.to_owned();
    }
    let file = text(application, "/spec/sources/0/helm/valueFiles/0");
    file.rsplit_once('/').map_or_else(String::new, |(directory, _)| directory.to_owned())
}

/// Applies what an Application states, if it states no others.
fn sync(state: &mut State, home: &str, application: &Value) -> Option<bool> {
    let objects = built(state, application)?;
    if is_of_applications(&objects) {
        return None;
    }
    let context = match text(application, "/spec/destination/name") {
        "in-cluster" => home.to_owned(),
        name => controllers::registered(state, home, text(application, "/metadata/namespace"), name)?,
    };
    let path = path(application);
    let keys: BTreeSet<String> = objects.iter().map(key_of).collect();
    let mut is_busy = false;
    // What is refused stays as it was; the rest of the Application is applied.
    for object in objects {
        is_busy |= controllers::apply(state, &context, MANAGER, vec![object], &path).unwrap_or(false);
    }
    let options: Vec<&str> = application
        .pointer("/spec/syncPolicy/syncOptions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let is_pruning = application.pointer("/spec/syncPolicy/automated/prune") == Some(&json!(true))
        && !options.iter().any(|option| ["Prune=confirm", "Prune=false"].contains(option));
    let approved = &application["metadata"]["annotations"]["argocd.argoproj.io/deletion-approved"];
    let is_approved = !approved.is_null() && memory(application)["approved"] != *approved;
    let is_pruning = is_pruning || is_approved;
    let known = inventory(application);
    let gone: BTreeSet<String> = known.difference(&keys).cloned().collect();
    if is_pruning {
        is_busy |= controllers::prune(state, &context, &gone, KEEPS);
    }
    // What it asks about stays its own.
    let kept = if is_pruning { keys.clone() } else { keys.union(&gone).cloned().collect() };
    // As `argocd/settings.yaml` says, the way to another cluster's control plane is healthy when the operator has applied it.
    let is_way = |key: &String| {
        let object = state.clusters[&context].objects.get(key);
        object.is_some_and(|object| {
            sail::is_resource(object) && text(object, "/spec/profile") == "remote" && sail::is_met(object, "Reconciled")
        })
    };
    let is_healthy = controllers::are_ready(state, &context, keys.iter().filter(|key| !is_way(key)));
    let memory = json!({"keys": kept, "isHealthy": is_healthy, "approved": approved});
    Some(controllers::remember(state, home, application, memory) | is_busy)
}

/// Makes the Applications that an Application states: a wave waits until those of the wave before are healthy.
fn waves(state: &mut State, home: &str, root: &Value) -> Option<bool> {
    let objects = built(state, root)?;
    if !is_of_applications(&objects) {
        return None;
    }
    let keys: BTreeSet<String> = objects.iter().map(key_of).collect();
    let mut waves: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for object in objects {
        let wave = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str().map(str::parse);
        waves.entry(wave.and_then(Result::ok).unwrap_or(0)).or_default().push(object);
    }
    let mut is_busy = false;
    for objects in waves.into_values() {
        let keys: Vec<String> = objects.iter().map(key_of).collect();
        is_busy |= controllers::apply(state, home, MANAGER, objects, &path(root))?;
        for key in keys.iter().filter(|key| key.starts_with("Application/")) {
            let application = state.clusters[home].objects[key].clone();
            is_busy |= sync(state, home, &application).unwrap_or(false);
        }
        reconcile::all(state);
        let is_healthy = |key: &String| {
            let known = memory(&state.clusters[home].objects[key])["keys"].as_array().cloned().unwrap_or_default();
            !known.is_empty() && memory(&state.clusters[home].objects[key])["isHealthy"] == json!(true)
        };
        if !keys.iter().filter(|key| key.starts_with("Application/")).all(is_healthy) {
            return Some(is_busy);
        }
    }
    let gone: BTreeSet<String> = inventory(root).difference(&keys).cloned().collect();
    is_busy |= controllers::prune(state, home, &gone, KEEPS);
    Some(controllers::remember(state, home, root, json!({"keys": keys})) | is_busy)
}
