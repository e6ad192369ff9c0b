//! The multicluster pages of Istio, the Sail Operator and OpenShift Service Mesh: what their commands state, as data in
//! `tests/documents.yaml`, against the trees of the topologies in `docs/documents.md`. What differs is in the table there.

use std::collections::{BTreeMap, BTreeSet};

use meshgen::source::Source;
use meshgen::tree::Tree;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{common, pages};

const PAGE: &str = include_str!("../../docs/documents.md");

/// What a page may say in one step.
const FACTS: [&str; 9] =
    ["cacerts", "label", "annotate", "install", "gateway", "service", "expose", "reader", "secret"];

fn data() -> Value {
    serde_yaml::from_str(include_str!("../documents.yaml")).unwrap()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// A topology of the page, and its tree.
struct Mesh {
    topology: Value,
    tree: Tree,
}

/// The topologies of the page, each under its heading. Those of Istio's pages are installed by Helm too, as in a tab of these pages, and all
/// by the Sail operator, as on the other pages.
fn meshes() -> BTreeMap<String, Vec<Mesh>> {
    PAGE.split("\n## ")
        .filter_map(|section| {
            let heading = section.lines().next().unwrap();
            let topology = pages::blocks_of(section, "yaml").pop()?;
            let by_helm = topology.replace("version: 1.30.3}", "version: 1.30.3, install: helm}");
            let by_sail = topology.replace("{version: 1.30.3", "{version: 1.30.3, install: sail");
            let mut ways = vec![topology, by_helm, by_sail];
            ways.dedup();
            Some((heading.to_owned(), ways.iter().map(|topology| Mesh::new(heading, topology)).collect()))
        })
        .collect()
}

impl Mesh {
    fn new(heading: &str, topology: &str) -> Self {
        let source = Source::new(heading, topology.as_bytes());
        // That the newest Istio that was read has bugs is said on one page alone.
        let mut findings = meshgen::check(&source);
        findings.retain(|finding| finding.rule != "known-bug");
        assert!(findings.is_empty(), "{}", common::report(&source, &findings));
        Self { topology: serde_yaml::from_str(topology).unwrap(), tree: common::compile(&source) }
    }

    /// The profile and the values of a cluster's control plane: an IstioOperator and a resource of the Sail operator have both, and Helm's
    /// values name the profile.
    fn control_plane(&self, cluster: &str) -> Value {
        let operator = self.document(&format!("{cluster}/30-istio/istio.yaml"));
        if !operator.is_null() {
            return operator["spec"].clone();
        }
        let values = self.document(&format!("{cluster}/30-istio/istiod.values.yaml"));
        json!({ "profile": values["profile"], "values": values })
    }

    /// The east-west gateway of a cluster in the words of the samples: of an IstioOperator, or of a manifest.
    fn gateway(&self, cluster: &str) -> Value {
        let documents = self.documents(&format!("{cluster}/40-eastwest-gateway/eastwest-gateway.yaml"));
        let ports = |service: &Value| -> Value {
            let ports = service["ports"].as_array().unwrap().iter();
            Value::Object(ports.map(|port| (text(port, "name").to_owned(), port["port"].clone())).collect())
        };
        let of = |kind: &str| documents.iter().find(|document| document["kind"] == kind);
        if let (Some(deployment), Some(service)) = (of("Deployment"), of("Service")) {
            let pod = &deployment["spec"]["template"];
            let container = &pod["spec"]["containers"][0];
            let environment = container["env"].as_array().unwrap();
            let view = environment.iter().filter(|variable| variable["name"] == "ISTIO_META_REQUESTED_NETWORK_VIEW");
            return json!({
                "name": service["metadata"]["name"], "label": service["spec"]["selector"], "type": service["spec"]["type"],
                "env": view.collect::<Vec<&Value>>(), "ports": ports(&service["spec"]),
                "template": pod["metadata"]["annotations"]["inject.istio.io/templates"],
            });
        }
        let Some(operator) = of("IstioOperator") else { return Value::Null };
        let values = &operator["spec"]["values"];
        let gateway = &operator["spec"]["components"]["ingressGateways"][0];
        json!({
            "name": gateway["name"], "label": gateway["label"], "type": gateway["k8s"]["service"]["type"],
            "env": gateway["k8s"]["env"], "ports": ports(&gateway["k8s"]["service"]),
            "template": values["gateways"]["istio-ingressgateway"]["injectionTemplate"],
        })
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.tree.get(path).map(|file| std::str::from_utf8(&file.bytes).unwrap())
    }

    fn documents(&self, path: &str) -> Vec<Value> {
        serde_yaml::Deserializer::from_str(self.text(path).unwrap_or_default())
            .map(|document| Value::deserialize(document).unwrap())
            .filter(|document| !document.is_null())
            .collect()
    }

    fn document(&self, path: &str) -> Value {
        self.documents(path).into_iter().next().unwrap_or_default()
    }

    fn cluster(&self, name: &str) -> &Value {
        self.topology["clusters"].as_array().unwrap().iter().find(|cluster| cluster["name"] == name).unwrap()
    }

    /// The same facts with the network and with the address of the primary's gateway.
    fn filled(&self, facts: &Value, network: &str) -> Value {
        let address = self.cluster("cluster1")["eastWestGateway"]["address"].as_str().unwrap_or_default();
        let text = facts.to_string().replace("$GATEWAY", address).replace("$NETWORK", network);
        serde_json::from_str(&text).unwrap()
    }

    /// The steps of `install.sh`, in their order.
    fn steps(&self) -> Vec<&str> {
        let script = self.text("install.sh").unwrap();
        script.lines().filter_map(|line| line.strip_prefix("step '")?.split_once('\'').map(|(step, _)| step)).collect()
    }
}

/// Whether `found` has all that is `stated`.
pub(crate) fn has(found: &Value, stated: &Value) -> bool {
    match (found, stated) {
        (Value::Object(found), Value::Object(stated)) => {
            stated.iter().all(|(key, value)| found.get(key).is_some_and(|found| has(found, value)))
        }
        (Value::Array(found), Value::Array(stated)) => {
            found.len() == stated.len() && found.iter().zip(stated).all(|(found, stated)| has(found, stated))
        }
        _ => found == stated,
    }
}

/// The fact of a step: its kind, and what is stated.
fn fact(step: &Value) -> (&'static str, &Value) {
    let facts: Vec<&str> = FACTS.into_iter().filter(|fact| step.get(fact).is_some()).collect();
    let [kind] = facts[..] else { panic!("{step} has {} facts", facts.len()) };
    (kind, &step[kind])
}

/// The unit of the plan that does what a step says.
fn unit(step: &Value) -> String {
    let artifact = match fact(step).0 {
        "cacerts" => "20-cacerts",
        "label" | "annotate" => "10-namespace",
        "install" => "30-istio",
        "gateway" | "service" => "40-eastwest-gateway",
        "expose" => "50-exposure",
        _ => "remote-secrets.sh",
    };
    format!("{}/{artifact}", text(step, "cluster"))
}

/// Whether the tree has what a step states.
fn is_done(mesh: &Mesh, step: &Value, samples: &Value) -> bool {
    let cluster = text(step, "cluster");
    let (kind, stated) = fact(step);
    let stated = step.get("instead").unwrap_or(stated);
    let namespace = || mesh.document(&format!("{cluster}/10-namespace/namespace.yaml"))["metadata"].clone();
    match kind {
        "cacerts" => ["root-cert.pem", "ca-cert.pem", "ca-key.pem", "cert-chain.pem"]
            .iter()
            .all(|file| mesh.tree.get(&format!("{cluster}/20-cacerts/{file}")).is_some()),
        "label" => has(&namespace()["labels"], stated),
        "annotate" => has(&namespace()["annotations"], stated),
        "install" => has(&mesh.control_plane(cluster), &mesh.filled(stated, "")),
        "gateway" => has(&mesh.gateway(cluster), &mesh.filled(&samples["gateway"], stated.as_str().unwrap())),
        "service" => mesh.gateway(cluster)["type"] == *stated,
        "expose" => {
            let what = stated.as_str().unwrap();
            let found = mesh.documents(&format!("{cluster}/50-exposure/expose-{what}.yaml"));
            let wanted = &samples[what];
            let all = found.iter().fold(json!({}), |mut all, object| {
                for (key, value) in object["spec"].as_object().unwrap() {
                    all[key] = value.clone();
                }
                all
            });
            has(&all, wanted)
        }
        "secret" => {
            let script = mesh.text(&format!("{cluster}/remote-secrets.sh")).unwrap_or_default();
            script.contains(&format!("\nmember '{}' ", stated.as_str().unwrap()))
        }
        // Nothing in a tree writes roles.
        _ => mesh.tree.iter().any(|(_, file)| String::from_utf8_lossy(&file.bytes).contains(stated.as_str().unwrap())),
    }
}

fn for_every_page(check: impl Fn(&str, &Mesh, &[Value])) {
    let (data, meshes) = (data(), meshes());
    for page in data["pages"].as_array().unwrap() {
        let ways = meshes.get(text(page, "mesh")).unwrap_or_else(|| panic!("no topology {}", page["mesh"]));
        for mesh in ways {
            check(text(page, "page"), mesh, page["steps"].as_array().unwrap());
        }
    }
}

#[test]
fn trees_have_what_the_pages_state() {
    let data = data();
    for_every_page(|page, mesh, steps| {
        for step in steps {
            // What is said to be missing must be missing, or the table is wrong.
            assert_eq!(is_done(mesh, step, &data["samples"]), step.get("absent").is_none(), "{page}: {step}");
            if let Some(instead) = step.get("instead") {
                assert!(step.get("because").is_some() && fact(step).1 != instead, "{page}: {step}");
            }
        }
    });
}

/// The clusters whose state a step needs or changes: a remote needs its primary, and a secret both of its clusters.
fn concerned<'v>(mesh: &'v Mesh, step: &'v Value) -> BTreeSet<&'v str> {
    let cluster = text(step, "cluster");
    let other = step.get("instead").filter(|_| step.get("secret").is_some()).or_else(|| step.get("secret"));
    let primary = mesh.cluster(cluster).get("controlPlane");
    [Some(cluster), other.and_then(Value::as_str), primary.and_then(Value::as_str)].into_iter().flatten().collect()
}

#[test]
fn steps_come_in_the_order_of_the_pages() {
    for_every_page(|page, mesh, steps| {
        let order = mesh.steps();
        let position = |step: &Value| order.iter().position(|other| *other == unit(step));
        let done: Vec<&Value> = steps.iter().filter(|step| step.get("absent").is_none()).collect();
        for (number, step) in done.iter().enumerate() {
            let own = position(step).unwrap_or_else(|| panic!("{page}: no step {}", unit(step)));
            // Two secrets of a pair of primaries need each other's cluster, but not each other.
            let is_needed = |before: &&&Value| {
                before.get("earlier").is_none()
                    && !concerned(mesh, before).is_disjoint(&concerned(mesh, step))
                    && !(before.get("secret").is_some() && step.get("secret").is_some())
            };
            let mut needed = done.iter().take(number).filter(is_needed).filter_map(|before| position(before));
            if step.get("earlier").is_some() {
                assert!(needed.any(|needed| needed > own), "{page}: {step} is not earlier");
            } else {
                assert!(needed.all(|needed| needed <= own), "{page}: {step}");
            }
        }
    });
}

/// The rows of the table, by their first cells.
fn rows() -> Vec<&'static str> {
    let (_, table) = PAGE.split_once("\n## What is different\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| | "));
    rows.map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap()).collect()
}

#[test]
fn every_difference_is_in_the_table_and_shown() {
    let (data, meshes) = (data(), meshes());
    let mut shown = BTreeSet::new();
    for page in data["pages"].as_array().unwrap() {
        for step in page["steps"].as_array().unwrap() {
            shown.extend(["earlier", "absent", "because"].into_iter().filter_map(|why| step.get(why)?.as_str()));
        }
    }
    for entry in data["shown"].as_array().unwrap() {
        let files: Vec<&str> =
            meshes[text(entry, "mesh")].iter().filter_map(|mesh| mesh.text(text(entry, "file"))).collect();
        assert!(!files.is_empty(), "{entry}");
        match entry.get("has") {
            // Not every way to install needs it.
            Some(has) => assert!(files.iter().any(|file| file.contains(has.as_str().unwrap())), "{entry}"),
            None => assert!(!files.iter().any(|file| file.contains(text(entry, "lacks"))), "{entry}"),
        }
        shown.insert(text(entry, "row"));
    }
    assert_eq!(rows().into_iter().collect::<BTreeSet<&str>>(), shown);
}

#[test]
fn every_page_is_linked_with_its_topology() {
    let data = data();
    let stated = data["pages"].as_array().unwrap();
    for page in stated {
        let (address, mesh) = (text(page, "page"), text(page, "mesh"));
        let anchor = mesh.to_lowercase().replace(',', "").replace(' ', "-");
        let row = PAGE.lines().find(|line| line.contains(&format!("]({address})")));
        assert!(row.is_some_and(|row| row.contains(&format!("[{mesh}](#{anchor})"))), "{address}");
    }
    // And each topology is that of a page.
    let used: BTreeSet<&str> = stated.iter().map(|page| text(page, "mesh")).collect();
    assert_eq!(meshes().keys().map(String::as_str).collect::<BTreeSet<&str>>(), used);
}
