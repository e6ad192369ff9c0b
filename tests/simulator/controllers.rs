//! What the controllers have in common: they apply what a repository holds, and remember what they applied.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::kinds;
use crate::kubectl::{self, Refusal};
use crate::reconcile;
use crate::sail;
use crate::state::{Cluster, State, key, key_of, text};
use crate::{argocd, external, flux};

/// More rounds than a tree has steps.
const ROUNDS: usize = 200;

/// Lets controllers work until nothing is left that they can do.
pub(crate) fn all(state: &mut State) {
    reconcile::all(state);
    for _ in 0..ROUNDS {
        let is_busy = flux::round(state) | argocd::round(state);
        reconcile::all(state);
        if !is_busy {
            return;
        }
    }
    panic!("the controllers do not come to rest");
}

/// The clusters that have objects of some kinds: a controller runs there.
pub(crate) fn homes(state: &State, kinds: &[&str]) -> Vec<String> {
    let has = |cluster: &&Cluster| cluster.objects.values().any(|object| kinds.contains(&text(object, "/kind")));
    state.clusters.values().filter(has).map(|cluster| cluster.context.clone()).collect()
}

/// The objects of a kind in a cluster.
pub(crate) fn all_of(state: &State, home: &str, kind: &str) -> Vec<Value> {
    let objects = state.clusters[home].objects.values();
    objects.filter(|object| text(object, "/kind") == kind).cloned().collect()
}

/// The context of a cluster that a controller knows by the name of a Secret.
pub(crate) fn registered(state: &State, home: &str, namespace: &str, name: &str) -> Option<String> {
    let secret = state.clusters[home].objects.get(&key("Secret", namespace, name))?;
    Some(text(secret, "/simulator/context").to_owned()).filter(|context| state.clusters.contains_key(context))
}

/// What a controller remembers of an object that it works by.
pub(crate) fn memory(object: &Value) -> &Value {
    object.pointer("/simulator/controller").unwrap_or(&Value::Null)
}

/// What a controller applied for an object.
pub(crate) fn inventory(object: &Value) -> BTreeSet<String> {
    let keys = memory(object)["keys"].as_array().into_iter().flatten();
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Remembers something; whether that is new.
pub(crate) fn remember(state: &mut State, home: &str, object: &Value, memory: Value) -> bool {
    let Some(object) = state.cluster(home).and_then(|cluster| cluster.objects.get_mut(&key_of(object))) else {
        return false;
    };
    let known = std::mem::replace(&mut object["simulator"]["controller"], memory);
    known != object["simulator"]["controller"]
}

/// Applies objects in the name of a controller, all of them or none; whether that changed anything, and nothing if it was refused.
pub(crate) fn apply(state: &mut State, context: &str, manager: &str, objects: Vec<Value>, path: &str) -> Option<bool> {
    let cluster = state.cluster(context)?;
    let before = cluster.objects.clone();
    for object in objects {
        match kubectl::apply_object(cluster, object, Some(manager), true) {
            Ok(_) => {}
            Err(Refusal::Said(_)) => {
                cluster.objects = before;
                return None;
            }
            Err(Refusal::Strange(what)) => panic!("{manager}: {what}"),
        }
    }
    Some(is_changed(
        state,
        context,
        &before,
        &["kubectl".into(), format!("--context={context}"), "-k".into(), step(path)],
    ))
}

/// Removes what was applied earlier and is no longer stated, unless an annotation of the object keeps it.
pub(crate) fn prune(state: &mut State, context: &str, gone: &BTreeSet<String>, keeps: (&str, &str)) -> bool {
    let Some(cluster) = state.cluster(context) else { return false };
    let before = cluster.objects.clone();
    let (annotation, value) = keeps;
    for key in gone {
        let stated = cluster.objects.get(key).and_then(|object| object["metadata"]["annotations"][annotation].as_str());
        if !stated.is_some_and(|stated| stated.contains(value)) {
            kubectl::removed(cluster, key);
        }
    }
    differ(&before, &cluster.objects)
}

/// Whether a cluster changed; it is written down with the step.
pub(crate) fn is_changed(state: &State, context: &str, before: &Map<String, Value>, words: &[String]) -> bool {
    let is_changed = differ(before, &state.clusters[context].objects);
    if is_changed {
        state.note(&words[0], &words[1..]);
    }
    is_changed
}

/// Whether objects differ, but for who applied what, and for what Helm notes of each call.
pub(crate) fn differ(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let seen = |object: &Value| {
        let mut object = object.clone();
        for field in ["managers", "applied", "simulator"] {
            object.as_object_mut().expect("an object has fields").shift_remove(field);
        }
        object
    };
    // What Helm notes of each call, and what controllers work by.
    let is_note = |key: &str| {
        let kind = key.split('/').next().unwrap_or_default();
        kinds::by_kind(kind).is_none_or(kinds::Kind::is_of_controllers)
            || key.contains("/sh.helm.release.v1.")
            || kind == "ConfigMap" && key.contains("-values-")
    };
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).filter(|key| !is_note(key)).collect();
    let is_other = |key: &String| match (before.get(key), after.get(key)) {
        (Some(before), Some(after)) => before != after && seen(before) != seen(after),
        (None, None) => false,
        _ => true,
    };
    keys.into_iter().any(is_other)
}

/// The step of the tree that a path of a repository is.
pub(crate) fn step(path: &str) -> String {
    let mut parts: Vec<&str> = path.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("/")
}

/// Whether all workloads among some objects run, and what the External Secrets Operator does is done.
pub(crate) fn are_ready<'k>(state: &State, context: &str, keys: impl IntoIterator<Item = &'k String>) -> bool {
    let objects = &state.clusters[context].objects;
    let is_ready = |key: &String| match objects.get(key) {
        Some(object) => {
            let is_late =
                text(object, "/kind") == "Deployment" && object.pointer("/simulator/isReady") != Some(&json!(true));
            !is_late && external::is_done(object) && (!sail::is_resource(object) || sail::is_met(object, "Ready"))
        }
        None => false,
    };
    keys.into_iter().all(is_ready)
}

/// An object that a controller works by was deleted: what the controller does then waits for it.
pub(crate) fn note_removal(cluster: &mut Cluster, object: &Value) {
    if ["Kustomization", "HelmRelease"].contains(&text(object, "/kind")) && !memory(object).is_null() {
        let key = format!("{FINALIZER}/{}", key_of(object));
        cluster.objects.insert(key, json!({"kind": FINALIZER, "metadata": {}, "of": object}));
    }
}

/// Stands for an object that is being deleted.
pub(crate) const FINALIZER: &str = "Finalizer";
