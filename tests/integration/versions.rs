//! The fourteen meshes with every supported Istio: what has to be another way than with 1.11, and what must not.

use meshgen::release::{RELEASES, RemoteShape};
use meshgen::source::Source;
use meshgen::tree::Tree;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common;

/// Releases with thin remotes, and a version of Kubernetes on which each runs.
const THIN: [(&str, &str); 10] = [
    ("1.24.6", "1.31"),
    ("1.25.5", "1.32"),
    ("1.26.0", "1.32"),
    ("1.26.8", "1.32"),
    ("1.27.9", "1.32"),
    ("1.28.0", "1.32"),
    ("1.28.10", "1.32"),
    ("1.29.6", "1.32"),
    ("1.30.3", "1.32"),
    ("1.31.0", "1.32"),
];

/// The tutorial's meshes, each as its topology and its tree with another version of Istio.
fn meshes(version: &str, kubernetes: &str) -> Vec<(Value, Tree)> {
    let stated: Value = serde_json::from_str(include_str!("../scenarios.json")).unwrap();
    let scenarios = stated["scenarios"].as_array().unwrap().clone();
    scenarios
        .into_iter()
        .map(|scenario| {
            let path = format!("topologies/{}.yaml", scenario["name"].as_str().unwrap());
            let source = common::read(&common::repository().join(path));
            let text = String::from_utf8(source.bytes).unwrap();
            let text = text
                .replace("version: 1.11.2", &format!("version: {version}"))
                .replace("\"1.21\"", &format!("\"{kubernetes}\""));
            (scenario, common::compile(&Source::new(source.name, text)))
        })
        .collect()
}

fn clusters(scenario: &Value) -> &Vec<Value> {
    scenario["clusters"].as_array().unwrap()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

fn primary_of(cluster: &Value) -> Option<&str> {
    cluster["controlPlane"].as_str().unwrap().strip_prefix("remote:")
}

fn documents(tree: &Tree, path: &str) -> Vec<Value> {
    let bytes = tree.get(path).map_or(&[][..], |file| &file.bytes);
    let text = std::str::from_utf8(bytes).unwrap();
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|v| !v.is_null())
        .collect()
}

fn document(tree: &Tree, path: &str) -> Value {
    documents(tree, path).into_iter().next().unwrap_or_default()
}

#[test]
fn no_release_is_left_out() {
    let is_here = |minor: u32| THIN.iter().any(|(version, _)| version.starts_with(&format!("1.{minor}.")));
    for release in RELEASES {
        let is_thin = release.remotes == RemoteShape::Thin;
        assert_eq!(is_here(release.minor), is_thin, "1.{}", release.minor);
        // What is here compiles: the others are the release of the topologies themselves.
        assert!(is_thin || release.minor == 11, "1.{}", release.minor);
    }
}

#[test]
fn the_page_of_releases_has_what_is_known_of_each() {
    let page = include_str!("../../docs/releases.md");
    for release in RELEASES {
        let minor = release.minor;
        let read = release.read.map_or_else(|| "0-rc.0".to_owned(), |patch| patch.to_string());
        let (oldest, newest) = release.kubernetes;
        let end = release
            .end_of_life
            .map_or_else(|| "not announced".to_owned(), |(year, month, day)| format!("{year}-{month:02}-{day:02}"));
        let remotes = if release.remotes == RemoteShape::Thin { "thin" } else { "an istiod of their own" };
        let row = format!("| 1.{minor} | 1.{minor}.{read} | 1.{oldest} to 1.{newest} | {end} | {remotes} |");
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn remotes_are_thin_and_find_their_primary() {
    let mut count = 0;
    for (version, kubernetes) in THIN {
        for (scenario, tree) in meshes(version, kubernetes) {
            for cluster in clusters(&scenario) {
                let Some(primary) = primary_of(cluster) else { continue };
                let at = format!("{version} {} {}", name(&scenario), name(cluster));
                let operator = document(&tree, &format!("{}/30-istio/istio.yaml", name(cluster)));
                assert_eq!(operator["spec"]["profile"], "remote", "{at}");
                assert!(operator["spec"].get("components").is_none(), "{at}");
                let values = &operator["spec"]["values"];
                let gateway =
                    clusters(&scenario).iter().find(|other| name(other) == primary).unwrap()["eastWestGatewayIP"]
                        .clone();
                assert_eq!(values["global"]["remotePilotAddress"], gateway, "{at}");
                let path = format!("/inject/cluster/{}/net/{}", name(cluster), cluster["network"].as_str().unwrap());
                assert_eq!(values["istiodRemote"]["injectionPath"], path, "{at}");
                let namespace = document(&tree, &format!("{}/10-namespace/namespace.yaml", name(cluster)));
                assert_eq!(
                    namespace["metadata"]["annotations"],
                    json!({ "topology.istio.io/controlPlaneClusters": primary }),
                    "{at}"
                );
                for absent in ["20-cacerts", "50-exposure", "55-telemetry"] {
                    assert!(
                        !tree.iter().any(|(path, _)| path.starts_with(&format!("{}/{absent}/", name(cluster)))),
                        "{at} {absent}"
                    );
                }
                assert!(tree.get(&format!("{}/30-istio/mesh-config.yaml", name(cluster))).is_none(), "{at}");
                count += 1;
            }
        }
    }
    assert!(count > 0, "no scenario has a remote");
}

#[test]
fn primaries_know_that_they_have_remotes() {
    for (version, kubernetes) in THIN {
        for (scenario, tree) in meshes(version, kubernetes) {
            for cluster in clusters(&scenario).iter().filter(|cluster| primary_of(cluster).is_none()) {
                let at = format!("{version} {} {}", name(&scenario), name(cluster));
                let remotes = clusters(&scenario).iter().filter(|other| primary_of(other) == Some(name(cluster)));
                let has_remotes = remotes.clone().count() > 0;
                let operator = document(&tree, &format!("{}/30-istio/istio.yaml", name(cluster)));
                let external = operator["spec"]["values"]["global"].get("externalIstiod").cloned();
                assert_eq!(external, has_remotes.then(|| json!(true)), "{at}");
                assert_eq!(operator["spec"]["profile"], "demo", "{at}");
                let exposed = documents(&tree, &format!("{}/50-exposure/expose-istiod.yaml", name(cluster)));
                assert_eq!(!exposed.is_empty(), has_remotes, "{at}");
                // The gateways of all remotes take their servers from here.
                let is_multi = cluster["namespaceNetworkLabel"].is_string();
                let serves = remotes.chain([cluster]).any(|other| other["eastWestGatewayIP"].is_string());
                let services = documents(&tree, &format!("{}/50-exposure/expose-services.yaml", name(cluster)));
                assert_eq!(!services.is_empty(), is_multi && serves, "{at}");
                for object in exposed.iter().chain(&services) {
                    assert_eq!(object["apiVersion"], "networking.istio.io/v1", "{at}");
                }
            }
        }
    }
}

#[test]
fn traces_are_sent_by_a_provider_that_istiod_knows() {
    for (version, kubernetes) in THIN {
        for (scenario, tree) in meshes(version, kubernetes) {
            for cluster in clusters(&scenario).iter().filter(|cluster| primary_of(cluster).is_none()) {
                let at = format!("{version} {} {}", name(&scenario), name(cluster));
                let patch = document(&tree, &format!("{}/30-istio/mesh-config.yaml", name(cluster)));
                let config = &patch["spec"]["meshConfig"];
                assert!(config.get("defaultConfig").is_none(), "{at}: nothing of tracing is left in the bootstrap");
                let provider = &config["extensionProviders"][0];
                let telemetry = document(&tree, &format!("{}/55-telemetry/telemetry.yaml", name(cluster)));
                assert_eq!(telemetry["spec"]["tracing"][0]["providers"][0]["name"], provider["name"], "{at}");
                assert_eq!(telemetry["spec"]["tracing"][0]["randomSamplingPercentage"], 100, "{at}");
                let (host, port) = cluster["zipkinAddress"].as_str().unwrap().rsplit_once(':').unwrap();
                assert_eq!(provider["zipkin"]["port"], port.parse::<u16>().unwrap(), "{at}");
                let entry = document(&tree, &format!("{}/55-telemetry/collector.yaml", name(cluster)));
                if host == "zipkin.istio-system" {
                    assert_eq!(
                        provider["zipkin"]["service"], "istio-system/zipkin.istio-system.svc.cluster.local",
                        "{at}"
                    );
                    assert!(entry.is_null(), "{at}");
                } else {
                    let known = format!("istio-system/{}", entry["spec"]["hosts"][0].as_str().unwrap());
                    assert_eq!(provider["zipkin"]["service"], known, "{at}");
                    assert_eq!(entry["spec"]["endpoints"], json!([{ "address": host }]), "{at}");
                    assert_eq!(entry["spec"]["resolution"], "STATIC", "{at}");
                }
            }
        }
    }
}

#[test]
fn commands_and_order_are_those_of_thin_remotes() {
    for (version, kubernetes) in THIN {
        for (scenario, tree) in meshes(version, kubernetes) {
            let script = std::str::from_utf8(&tree.get("install.sh").unwrap().bytes).unwrap();
            let steps: Vec<&str> = script
                .lines()
                .filter_map(|line| line.strip_prefix("step '")?.split_once('\'').map(|(name, _)| name))
                .collect();
            let position = |step: String| steps.iter().position(|other| *other == step);
            for cluster in clusters(&scenario) {
                let Some(primary) = primary_of(cluster) else { continue };
                let at = format!("{version} {} {}", name(&scenario), name(cluster));
                let order: Vec<usize> = [
                    position(format!("{}/10-namespace", name(cluster))),
                    position(format!("{primary}/50-exposure")),
                    position(format!("{}/30-istio", name(cluster))),
                    position(format!("{primary}/remote-secrets.sh")),
                    position(format!("{}/40-eastwest-gateway", name(cluster))),
                ]
                .into_iter()
                .flatten()
                .collect();
                assert!(order.is_sorted() && order.len() >= 4, "{at}: {order:?}");
            }
            for (path, file) in tree.iter() {
                let text = String::from_utf8_lossy(&file.bytes);
                assert!(!text.contains("istioctl x "), "{version} {path}: the experimental commands are gone");
            }
            assert!(
                !tree.iter().any(|(path, _)| path.ends_with("30-istio/kustomization.yaml")),
                "no operator would read it"
            );
        }
    }
}

#[test]
fn a_revision_reaches_every_name_that_depends_on_it() {
    for (version, kubernetes) in [("1.11.2", "\"1.21\""), ("1.30.3", "\"1.32\"")] {
        let source = common::read(&common::repository().join("topologies/2-clusters-1-control-plane-2-networks.yaml"));
        let text = String::from_utf8(source.bytes).unwrap();
        let text = text
            .replace("version: 1.11.2", &format!("version: {version}\n  revision: stable"))
            .replace("\"1.21\"", kubernetes);
        let tree = common::compile(&Source::new("revision.yaml", text));
        for cluster in ["cluster1", "cluster2"] {
            for file in ["30-istio/istio.yaml", "40-eastwest-gateway/eastwest-gateway.yaml"] {
                assert_eq!(
                    document(&tree, &format!("{cluster}/{file}"))["spec"]["revision"],
                    "stable",
                    "{version} {cluster} {file}"
                );
            }
        }
        let exposed = documents(&tree, "cluster1/50-exposure/expose-istiod.yaml");
        let host = "istiod-stable.istio-system.svc.cluster.local";
        for route in exposed[1]["spec"]["tls"].as_array().unwrap() {
            assert_eq!(route["route"][0]["destination"]["host"], host, "{version}");
        }
        let text = |path: &str| String::from_utf8(tree.get(path).unwrap().bytes.clone()).unwrap();
        assert!(text("install.sh").contains("install_istio istiod-stable"), "{version}");
        assert!(text("install.sh").contains("revision=stable"), "{version}");
        assert!(text("verify.sh").contains("ready 'istiod-stable'"), "{version}");
        assert!(text("README.md").contains("istio.io/rev=stable"), "{version}");
    }
}

#[test]
fn through_the_mesh_the_collector_has_a_sidecar_and_no_port() {
    let source =
        common::read(&common::repository().join("topologies/2-clusters-1-control-plane-2-networks-istio-1.30.yaml"));
    let text = String::from_utf8(source.bytes)
        .unwrap()
        .replace("    cluster: cluster1\n", "    cluster: cluster1\n    via: mesh\n")
        .replace("    nodePort: 32197\n", "");
    let tree = common::compile(&Source::new("mesh.yaml", text));
    let pod = document(&tree, "cluster1/60-zipkin/zipkin.yaml")["spec"]["template"].clone();
    assert_eq!(pod["metadata"]["labels"]["sidecar.istio.io/inject"], "true");
    assert!(
        tree.get("cluster1/50-exposure/expose-zipkin.yaml").is_none()
            && tree.get("cluster1/55-telemetry/collector.yaml").is_none()
    );
    let telemetry = documents(&tree, "cluster1/55-telemetry/telemetry.yaml");
    assert_eq!(telemetry[1]["spec"]["selector"]["matchLabels"]["app"], pod["metadata"]["labels"]["app"]);
    assert_eq!(telemetry[1]["spec"]["tracing"][0]["disableSpanReporting"], true);
    let ports = document(&tree, "cluster1/40-eastwest-gateway/eastwest-gateway.yaml");
    let ports = &ports["spec"]["components"]["ingressGateways"][0]["k8s"]["service"]["ports"];
    assert_eq!(ports.as_array().unwrap().len(), 4);
}

#[test]
fn an_istiod_that_can_be_told_takes_no_credential_plugins() {
    let variable = |version: &str, values: &str| {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: {version}{values}}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}]\nclusters:\n  \
             - {{name: east, network: lan, apiServer: 'https://10.0.1.10:6443', eastWestGateway: {{address: 10.0.1.100}}}}\n  \
             - {{name: west, network: lan, apiServer: 'https://10.0.2.10:6443', controlPlane: east}}\n"
        );
        let tree = common::compile(&Source::new("mesh.yaml", text));
        ["east", "west"].map(|cluster| {
            let operator = document(&tree, &format!("{cluster}/30-istio/istio.yaml"));
            operator["spec"]["values"]["pilot"]["env"]["PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS"].clone()
        })
    };
    // Below there is no such variable; above, nothing is what istiod takes by default. A remote's istiod reads no remote secrets.
    assert_eq!(variable("1.11.2", ""), [Value::Null, Value::Null]);
    assert_eq!(variable("1.11.8", ""), [json!("none"), Value::Null]);
    assert_eq!(variable("1.30.3", ""), [Value::Null, Value::Null]);
    let wanted =
        ", values: {pilot: {env: {PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS: exec, PILOT_TRACE_SAMPLING: '5'}}}";
    assert_eq!(variable("1.11.8", wanted), [json!("exec"), json!("exec")]);
}

/// From 1.29 on a primary's istiod reads the trust domain of each other cluster from the object `istio` there, `istio-<revision>` for a
/// control plane with a revision, and takes `cluster.local` where there is none
/// (1.29.0:pilot/pkg/serviceregistry/kube/controller/multicluster.go).
#[test]
fn a_thin_remote_states_a_trust_domain_of_ones_own_where_its_primary_reads_it() {
    let remote = |version: &str, trust_domain: &str, revision: &str| {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1, trustDomain: {trust_domain}}}\n\
             istio: {{version: {version}{revision}, values: {{pilot: {{resources: {{}}}}}}}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}]\nclusters:\n\
             - {{name: east, network: lan, apiServer: \"https://10.0.0.1:6443\", eastWestGateway: {{address: 10.0.0.9}}}}\n\
             - {{name: west, network: lan, controlPlane: east, apiServer: \"https://10.0.0.2:6443\"}}\n"
        );
        let operator = document(&common::compile(&Source::new("mesh.yaml", text)), "west/30-istio/istio.yaml");
        let is_stated = operator["spec"]["values"]["pilot"]["configMap"] == true;
        (is_stated, operator["spec"]["meshConfig"].clone(), operator["spec"]["revision"].clone())
    };
    for version in ["1.29.0", "1.29.6", "1.30.0", "1.30.3"] {
        let stated = json!({ "trustDomain": "mesh.example" });
        assert_eq!(remote(version, "mesh.example", ""), (true, stated.clone(), Value::Null), "{version}");
        assert_eq!(remote(version, "mesh.example", ", revision: blue"), (true, stated, json!("blue")), "{version}");
        assert_eq!(remote(version, "cluster.local", ""), (false, Value::Null, Value::Null), "{version}");
    }
    for version in ["1.24.6", "1.27.9", "1.28.8"] {
        assert_eq!(remote(version, "mesh.example", ""), (false, Value::Null, Value::Null), "{version}");
    }
}

/// The istiod of a remote of Istio 1.11 takes the names of its certificate from the address by which proxies reach the primary
/// (1.11.8:pilot/pkg/bootstrap/certcontroller.go): the API server and the proxies call it by the Service of its revision.
#[test]
fn the_istiod_of_a_remote_is_certified_for_the_service_of_its_revision() {
    let names = |version: &str, revision: &str, own: &str| {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: {version}{revision}}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}]\nclusters:\n\
             - {{name: east, network: lan, apiServer: \"https://10.0.1.10:6443\", eastWestGateway: {{address: 10.0.1.100}}}}\n\
             - {{name: west, network: lan, apiServer: \"https://10.0.2.10:6443\", controlPlane: east{own}}}\n"
        );
        let tree = common::compile(&Source::new("mesh.yaml", text));
        ["east", "west"].map(|cluster| {
            let operator = document(&tree, &format!("{cluster}/30-istio/istio.yaml"));
            operator["spec"]["values"]["pilot"]["env"]["ISTIOD_CUSTOM_HOST"].clone()
        })
    };
    let service = json!("istiod-blue.istio-system.svc");
    assert_eq!(names("1.11.2", ", revision: blue", ""), [Value::Null, service.clone()]);
    assert_eq!(names("1.11.8", ", revision: blue", ""), [Value::Null, service]);
    assert_eq!(names("1.11.8", "", ""), [Value::Null, Value::Null]);
    assert_eq!(names("1.24.6", ", revision: blue", ""), [Value::Null, Value::Null]);
    let own = ", istio: {values: {pilot: {env: {ISTIOD_CUSTOM_HOST: istiod.example.com}}}}";
    assert_eq!(names("1.11.8", ", revision: blue", own), [Value::Null, json!("istiod.example.com")]);
}

/// `1.30.3:pilot/pkg/networking/core/gateway.go`: what is asked for at port 15443 ends with the domain that istiod was told
/// (`manifests/charts/istio-control/istio-discovery/templates/deployment.yaml`, `--domain`); the same at 1.11.2.
#[test]
fn every_host_name_ends_with_the_cluster_domain() {
    for (version, revision, via) in
        [("1.11.2", "", "gateway"), ("1.30.3", ", revision: blue", "gateway"), ("1.30.3", "", "mesh")]
    {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1, trustDomain: mesh.example, clusterDomain: k8s.example.internal}}\n\
             istio: {{version: {version}{revision}}}\ncertificates: {{issuedOn: 2026-11-01}}\n\
             tracing: {{zipkin: {{cluster: east, via: {via}}}}}\nnetworks: [{{name: lan}}, {{name: cloud}}]\nclusters:\n  \
             - {{name: east, network: lan, apiServer: 'https://10.0.1.10:6443', eastWestGateway: {{address: 10.0.1.100}}}}\n  \
             - {{name: west, network: cloud, apiServer: 'https://10.0.2.10:6443', controlPlane: east, eastWestGateway: {{address: 10.0.2.100}}}}\n"
        );
        let tree = common::compile(&Source::new("mesh.yaml", text));
        for (path, file) in tree.iter() {
            let text = String::from_utf8_lossy(&file.bytes);
            assert!(!text.contains("cluster.local") && !text.contains("*.local"), "{version} {path}");
        }
        for cluster in ["east", "west"] {
            for file in ["30-istio/istio.yaml", "40-eastwest-gateway/eastwest-gateway.yaml"] {
                let operator = document(&tree, &format!("{cluster}/{file}"));
                let gateway = &operator["spec"]["components"]["ingressGateways"][0]["k8s"]["values"];
                let values = if file.starts_with('3') { &operator["spec"]["values"] } else { gateway };
                let values = if values.is_null() { &operator["spec"]["values"] } else { values };
                assert_eq!(
                    values["global"]["proxy"]["clusterDomain"], "k8s.example.internal",
                    "{version} {cluster} {file}"
                );
            }
        }
        let services = document(&tree, "east/50-exposure/expose-services.yaml");
        assert_eq!(services["spec"]["servers"][0]["hosts"], json!(["*.k8s.example.internal"]));
        let istiod = documents(&tree, "east/50-exposure/expose-istiod.yaml");
        let host = if revision.is_empty() { "istiod" } else { "istiod-blue" };
        let host = format!("{host}.istio-system.svc.k8s.example.internal");
        for route in istiod[1]["spec"]["tls"].as_array().unwrap() {
            assert_eq!(route["route"][0]["destination"]["host"], host);
            let asked = route["match"][0]["sniHosts"].as_array().unwrap();
            assert!(asked.contains(&json!("*")) || asked.contains(&json!(host)), "{asked:?}");
        }
        if via == "gateway" {
            let zipkin = documents(&tree, "east/50-exposure/expose-zipkin.yaml");
            let destination = &zipkin[1]["spec"]["tcp"][0]["route"][0]["destination"];
            assert_eq!(destination["host"], "zipkin.istio-system.svc.k8s.example.internal");
        } else {
            let config = document(&tree, "east/30-istio/mesh-config.yaml");
            let provider = &config["spec"]["meshConfig"]["extensionProviders"][0]["zipkin"];
            assert_eq!(provider["service"], "istio-system/zipkin.istio-system.svc.k8s.example.internal");
        }
    }
}

#[test]
fn the_collector_comes_from_the_registry_that_is_named_with_its_secrets() {
    let spec = |zipkin: &str, istio: &str, own: &str| {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3{istio}}}\n\
             certificates: {{issuedOn: 2026-11-01}}\ntracing: {{zipkin: {{cluster: east{zipkin}}}}}\nnetworks: [{{name: lan}}]\n\
             clusters: [{{name: east, network: lan, apiServer: 'https://10.0.1.10:6443', eastWestGateway: {{address: 10.0.1.100}}{own}}}]\n"
        );
        let tree = common::compile(&Source::new("mesh.yaml", text));
        let spec = &document(&tree, "east/60-zipkin/zipkin.yaml")["spec"]["template"]["spec"];
        (spec["containers"][0]["image"].clone(), spec["imagePullSecrets"].clone())
    };
    let (usual, none) = spec("", "", "");
    assert!(usual.as_str().unwrap().contains("zipkin-slim") && none.is_null(), "{usual} {none}");
    let image = "registry.example.net/zipkin-slim:3.4.0";
    let secrets = ", values: {global: {imagePullSecrets: [pull, other]}}";
    assert_eq!(
        spec(&format!(", image: '{image}'"), secrets, ""),
        (json!(image), json!([{ "name": "pull" }, { "name": "other" }]))
    );
    let own = ", istio: {values: {global: {imagePullSecrets: [own]}}}";
    assert_eq!(spec("", secrets, own), (usual, json!([{ "name": "own" }])));
}
