//! Whoever does what `diff` says ends with the mesh that a fresh installation would have given.
//!
//! A mesh is installed, another tree is built over it, and the runbook is followed to the letter in simulated clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshgen::diff::{self, Kind, Phase, Side};
use meshgen::source::Source;
use serde_json::{Value, json};

use crate::common::{self, simulator::Simulator};

use self::mesh::{Change, Mesh};

mod mesh;

/// The two trees and the clusters between them.
struct Walk {
    simulator: Simulator,
    before: Source,
    after: Source,
    /// The routes of each node, by its address.
    nodes: BTreeMap<String, Value>,
}

fn source(mesh: &Mesh) -> Source {
    Source::new("mesh.yaml", mesh.text())
}

fn side(source: &Source) -> Side {
    let outline = meshgen::outline(source, None);
    Side::requested(
        "mesh.yaml",
        outline.unwrap_or_else(|findings| panic!("{}", common::report(source, &findings.list))),
    )
}

/// The addresses of the nodes of a cluster.
fn nodes_of(source: &Source, cluster: &str) -> Vec<String> {
    let value: Value = serde_yaml::from_str(&source.text()).unwrap();
    let clusters = value["clusters"].as_array().unwrap();
    let cluster = clusters.iter().find(|one| one["name"] == cluster);
    let nodes = cluster.and_then(|cluster| cluster["nodes"].as_array());
    nodes.into_iter().flatten().map(|node| node["address"].as_str().unwrap().to_owned()).collect()
}

impl Walk {
    /// Installs a mesh, with the routes of its nodes.
    fn begin(before: &Source, after: &Source) -> Self {
        let simulator = Simulator::new(&before.text());
        let mut walk = Self { simulator, before: before.clone(), after: after.clone(), nodes: BTreeMap::new() };
        let empty = Source::new("none", "{\"clusters\": []}");
        let old = std::mem::replace(&mut walk.before, empty);
        walk.after = old.clone();
        let scripts =
            walk.simulator.lock().steps.into_iter().filter(|step| step.ends_with("/routes.sh")).collect::<Vec<_>>();
        for script in scripts {
            let name = script.split('/').next().unwrap();
            walk.on_nodes(&format!("NEW/{script} add"), &nodes_of(&old, name));
        }
        walk.simulator.calls("install.sh", &[]);
        walk.before = old;
        walk.after = after.clone();
        walk
    }

    /// Runs a command on nodes, each with routes of its own.
    fn on_nodes(&mut self, command: &str, nodes: &[String]) {
        for node in nodes {
            let state = self.nodes.remove(node).unwrap_or_else(|| json!({"addresses": [node], "routes": []}));
            std::fs::write(self.simulator.path("state/node.json"), state.to_string()).unwrap();
            self.type_in(command);
            let state = std::fs::read(self.simulator.path("state/node.json")).unwrap();
            self.nodes.insert(node.clone(), serde_json::from_slice(&state).unwrap());
        }
    }

    fn type_in(&self, command: &str) {
        let [old, new] = ["old", "out"].map(|name| self.simulator.path(name).display().to_string());
        let said = self
            .simulator
            .follow(&format!("OLD={old}\nNEW={new}\n{}", command.replace("OLD/", "$OLD/").replace("NEW/", "$NEW/")));
        assert_eq!(said.code, Some(0), "{command}\n{}", said.text);
    }

    /// Does what a phase says; the steps in which it changed anything, in order.
    fn follow(&mut self, phase: &Phase) -> Vec<String> {
        self.simulator.changes();
        for command in &phase.commands {
            match command.split_once("   # as root, on ") {
                None => self.type_in(command),
                Some((command, place)) => {
                    let (place, listed) =
                        place.split_once(": ").map_or((place, None), |(place, listed)| (place, Some(listed)));
                    let cluster = place.rsplit(' ').next().unwrap();
                    let all = [&self.before, &self.after].map(|source| nodes_of(source, cluster)).concat();
                    let nodes: BTreeSet<String> = match listed {
                        Some(listed) => listed.split(", ").map(str::to_owned).collect(),
                        // A node that left is nobody's any more.
                        None if nodes_of(&self.after, cluster).is_empty() => all.into_iter().collect(),
                        None => nodes_of(&self.after, cluster).into_iter().collect(),
                    };
                    self.on_nodes(command, &nodes.into_iter().collect::<Vec<_>>());
                }
            }
        }
        let mut steps: Vec<String> = self.simulator.changes().iter().filter_map(|call| self.step(call)).collect();
        steps.dedup();
        steps
    }

    /// The step that a call of `install.sh` belongs to.
    fn step(&self, call: &str) -> Option<String> {
        let words: Vec<&str> = call.split(' ').collect();
        let after = |option: &str| words.iter().position(|word| *word == option).map(|at| words[at + 1]);
        if words[0] == "istioctl" {
            let path = after("-f")?;
            return Some(path.rsplit_once('/').unwrap().0.to_owned());
        }
        let lock = self.simulator.lock();
        let cluster = lock.clusters.iter().find(|(name, cluster)| {
            let context = cluster.context.as_deref().unwrap_or(name);
            call.contains(&format!("--context={context} "))
        });
        let name = cluster?.0;
        match (after("-k"), after("-f")) {
            (Some(path), _) => Some(path.to_owned()),
            (_, Some("-")) => Some(format!("{name}/remote-secrets.sh")),
            _ if call.contains("restart deployment/istiod") => Some(format!("{name}/30-istio")),
            _ if call.contains(" rollout restart ") => Some(format!("{name}/restart")),
            _ => None,
        }
    }
}

/// The objects of a cluster without what says how often something happened.
fn rest(simulator: &Simulator, context: &str) -> BTreeMap<String, Value> {
    let mut objects: BTreeMap<String, Value> = simulator.objects(context).into_iter().collect();
    for (key, object) in &mut objects {
        if let Some(noted) = object.get_mut("simulator").and_then(Value::as_object_mut) {
            for name in ["restarts", "template", "tokens"] {
                noted.remove(name);
            }
            if let Some(certificate) = noted.get_mut("certificate") {
                certificate["hour"] = Value::Null;
            }
        }
        if let Some(metadata) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
            metadata.remove("annotations");
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            if !key.starts_with("Namespace/") {
                metadata.remove("annotations");
            }
            if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
                labels.retain(|_, value| !value.is_null());
            }
        }
        if key.starts_with("Secret/istio-system/istio-remote-secret") || key.ends_with("-remote-secret-token") {
            object["data"] = Value::Null;
        }
        if object.get("simulator").is_some_and(|noted| *noted == json!({})) {
            object.as_object_mut().unwrap().remove("simulator");
        }
    }
    // A definition of a kind stays: deleting it would delete all its objects.
    objects.retain(|key, _| !key.starts_with("CustomResourceDefinition/"));
    objects
}

/// The clusters of a mesh by name: context and API server.
fn places(source: &Source) -> BTreeMap<String, (String, String)> {
    let outline = meshgen::outline(source, None).unwrap();
    let clusters = outline.record.clusters.into_iter();
    clusters.map(|(name, cluster)| (name, (cluster.context.unwrap(), cluster.api_server.unwrap()))).collect()
}

/// Follows the runbook from one mesh to another; what is wrong then.
fn walk(old: &Source, new: &Source) -> Option<String> {
    let diff = diff::compare(&side(old), &side(new));
    if diff.clusters.iter().any(|cluster| cluster.worst() == Kind::NotInPlace) {
        return diff
            .runbook
            .is_empty()
            .then_some(())
            .map_or(Some("a runbook although it cannot be done".to_owned()), |()| None);
    }
    let mut walk = Walk::begin(old, new);
    std::fs::rename(walk.simulator.path("out"), walk.simulator.path("old")).unwrap();
    let (places_before, places_after) = (places(old), places(new));
    for (name, (context, _)) in &places_after {
        if let Some((before, _)) = places_before.get(name).filter(|(before, _)| before != context) {
            walk.simulator.rename_context(before, context);
        }
    }
    walk.simulator.build(&new.text());
    let mut wrong = Vec::new();
    for phase in &diff.runbook {
        let changed = walk.follow(phase);
        // Of a cluster without gateways and without stated workloads, a restart is for a person.
        let lock = walk.simulator.lock();
        let is_idle = |step: &&String| {
            let Some(name) = step.strip_suffix("/restart") else { return false };
            let objects = walk.simulator.objects(lock.clusters[name].context.as_deref().unwrap_or(name));
            let is_gateway = |key: &String| key.starts_with("Deployment/") && key.ends_with("gateway");
            let is_stated = |key: &String| {
                lock.workloads.iter().any(|namespace| key.starts_with(&format!("Deployment/{namespace}/")))
            };
            !objects.keys().any(|key| is_gateway(key) || is_stated(key))
        };
        let listed: Vec<&String> = phase.steps.iter().filter(|step| !is_idle(step)).collect();
        if !phase.steps.is_empty() && changed.iter().collect::<Vec<_>>() != listed {
            wrong.push(format!("{}: listed {:?}, done {changed:?}", phase.title, phase.steps));
        }
    }
    let is_smooth = diff
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.consequences)
        .all(|consequence| consequence.kind != Kind::Interrupts && !consequence.why.contains("for no gap"));
    walk.simulator.pass_a_day();
    let mut fresh = Walk::begin(new, new);
    fresh.simulator.pass_a_day();
    let lock = walk.simulator.lock();
    for (name, cluster) in &lock.clusters {
        let context = cluster.context.as_deref().unwrap_or(name);
        let (mut found, wanted) = (rest(&walk.simulator, context), rest(&fresh.simulator, context));
        // Workloads of other namespaces are for a person to restart.
        if !lock.workloads.iter().any(|namespace| namespace == "shop") {
            found.retain(|key, _| !key.starts_with("Deployment/shop/"));
        }
        for (key, object) in &mut found {
            let noted = object.get_mut("simulator").and_then(Value::as_object_mut);
            let is_lost = noted.is_some_and(|noted| noted.remove("hasLostItsControlPlane").is_some());
            if is_lost && is_smooth {
                wrong.push(format!("{name}: {key} lost its control plane"));
            }
        }
        for key in found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            match (found.get(key), wanted.get(key)) {
                (one, other) if one == other => {}
                (Some(_), None) => wrong.push(format!("{name}: {key} stays")),
                (None, Some(_)) if key.starts_with("Deployment/shop/") => {}
                (None, _) => wrong.push(format!("{name}: {key} is missing")),
                (Some(found), Some(wanted)) => wrong.push(format!("{name}: {key} is\n{found:#}\nnot\n{wanted:#}")),
            }
        }
    }
    // A cluster that left has another API server than any that stays.
    let left = places_before
        .values()
        .filter(|(context, server)| places_after.values().all(|(other, its)| other != context && its != server));
    for (context, server) in left {
        let is_renamed =
            places_after.iter().any(|(name, _)| places_before.get(name).is_some_and(|(_, its)| its == server));
        if is_renamed {
            continue;
        }
        let objects = walk.simulator.objects(context);
        let left: Vec<&String> = objects.keys().filter(|key| key.contains("/istio-system")).collect();
        if !left.is_empty() {
            wrong.push(format!("{context}, which left, still has {left:?}"));
        }
    }
    fresh.nodes.retain(|_, state| !state["routes"].as_array().unwrap().is_empty());
    for (node, state) in &mut walk.nodes {
        let there = &fresh.nodes.get(node).map_or(json!([]), |state| state["routes"].clone());
        let set = |routes: &Value| routes.as_array().unwrap().iter().map(Value::to_string).collect::<BTreeSet<_>>();
        let is_known = places_after.keys().any(|cluster| nodes_of(new, cluster).contains(node));
        if is_known && set(&state["routes"]) != set(there) {
            wrong.push(format!("node {node} has the routes {}, not {there}", state["routes"]));
        }
    }
    for node in fresh.nodes.keys().filter(|node| !walk.nodes.contains_key(*node)) {
        wrong.push(format!("node {node} has no routes"));
    }
    (!wrong.is_empty()).then(|| {
        let said = diff::report::text(&diff, diff::report::Style::default());
        format!("{}\n{}\n{said}\n{}\n{}", wrong.join("\n"), diff.summary.clusters, old.text(), new.text())
    })
}

/// Walks in as many threads as there are processors; what is wrong.
fn wrong(count: usize, walk: impl Fn(usize) -> Option<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count) {
                    found.lock().unwrap().extend(walk(index));
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Each change whose report is written down.
#[test]
fn each_report_that_is_written_down_ends_with_the_mesh_of_a_fresh_installation() {
    let cases = common::entries(&common::repository().join("tests/diff"));
    let wrong = wrong(cases.len(), |index| {
        let [before, after] = ["before.yaml", "after.yaml"].map(|file| common::read(&cases[index].join(file)));
        Some(format!("{}: {}", cases[index].display(), walk(&before, &after)?))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}

/// Random pairs: a mesh, and what one or two changes make of it.
#[test]
fn the_runbook_ends_with_the_mesh_of_a_fresh_installation() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |value| value.parse().unwrap());
    let (seed, count) = (number("MESHGEN_PAIRS_SEED", 1), number("MESHGEN_PAIRS", 4));
    let tried = Mutex::new(BTreeMap::<Change, usize>::new());
    let wrong = wrong(usize::try_from(count).unwrap(), |index| {
        let index = u64::try_from(index).unwrap();
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(index));
        let (before, after, changes) = mesh::pair(&mut random, index);
        for change in &changes {
            *tried.lock().unwrap().entry(*change).or_default() += 1;
        }
        let (before, after) = (source(&before), source(&after));
        let outcome = std::panic::catch_unwind(|| walk(&before, &after)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            Some(format!("{said}\n{}\n{}", before.text(), after.text()))
        });
        outcome.map(|wrong| format!("pair {index} ({changes:?}): {wrong}"))
    });
    let tried = tried.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} pairs, seed {seed}\n{}\n{tried:?}", wrong.len(), wrong.join("\n=====\n"));
    assert!(count < 300 || tried.len() == Change::ALL.len(), "{tried:?}");
}
