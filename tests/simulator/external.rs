//! The External Secrets Operator, and a store that all clusters know (external-secrets/external-secrets v2.9.0,
//! `pkg/controllers/externalsecret` and `pushsecret`); and the tokens that Kubernetes writes into Secrets for them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::base64;
use crate::reconcile;
use crate::state::{Cluster, State, key, text};

const NAMESPACE: &str = "istio-system";
const ACCOUNT: &str = "istio-reader-service-account";

/// By this label the operator knows what it writes.
const MANAGED: &str = "reconcile.external-secrets.io/managed";

/// Lets tokens come and go, and the operators of all clusters push, get, and delete what they pushed.
pub(crate) fn all(state: &mut State) {
    let contexts: Vec<String> = state.clusters.keys().cloned().collect();
    let mut pushed = BTreeSet::new();
    for context in &contexts {
        tokens(state.clusters.get_mut(context).expect("the context is there"));
        pushed.extend(push(state, context));
    }
    forget(state, &pushed);
    for context in &contexts {
        get(state, context);
    }
}

/// Kubernetes writes a token into a Secret for one, and deletes the Secret if its account is not there.
fn tokens(cluster: &mut Cluster) {
    let (secret, account) = (key("Secret", NAMESPACE, reconcile::TOKEN), key("ServiceAccount", NAMESPACE, ACCOUNT));
    let Some(object) = cluster.objects.get(&secret) else { return };
    let is_empty = text(object, "/data/token").is_empty();
    let Some(account) = cluster.objects.get_mut(&account) else {
        cluster.objects.shift_remove(&secret);
        return;
    };
    if !is_empty {
        return;
    }
    let count = account.pointer("/simulator/tokens").and_then(Value::as_u64).unwrap_or(0) + 1;
    account["simulator"]["tokens"] = json!(count);
    let name = reconcile::id(cluster).unwrap_or(&cluster.context).to_owned();
    let object = cluster.objects.get_mut(&secret).expect("it is there");
    object["data"]["token"] = json!(base64::encoded(format!("token-{count}-of-{name}").as_bytes()));
    object["data"]["ca.crt"] = json!(base64::encoded(format!("the CA of {name}").as_bytes()));
}

/// What an object states, and when it was looked at: the operator looks again when it is changed, and every hour.
fn state_of(object: &Value, hour: u64) -> Value {
    json!([object["spec"], object["metadata"]["labels"], object["metadata"]["annotations"], hour])
}

fn is_ready(object: &Value) -> bool {
    text(object, "/status/conditions/0/status") == "True"
}

/// Whether a thing of the operator is done.
pub(crate) fn is_done(object: &Value) -> bool {
    !["PushSecret", "ExternalSecret"].contains(&text(object, "/kind")) || is_ready(object)
}

fn finish(object: &mut Value, is_ready: bool, seen: Value) {
    let status = if is_ready { "True" } else { "False" };
    object["status"]["conditions"] = json!([{"type": "Ready", "status": status}]);
    object["simulator"]["synced"] = if is_ready { seen } else { Value::Null };
}

fn keys_of(cluster: &Cluster, kind: &str) -> Vec<String> {
    let of_kind = cluster.objects.iter().filter(|(_, object)| text(object, "/kind") == kind);
    of_kind.map(|(key, _)| key.clone()).collect()
}

/// What is said must be what is modelled.
fn expect(object: &Value, path: &str, wanted: &Value) {
    let found = object.pointer(path).unwrap_or(&Value::Null);
    assert!(found == wanted, "simulator: {path} is {found}, and only {wanted} is modelled: {object:#}");
}

/// Pushes what a cluster states; the places that it pushes to.
fn push(state: &mut State, context: &str) -> BTreeSet<(String, String)> {
    let hour = state.settings.hour;
    let mut places = BTreeSet::new();
    for key_of_push in keys_of(&state.clusters[context], "PushSecret") {
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        let object = cluster.objects[&key_of_push].clone();
        expect(&object, "/apiVersion", &json!("external-secrets.io/v1alpha1"));
        expect(&object, "/spec/updatePolicy", &json!("Replace"));
        expect(&object, "/spec/deletionPolicy", &json!("Delete"));
        let source = key("Secret", text(&object, "/metadata/namespace"), text(&object, "/spec/selector/secret/name"));
        let source = cluster.objects.get(&source).cloned().unwrap_or_default();
        let store = text(&object, "/spec/secretStoreRefs/0/name");
        let seen = state_of(&object, hour);
        let is_due = !is_ready(&object) || object["simulator"]["synced"] != seen;
        let mut is_whole = true;
        for data in object["spec"]["data"].as_array().expect("it pushes something") {
            let remote = data.pointer("/match/remoteRef").expect("it says where");
            let place = [store, text(remote, "/remoteKey")].join(" ");
            let property = text(remote, "/property").to_owned();
            assert!(!property.is_empty() && !property.contains('.'), "a property is a word: {property}");
            let value = source["data"][text(data, "/match/secretKey")].as_str().map(base64::decoded);
            match value.filter(|value| is_due && !value.is_empty()) {
                Some(value) => state.store[&place][&property] = json!(value),
                None if is_due => is_whole = false,
                None => {}
            }
            places.insert((place, property));
        }
        if is_due {
            let cluster = state.clusters.get_mut(context).expect("the context is there");
            finish(cluster.objects.get_mut(&key_of_push).expect("it is there"), is_whole, seen);
        }
    }
    places
}

/// What nobody pushes any more is deleted in the store.
fn forget(state: &mut State, pushed: &BTreeSet<(String, String)>) {
    for (place, properties) in state.store.as_object_mut().into_iter().flatten() {
        let properties = properties.as_object_mut().expect("a place has properties");
        // Nobody pushed what people put there.
        properties.retain(|property, _| property.contains('.') || pushed.contains(&(place.clone(), property.clone())));
    }
}

/// Makes what a cluster states of what is in the store. What is missing there makes nothing, and takes nothing away.
fn get(state: &mut State, context: &str) {
    let hour = state.settings.hour;
    for key_of_secret in keys_of(&state.clusters[context], "ExternalSecret") {
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        let object = cluster.objects[&key_of_secret].clone();
        for (path, wanted) in [
            ("/apiVersion", "external-secrets.io/v1"),
            ("/spec/target/deletionPolicy", "Retain"),
            ("/spec/target/template/mergePolicy", "Replace"),
            ("/spec/target/template/engineVersion", "v2"),
        ] {
            expect(&object, path, &json!(wanted));
        }
        let policy = text(&object, "/spec/target/creationPolicy");
        assert!(["Owner", "Orphan"].contains(&policy), "the policy {policy} is not modelled");
        let place = text(&object, "/metadata/namespace");
        let target = key("Secret", place, text(&object, "/spec/target/name"));
        let old = cluster.objects.get(&target).cloned();
        let seen = state_of(&object, hour);
        let is_valid = old.as_ref().is_some_and(|old| {
            old["data"] == object["simulator"]["written"] && !old["metadata"]["labels"][MANAGED].is_null()
        });
        if is_ready(&object) && is_valid && object["simulator"]["synced"] == seen {
            continue;
        }
        let values = values(&state.store, &object);
        let made = values.map(|values| secret(&object, old, &values));
        let cluster = state.clusters.get_mut(context).expect("the context is there");
        let object = cluster.objects.get_mut(&key_of_secret).expect("it is there");
        finish(object, made.is_some(), seen);
        if let Some(made) = made {
            object["simulator"]["written"] = made["data"].clone();
            cluster.objects.insert(target, made);
        }
    }
}

/// What the templates of an object are filled in with; none if something is not in the store.
fn values(store: &Value, object: &Value) -> Option<Map<String, Value>> {
    let name = text(object, "/spec/secretStoreRef/name");
    if let Some(whole) = object.pointer("/spec/dataFrom/0/extract/key").and_then(Value::as_str) {
        let values = store[&[name, whole].join(" ")].as_object().cloned();
        return values.filter(|values| !values.is_empty());
    }
    let data = object["spec"]["data"].as_array().expect("it gets something").iter();
    let value = |one: &Value| {
        let place = [name, text(one, "/remoteRef/key")].join(" ");
        let value = store[&place][text(one, "/remoteRef/property")].as_str()?;
        Some((text(one, "/secretKey").to_owned(), json!(value)))
    };
    data.map(value).collect()
}

/// The Secret that an object states. One that is there is taken over as it is, unless something else owns it.
fn secret(object: &Value, old: Option<Value>, values: &Map<String, Value>) -> Value {
    let template = object.pointer("/spec/target/template").expect("it has a template");
    let mut made = old.unwrap_or_else(|| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}}));
    let owner = json!([{"kind": "ExternalSecret", "name": object["metadata"]["name"]}]);
    let owned_by = &made["metadata"]["ownerReferences"];
    assert!(owned_by.is_null() || *owned_by == owner, "somebody else owns it: {made:#}");
    let is_owner = text(object, "/spec/target/creationPolicy") == "Owner";
    made["metadata"]["name"] = object["spec"]["target"]["name"].clone();
    made["metadata"]["namespace"] = object["metadata"]["namespace"].clone();
    if is_owner {
        made["metadata"]["ownerReferences"] = owner;
    }
    made["metadata"]["labels"][MANAGED] = json!("true");
    for field in ["labels", "annotations"] {
        for (name, value) in template["metadata"][field].as_object().into_iter().flatten() {
            made["metadata"][field][name] = value.clone();
        }
    }
    made["type"] = template["type"].clone();
    let data = template["data"].as_object().expect("it has data").iter();
    made["data"] = data
        .map(|(name, template)| {
            let template = template.as_str().expect("a template is a text");
            let text = if is_owner { rendered(template, values) } else { filled_in(template, values) };
            (name.clone(), json!(base64::encoded(text.as_bytes())))
        })
        .collect();
    made
}

/// A file of a bundle: as it stands, or all of what the store has under its name.
fn filled_in(template: &str, values: &Map<String, Value>) -> String {
    let name = template.strip_prefix("{{ index . \"").and_then(|rest| rest.strip_suffix("\" }}"));
    match name {
        None => {
            assert!(!template.contains("{{"), "simulator: {template} is not modelled");
            template.to_owned()
        }
        Some(name) => values[name].as_str().expect("a file is a text").to_owned(),
    }
}

/// A template of Go, as far as meshgen writes them. Anything else is a mistake of ours, or a value that became a template.
fn rendered(template: &str, values: &Map<String, Value>) -> String {
    const A_TOKEN: &str = "regexFind \"^[A-Za-z0-9._-]+$\" ";
    let value = |name: &str| {
        let value = name.strip_prefix('.').and_then(|name| values.get(name)).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("simulator: {name} is no value: {template}")).to_owned()
    };
    let mut parts = template.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (action, rest) = part.split_once("}}").unwrap_or_else(|| panic!("simulator: {{{{ is open: {template}"));
        let action = action.trim();
        if let Some(name) = action.strip_suffix(" | b64enc") {
            out += &base64::encoded(value(name).as_bytes());
        } else if let Some(name) = action.strip_prefix(A_TOKEN) {
            let token = value(name);
            let is_token = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            out += if is_token { &token } else { "" };
        } else {
            panic!("simulator: {{{{ {action} }}}} is not modelled");
        }
        out += rest;
    }
    let read: Value = serde_yaml::from_str(&out).unwrap_or_else(|error| panic!("simulator: {error}: {out}"));
    assert!(read.is_object(), "simulator: it is no kubeconfig: {out}");
    out
}

/// An object was deleted: what it owns goes with it, or is let go.
pub(crate) fn note_removal(cluster: &mut Cluster, object: &Value, is_orphaning: bool) {
    if text(object, "/kind") != "ExternalSecret" {
        return;
    }
    let name = &object["metadata"]["name"];
    let owns = |other: &Value| {
        let owner = &other["metadata"]["ownerReferences"][0];
        text(other, "/kind") == "Secret" && owner["kind"] == "ExternalSecret" && owner["name"] == *name
    };
    if !is_orphaning {
        cluster.objects.retain(|_, other| !owns(other));
    }
    for other in cluster.objects.values_mut().filter(|other| owns(other)) {
        other["metadata"].as_object_mut().expect("an object has metadata").shift_remove("ownerReferences");
    }
}
