//! What holds for every topology.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use meshgen::lock::Lock;
use meshgen::pki::verify::{self, Files, Proven};
use meshgen::source::Source;
use meshgen::tree::Tree;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{common, generator};

use generator::Generated;

fn compiled(generated: &Generated) -> Tree {
    common::compile(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes())))
}

fn text<'t>(tree: &'t Tree, path: &str) -> Option<&'t str> {
    tree.get(path).map(|file| std::str::from_utf8(&file.bytes).unwrap())
}

/// The documents of a YAML text, by an independent reader.
fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The first document of a file.
fn document(tree: &Tree, path: &str) -> Option<Value> {
    text(tree, path).map(|text| documents(text).remove(0))
}

fn clusters(generated: &Generated) -> &Vec<Value> {
    generated.value["clusters"].as_array().unwrap()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

/// What gives control planes the credentials of the other clusters.
fn remote_secrets(generated: &Generated) -> &'static str {
    if generated.value["remoteAccess"] == "externalSecrets" { "80-remote-secrets" } else { "remote-secrets.sh" }
}

fn primary_of(cluster: &Value) -> &str {
    cluster["controlPlane"].as_str().unwrap_or_else(|| name(cluster))
}

fn address(cluster: &Value) -> Option<&str> {
    let gateway = cluster.get("eastWestGateway")?;
    gateway["address"].as_str().or(gateway["externalIPs"][0].as_str())
}

/// Words that a reader of YAML 1.1 takes for something else than text (yaml.org/type), as plain scalars.
fn is_misread(scalar: &str) -> bool {
    let lower = scalar.to_ascii_lowercase();
    ["y", "n", "yes", "no", "on", "off", "~"].contains(&lower.as_str())
        || lower.starts_with("0x") && lower[2..].bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
        || lower.contains('_') && lower.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        || lower.contains(':') && lower.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.')
}

fn check_yaml(path: &str, text: &str) {
    for value in documents(text) {
        assert!(value.is_object(), "{path} holds a document that is no object");
    }
    for line in text.lines() {
        let scalar = line.rsplit_once(": ").map_or_else(|| line.trim_start_matches([' ', '-']), |(_, scalar)| scalar);
        assert!(!is_misread(scalar), "{path}: YAML 1.1 misreads {line}");
    }
}

/// What Istio is told in a cluster, by an IstioOperator, a resource of the Sail operator or values of Helm charts: profile, values and mesh
/// config.
fn told(tree: &Tree, cluster: &str) -> Value {
    if let Some(operator) = document(tree, &format!("{cluster}/30-istio/istio.yaml")) {
        let patch = document(tree, &format!("{cluster}/30-istio/mesh-config.yaml"));
        return json!({
            "profile": operator["spec"]["profile"],
            "values": operator["spec"]["values"],
            "meshConfig": patch.map(|patch| match patch["kind"].as_str() {
                Some("Istio") => patch["spec"]["values"]["meshConfig"].clone(),
                _ => patch["spec"]["meshConfig"].clone(),
            }),
        });
    }
    let values = document(tree, &format!("{cluster}/30-istio/istiod.values.yaml")).unwrap();
    let config = document(tree, &format!("{cluster}/30-istio/mesh-config.values.yaml"));
    json!({
        "profile": values["profile"],
        "values": values,
        "meshConfig": config.map(|config| config["meshConfig"].clone()),
    })
}

/// The ports of a cluster's east-west gateway.
fn opened(tree: &Tree, cluster: &str) -> Vec<Value> {
    let Some(text) = text(tree, &format!("{cluster}/40-eastwest-gateway/eastwest-gateway.yaml")) else {
        return Vec::new();
    };
    let documents = documents(text);
    let operator = &documents[0]["spec"]["components"]["ingressGateways"][0]["k8s"]["service"]["ports"];
    let service = documents.iter().find(|document| document["kind"] == "Service");
    service.map_or(operator, |service| &service["spec"]["ports"]).as_array().cloned().unwrap()
}

fn check_kustomizations(tree: &Tree) {
    let mut directories: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, _) in tree.iter() {
        if let Some((directory, file)) = path.rsplit_once('/').filter(|(directory, _)| directory.contains('/')) {
            directories.entry(directory).or_default().insert(file);
        }
    }
    for (directory, mut files) in directories {
        files.remove(".gitignore");
        // People apply these.
        if ["argocd", "flux"].contains(&directory.split('/').next().unwrap()) {
            files.remove("root.yaml");
            files.remove("settings.yaml");
        }
        if files.iter().any(|file| file.starts_with("cacerts.")) {
            // What people and programs read of the object beside them.
            files.retain(|file| !file.ends_with("-cert.pem") && *file != "cert-chain.pem");
        }
        if !files.remove("kustomization.yaml") {
            let directories = ["30-istio", "40-eastwest-gateway", "45-gateways", "45-egress-gateway"];
            let is_for_a_program = directories.iter().any(|other| directory.ends_with(other));
            assert!(is_for_a_program, "{directory} is no kustomization");
            continue;
        }
        let kustomization = document(tree, &format!("{directory}/kustomization.yaml")).unwrap();
        let list = |key: &str| kustomization[key].as_array().cloned().unwrap_or_default();
        let resources = list("resources");
        let patches: Vec<Value> = list("patches").iter().map(|patch| patch["path"].clone()).collect();
        let secrets: Vec<Value> =
            list("secretGenerator").iter().flat_map(|secret| secret["files"].as_array().cloned().unwrap()).collect();
        let values: Vec<Value> =
            list("configMapGenerator").iter().flat_map(|values| values["files"].as_array().cloned().unwrap()).collect();
        let configurations = list("configurations");
        let listed = resources.iter().chain(&patches).chain(&secrets).chain(&values).chain(&configurations);
        let listed: Vec<&str> = listed.map(|file| file.as_str().unwrap()).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<&str>>(), files, "{directory}");
        assert_eq!(listed.len(), files.len(), "{directory} lists a file twice");
    }
}

fn check_identity(generated: &Generated, tree: &Tree) {
    let networks: BTreeSet<&str> =
        clusters(generated).iter().map(|cluster| cluster["network"].as_str().unwrap()).collect();
    for cluster in clusters(generated) {
        let at = name(cluster);
        let told = told(tree, at);
        let global = &told["values"]["global"];
        assert_eq!(global["meshID"], generated.value["mesh"]["id"]);
        assert_eq!(global["multiCluster"]["clusterName"], cluster["name"]);
        assert_eq!(global["network"], cluster["network"]);
        let namespace = document(tree, &format!("{at}/10-namespace/namespace.yaml")).unwrap();
        let label = namespace["metadata"]["labels"].get("topology.istio.io/network");
        assert_eq!(label, (networks.len() > 1).then_some(&cluster["network"]));
        let primary = clusters(generated).iter().find(|other| name(other) == primary_of(cluster)).unwrap();
        let pilot = global.get("remotePilotAddress").and_then(Value::as_str);
        assert_eq!(pilot, if primary_of(cluster) == at { None } else { address(primary) });
        let is_thin = primary_of(cluster) != at && generated.value["istio"]["version"] != "1.11.2";
        let is_signed_by_another = generated.value["certificates"]["authority"] == "none";
        assert_eq!(tree.get(&format!("{at}/20-cacerts/ca-cert.pem")).is_none(), is_thin || is_signed_by_another);
        assert_eq!(told["meshConfig"].is_null(), is_thin);
        assert_eq!(told["profile"] == "remote", is_thin);
        let annotation = &namespace["metadata"]["annotations"]["topology.istio.io/controlPlaneClusters"];
        assert_eq!(annotation.as_str(), is_thin.then(|| primary_of(cluster)));
    }
}

/// Whatever a step needs is made by a step before it: the steps are those that the lock records, in its order.
fn check_order(generated: &Generated, tree: &Tree) {
    let lock: Lock = text(tree, "meshgen.lock").unwrap().parse().unwrap();
    let position =
        |cluster: &str, artifact: &str| lock.steps.iter().position(|step| *step == format!("{cluster}/{artifact}"));
    assert_eq!(lock.steps.iter().collect::<BTreeSet<_>>().len(), lock.steps.len(), "a step is listed twice");
    for (number, step) in lock.steps.iter().enumerate() {
        let (at, artifact) = step.split_once('/').unwrap();
        let is_made_by = |cluster: &str, needed: &str| position(cluster, needed).is_some_and(|before| before < number);
        let needs =
            |cluster: &str, needed: &str| assert!(is_made_by(cluster, needed), "{step} needs {cluster}/{needed}");
        let cluster = clusters(generated).iter().find(|cluster| name(cluster) == at).unwrap();
        let primary = primary_of(cluster);
        let prefix = format!("{step}/");
        let files: Vec<&str> = tree.iter().map(|(path, _)| path).filter(|path| path.starts_with(&prefix)).collect();
        let objects = files.iter().flat_map(|path| documents(text(tree, path).unwrap_or_default()));
        for object in objects.filter(|object| object["kind"] != "Kustomization") {
            if object["kind"] != "Namespace" && object["metadata"]["namespace"].is_string() {
                needs(at, "10-namespace");
            }
            // Istio's kinds come with Istio, where its control plane reads them.
            if object["apiVersion"]
                .as_str()
                .is_some_and(|version| version.contains(".istio.io/") && !version.starts_with("install."))
            {
                needs(at, "30-istio");
            }
            let ports = object["spec"]["servers"].as_array().cloned().unwrap_or_default();
            if object["kind"] == "Gateway" && position(at, "40-eastwest-gateway").is_some() {
                needs(at, "40-eastwest-gateway");
                let opened = opened(tree, at);
                for server in ports.iter().filter(|server| server["port"]["name"] != "tcp-zipkin") {
                    let is_it = |port: &Value| port["targetPort"] == server["port"]["number"];
                    assert!(opened.iter().any(is_it), "{step}: {server}");
                }
            }
        }
        match artifact {
            "20-cacerts" => needs(at, "10-namespace"),
            "30-istio" => {
                if tree.get(&format!("{at}/20-cacerts/ca-cert.pem")).is_some() {
                    needs(at, "20-cacerts");
                }
                // A remote finds the control plane that it is told of.
                if primary != at {
                    needs(primary, "30-istio");
                    needs(primary, "50-exposure");
                }
            }
            "40-eastwest-gateway" | "45-egress-gateway" => {
                needs(at, "30-istio");
                // The control plane that injects it knows the cluster.
                if primary != at {
                    needs(primary, remote_secrets(generated));
                }
            }
            "60-zipkin" | "70-remote-access" => needs(at, "30-istio"),
            "remote-secrets.sh" | "80-remote-secrets" => {
                for other in clusters(generated).iter().filter(|other| name(other) != at) {
                    needs(name(other), "10-namespace");
                    // The account whose credentials it fetches is the other istiod's to bring, or comes with the way to one elsewhere.
                    if primary_of(other) != name(other) && generated.value["istio"]["version"] != "1.11.2" {
                        needs(name(other), "30-istio");
                    }
                }
                needs(at, "30-istio");
            }
            "restart" => {
                let others = lock.steps.iter().filter(|other| other.starts_with(&format!("{at}/")) && *other != step);
                others.for_each(|other| needs(at, other.split_once('/').unwrap().1));
            }
            _ => {}
        }
    }
    let directories = tree.iter().filter_map(|(path, _)| path.rsplit_once('/')).map(|(directory, _)| directory);
    let is_told = |directory: &&str| ["argocd/", "flux/"].iter().any(|controller| directory.starts_with(controller));
    for directory in directories.filter(|directory| directory.contains('/') && !is_told(directory)) {
        assert!(lock.steps.iter().any(|step| step == directory), "no step applies {directory}");
    }
}

/// Whatever an object names is emitted in the same cluster.
fn check_references(generated: &Generated, tree: &Tree) {
    for cluster in clusters(generated) {
        let directory = format!("{}/50-exposure/", name(cluster));
        let objects: Vec<Value> = tree
            .iter()
            .filter(|(path, _)| path.starts_with(&directory) && !path.ends_with("kustomization.yaml"))
            .flat_map(|(_, file)| documents(std::str::from_utf8(&file.bytes).unwrap()))
            .collect();
        let gateways: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Gateway").collect();
        for service in objects.iter().filter(|object| object["kind"] == "VirtualService") {
            for gateway in service["spec"]["gateways"].as_array().unwrap() {
                assert!(gateways.iter().any(|other| other["metadata"]["name"] == *gateway), "{gateway} is nowhere");
            }
        }
        // Every port that a Gateway opens is one of the Service of a gateway that takes its configuration from here.
        let served: Vec<Value> = clusters(generated)
            .iter()
            .filter(|other| name(other) == name(cluster) || primary_of(other) == name(cluster))
            .flat_map(|other| opened(tree, name(other)))
            .map(|port| port["targetPort"].clone())
            .collect();
        for server in gateways.iter().flat_map(|gateway| gateway["spec"]["servers"].as_array().unwrap()) {
            assert!(served.contains(&server["port"]["number"]), "no gateway listens on {}", server["port"]);
        }
    }
}

fn check_tracing(generated: &Generated, tree: &Tree) {
    let tracing = &generated.value["tracing"]["zipkin"];
    for cluster in clusters(generated) {
        let told = told(tree, name(cluster));
        let Some(config) = Some(&told["meshConfig"]).filter(|config| !config.is_null()) else { continue };
        let bootstrap = config["defaultConfig"]["tracing"]["zipkin"]["address"].as_str().map(str::to_owned);
        let provider = config["extensionProviders"][0]["zipkin"].clone();
        if tracing.is_null() {
            assert!(bootstrap.is_none() && provider.is_null());
            continue;
        }
        let is_old = generated.value["istio"]["version"] == "1.11.2";
        assert_eq!((bootstrap.is_some(), provider.is_null()), (is_old, is_old));
        let collector = clusters(generated).iter().find(|other| other["name"] == tracing["cluster"]).unwrap();
        let own = cluster["istio"]["meshConfig"]["defaultConfig"]["tracing"]["zipkin"]["address"].as_str();
        let port = tracing["gatewayPort"].as_u64().unwrap_or(15018);
        let gateway = address(collector).filter(|_| tracing["via"] != "mesh");
        let in_brackets = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if let Some(bootstrap) = bootstrap {
            let wanted =
                gateway.map_or("zipkin.istio-system:9411".to_owned(), |host| format!("{}:{port}", in_brackets(host)));
            assert_eq!(bootstrap, own.map_or(wanted, str::to_owned));
        } else if own.is_some() || gateway.is_none() {
            let domain = generated.value["mesh"]["clusterDomain"].as_str().unwrap_or("cluster.local");
            assert_eq!(provider["service"], format!("istio-system/zipkin.istio-system.svc.{domain}"));
            assert_eq!(provider["port"], 9411);
        } else {
            let entry = document(tree, &format!("{}/55-telemetry/collector.yaml", name(cluster))).unwrap();
            let host = entry["spec"]["hosts"][0].as_str().unwrap();
            assert_eq!(provider["service"], format!("istio-system/{host}"));
            assert_eq!(provider["port"], port);
            assert_eq!(entry["spec"]["ports"][0]["number"], port);
            assert_eq!(entry["spec"]["endpoints"][0]["address"].as_str(), gateway);
        }
    }
}

fn check_certificates(generated: &Generated, tree: &Tree) {
    let of = |file: &str| -> Vec<&[u8]> {
        tree.iter().filter(|(path, _)| path.ends_with(file)).map(|(_, file)| file.bytes.as_slice()).collect()
    };
    if generated.value["certificates"]["nextRoot"].is_null() {
        assert!(of("root-cert.pem").windows(2).all(|pair| pair[0] == pair[1]));
    }
    for file in ["ca-cert.pem", "ca-key.pem"] {
        assert_eq!(of(file).iter().collect::<BTreeSet<_>>().len(), of(file).len());
    }
    // Whatever the phase of each, all clusters trust each other.
    let proven: Vec<Proven> = clusters(generated)
        .iter()
        .filter_map(|cluster| {
            let file = |file: &str| text(tree, &format!("{}/20-cacerts/{file}", name(cluster)));
            let (root_certificate, certificate) = (file("root-cert.pem")?, file("ca-cert.pem")?);
            let (chain, key) = (file("cert-chain.pem")?, file("ca-key.pem"));
            let files = Files { root_certificate, certificate, chain, key };
            Some(verify::verify(files).unwrap())
        })
        .collect();
    for (one, other) in proven.iter().flat_map(|one| proven.iter().map(move |other| (one, other))) {
        assert!(other.roots.iter().any(|root| root.fingerprint == one.anchor));
    }
}

/// What comes from a store has tests of its own.
fn check_secrets(generated: &Generated, tree: &Tree) {
    if remote_secrets(generated) != "remote-secrets.sh" {
        return;
    }
    for cluster in clusters(generated) {
        let script = text(tree, &format!("{}/remote-secrets.sh", name(cluster))).unwrap_or_default();
        let read: Vec<&str> = script
            .lines()
            .filter_map(|line| line.strip_prefix("secret '")?.split_once('\'').map(|(name, _)| name))
            .collect();
        let is_primary = primary_of(cluster) == name(cluster);
        let others = clusters(generated).iter().map(name).filter(|other| is_primary && *other != name(cluster));
        assert_eq!(read, others.collect::<Vec<&str>>());
    }
}

/// What an author may say otherwise or may add to, though meshgen writes it: variables of istiod, providers beside ours, another
/// platform than the profile's. The default revision of a chart is refused by a rule of its own.
const NOT_OWNED: [&[&str]; 5] = [
    &["values", "pilot", "env"],
    &["values", "global", "meshNetworks"],
    &["values", "global", "platform"],
    &["values", "defaultRevision"],
    &["meshConfig", "extensionProviders"],
];

/// The paths of all that is no mapping.
fn leaves(value: &Value, path: &[&str], found: &mut BTreeSet<Vec<String>>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                leaves(value, &[path, &[key]].concat(), found);
            }
        }
        Value::Null => {}
        _ => {
            found.insert(path.iter().map(|key| (*key).to_owned()).collect());
        }
    }
}

/// Whether an author is refused who says something at a path for all clusters.
fn is_refused(path: &[String]) -> bool {
    let said = path.iter().rev().fold(Value::from("something else"), |value, key| json!({ key.as_str(): value }));
    let mut istio = json!({ "version": meshgen::release::NEWEST });
    istio.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let east = json!({ "name": "east", "network": "lan", "apiServer": "https://10.0.0.1:6443" });
    let topology = json!({
        "apiVersion": "meshgen/v1",
        "kind": "Topology",
        "mesh": { "id": "mesh1" },
        "istio": istio,
        "certificates": { "issuedOn": "2026-11-01" },
        "tracing": { "zipkin": { "cluster": "east" } },
        "networks": [{ "name": "lan" }],
        "clusters": [east],
    });
    let findings = meshgen::check(&Source::new("said.yaml", topology.to_string()));
    findings.iter().any(|finding| finding.rule == "owned-field")
}

/// Whatever Istio is told besides the author's own fields, the author is refused to say otherwise.
fn check_ownership(topology: &Value, read: impl Fn(&str) -> Option<Value>) {
    static REFUSED: Mutex<BTreeSet<Vec<String>>> = Mutex::new(BTreeSet::new());
    for cluster in topology["clusters"].as_array().unwrap() {
        let (mut told, mut said) = (BTreeSet::new(), BTreeSet::new());
        for file in [
            "30-istio/istio.yaml",
            "30-istio/mesh-config.yaml",
            "40-eastwest-gateway/eastwest-gateway.yaml",
            "45-egress-gateway/egress-gateway.yaml",
        ] {
            let Some(operator) = read(&format!("{}/{file}", name(cluster))) else { continue };
            if operator["kind"] == "Istio" {
                let values = operator["spec"]["values"].as_object().into_iter().flatten();
                for (key, value) in values {
                    let path = if key == "meshConfig" { vec!["meshConfig"] } else { vec!["values", key.as_str()] };
                    leaves(value, &path, &mut told);
                }
            }
            if operator["kind"] != "IstioOperator" {
                continue;
            }
            leaves(&operator["spec"]["values"]["global"], &["values", "global"], &mut told);
            if operator["metadata"]["name"] == "istio" {
                leaves(&operator["spec"]["values"], &["values"], &mut told);
                leaves(&operator["spec"]["meshConfig"], &["meshConfig"], &mut told);
            }
        }
        for file in ["base.values.yaml", "cni.values.yaml", "istiod.values.yaml", "mesh-config.values.yaml"] {
            let Some(mut values) = read(&format!("{}/30-istio/{file}", name(cluster))) else { continue };
            let config = values.as_object_mut().unwrap().shift_remove("meshConfig");
            values.as_object().unwrap().iter().for_each(|(key, value)| leaves(value, &["values", key], &mut told));
            leaves(&config.unwrap_or_default(), &["meshConfig"], &mut told);
        }
        assert!(told.len() > 3);
        for istio in [&topology["istio"], &cluster["istio"]] {
            leaves(&istio["values"], &["values"], &mut said);
            leaves(&istio["meshConfig"], &["meshConfig"], &mut said);
        }
        let ours = told.difference(&said).filter(|path| !NOT_OWNED.iter().any(|list| starts_with(path, list)));
        for path in ours {
            let is_known = REFUSED.lock().unwrap().contains(path);
            assert!(is_known || is_refused(path), "meshgen writes {}, and an author may contradict it", path.join("."));
            REFUSED.lock().unwrap().insert(path.clone());
        }
    }
}

fn starts_with(path: &[String], list: &[&str]) -> bool {
    path.len() >= list.len() && path.iter().zip(list).all(|(key, other)| key == other)
}

#[test]
fn what_istio_is_told_is_refused_to_authors() {
    for path in common::topologies() {
        let topology: Value = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let tree = common::repository().join("golden").join(path.file_stem().unwrap());
        check_ownership(&topology, |file| Some(documents(&std::fs::read_to_string(tree.join(file)).ok()?).remove(0)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(96), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_topology_becomes_the_tree_that_was_meant(generated in generator::topologies()) {
        let tree = compiled(&generated);
        for (path, file) in tree.iter().filter(|(path, _)| path.contains(".yaml")) {
            check_yaml(path, std::str::from_utf8(&file.bytes).unwrap());
        }
        check_kustomizations(&tree);
        check_identity(&generated, &tree);
        check_order(&generated, &tree);
        check_references(&generated, &tree);
        check_tracing(&generated, &tree);
        check_certificates(&generated, &tree);
        check_secrets(&generated, &tree);
        check_ownership(&generated.value, |file| document(&tree, file));
        prop_assert_eq!(&compiled(&generated), &tree);
    }

    #[test]
    fn any_bytes_are_answered_by_findings(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let source = Source::new("bytes", bytes);
        common::report(&source, &meshgen::check(&source));
    }

    #[test]
    fn a_mutated_topology_is_answered_by_findings(
        generated in generator::topologies(),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut bytes = generated.text.into_bytes();
        for (place, byte, kind) in mutations {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => { bytes.truncate(place.max(1)); }
            }
        }
        let source = Source::new("mutated.yaml", bytes);
        common::report(&source, &meshgen::check(&source));
    }
}
