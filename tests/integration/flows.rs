//! Firewall tables: `tests/flows/<case>/topology.yaml`, and what `flows` says of it; with `before.yaml`, what comes and goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use camino::Utf8Path;
use meshgen::diagnostic::Findings;
use meshgen::flows::{self, Changes, Flows, What};
use meshgen::source::Source;
use meshgen::tree::Tree;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::{common, generator};

fn flows_of(source: &Source) -> Flows {
    let mut findings = Findings::default();
    let checked = meshgen::read(source, &mut findings);
    let checked = checked.unwrap_or_else(|| panic!("{}", common::report(source, &findings.list)));
    meshgen::flows_of(&checked)
}

fn cases() -> Vec<PathBuf> {
    common::entries(&common::repository().join("tests/flows"))
}

/// The report for programs, which obeys its schema.
fn json(what: &What) -> Value {
    common::obeys_schema(&flows::json(what))
}

#[test]
fn every_table_is_as_written_down() {
    assert!(!cases().is_empty());
    for case in cases() {
        let after = flows_of(&common::read(&case.join("topology.yaml")));
        let before = case.join("before.yaml");
        let what = if before.exists() {
            What::Changes(Changes::between(&flows_of(&common::read(&before)), &after))
        } else {
            What::All(after)
        };
        json(&what);
        common::snapshots(&case).bind(|| {
            insta::assert_snapshot!("text", flows::text(&what, false));
            insta::assert_snapshot!("markdown", flows::markdown(&what));
            insta::assert_snapshot!("csv", flows::csv(&what));
            insta::assert_snapshot!("json", flows::json(&what));
        });
    }
}

#[test]
fn the_page_for_network_teams_shows_a_table_as_it_is() {
    let page = std::fs::read_to_string(common::repository().join("docs/network-teams.md")).unwrap();
    let flows = flows_of(&common::read(&common::repository().join("tests/flows/two-networks/topology.yaml")));
    let table = flows::text(&What::All(flows), false);
    assert!(page.contains(&format!("```text\n{table}```\n")), "docs/network-teams.md does not show:\n{table}");
}

#[test]
fn each_row_has_a_name_of_its_own_which_a_new_member_of_the_network_does_not_change() {
    let text = std::fs::read_to_string(common::repository().join("tests/flows/comes-and-goes/before.yaml")).unwrap();
    let before = flows_of(&Source::new("before.yaml", text.as_bytes()));
    let after = text + "  - {name: fourth, network: lan, controlPlane: east, apiServer: 'https://10.0.9.10:6443'}\n";
    let after = flows_of(&Source::new("after.yaml", after));
    let names = |flows: &Flows| -> Vec<String> { flows.rows.iter().map(|row| flows.id(row)).collect() };
    for flows in [&before, &after, &before.clone().expanded(), &after.clone().expanded()] {
        let names = names(flows);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
    let later = names(&after);
    assert!(names(&before).iter().all(|name| later.contains(name)));
    let changes = Changes::between(&before, &after);
    assert!(changes.removed.rows.is_empty());
    let joins = after.clusters.len() - 1;
    for row in &changes.added.rows {
        let is_its = row.destination.cluster == Some(joins) || *row.source.clusters == [joins];
        assert!(is_its, "{}", flows::text(&What::Changes(changes.clone()), false));
    }
}

#[test]
fn a_table_of_one_cluster_has_the_rows_that_name_it() {
    let source = common::read(&common::repository().join("tests/flows/every-kind/topology.yaml"));
    let all = flows_of(&source).expanded();
    let name = all.clusters[1].name.clone();
    let mine = flows_of(&source).expanded().of_cluster(&name);
    let is_mine = |row: &&flows::Flow| *row.source.clusters == [1] || row.destination.cluster == Some(1);
    assert_eq!(mine.rows, all.rows.iter().filter(is_mine).cloned().collect::<Vec<_>>());
    assert_eq!(flows_of(&source).of_cluster(&name).expanded().rows, mine.rows);
}

#[test]
fn a_table_does_not_change_with_itself_and_goes_as_it_came() {
    for case in cases() {
        let flows = flows_of(&common::read(&case.join("topology.yaml")));
        assert!(Changes::between(&flows, &flows).is_empty());
        let comes = Changes::between(&Flows::nothing(), &flows);
        assert_eq!((comes.added.rows, comes.removed.rows.len()), (flows.rows.clone(), 0));
        let goes = Changes::between(&flows, &Flows::nothing());
        assert_eq!((goes.removed.rows, goes.added.rows.len()), (flows.rows, 0));
    }
}

#[test]
fn another_controller_is_another_source() {
    let text = std::fs::read_to_string(common::repository().join("tests/flows/git/topology.yaml")).unwrap();
    let flows = |hub: &str| flows_of(&Source::new("mesh.yaml", text.replace("hub: false", hub)));
    let changes = Changes::between(&flows("hub: false"), &flows("hub: true"));
    let table = flows::text(&What::Changes(changes), false);
    assert!(table.contains("Flux of each cluster\n- ") && table.contains("\nFlux\n+ "), "{table}");
    // Who applies the tree is all that differs.
    let argocd = std::fs::read_to_string(
        common::repository().join("topologies/2-clusters-1-control-plane-2-networks-argocd.yaml"),
    );
    let argocd = argocd.unwrap();
    let flows = |text: &str| flows_of(&Source::new("mesh.yaml", text));
    let changes = Changes::between(&flows(&argocd), &flows(&argocd.replace("controller: argocd", "controller: flux")));
    assert!(!changes.is_empty());
}

/// A tree, read without the program's help.
struct Reader<'t> {
    tree: &'t Tree,
    documents: BTreeMap<&'t str, Vec<Value>>,
}

impl<'t> Reader<'t> {
    fn of(tree: &'t Tree) -> Self {
        let read = |(path, file): (&'t str, &'t meshgen::tree::File)| {
            let text = std::str::from_utf8(&file.bytes).unwrap();
            let documents = serde_yaml::Deserializer::from_str(text);
            (path, documents.map(|document| Value::deserialize(document).unwrap()).collect())
        };
        let is_yaml = |(path, _): &(&str, &meshgen::tree::File)| Utf8Path::new(path).extension() == Some("yaml");
        Self { tree, documents: tree.iter().filter(is_yaml).map(read).collect() }
    }

    fn text(&self, path: &str) -> &'t str {
        self.tree.get(path).map_or("", |file| std::str::from_utf8(&file.bytes).unwrap())
    }

    fn all(&self, end: &str) -> impl Iterator<Item = &Value> {
        self.documents.iter().filter(move |(path, _)| path.ends_with(end)).flat_map(|(_, documents)| documents)
    }

    /// The cells of the README's table of clusters.
    fn clusters(&self) -> Vec<Vec<&'t str>> {
        let rows = self.text("README.md").lines().filter(|line| line.starts_with("<td>"));
        rows.map(|row| row.trim_start_matches("<td>").trim_end_matches("</td></tr>").split("</td><td>").collect())
            .collect()
    }

    /// Every address that a file has somebody dial, with the port.
    fn dialled(&self) -> BTreeSet<(String, String)> {
        let mut dialled = BTreeSet::new();
        let clusters = self.clusters();
        let credentials: String = self
            .tree
            .iter()
            .filter(|(path, _)| path.ends_with("remote-secrets.sh") || path.contains("/80-remote-secrets/"))
            .map(|(path, _)| self.text(path))
            .collect();
        for cells in &clusters {
            let (server, proxy) = cells[3].split_once(" through ").map_or((cells[3], None), |(a, b)| (a, Some(b)));
            dialled.insert(of_url(server));
            dialled.extend(proxy.filter(|proxy| credentials.contains(proxy)).map(of_url));
        }
        let istio = ["30-istio/istio.yaml", "30-istio/istiod.values.yaml"];
        for document in istio.iter().flat_map(|file| self.all(file)) {
            let spec = if document["kind"].is_null() { document } else { &document["spec"]["values"] };
            if let Some(address) = spec["global"]["remotePilotAddress"].as_str() {
                let is_thin = [&document["profile"], &document["spec"]["profile"], &spec["profile"]]
                    .iter()
                    .any(|profile| **profile == "remote");
                dialled.insert((address.to_owned(), "15012".to_owned()));
                dialled.extend(is_thin.then(|| (address.to_owned(), "15017".to_owned())));
            }
            let is_multi = clusters.iter().any(|cells| cells[1] != clusters[0][1]);
            for network in spec["global"]["meshNetworks"].as_object().into_iter().flat_map(|networks| networks.values())
            {
                for gateway in network["gateways"].as_array().into_iter().flatten() {
                    if let Some(address) = gateway["address"].as_str().filter(|_| is_multi) {
                        dialled.insert((address.to_owned(), gateway["port"].to_string()));
                    }
                }
            }
        }
        let networks: BTreeSet<&str> = clusters.iter().map(|cells| cells[1]).collect();
        if networks.len() > 1 {
            for cells in &clusters {
                dialled.extend(self.gateway(cells));
            }
        }
        for entry in self.all("55-telemetry/collector.yaml") {
            let port = entry["spec"]["ports"][0]["number"].to_string();
            dialled.insert((entry["spec"]["endpoints"][0]["address"].as_str().unwrap().to_owned(), port));
        }
        let configs = ["mesh-config.yaml", "mesh-config.values.yaml", "30-istio/istio.yaml"];
        for document in configs.iter().flat_map(|file| self.all(file)) {
            let configs = ["/meshConfig", "/spec/meshConfig", "/spec/values/meshConfig"];
            for address in configs.iter().filter_map(|path| document.pointer(path)) {
                let address = &address["defaultConfig"]["tracing"]["zipkin"]["address"];
                let (host, port) = address.as_str().and_then(|address| address.rsplit_once(':')).unwrap_or_default();
                if !host.is_empty() && !host.starts_with("zipkin.istio-system") {
                    dialled.insert((host.trim_matches(['[', ']']).to_owned(), port.to_owned()));
                }
            }
        }
        dialled.extend(self.sources().iter().map(|url| of_url(url)));
        dialled
    }

    /// Where istiods find a gateway by its Service: what the file says, and what stands in the table for a load balancer.
    fn gateway(&self, cells: &[&str]) -> Vec<(String, String)> {
        let path = format!("{}/40-eastwest-gateway/eastwest-gateway.yaml", cells[0]);
        let Some(documents) = self.documents.get(path.as_str()) else { return Vec::new() };
        let kubernetes = &documents[0]["spec"]["components"]["ingressGateways"][0]["k8s"];
        let stated = documents.iter().find(|document| document["kind"] == "Service");
        let spec = stated.map_or(&kubernetes["service"], |service| &service["spec"]);
        let annotations =
            stated.map_or(&kubernetes["serviceAnnotations"], |service| &service["metadata"]["annotations"]);
        let patches = kubernetes["overlays"].to_string();
        let is_hidden = match stated {
            Some(service) => service["metadata"]["labels"]["topology.istio.io/network"].is_null(),
            None => patches.contains(r#""path":"metadata.labels.topology\\.istio\\.io/network""#),
        };
        if is_hidden {
            return Vec::new();
        }
        let is_node_port = spec["type"] == "NodePort" && !annotations["traffic.istio.io/nodeSelector"].is_null();
        let ports = spec["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == "tls").unwrap();
        let port = match &port["nodePort"] {
            number if is_node_port && number.is_null() => "nodePort".to_owned(),
            number if is_node_port => number.to_string(),
            _ => port["port"].to_string(),
        };
        let external = spec["externalIPs"].as_array().cloned().unwrap_or_default();
        if external.is_empty() && !is_node_port {
            let address = cells[4].split(',').next().unwrap();
            return if address.contains("not known") { Vec::new() } else { vec![(address.to_owned(), port)] };
        }
        external.iter().map(|ip| (ip.as_str().unwrap().to_owned(), port.clone())).collect()
    }

    /// The URLs of repositories.
    fn sources(&self) -> BTreeSet<String> {
        let mut urls = BTreeSet::new();
        for (path, documents) in &self.documents {
            for document in documents {
                if path.starts_with("argocd/") || path.starts_with("flux/") {
                    urls_of(document, &mut urls);
                }
            }
        }
        for line in self.text("install.sh").lines().filter(|line| line.contains("helm upgrade --install")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let repository = words.iter().position(|word| *word == "--repo").map(|place| words[place + 1]);
            let repository = repository.or(words.iter().copied().find(|word| word.starts_with("oci://")));
            urls.extend(repository.map(str::to_owned));
        }
        urls
    }
}

fn urls_of(value: &Value, urls: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(url) = field.as_str().filter(|_| name == "url" || name == "repoURL") {
                    urls.insert(if url.contains("://") { url.to_owned() } else { format!("oci://{url}") });
                }
                urls_of(field, urls);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| urls_of(item, urls)),
        _ => {}
    }
}

fn of_url(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    let authority = authority.rsplit('@').next().unwrap();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (
            authority,
            match scheme {
                "http" => "80",
                "ssh" => "22",
                _ => "443",
            },
        ),
    };
    (host.trim_matches(['[', ']']).to_owned(), port.to_owned())
}

/// The table names what the files have somebody dial, and nothing else.
fn agrees(source: &Source) {
    let tree = meshgen::outline(source, None)
        .unwrap_or_else(|findings| panic!("{}", common::report(source, &findings.list)))
        .tree;
    let reader = Reader::of(&tree);
    let table = json(&What::All(flows_of(source)));
    let rows = table["flows"].as_array().unwrap();
    let mut named = BTreeSet::new();
    for row in rows.iter().filter(|row| row["destination"]["role"] != "pods") {
        for address in row["destination"]["addresses"].as_array().unwrap() {
            let port = row["port"].as_str().map_or_else(|| row["port"].to_string(), str::to_owned);
            named.insert((address.as_str().unwrap().to_owned(), port));
        }
    }
    let text = || String::from_utf8_lossy(&source.bytes).into_owned();
    assert_eq!(named, reader.dialled(), "{}", text());
    // What the nodes of a network route to pods is in the rows of that network.
    let services: Vec<&str> = rows.iter().filter_map(|row| row["destination"]["cluster"].as_str()).collect();
    assert!(!services.is_empty());
    for row in rows {
        for file in row["files"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            let is_there =
                tree.get(file).is_some() || file.ends_with('/') && tree.iter().any(|(path, _)| path.starts_with(file));
            assert!(is_there, "{file} is not in the tree\n{}", text());
        }
        if row["files"][0].as_str().unwrap().ends_with("routes.sh") {
            for file in row["files"].as_array().unwrap() {
                for range in row["destination"]["addresses"].as_array().unwrap() {
                    let range = range.as_str().unwrap();
                    assert!(reader.text(file.as_str().unwrap()).contains(range), "{range}\n{}", text());
                }
            }
        }
    }
}

#[test]
fn the_tables_of_the_examples_name_what_the_files_have_somebody_dial() {
    let repository = common::repository();
    let files = common::entries(&repository.join("topologies")).into_iter();
    for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        agrees(&common::read(&file));
    }
    for file in common::entries(&repository.join("tests/meshes")) {
        let stated: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        agrees(&Source::new(file.to_str().unwrap(), stated["topology"].to_string()));
    }
    for case in cases() {
        agrees(&common::read(&case.join("topology.yaml")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_table_names_what_the_files_have_somebody_dial(generated in generator::topologies()) {
        agrees(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes())));
    }

    #[test]
    fn what_comes_and_goes_leads_from_one_random_table_to_another(before in generator::topologies(), after in generator::topologies()) {
        let flows = |generated: &generator::Generated| {
            flows_of(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes()))).expanded()
        };
        let (before, after) = (flows(&before), flows(&after));
        let changes = Changes::between(&before, &after).expanded();
        let pairs = |flows: &Flows| -> BTreeSet<String> {
            let table = json(&What::All(flows.clone()));
            let pair = |row: &Value| format!("{}{}{}", row["source"], row["destination"], row["port"]);
            table["flows"].as_array().unwrap().iter().map(pair).collect()
        };
        let (old, new) = (pairs(&before), pairs(&after));
        let expected = (&old - &new, &new - &old);
        prop_assert_eq!((pairs(&changes.removed), pairs(&changes.added)), expected);
    }
}
