//! A kustomization as `kubectl -k` builds it, as far as meshgen writes them.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::base64;
use crate::charts;
use crate::state::{key_of, text};

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    let documents: Result<Vec<Value>, _> = documents.collect();
    Ok(documents
        .map_err(|error| format!("error: error parsing YAML: {error}"))?
        .into_iter()
        .filter(Value::is_object)
        .collect())
}

/// The objects of a directory.
pub(crate) fn build(directory: &Path) -> Result<Vec<Value>, String> {
    let path = directory.join("kustomization.yaml");
    let content = fs::read_to_string(&path).map_err(|_| {
        format!("error: unable to find one of 'kustomization.yaml' in directory '{}'", directory.display())
    })?;
    let mut objects = Vec::new();
    for kustomization in documents(&content)? {
        for (field, _) in kustomization.as_object().expect("documents are mappings") {
            const KNOWN: [&str; 8] = [
                "apiVersion",
                "kind",
                "namespace",
                "resources",
                "secretGenerator",
                "configMapGenerator",
                "configurations",
                "patches",
            ];
            if !KNOWN.contains(&field.as_str()) {
                return Err(format!("simulator: a kustomization with {field}"));
            }
        }
        for file in list(&kustomization, "resources") {
            let text = read(&directory.join(file.as_str().unwrap_or_default()))?;
            objects.extend(documents(&String::from_utf8_lossy(&text))?);
        }
        for patch in list(&kustomization, "patches") {
            let text_of_patch = read(&directory.join(text(patch, "/path")))?;
            for over in documents(&String::from_utf8_lossy(&text_of_patch))? {
                let is_meant = |object: &&mut Value| key_of(object) == key_of(&over);
                let object = objects.iter_mut().find(is_meant);
                charts::merge(object.ok_or_else(|| format!("error: no matches for {}", key_of(&over)))?, &over);
            }
        }
        for secret in list(&kustomization, "secretGenerator") {
            let mut data = serde_json::Map::new();
            for file in list(secret, "files") {
                let file = file.as_str().unwrap_or_default();
                data.insert(file.to_owned(), json!(base64::encoded(&read(&directory.join(file))?)));
            }
            let labels = secret.pointer("/options/labels").cloned().unwrap_or_default();
            objects.push(json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
                "metadata": {"name": secret["name"], "namespace": kustomization["namespace"], "labels": labels},
            }));
        }
        for file in list(&kustomization, "configurations") {
            read(&directory.join(file.as_str().unwrap_or_default()))?;
        }
        for map in list(&kustomization, "configMapGenerator") {
            let object = config_map(directory, map)?;
            name_by(&mut objects, text(map, "/name"), text(&object, "/metadata/name"));
            objects.push(object);
        }
    }
    Ok(objects)
}

/// A `ConfigMap` of files, whose name ends with what stands in for a digest of them.
fn config_map(directory: &Path, map: &Value) -> Result<Value, String> {
    let mut data = serde_json::Map::new();
    for file in list(map, "files") {
        let file = file.as_str().unwrap_or_default();
        data.insert(file.to_owned(), json!(String::from_utf8_lossy(&read(&directory.join(file))?)));
    }
    let mut hasher = DefaultHasher::new();
    json!(data).to_string().hash(&mut hasher);
    let name = format!("{}-{:x}", text(map, "/name"), hasher.finish());
    let labels = map.pointer("/options/labels").cloned().unwrap_or_default();
    Ok(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": name, "namespace": map["namespace"], "labels": labels},
    }))
}

/// Gives each `ConfigMap` of releases its full name, as `kustomizeconfig.yaml` says.
fn name_by(objects: &mut [Value], name: &str, full: &str) {
    for release in objects.iter_mut().filter(|object| text(object, "/kind") == "HelmRelease") {
        for source in release["spec"]["valuesFrom"].as_array_mut().into_iter().flatten() {
            if source["name"] == name {
                source["name"] = json!(full);
            }
        }
    }
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|_| {
        format!(
            "error: accumulating resources: evalsymlink failure on '{0}' : lstat {0}: no such file or directory",
            path.display()
        )
    })
}
