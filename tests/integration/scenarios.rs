//! The fourteen meshes of the tutorial, fact by fact: what each scenario states, as data, against the files that are emitted.
//! Nothing here knows how the files are made.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use meshgen::tree::Tree;

use crate::common;

/// A tree's files, as an outsider reads them.
struct Files<'t>(&'t Tree);

impl Files<'_> {
    fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(|file| std::str::from_utf8(&file.bytes).unwrap())
    }

    /// The documents of a YAML file, by an independent reader; none where there is no such file.
    fn documents(&self, path: &str) -> Vec<Value> {
        let text = self.text(path).unwrap_or_default();
        serde_yaml::Deserializer::from_str(text)
            .map(|document| Value::deserialize(document).unwrap())
            .filter(|v| !v.is_null())
            .collect()
    }

    fn document(&self, path: &str) -> Value {
        let mut documents = self.documents(path);
        assert_eq!(documents.len(), 1, "{path}");
        documents.remove(0)
    }
}

/// Calls `check` with every cluster of every scenario: the scenario, the cluster, and the files of its tree.
fn for_every_cluster(check: impl Fn(&Value, &Value, &Files<'_>)) {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    let scenarios = stated["scenarios"].as_array().unwrap();
    assert!(!scenarios.is_empty());
    for scenario in scenarios {
        let path = format!("topologies/{}.yaml", scenario["name"].as_str().unwrap());
        let tree = common::compile(&common::read(&common::repository().join(path)));
        let clusters = scenario["clusters"].as_array().unwrap();
        assert!(!clusters.is_empty(), "{}", scenario["name"]);
        for cluster in clusters {
            check(scenario, cluster, &Files(&tree));
        }
    }
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

/// The cluster that serves a cluster, by the scenario's words `primary` and `remote:<primary>`.
fn primary_of(cluster: &Value) -> &str {
    cluster["controlPlane"].as_str().unwrap().strip_prefix("remote:").unwrap_or_else(|| name(cluster))
}

#[test]
fn operators_say_what_the_tutorial_types() {
    for_every_cluster(|scenario, cluster, files| {
        let directory = format!("{}/30-istio", name(cluster));
        let operator = files.document(&format!("{directory}/istio.yaml"));
        let patch = files.document(&format!("{directory}/mesh-config.yaml"));
        let at = format!("{} {}", name(scenario), name(cluster));
        let wanted = &cluster["istioOperator"];
        assert_eq!(operator["apiVersion"], wanted["apiVersion"], "{at}");
        assert_eq!(operator["kind"], wanted["kind"], "{at}");
        // The tutorial's operators have no name; ours do, so that installing one does not prune the other.
        assert_eq!(operator["metadata"]["name"], "istio", "{at}");
        assert_eq!(patch["metadata"]["name"], "istio", "{at}");
        assert_eq!(patch["metadata"]["namespace"], operator["metadata"]["namespace"], "{at}");
        assert_eq!(patch["spec"].as_object().unwrap().len(), 1, "{at}");
        let mut spec = operator["spec"].clone();
        let mut config = patch["spec"]["meshConfig"].clone();
        // Tracing and the trust domain are typed into the ConfigMap by hand there, and are part of the mesh config here.
        let tracing = config.as_object_mut().unwrap().remove("defaultConfig").unwrap();
        assert_eq!(config.as_object_mut().unwrap().remove("trustDomain").unwrap(), "cluster.local", "{at}");
        assert_eq!(
            tracing,
            json!({ "tracing": { "sampling": 100, "zipkin": { "address": cluster["zipkinAddress"] } } }),
            "{at}"
        );
        spec["meshConfig"] = config;
        assert_eq!(spec, wanted["spec"], "{at}");
    });
}

#[test]
fn gateways_are_where_the_tutorial_has_them() {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    let zipkin = &stated["zipkin"];
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let path = format!("{}/40-eastwest-gateway/eastwest-gateway.yaml", name(cluster));
        let Some(address) = cluster["eastWestGatewayIP"].as_str() else {
            assert!(files.text(&path).is_none(), "{at}");
            return;
        };
        let operator = files.document(&path);
        assert_ne!(operator["metadata"]["name"], "istio", "{at}");
        let spec = &operator["spec"];
        assert_eq!(spec["profile"], "empty", "{at}");
        let gateways = spec["components"]["ingressGateways"].as_array().unwrap();
        assert_eq!(gateways.len(), 1, "{at}");
        let gateway = &gateways[0];
        assert_eq!(gateway["name"], "istio-eastwestgateway", "{at}");
        assert_eq!(gateway["enabled"], true, "{at}");
        let label = json!({
            "istio": "eastwestgateway", "app": "istio-eastwestgateway", "topology.istio.io/network": cluster["network"],
        });
        assert_eq!(gateway["label"], label, "{at}");
        let environment = json!([
            { "name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat" },
            { "name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": cluster["network"] },
        ]);
        assert_eq!(gateway["k8s"]["env"], environment, "{at}");
        let service = &gateway["k8s"]["service"];
        assert_eq!(service["externalIPs"], json!([address]), "{at}");
        let mut ports = vec![("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017)]
            .into_iter()
            .map(|(name, port)| json!({ "name": name, "port": port, "targetPort": port }))
            .collect::<Vec<Value>>();
        if cluster["name"] == zipkin["cluster"] {
            // TCP, not HTTP: an HTTP server would trace the uploads of spans.
            ports.push(json!({
                "name": "tcp-zipkin", "port": zipkin["gatewayPort"], "targetPort": zipkin["gatewayPort"], "protocol": "TCP",
                "nodePort": zipkin["gatewayNodePort"],
            }));
        }
        assert_eq!(service["ports"], json!(ports), "{at}");
        let global = &spec["values"]["global"];
        assert_eq!(global["meshID"], stated["meshID"], "{at}");
        assert_eq!(global["network"], cluster["network"], "{at}");
        assert_eq!(global["multiCluster"]["clusterName"], cluster["name"], "{at}");
        assert_eq!(spec["values"]["gateways"]["istio-ingressgateway"]["injectionTemplate"], "gateway", "{at}");
    });
}

#[test]
fn exposure_is_as_the_samples_of_istio_have_it() {
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let documents = |file: &str| files.documents(&format!("{}/50-exposure/{file}", name(cluster)));
        let istiod = documents("expose-istiod.yaml");
        assert_eq!(!istiod.is_empty(), cluster["exposesIstiod"], "{at}");
        if let [gateway, service] = istiod.as_slice() {
            let server = |name: &str, number: u16| {
                json!({
                    "port": { "name": name, "number": number, "protocol": "TLS" }, "tls": { "mode": "PASSTHROUGH" }, "hosts": ["*"],
                })
            };
            assert_eq!(gateway["kind"], "Gateway", "{at}");
            assert_eq!(gateway["spec"]["selector"], json!({ "istio": "eastwestgateway" }), "{at}");
            let servers = json!([server("tls-istiod", 15012), server("tls-istiodwebhook", 15017)]);
            assert_eq!(gateway["spec"]["servers"], servers, "{at}");
            assert_eq!(service["kind"], "VirtualService", "{at}");
            assert_eq!(service["spec"]["hosts"], json!(["*"]), "{at}");
            assert_eq!(service["spec"]["gateways"], json!([gateway["metadata"]["name"]]), "{at}");
            let route = |from: u16, to: u16| {
                let destination = json!({ "host": "istiod.istio-system.svc.cluster.local", "port": { "number": to } });
                json!({ "match": [{ "port": from, "sniHosts": ["*"] }], "route": [{ "destination": destination }] })
            };
            assert_eq!(service["spec"]["tls"], json!([route(15012, 15012), route(15017, 443)]), "{at}");
        } else {
            assert!(istiod.is_empty(), "{at}");
        }
        let services = documents("expose-services.yaml");
        assert_eq!(!services.is_empty(), cluster["exposesServices"], "{at}");
        for gateway in &services {
            assert_eq!(gateway["kind"], "Gateway", "{at}");
            assert_eq!(gateway["spec"]["selector"], json!({ "istio": "eastwestgateway" }), "{at}");
            let server = json!({
                "port": { "number": 15443, "name": "tls", "protocol": "TLS" }, "tls": { "mode": "AUTO_PASSTHROUGH" },
                "hosts": ["*.local"],
            });
            assert_eq!(gateway["spec"]["servers"], json!([server]), "{at}");
        }
        for document in istiod.iter().chain(&services) {
            assert_eq!(document["apiVersion"], "networking.istio.io/v1alpha3", "{at}");
            assert_eq!(document["metadata"]["namespace"], "istio-system", "{at}");
        }
    });
}

#[test]
fn the_collector_is_where_all_clusters_report_to() {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    let zipkin = &stated["zipkin"];
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let objects = files.documents(&format!("{}/60-zipkin/zipkin.yaml", name(cluster)));
        assert_eq!(!objects.is_empty(), cluster["hostsZipkin"], "{at}");
        let exposed = files.documents(&format!("{}/50-exposure/expose-zipkin.yaml", name(cluster)));
        assert_eq!(!exposed.is_empty(), cluster["hostsZipkin"], "{at}");
        if objects.is_empty() {
            return;
        }
        let object = |kind: &str, name: &str| {
            let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
            found.unwrap_or_else(|| panic!("{at}: no {kind} {name}")).clone()
        };
        let pod = &object("Deployment", "zipkin")["spec"]["template"];
        assert_eq!(pod["metadata"]["annotations"]["sidecar.istio.io/inject"], "false", "{at}");
        assert_eq!(pod["spec"]["containers"][0]["image"], "openzipkin/zipkin-slim:2.23.0", "{at}");
        for (service, port) in [("zipkin", 9411), ("tracing", 80)] {
            let spec = &object("Service", service)["spec"];
            assert_eq!(spec["ports"][0]["port"], port, "{at}");
            assert_eq!(spec["ports"][0]["targetPort"], 9411, "{at}");
            assert_eq!(spec["selector"]["app"], pod["metadata"]["labels"]["app"], "{at}");
        }
        let [gateway, service] = exposed.as_slice() else { panic!("{at}") };
        let server = json!({
            "port": { "number": zipkin["gatewayPort"], "name": "tcp-zipkin", "protocol": "TCP" }, "hosts": ["*"],
        });
        assert_eq!(gateway["spec"], json!({ "selector": { "istio": "eastwestgateway" }, "servers": [server] }), "{at}");
        assert_eq!(service["spec"]["gateways"], json!([gateway["metadata"]["name"]]), "{at}");
        let destination = json!({ "host": zipkin["service"], "port": { "number": zipkin["servicePort"] } });
        let route = json!({ "match": [{ "port": zipkin["gatewayPort"] }], "route": [{ "destination": destination }] });
        assert_eq!(service["spec"]["tcp"], json!([route]), "{at}");
    });
}

#[test]
fn namespaces_have_their_network_where_there_are_several() {
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let namespace = files.document(&format!("{}/10-namespace/namespace.yaml", name(cluster)));
        assert_eq!(namespace["metadata"]["name"], "istio-system", "{at}");
        let label = namespace["metadata"]["labels"].get("topology.istio.io/network").cloned().unwrap_or_default();
        assert_eq!(label, cluster["namespaceNetworkLabel"], "{at}");
    });
}

#[test]
fn primaries_read_the_secrets_of_all_others() {
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let script = files.text(&format!("{}/remote-secrets.sh", name(cluster))).unwrap_or_default();
        let servers: BTreeMap<&str, &str> = scenario["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cluster| (name(cluster), cluster["apiServer"].as_str().unwrap()))
            .collect();
        let read: BTreeSet<(&str, &str)> = script
            .lines()
            .filter_map(|line| line.strip_prefix("member '"))
            .map(|line| {
                let words: Vec<&str> = line.trim_end_matches('\'').split("' '").collect();
                let [name, context, server] = words.as_slice() else { panic!("{at}: {line}") };
                assert_eq!(name, context, "{at}");
                (*name, *server)
            })
            .collect();
        let wanted = cluster["readsSecretsOf"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        assert_eq!(read, wanted.map(|name| (name, servers[name])).collect(), "{at}");
    });
}

#[test]
fn nodes_have_the_routes_of_the_tutorial() {
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let script = files.text(&format!("{}/routes.sh", name(cluster))).unwrap_or_default();
        let routes: BTreeSet<(String, String)> = script
            .lines()
            .filter_map(|line| line.strip_prefix("route '"))
            .map(|line| {
                let (destination, rest) = line.split_once("' '").unwrap();
                (destination.to_owned(), rest.split_once('\'').unwrap().0.to_owned())
            })
            .collect();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let wanted = cluster["routes"].as_array().unwrap().iter().map(|route| (text(&route[0]), text(&route[1])));
        assert_eq!(routes, wanted.collect(), "{at}");
    });
}

#[test]
fn certificates_share_one_root() {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    for scenario in stated["scenarios"].as_array().unwrap() {
        let path = format!("topologies/{}.yaml", name(scenario));
        let tree = common::compile(&common::read(&common::repository().join(path)));
        let file = |cluster: &Value, file: &str| {
            tree.get(&format!("{}/20-cacerts/{file}", name(cluster))).unwrap().bytes.clone()
        };
        let clusters = scenario["clusters"].as_array().unwrap();
        let roots: BTreeSet<Vec<u8>> = clusters.iter().map(|cluster| file(cluster, "root-cert.pem")).collect();
        assert_eq!(roots.len(), 1);
        let intermediates: BTreeSet<Vec<u8>> = clusters.iter().map(|cluster| file(cluster, "ca-cert.pem")).collect();
        assert_eq!(intermediates.len(), clusters.len());
        for cluster in clusters {
            let chain = [file(cluster, "ca-cert.pem"), file(cluster, "root-cert.pem")].concat();
            assert_eq!(file(cluster, "cert-chain.pem"), chain);
        }
    }
}

/// Primaries, their gateways and exposure; then secrets; then remotes; then the collector; then restarts.
#[test]
fn the_steps_come_in_an_order_that_works() {
    for_every_cluster(|scenario, cluster, files| {
        let at = format!("{} {}", name(scenario), name(cluster));
        let steps: Vec<&str> = files
            .text("install.sh")
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix("step '")?.split_once('\'').map(|(name, _)| name))
            .collect();
        let position = |step: String| {
            steps.iter().position(|other| *other == step).unwrap_or_else(|| panic!("{at}: no step {step}"))
        };
        let own = |artifact: &str| position(format!("{}/{artifact}", name(cluster)));
        let of_primary = |artifact: &str| position(format!("{}/{artifact}", primary_of(cluster)));
        assert!(own("10-namespace") < own("20-cacerts") && own("20-cacerts") < own("30-istio"), "{at}");
        if primary_of(cluster) != name(cluster) {
            assert!(of_primary("40-eastwest-gateway") < of_primary("50-exposure"), "{at}");
            assert!(of_primary("50-exposure") < own("30-istio"), "{at}");
            assert!(of_primary("remote-secrets.sh") < own("30-istio"), "{at}");
        }
        assert!(own("30-istio") < own("restart"), "{at}");
        if cluster["hostsZipkin"] == true {
            assert!(own("40-eastwest-gateway") < own("60-zipkin"), "{at}");
        }
    });
}

#[test]
fn the_workloads_of_the_tutorial_restart() {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    for_every_cluster(|_, _, files| {
        let script = files.text("install.sh").unwrap();
        let workloads = script.lines().find(|line| line.starts_with("readonly workload_namespaces=(")).unwrap();
        for namespace in stated["restartNamespaces"].as_array().unwrap() {
            let namespace = namespace.as_str().unwrap();
            // Its gateways restart in any case, and nothing else in it.
            let is_restarted = namespace == "istio-system" || workloads.contains(&format!("'{namespace}'"));
            assert!(is_restarted, "{namespace}");
        }
    });
}
