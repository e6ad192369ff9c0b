//! The gateways of the profile as values of Istio's chart `gateway`, with the Services, accounts and selectors that istioctl's have
//! (`1.30.3:manifests/charts/gateways`, `manifests/profiles/demo.yaml`, `manifests/helm-profiles/demo.yaml`).

use serde_json::{Value, json};

use crate::mesh::{Cluster, Mesh};
use crate::topology::Install;

/// The name, the label `istio`, and the ports of a gateway.
struct Gateway {
    name: &'static str,
    label: &'static str,
    ports: Vec<Value>,
}

pub(super) fn ingress(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    if cluster.install != Install::Helm || !cluster.runs_istiod {
        return Vec::new();
    }
    let mut ports = vec![port("status-port", 15021, 15021), port("http2", 80, 8080), port("https", 443, 8443)];
    if mesh.profile == "demo" {
        ports.extend([port("tcp", 31400, 31400), port("tls", 15443, 15443)]);
    }
    vec![values(mesh, cluster, &Gateway { name: "istio-ingressgateway", label: "ingressgateway", ports })]
}

pub(super) fn egress(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    // A remote without an istiod has one only if the author asks for it.
    let is_wanted = mesh.egress_gateway.unwrap_or(mesh.profile == "demo" && cluster.runs_istiod);
    if cluster.install != Install::Helm || !is_wanted {
        return Vec::new();
    }
    let ports = vec![port("http2", 80, 8080), port("https", 443, 8443)];
    let mut values = values(mesh, cluster, &Gateway { name: "istio-egressgateway", label: "egressgateway", ports });
    values["service"]["type"] = json!("ClusterIP");
    vec![values]
}

fn port(name: &str, port: u16, target: u16) -> Value {
    json!({ "name": name, "port": port, "targetPort": target, "protocol": "TCP" })
}

fn values(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway) -> Value {
    let mut values = json!({
        "labels": { "app": gateway.name, "istio": gateway.label },
        "serviceAccount": { "name": format!("{}-service-account", gateway.name) },
        "service": { "ports": gateway.ports },
    });
    if let Some(revision) = cluster.revision {
        values["revision"] = json!(revision);
    }
    if mesh.profile == "demo" {
        values["autoscaling"] = json!({ "enabled": false });
        values["resources"] = json!({ "requests": { "cpu": "10m", "memory": "40Mi" } });
    }
    let global = crate::istio::author(mesh, cluster, "global");
    if let Some(policy) = global.get("imagePullPolicy") {
        values["imagePullPolicy"] = policy.clone();
    }
    if let Some(secrets) = super::pull_secrets(&global) {
        values["imagePullSecrets"] = secrets;
    }
    values
}
