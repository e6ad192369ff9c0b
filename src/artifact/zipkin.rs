use serde_json::{Value, json};

use crate::istio::gateway_global;
use crate::mesh::{Cluster, Collector, Mesh, ZIPKIN_PORT};
use crate::topology::Via;

use super::{labels, metadata};

/// The collector: Istio's samples/addons/extras/zipkin.yaml of the same version, with resources.
pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let is_here = |collector: &&Collector| collector.is_installed && collector.cluster == cluster.position;
    let Some(collector) = mesh.collector.as_ref().filter(is_here) else { return Vec::new() };
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
    vec![deployment(mesh, cluster, collector), service("zipkin", ZIPKIN_PORT), service("tracing", 80)]
}

fn deployment(mesh: &Mesh<'_>, cluster: &Cluster<'_>, collector: &Collector) -> Value {
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": zipkin_metadata(mesh, "zipkin"),
        "spec": {
            "selector": { "matchLabels": { "app": "zipkin" } },
            "template": {
                "metadata": pod_metadata(mesh, cluster, collector),
                "spec": {
                    "containers": [{
                        "name": "zipkin",
                        "image": collector.image,
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
    });
    // A registry that asks for them serves the collector too.
    if let Some(Value::Array(names)) = gateway_global(mesh, cluster).get("imagePullSecrets") {
        let secrets: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        deployment["spec"]["template"]["spec"]["imagePullSecrets"] = secrets.into();
    }
    deployment
}

/// The pod's labels, and whether it has a sidecar: only where proxies reach it through the mesh.
fn pod_metadata(mesh: &Mesh<'_>, cluster: &Cluster<'_>, collector: &Collector) -> Value {
    let mut labels = labels(mesh);
    labels["app"] = json!("zipkin");
    if collector.via == Via::Mesh {
        labels["sidecar.istio.io/inject"] = json!("true");
        if let Some(revision) = cluster.revision {
            labels["istio.io/rev"] = json!(revision);
        }
    } else if mesh.release.zipkin_declines_by_label {
        labels["sidecar.istio.io/inject"] = json!("false");
    } else {
        return json!({ "labels": labels, "annotations": { "sidecar.istio.io/inject": "false" } });
    }
    json!({ "labels": labels })
}

fn zipkin_metadata(mesh: &Mesh<'_>, name: &str) -> Value {
    let mut metadata = metadata(mesh, name);
    metadata["labels"]["app"] = json!("zipkin");
    metadata
}
