use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh, ZIPKIN_PORT};

use super::{labels, metadata};

/// The collector: Istio's samples/addons/extras/zipkin.yaml of the same version, with resources.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let collector = mesh.collector.as_ref().filter(|collector| collector.cluster == cluster.position);
    if !collector.is_some_and(|collector| collector.is_installed) {
        return Vec::new();
    }
    let service = |name: &str, port: u16| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": zipkin_metadata(mesh, name),
            "spec": {
                "selector": { "app": "zipkin" },
                "ports": [{ "name": "http-query", "port": port, "targetPort": ZIPKIN_PORT, "protocol": "TCP" }],
            },
        })
    };
    vec![deployment(mesh), service("zipkin", ZIPKIN_PORT), service("tracing", 80)]
}

fn deployment(mesh: &Mesh<'_>) -> Value {
    let mut pod_labels = labels(mesh);
    pod_labels["app"] = json!("zipkin");
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": zipkin_metadata(mesh, "zipkin"),
        "spec": {
            "selector": { "matchLabels": { "app": "zipkin" } },
            "template": {
                "metadata": {
                    "labels": pod_labels,
                    "annotations": { "sidecar.istio.io/inject": "false" },
                },
                "spec": {
                    "containers": [{
                        "name": "zipkin",
                        "image": mesh.release.zipkin_image,
                        "env": [{ "name": "STORAGE_METHOD", "value": "mem" }],
                        "ports": [{ "name": "http-query", "containerPort": ZIPKIN_PORT }],
                        "readinessProbe": {
                            "httpGet": { "path": "/health", "port": ZIPKIN_PORT },
                            "initialDelaySeconds": 5,
                            "periodSeconds": 5,
                        },
                        "resources": {
                            "requests": { "cpu": "100m", "memory": "512Mi" },
                            "limits": { "memory": "1Gi" },
                        },
                    }],
                },
            },
        },
    })
}

fn zipkin_metadata(mesh: &Mesh<'_>, name: &str) -> Value {
    let mut metadata = metadata(mesh, name);
    metadata["labels"]["app"] = json!("zipkin");
    metadata
}
