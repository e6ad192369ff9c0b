use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::layout::ISTIO_SYSTEM;
use crate::syntax::Document;

/// Objects of clusters, as kubectl prints them. Of Secrets, only the names of keys are kept.
#[derive(Debug, Default)]
pub struct Objects {
    everywhere: Vec<Value>,
    clusters: BTreeMap<String, Vec<Value>>,
}

/// The kinds that say something of a call.
const KINDS: [&str; 5] = ["ConfigMap", "DestinationRule", "PeerAuthentication", "Secret", "Service"];

impl Objects {
    /// Adds objects of a cluster, or without one, policies that all control planes have: a file with documents of YAML, or with a list.
    /// Returns the kinds that say nothing of a call.
    ///
    /// # Errors
    /// A document is not YAML.
    pub fn add(&mut self, cluster: Option<&str>, text: &str) -> Result<Vec<String>, Diagnostic> {
        let mut others = Vec::new();
        for document in documents(text) {
            let document = Document::parse(&document, &mut Vec::new())?;
            for object in items(document.value(document.root())) {
                let kind = object["kind"].as_str().unwrap_or("an object without a kind").to_owned();
                // A Service, a Secret or the mesh config is of one cluster.
                let is_policy = ["DestinationRule", "PeerAuthentication"].contains(&kind.as_str());
                if !KINDS.contains(&kind.as_str()) || cluster.is_none() && !is_policy {
                    others.push(kind);
                    continue;
                }
                match cluster {
                    Some(cluster) => self.clusters.entry(cluster.to_owned()).or_default().push(without_values(object)),
                    None => self.everywhere.push(object),
                }
            }
        }
        others.sort();
        others.dedup();
        Ok(others)
    }

    /// The clusters of which there are objects.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.clusters.keys().map(String::as_str)
    }

    /// The objects of a kind that the control plane of a cluster reads there.
    pub(super) fn of<'o>(&'o self, cluster: &str, kind: &'o str) -> impl Iterator<Item = &'o Value> {
        let own = self.clusters.get(cluster).into_iter().flatten();
        self.everywhere.iter().chain(own).filter(move |object| object["kind"] == kind)
    }

    /// The clusters whose credentials a control plane has; none where no file shows any Secret of its namespace.
    pub(super) fn remote_secrets(&self, primary: &str) -> Option<Vec<&str>> {
        let is_there = |object: &&Value| object["metadata"]["namespace"] == ISTIO_SYSTEM;
        let is_remote = |object: &&&Value| object["metadata"]["labels"]["istio/multiCluster"] == "true";
        let secrets: Vec<&Value> = self.of(primary, "Secret").filter(is_there).collect();
        let keys = secrets.iter().filter(is_remote).flat_map(|secret| secret["data"].as_object().into_iter().flatten());
        let clusters = keys.map(|(cluster, _)| cluster.as_str()).collect();
        (!secrets.is_empty()).then_some(clusters)
    }

    /// The trust domain that the mesh config of a control plane states; none where no file shows it.
    pub(super) fn trust_domain(&self, primary: &str, revision: Option<&str>) -> Option<String> {
        let name = revision.map_or_else(|| "istio".to_owned(), |revision| format!("istio-{revision}"));
        let is_its = |object: &&Value| {
            object["metadata"]["namespace"] == ISTIO_SYSTEM && object["metadata"]["name"] == name.as_str()
        };
        let config = self.of(primary, "ConfigMap").find(is_its)?["data"]["mesh"].as_str()?;
        let document = Document::parse(config, &mut Vec::new()).ok()?;
        let config = document.value(document.root());
        // istiod's default (`1.30.3:pkg/config/mesh/mesh.go`).
        Some(config["trustDomain"].as_str().unwrap_or("cluster.local").to_owned())
    }

    /// The Services by which istiods may find the gateway of a cluster; none where no file shows any in its namespace.
    pub(super) fn gateways(&self, cluster: &str) -> Option<Vec<&Value>> {
        let is_there = |object: &&Value| object["metadata"]["namespace"] == ISTIO_SYSTEM;
        let services: Vec<&Value> = self.of(cluster, "Service").filter(is_there).collect();
        (!services.is_empty()).then_some(services)
    }
}

/// The documents of a file, with as many empty lines before each as there are lines, so that a fault has its line.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        let last = documents.last_mut().expect("there is one");
        if line.trim_end() == "---" {
            documents.push("\n".repeat(number + 1));
        } else {
            last.push_str(line);
            last.push('\n');
        }
    }
    let has_text =
        |document: &String| document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    documents.into_iter().filter(has_text).collect()
}

/// The objects of a list, or the object itself.
fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Object(mut fields) if fields.get("items").is_some_and(Value::is_array) => match fields.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        value => vec![value],
    }
}

/// A Secret without what is secret.
fn without_values(mut object: Value) -> Value {
    if object["kind"] == "Secret" {
        for list in ["data", "stringData"] {
            if let Some(fields) = object.get_mut(list).and_then(Value::as_object_mut) {
                fields.values_mut().for_each(|value| *value = Value::Null);
            }
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("annotations");
        }
        if let (Some(Value::Object(more)), Some(data)) =
            (object.get("stringData").cloned(), object.get_mut("data").and_then(Value::as_object_mut))
        {
            data.extend(more);
        }
    }
    object
}
