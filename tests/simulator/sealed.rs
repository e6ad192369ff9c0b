//! The Sealed Secrets controller (bitnami-labs/sealed-secrets v0.36.6, `pkg/controller/controller.go`), and what SOPS decrypts.

use serde_json::{Value, json};

use crate::base64;
use crate::state::{State, key, text};

/// By this annotation the controller may write over a Secret that it does not own.
const MANAGED: &str = "sealedsecrets.bitnami.com/managed";

/// Makes Secrets of what is sealed. What is in the ciphertext nobody knows here, so that it stands for itself.
pub(crate) fn all(state: &mut State) {
    for cluster in state.clusters.values_mut() {
        let sealed: Vec<String> =
            cluster.objects.keys().filter(|key| key.starts_with("SealedSecret/")).cloned().collect();
        for key_of_sealed in sealed {
            let object = cluster.objects[&key_of_sealed].clone();
            let template = object.pointer("/spec/template").expect("it has a template");
            let annotations = &template["metadata"]["annotations"];
            let lets_go = &annotations["sealedsecrets.bitnami.com/skip-set-owner-references"];
            assert!(*lets_go == json!("true") && annotations[MANAGED] == json!("true"), "only this is modelled");
            let name = key("Secret", text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
            let is_others = cluster
                .objects
                .get(&name)
                .is_some_and(|secret| secret["metadata"]["annotations"][MANAGED] != json!("true"));
            if !is_others {
                let texts = [&template["data"], &object["spec"]["encryptedData"]];
                let texts = texts.into_iter().filter_map(Value::as_object).flatten();
                let data: serde_json::Map<String, Value> = texts
                    .map(|(name, value)| {
                        (name.clone(), json!(base64::encoded(value.as_str().unwrap_or_default().as_bytes())))
                    })
                    .collect();
                let mut metadata = template["metadata"].clone();
                metadata["name"] = object["metadata"]["name"].clone();
                metadata["namespace"] = object["metadata"]["namespace"].clone();
                let secret = json!({
                    "apiVersion": "v1", "kind": "Secret", "type": template["type"], "metadata": metadata, "data": data,
                });
                cluster.objects.insert(name, secret);
            }
            let status = if is_others { "False" } else { "True" };
            let object = cluster.objects.get_mut(&key_of_sealed).expect("it is there");
            object["status"]["conditions"] = json!([{"type": "Synced", "status": status}]);
        }
    }
}

/// A Secret as SOPS decrypts it. What is in the ciphertext nobody knows here, so that it stands for itself.
pub(crate) fn decrypted(mut secret: Value) -> Value {
    secret.as_object_mut().expect("a Secret has fields").shift_remove("sops");
    secret
}
