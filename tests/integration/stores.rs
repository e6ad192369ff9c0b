//! Credentials by way of a store: what is got from it was pushed there, and no value of a topology is more than a value.

use std::collections::{BTreeMap, BTreeSet};

use meshgen::lock::Lock;
use meshgen::source::Source;
use meshgen::tree::Tree;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common;
use crate::generator::{self, Generated};

/// A place in a store: the store, the key and the property.
type Place = (String, String, String);

fn documents(tree: &Tree, path: &str) -> Vec<Value> {
    let Some(file) = tree.get(path) else { return Vec::new() };
    let text = std::str::from_utf8(&file.bytes).unwrap();
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value:#}")).to_owned()
}

fn pushed(tree: &Tree, cluster: &str) -> BTreeSet<Place> {
    let push = documents(tree, &format!("{cluster}/70-remote-access/push.yaml"));
    let data = |push: &Value| push["spec"]["data"].as_array().unwrap().clone();
    let place = |push: &Value, data: &Value| {
        let store = push["spec"]["secretStoreRefs"][0].to_string();
        (store, text(data, "/match/remoteRef/remoteKey"), text(data, "/match/remoteRef/property"))
    };
    push.iter().flat_map(|push| data(push).iter().map(|data| place(push, data)).collect::<Vec<_>>()).collect()
}

fn got(secret: &Value) -> BTreeSet<Place> {
    let store = secret["spec"]["secretStoreRef"].to_string();
    let data = secret["spec"]["data"].as_array().unwrap().iter();
    data.map(|data| (store.clone(), text(data, "/remoteRef/key"), text(data, "/remoteRef/property"))).collect()
}

/// A template with its two actions done, by nobody's code: no other action may be there.
fn filled_in(template: &str) -> Value {
    let filled = template
        .replace("{{ .ca | b64enc }}", "Q0E=")
        .replace("{{ regexFind \"^[A-Za-z0-9._-]+$\" .token }}", "eyJ0.b-_");
    assert!(!filled.contains("{{"), "{template}");
    serde_yaml::from_str(&filled).unwrap()
}

/// A kubeconfig as `istioctl create-remote-secret` makes it, and `remote-secrets.sh` changes it.
fn kubeconfig(cluster: &Value) -> Value {
    let name = &cluster["name"];
    let mut way = json!({"server": cluster["apiServer"], "certificate-authority-data": "Q0E="});
    if let Some(file) = cluster["apiServerCA"].as_str() {
        let authorities = std::fs::read(common::repository().join("tests").join(file)).unwrap();
        way["certificate-authority-data"] = json!(common::base64::encoded(&authorities));
    }
    if let Some(proxy) = cluster.get("proxyURL") {
        way["proxy-url"] = proxy.clone();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": way}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "users": [{"name": name, "user": {"token": "eyJ0.b-_"}}],
    })
}

fn check(generated: &Generated, tree: &Tree) {
    let clusters = generated.value["clusters"].as_array().unwrap();
    let lock: Lock = String::from_utf8(tree.get("meshgen.lock").unwrap().bytes.clone()).unwrap().parse().unwrap();
    let is_stored = generated.value["remoteAccess"] == "externalSecrets";
    let has = |directory: &str| tree.iter().any(|(path, _)| path.split('/').nth(1) == Some(directory));
    assert!(!(is_stored && has("remote-secrets.sh")), "two ways");
    assert!(is_stored || !has("70-remote-access") && !has("80-remote-secrets"), "a store that nobody asked for");
    let position = |step: String| lock.steps.iter().position(|known| *known == step);
    let names: Vec<&str> = clusters.iter().map(|cluster| cluster["name"].as_str().unwrap()).collect();
    let is_primary = |name: &str| lock.clusters[name].primary.as_deref() == Some(name);
    for name in names.iter().filter(|_| is_stored) {
        let is_read = !lock.clusters[*name].is_waiting && names.iter().any(|other| other != name && is_primary(other));
        assert_eq!(is_read, !pushed(tree, name).is_empty(), "{name} is read, or nothing is pushed");
        if is_read {
            let access = position(format!("{name}/70-remote-access"));
            assert!(access > position(format!("{name}/30-istio")), "the account of {name} comes later");
        }
        let read: BTreeMap<String, Value> = documents(tree, &format!("{name}/80-remote-secrets/remote-secrets.yaml"))
            .into_iter()
            .map(|secret| (text(&secret, "/metadata/name").replacen("istio-remote-secret-", "", 1), secret))
            .collect();
        let wanted = clusters.iter().filter(|other| {
            let other = other["name"].as_str().unwrap();
            is_primary(name) && other != *name && !lock.clusters[other].is_waiting
        });
        let wanted: BTreeMap<&str, &Value> =
            wanted.map(|cluster| (cluster["name"].as_str().unwrap(), cluster)).collect();
        assert_eq!(read.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "what {name} reads");
        for (other, secret) in &read {
            assert!(got(secret).is_subset(&pushed(tree, other)), "{name} gets what {other} does not push");
            let template = text(secret, &format!("/spec/target/template/data/{other}"));
            assert_eq!(filled_in(&template), kubeconfig(wanted[other.as_str()]), "{template}");
            let access = position(format!("{other}/70-remote-access"));
            assert!(position(format!("{name}/80-remote-secrets")) > access, "{name} comes before {other}");
            assert!(access > position(format!("{other}/10-namespace")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_from_a_store_is_pushed_there_before(generated in generator::topologies()) {
        check(&generated, &common::compile(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes()))));
    }

    #[test]
    fn no_value_of_a_topology_becomes_a_template(path in "[!-~&&[^?#]]{0,24}") {
        let server = format!("https://10.1.2.10:6443/{path}");
        let topology = json!({
            "apiVersion": "meshgen/v1",
            "kind": "Topology",
            "mesh": {"id": "mesh1"},
            "istio": {"version": "1.29.6"},
            "certificates": {"issuedOn": "2026-11-01"},
            "remoteAccess": "externalSecrets",
            "secrets": {"store": {"name": "mesh"}},
            "networks": [{"name": "lan"}],
            "clusters": [
                {"name": "east", "network": "lan", "apiServer": "https://10.1.1.10:6443"},
                {"name": "west", "network": "lan", "apiServer": server},
            ],
        });
        let source = Source::new("hostile.yaml", topology.to_string());
        prop_assume!(!meshgen::has_errors(&meshgen::check(&source)));
        let tree = common::compile(&source);
        let secret = documents(&tree, "east/80-remote-secrets/remote-secrets.yaml").remove(0);
        let template = text(&secret, "/spec/target/template/data/west");
        assert_eq!(filled_in(&template)["clusters"][0]["cluster"]["server"], json!(server), "{template}");
    }
}
