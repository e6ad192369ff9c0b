//! The east-west gateway as plain objects, which kubectl, Argo CD and Flux apply alike: those that istioctl makes of its IstioOperator
//! (`1.30.3:manifests/charts/gateways/istio-ingress`, the same at 1.28.10), without the labels of the installer.
//!
//! The chart `gateway` cannot take over a gateway of istioctl's, because it selects other pods. These objects do, and no pod restarts:
//! the template of the pods says nothing that istioctl's does not say.

use serde_json::{Map, Value, json};

use crate::istio;
use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Gateway, Mesh};
use crate::topology::{Controller, FreeForm, SERVICES_PORT, ServiceType};

use super::eastwest_gateway::{self, NAME, STARTED_WITH};
use super::{labels, pull_secrets};

pub(super) fn documents(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(gateway) = cluster.gateway.as_ref().filter(|_| cluster.install.states_gateways()) else {
        return Vec::new();
    };
    let global = istio::gateway_global(mesh, cluster);
    let object = |api_version: &str, kind: &str, name: &str, is_labelled: bool| {
        let mut all = labels(mesh);
        if is_labelled {
            all.as_object_mut().expect("labels are a mapping").extend(pod_labels(cluster));
        }
        let metadata = json!({ "name": name, "namespace": ISTIO_SYSTEM, "labels": all });
        Map::from_iter([
            ("apiVersion".to_owned(), json!(api_version)),
            ("kind".to_owned(), json!(kind)),
            ("metadata".to_owned(), metadata),
        ])
    };
    let (account_name, role) = (format!("{NAME}-service-account"), format!("{NAME}-sds"));
    let mut account = object("v1", "ServiceAccount", &account_name, true);
    if let Some(secrets) = pull_secrets(&global) {
        account.insert("imagePullSecrets".to_owned(), secrets);
    }
    let mut roles = object(RBAC, "Role", &role, false);
    let verbs = ["get", "watch", "list"];
    roles.insert("rules".to_owned(), json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs }]));
    let mut binding = object(RBAC, "RoleBinding", &role, false);
    binding
        .insert("roleRef".to_owned(), json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role }));
    binding.insert("subjects".to_owned(), json!([{ "kind": "ServiceAccount", "name": account_name }]));
    let mut deployment = object("apps/v1", "Deployment", NAME, true);
    let mut spec = deployment_spec(mesh, cluster, gateway, &global);
    if mesh.gitops.is_some() {
        // No script restarts it: what its proxy knows from its start alone is part of its template.
        let started_with = istio::at_start(mesh, cluster);
        spec["template"]["metadata"]["annotations"][STARTED_WITH] = json!(started_with);
        deployment["metadata"]["annotations"] = json!({ STARTED_WITH: started_with });
    }
    deployment.insert("spec".to_owned(), spec);
    let mut service = object("v1", "Service", NAME, true);
    describe_service(&mut service, mesh, cluster, gateway);
    let mut scaler = object("autoscaling/v2", "HorizontalPodAutoscaler", NAME, true);
    let (least, most) = limits(gateway);
    let metric = json!({ "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } });
    scaler.insert(
        "spec".to_owned(),
        json!({
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": NAME },
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{ "type": "Resource", "resource": metric }],
        }),
    );
    let mut objects = vec![account, roles, binding, deployment, service, scaler];
    // Of one pod, it would keep a node from being drained.
    let is_kept =
        global.get("defaultPodDisruptionBudget").and_then(|budget| budget.get("enabled")) != Some(&json!(false));
    if least > 1 && is_kept {
        let mut budget = object("policy/v1", "PodDisruptionBudget", NAME, true);
        let selector = json!({ "matchLabels": pod_labels(cluster) });
        budget.insert("spec".to_owned(), json!({ "minAvailable": 1, "selector": selector }));
        objects.push(budget);
    }
    objects.into_iter().map(Value::Object).collect()
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// The labels by which the gateway's pods are selected.
fn pod_labels(cluster: &Cluster<'_>) -> Map<String, Value> {
    let labels = json!({ "istio": "eastwestgateway", "app": NAME, "topology.istio.io/network": cluster.network });
    labels.as_object().expect("labels are a mapping").clone()
}

/// The least and the largest number of pods; where nobody says, those of the chart.
fn limits(gateway: &Gateway<'_>) -> (u16, u16) {
    let stated = gateway.written.replicas;
    let least = stated.and_then(|replicas| replicas.min).unwrap_or(1);
    (least, stated.and_then(|replicas| replicas.max).unwrap_or(5))
}

fn describe_service(service: &mut Map<String, Value>, mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>) {
    let written = gateway.written;
    let metadata = service["metadata"].as_object_mut().expect("metadata are a mapping");
    let labels = metadata["labels"].as_object_mut().expect("labels are a mapping");
    if written.is_static() {
        // istiods are told where it is dialled, and must not read it from here.
        labels.shift_remove("topology.istio.io/network");
    } else if written.port_for_services() != SERVICES_PORT {
        let port = written.port_for_services().to_string();
        labels.insert("networking.istio.io/gatewayPort".to_owned(), json!(port));
    }
    let mut annotations = written.service_annotations.clone();
    if mesh.has_controller(Controller::ArgoCd)
        && written.service_type == ServiceType::LoadBalancer
        && !written.external_ips.is_empty()
    {
        // Argo CD waits for the status of a load balancer, which external addresses do not need
        // (`gitops-engine/pkg/health/health_service.go` of Argo CD v3.5.1).
        annotations.insert("argocd.argoproj.io/ignore-healthcheck".to_owned(), "true".to_owned());
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), json!(annotations));
    }
    let mut spec = Map::from_iter([
        ("type".to_owned(), json!(written.service_type.as_str())),
        ("selector".to_owned(), Value::Object(pod_labels(cluster))),
    ]);
    spec.extend(eastwest_gateway::service(mesh, cluster, gateway));
    service.insert("spec".to_owned(), Value::Object(spec));
}

fn deployment_spec(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>, global: &FreeForm) -> Value {
    let mut labels = pod_labels(cluster);
    let told = [
        ("sidecar.istio.io/inject", "true"),
        ("service.istio.io/canonical-name", NAME),
        ("service.istio.io/canonical-revision", cluster.revision.unwrap_or("latest")),
    ];
    let revision = cluster.revision.map(|revision| ("istio.io/rev", revision));
    labels.extend(told.into_iter().chain(revision).map(|(name, value)| (name.to_owned(), json!(value))));
    json!({
        "selector": { "matchLabels": pod_labels(cluster) },
        "strategy": { "rollingUpdate": { "maxSurge": "100%", "maxUnavailable": "25%" } },
        "template": {
            "metadata": {
                "labels": labels,
                "annotations": {
                    "inject.istio.io/templates": "gateway",
                    "prometheus.io/path": "/stats/prometheus",
                    "prometheus.io/port": "15020",
                    "prometheus.io/scrape": "true",
                    "sidecar.istio.io/inject": "true",
                },
            },
            "spec": pod(mesh, cluster, gateway, global),
        },
    })
}

fn pod(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>, global: &FreeForm) -> Value {
    let mut pod = Map::new();
    let mut security = json!({ "runAsNonRoot": true });
    if !cluster.is_on_openshift {
        security["runAsUser"] = json!(1337);
        security["runAsGroup"] = json!(1337);
    }
    pod.insert("serviceAccountName".to_owned(), json!(format!("{NAME}-service-account")));
    pod.insert("securityContext".to_owned(), security);
    pod.insert("containers".to_owned(), json!([container(mesh, cluster, gateway, global)]));
    for (name, of) in [("tolerations", "defaultTolerations"), ("priorityClassName", "priorityClassName")] {
        if let Some(told) = global.get(of).filter(|told| ![json!(""), json!([])].contains(told)) {
            pod.insert(name.to_owned(), told.clone());
        }
    }
    if let Some(selector) = global.get("defaultNodeSelector").and_then(Value::as_object) {
        let terms = selector.iter().map(|(key, value)| json!({ "key": key, "operator": "In", "values": [value] }));
        let terms: Vec<Value> = terms.collect();
        let required = json!({ "nodeSelectorTerms": [{ "matchExpressions": terms }] });
        if !selector.is_empty() {
            let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": required } });
            pod.insert("affinity".to_owned(), affinity);
        }
    }
    let mut stated = eastwest_gateway::pods(&gateway.written.pod);
    stated.shift_remove("resources");
    pod.extend(stated);
    let constraints = &gateway.written.pod.topology_spread_constraints;
    if !constraints.is_empty() {
        pod.insert("topologySpreadConstraints".to_owned(), json!(constraints));
    }
    Value::Object(pod)
}

fn container(mesh: &Mesh<'_>, cluster: &Cluster<'_>, gateway: &Gateway<'_>, global: &FreeForm) -> Value {
    let service = eastwest_gateway::service(mesh, cluster, gateway);
    let ports = service.get("ports").and_then(Value::as_array).into_iter().flatten();
    let ports = ports.map(|port| json!({ "containerPort": port["targetPort"], "protocol": "TCP" }));
    let metrics = json!({ "containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom" });
    let unprivileged = json!({ "name": "ISTIO_META_UNPRIVILEGED_POD", "value": "true" });
    let variables = eastwest_gateway::variables(mesh, cluster);
    let variables = [unprivileged].into_iter().chain(variables.as_array().cloned().unwrap_or_default());
    let mut resources = json!({
        "requests": { "cpu": "100m", "memory": "128Mi" },
        "limits": { "cpu": "2000m", "memory": "1024Mi" },
    });
    if let Some(Value::Object(stated)) = eastwest_gateway::pods(&gateway.written.pod).get("resources") {
        for (list, stated) in stated {
            resources[list]
                .as_object_mut()
                .expect("resources are mappings")
                .extend(stated.as_object().cloned().unwrap_or_default());
        }
    }
    let mut container = json!({
        "name": "istio-proxy",
        // istiod injects the rest.
        "image": "auto",
        "ports": ports.chain([metrics]).collect::<Value>(),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "privileged": false,
            "readOnlyRootFilesystem": true,
        },
        "resources": resources,
        "env": variables.collect::<Value>(),
    });
    if let Some(policy) = global.get("imagePullPolicy").filter(|policy| **policy != json!("")) {
        container["imagePullPolicy"] = policy.clone();
    }
    container
}
