//! Who applied which fields of an object: more than one manager may state it (kubernetes.io, "Server-Side Apply").

use serde_json::{Map, Value};

use crate::kubectl::put;
use crate::state::{Cluster, key, text};

/// Applies an object in the name of a manager. What other managers state stays; what differs from theirs is a conflict, or is taken from
/// them. An object without fields gives up all that the manager stated.
pub(crate) fn apply(
    cluster: &mut Cluster,
    object: Value,
    manager: &str,
    is_forced: bool,
) -> Result<&'static str, String> {
    let key = key(text(&object, "/kind"), text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
    if is_given_up(&object) && !cluster.objects.contains_key(&key) {
        return Err(format!("{key} is invalid: spec: Required value"));
    }
    let others = cluster.objects.get(&key).and_then(|old| old["managers"].as_object().cloned()).unwrap_or_default();
    let mut managers: Map<String, Value> = others.into_iter().filter(|(other, _)| other != manager).collect();
    let mut merged = Value::Null;
    for (other, stated) in &managers {
        if !is_forced && let Some(path) = conflict(stated, &object, "") {
            return Err(format!("Apply failed with 1 conflict: conflict with \"{other}\": {path}"));
        }
        lay(&mut merged, stated);
    }
    if managers.is_empty() || !is_given_up(&object) {
        lay(&mut merged, &object);
    }
    if !is_given_up(&object) {
        // What this manager takes is no longer of the others.
        for stated in managers.values_mut() {
            yield_to(stated, &object);
        }
        managers.insert(manager.to_owned(), object);
    }
    merged["managers"] = Value::Object(managers);
    put(cluster, merged)
}

/// Whether an object says no more than which one it is.
pub(crate) fn is_given_up(object: &Value) -> bool {
    let has_no = |value: &Value, known: &[&str]| {
        value.as_object().is_none_or(|fields| fields.keys().all(|field| known.contains(&field.as_str())))
    };
    has_no(object, &["apiVersion", "kind", "metadata"]) && has_no(&object["metadata"], &["name", "namespace"])
}

/// The first field of which two managers state different values.
fn conflict(one: &Value, other: &Value, path: &str) -> Option<String> {
    match (one, other) {
        // What the simulator notes of an installation is nobody's field.
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .filter(|(name, _)| *name != "install")
            .find_map(|(name, value)| conflict(value, other.get(name)?, &format!("{path}.{name}"))),
        (Value::Array(one), Value::Array(other)) if are_named(one) && are_named(other) => one.iter().find_map(|item| {
            let same = other.iter().find(|same| same["name"] == item["name"])?;
            conflict(item, same, &format!("{path}[name={}]", item["name"]))
        }),
        (Value::Null, _) | (_, Value::Null) => None,
        _ => (one != other).then(|| path.to_owned()),
    }
}

/// Lays `over` onto `base`: mappings and lists of what has a name are merged.
pub(crate) fn lay(base: &mut Value, over: &Value) {
    match (&mut *base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                lay(base.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(items), Value::Array(over)) if are_named(items) && are_named(over) => {
            for item in over {
                match items.iter_mut().find(|known| known["name"] == item["name"]) {
                    Some(known) => lay(known, item),
                    None => items.push(item.clone()),
                }
            }
        }
        _ => *base = over.clone(),
    }
}

/// Whether all items of a list have a name.
fn are_named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

/// Takes over the values that another manager states of the same fields.
fn yield_to(stated: &mut Value, object: &Value) {
    match (&mut *stated, object) {
        (Value::Object(stated), Value::Object(object)) => {
            for (name, value) in stated.iter_mut() {
                if let Some(taken) = object.get(name) {
                    yield_to(value, taken);
                }
            }
        }
        (Value::Array(stated), Value::Array(object)) if are_named(stated) && are_named(object) => {
            for item in stated {
                if let Some(taken) = object.iter().find(|taken| taken["name"] == item["name"]) {
                    yield_to(item, taken);
                }
            }
        }
        _ => *stated = object.clone(),
    }
}
