//! What is said of an east-west gateway, and what its IstioOperator says then.

use meshgen::source::Source;
use serde_json::{Value, json};

use crate::common;

/// The IstioOperator of the gateway of `east`, one of two clusters on a network each.
fn operator(version: &str, gateway: &str) -> Value {
    let text =
        std::str::from_utf8(&common::compile(&mesh(version, gateway)).get(FILE).unwrap().bytes).unwrap().to_owned();
    serde_yaml::from_str(&text).unwrap()
}

const FILE: &str = "east/40-eastwest-gateway/eastwest-gateway.yaml";

fn mesh(version: &str, gateway: &str) -> Source {
    let text = format!(
        "apiVersion: meshgen/v1
kind: Topology
mesh: {{id: mesh1}}
istio: {{version: {version}}}
certificates: {{issuedOn: 2026-11-01}}
networks: [{{name: lan}}, {{name: cloud}}]
clusters:
  - {{name: east, network: lan, apiServer: 'https://10.0.1.10:6443', eastWestGateway: {gateway}}}
  - {{name: west, network: cloud, apiServer: 'https://10.0.2.10:6443', eastWestGateway: {{externalIPs: [10.0.2.100]}}}}
"
    );
    Source::new("mesh.yaml", text)
}

fn component(operator: &Value) -> &Value {
    &operator["spec"]["components"]["ingressGateways"][0]["k8s"]
}

#[test]
fn a_gateway_has_as_many_pods_as_its_topology_says() {
    for version in ["1.11.2", "1.30.3"] {
        let values = |gateway| operator(version, gateway)["spec"]["values"]["gateways"]["istio-ingressgateway"].clone();
        assert_eq!(values("{}"), json!({"injectionTemplate": "gateway"}));
        let both = json!({"injectionTemplate": "gateway", "autoscaleMin": 2, "autoscaleMax": 4});
        assert_eq!(values("{replicas: {min: 2, max: 4}}"), both);
        assert_eq!(values("{replicas: {max: 4}}"), json!({"injectionTemplate": "gateway", "autoscaleMax": 4}));
    }
}

#[test]
fn its_pods_are_sized_and_placed_as_in_a_pod_spec() {
    let constraints = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]);
    let pod = json!({
        "resources": {"requests": {"cpu": 0.5, "memory": "256Mi"}, "limits": {"cpu": 4}},
        "nodeSelector": {"role": "edge"},
        "tolerations": [{"key": "edge", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host"}]}},
        "topologySpreadConstraints": constraints,
        "priorityClassName": "system-cluster-critical",
    });
    for version in ["1.11.2", "1.30.3"] {
        let operator = operator(version, &json!({ "pod": pod }).to_string());
        let told = component(&operator);
        for field in ["nodeSelector", "tolerations", "affinity", "priorityClassName"] {
            assert_eq!(told[field], pod[field], "{version}");
        }
        // The API of 1.11 takes quantities as texts only.
        let resources = json!({"requests": {"cpu": "0.5", "memory": "256Mi"}, "limits": {"cpu": "4"}});
        assert_eq!(told["resources"], resources, "{version}");
        let patches = json!([{"path": "spec.template.spec.topologySpreadConstraints", "value": constraints}]);
        let overlay =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "istio-eastwestgateway", "patches": patches});
        assert_eq!(told["overlays"], json!([overlay]), "{version}");
    }
}

#[test]
fn its_service_has_the_class_the_policy_and_the_node_ports_of_the_topology() {
    let gateway = "{loadBalancerClass: example.com/internal, externalTrafficPolicy: Local, \
                   nodePorts: {tls: 32443, tls-istiod: 32012, tls-webhook: 32017, status-port: 32021}}";
    for version in ["1.11.2", "1.30.3"] {
        let operator = operator(version, gateway);
        let told = component(&operator);
        let service = &told["service"];
        assert_eq!(service["externalTrafficPolicy"], "Local");
        let ports: Vec<(&str, u64)> = service["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| (port["name"].as_str().unwrap(), port["nodePort"].as_u64().unwrap()))
            .collect();
        assert_eq!(ports, [("status-port", 32021), ("tls", 32443), ("tls-istiod", 32012), ("tls-webhook", 32017)]);
        // The API of 1.11 has no field for it.
        if version == "1.11.2" {
            let patches = json!([{"path": "spec.loadBalancerClass", "value": "example.com/internal"}]);
            let overlay =
                json!({"apiVersion": "v1", "kind": "Service", "name": "istio-eastwestgateway", "patches": patches});
            assert_eq!((&service["loadBalancerClass"], &told["overlays"]), (&Value::Null, &json!([overlay])));
        } else {
            assert_eq!(
                (&service["loadBalancerClass"], &told["overlays"]),
                (&json!("example.com/internal"), &Value::Null)
            );
        }
    }
}

/// What is told of networks in the values of an istiod.
fn told(version: &str, gateway: &str, cluster: &str) -> Value {
    let tree = common::compile(&mesh(version, gateway));
    let text =
        std::str::from_utf8(&tree.get(&format!("{cluster}/30-istio/istio.yaml")).unwrap().bytes).unwrap().to_owned();
    let istio: Value = serde_yaml::from_str(&text).unwrap();
    istio["spec"]["values"]["global"]["meshNetworks"].clone()
}

#[test]
fn others_dial_the_port_of_the_service_that_a_label_names() {
    for version in ["1.11.2", "1.30.3"] {
        let operator = operator(version, "{port: 443}");
        let told = component(&operator);
        let tls = &told["service"]["ports"][1];
        assert_eq!(*tls, json!({"name": "tls", "port": 443, "targetPort": 15443}), "{version}");
        let patches = json!([{"path": r"metadata.labels.networking\.istio\.io/gatewayPort", "value": "443"}]);
        assert_eq!(told["overlays"][0]["patches"], patches, "{version}");
        // The pods and the selector keep their labels: a Deployment's selector does not change.
        let label = &operator["spec"]["components"]["ingressGateways"][0]["label"];
        assert_eq!(label["topology.istio.io/network"], "lan");
    }
    assert_eq!(operator("1.30.3", "{port: 15443}"), operator("1.30.3", "{}"));
}

#[test]
fn every_primary_is_told_where_a_static_gateway_is_dialled() {
    let gateway = "{address: 203.0.113.7, port: 443, discovery: static}";
    for version in ["1.11.2", "1.30.3"] {
        let networks = json!({"lan": {"endpoints": [{"fromRegistry": "east"}], "gateways": [{"address": "203.0.113.7", "port": 443}]}});
        for cluster in ["east", "west"] {
            assert_eq!(told(version, gateway, cluster), networks, "{version} {cluster}");
            assert_eq!(told(version, "{address: 203.0.113.7}", cluster), Value::Null, "{version} {cluster}");
        }
        let operator = operator(version, gateway);
        let overlays = &component(&operator)["overlays"];
        // Only the Service loses the label, and nothing stands in its place.
        let patches = json!([{"path": r"metadata.labels.topology\.istio\.io/network"}]);
        let overlay =
            json!({"apiVersion": "v1", "kind": "Service", "name": "istio-eastwestgateway", "patches": patches});
        assert_eq!(*overlays, json!([overlay]), "{version}");
        let spec = &operator["spec"]["components"]["ingressGateways"][0];
        assert_eq!(spec["label"]["topology.istio.io/network"], "lan", "{version}");
        assert_eq!(component(&operator)["service"]["ports"][1]["port"], 15443, "{version}");
    }
}

/// A primary and a remote; `istio` is what is said of both.
fn with_remote(istio: &str) -> Source {
    let text = format!(
        "apiVersion: meshgen/v1
kind: Topology
mesh: {{id: mesh1}}
istio: {istio}
certificates: {{issuedOn: 2026-11-01}}
networks: [{{name: lan}}]
clusters:
  - {{name: east, network: lan, apiServer: 'https://10.0.1.10:6443', eastWestGateway: {{externalIPs: [10.0.1.100]}}}}
  - name: west
    network: lan
    controlPlane: east
    apiServer: https://10.0.2.10:6443
    istio: {{values: {{gateways: {{istio-egressgateway: {{autoscaleMax: 3}}}}}}}}
"
    );
    Source::new("mesh.yaml", text)
}

#[test]
fn an_egress_gateway_that_the_topology_asks_for_is_in_remotes_without_an_istiod_too() {
    let of_remote = "west/45-egress-gateway/egress-gateway.yaml";
    let read = |text: &[u8]| -> Value { serde_yaml::from_str(std::str::from_utf8(text).unwrap()).unwrap() };
    for version in ["1.24.6", "1.30.3"] {
        let values = "values: {gateways: {istio-egressgateway: {autoscaleMin: 2}}, global: {hub: registry.corp/istio}}";
        let said = format!("{{version: {version}, revision: blue, egressGateway: true, {values}}}");
        let tree = common::compile(&with_remote(&said));
        let operator = read(&tree.get(of_remote).unwrap().bytes);
        let spec = &operator["spec"];
        assert_eq!(operator["metadata"]["name"], "egress-gateway");
        assert_eq!((&spec["profile"], &spec["revision"]), (&json!("empty"), &json!("blue")));
        let component = json!([{"name": "istio-egressgateway", "enabled": true}]);
        assert_eq!(spec["components"], json!({ "egressGateways": component }));
        let chart = json!({"autoscaleMin": 2, "autoscaleMax": 3, "injectionTemplate": "gateway"});
        assert_eq!(spec["values"]["gateways"], json!({ "istio-egressgateway": chart }));
        let global = &spec["values"]["global"];
        assert_eq!((&global["hub"], &global["network"]), (&json!("registry.corp/istio"), &json!("lan")));
        assert_eq!(global["multiCluster"]["clusterName"], "west");
        // Where an istiod runs, it is a component of Istio's own IstioOperator.
        let of_primary = read(&tree.get("east/30-istio/istio.yaml").unwrap().bytes);
        assert_eq!(of_primary["spec"]["components"]["egressGateways"], component);
        assert!(!tree.iter().any(|(path, _)| path.starts_with("east/45-egress-gateway")));
        let steps = String::from_utf8(tree.get("install.sh").unwrap().bytes.clone()).unwrap();
        let position = |step: &str| steps.find(&format!("step '{step}'")).unwrap();
        assert!(position("east/remote-secrets.sh") < position("west/45-egress-gateway"));
    }
    for said in ["{version: 1.30.3}", "{version: 1.30.3, profile: demo}", "{version: 1.30.3, egressGateway: false}"] {
        assert!(common::compile(&with_remote(said)).get(of_remote).is_none(), "{said}");
    }
    // A remote with an istiod of its own has it as a primary has it.
    let tree = common::compile(&with_remote("{version: 1.11.8, egressGateway: true}"));
    let operator = read(&tree.get("west/30-istio/istio.yaml").unwrap().bytes);
    assert_eq!(operator["spec"]["components"]["egressGateways"][0]["enabled"], true);
    assert!(tree.get(of_remote).is_none());
}
