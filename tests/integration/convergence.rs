//! Whoever does what `diff` says ends with the mesh that a fresh installation would have given.
//!
//! A mesh is installed, another tree is built over it, and the runbook is followed to the letter in simulated clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshgen::diff::{self, Kind, Phase, Side};
use meshgen::source::Source;
use serde_json::{Value, json};

use crate::common::controllers::Delivery;
use crate::common::{self, simulator, simulator::Simulator};

use self::choices::Choices;
use self::mesh::{Change, Mesh};

mod choices;
mod compare;
mod mesh;

/// A mesh that was installed by its scripts.
struct Installed {
    source: Source,
    simulator: Simulator,
    nodes: Nodes,
    /// The objects of each cluster a day later.
    a_day_later: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The routes of each node, by its address.
type Nodes = BTreeMap<String, Value>;

/// The two trees and the clusters between them.
struct Walk<'m> {
    simulator: Simulator,
    before: &'m Source,
    after: &'m Source,
    nodes: Nodes,
}

fn source(mesh: &Mesh) -> Source {
    common::of_tests(Source::new("mesh.yaml", mesh.text()))
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

/// What the topology says of the addresses of load balancers that are no more than an address, by context.
fn balancers(source: &Source) -> BTreeMap<String, Value> {
    let value: Value = serde_yaml::from_str(&source.text()).unwrap();
    let clusters = value["clusters"].as_array().unwrap().iter();
    let known = clusters.filter_map(|cluster| {
        let gateway = &cluster["eastWestGateway"];
        let context = cluster["context"].as_str().or(cluster["name"].as_str())?;
        // The simulator's own addresses go by the number in a context.
        let is_known =
            gateway["address"].is_string() && !context.contains(|character: char| character.is_ascii_digit());
        (is_known && gateway["externalIPs"].is_null()).then(|| (context.to_owned(), gateway["address"].clone()))
    });
    known.collect()
}

impl Installed {
    /// Installs a mesh, with the routes of its nodes.
    fn new(source: &Source) -> Self {
        let simulator = Simulator::new(&source.text());
        let balancers = balancers(source);
        simulator.set("balancers", json!(balancers));
        let mut nodes = Nodes::new();
        let steps = simulator.lock().steps;
        for script in steps.iter().filter(|step| step.ends_with("/routes.sh")) {
            let cluster = script.split('/').next().unwrap();
            on_nodes(&simulator, &mut nodes, &format!("NEW/{script} add"), &nodes_of(source, cluster));
        }
        match Delivery::of(source) {
            Some(delivery) => delivery.install(&simulator),
            None => drop(simulator.calls("install.sh", &[])),
        }
        let later = simulator.copy();
        later.pass_a_day();
        let contexts = compare::places(source).into_iter();
        let a_day_later = contexts.map(|(name, (context, _))| (name, compare::rest(&later, &context))).collect();
        Self { source: source.clone(), simulator, nodes, a_day_later }
    }
}

/// Runs a command on nodes, each with routes of its own.
fn on_nodes(simulator: &Simulator, states: &mut Nodes, command: &str, nodes: &[String]) {
    for node in nodes {
        let state = states.remove(node).unwrap_or_else(|| json!({"addresses": [node], "routes": []}));
        std::fs::write(simulator.path("state/node.json"), state.to_string()).unwrap();
        type_in(simulator, command);
        let state = std::fs::read(simulator.path("state/node.json")).unwrap();
        states.insert(node.clone(), serde_json::from_slice(&state).unwrap());
    }
}

fn type_in(simulator: &Simulator, command: &str) {
    let [old, new] = ["old", "out"].map(|name| simulator.path(name).display().to_string());
    let said = simulator
        .follow(&format!("OLD={old}\nNEW={new}\n{}", command.replace("OLD/", "$OLD/").replace("NEW/", "$NEW/")));
    assert_eq!(said.code, Some(0), "{command}\n{}", said.text);
}

impl Walk<'_> {
    /// Lets the controllers of either mesh do what they do then.
    fn let_controllers_work(&self) {
        if [self.before, self.after].into_iter().any(|source| Delivery::of(source).is_some()) {
            self.simulator.let_controllers_work();
        }
    }

    /// Does what a phase says; the steps in which it changed anything, in order.
    fn follow(&mut self, phase: &Phase) -> Vec<String> {
        self.simulator.changes();
        for command in &phase.commands {
            self.do_what_is_said(command);
            self.let_controllers_work();
        }
        let mut steps: Vec<String> = self.simulator.changes().iter().filter_map(|call| self.step(call)).collect();
        steps.dedup();
        steps
    }

    fn do_what_is_said(&mut self, command: &str) {
        match command.split_once("   # as root, on ") {
            None if command.contains(" wait pods ") => self.wait(command),
            None if command.starts_with("git push ") => {
                let delivery = Delivery::of(self.after).expect("there is a controller");
                delivery.prepare(&self.simulator);
                delivery.push(&self.simulator);
            }
            // Whatever a tree asks for is in the store.
            None if command.starts_with("meshgen ca export TOPOLOGY ") => {}
            None => type_in(&self.simulator, command),
            Some((command, place)) => {
                let (place, listed) =
                    place.split_once(": ").map_or((place, None), |(place, listed)| (place, Some(listed)));
                let cluster = place.rsplit(' ').next().unwrap();
                let all = [self.before, self.after].map(|source| nodes_of(source, cluster)).concat();
                let nodes: BTreeSet<String> = match listed {
                    Some(listed) => listed.split(", ").map(str::to_owned).collect(),
                    // A node that left is nobody's any more.
                    None if nodes_of(self.after, cluster).is_empty() => all.into_iter().collect(),
                    None => nodes_of(self.after, cluster).into_iter().collect(),
                };
                let nodes: Vec<String> = nodes.into_iter().collect();
                on_nodes(&self.simulator, &mut self.nodes, command, &nodes);
            }
        }
    }

    /// Waits for the last proxy of a revision. Workloads that the topology does not state go over by hand.
    fn wait(&self, command: &str) {
        let said = self.simulator.follow(command);
        if said.code == Some(0) {
            return;
        }
        assert!(said.text.contains("timed out waiting for the condition on pods/reviews-0"), "{}", said.text);
        let lock = self.simulator.lock();
        assert!(!lock.workloads.contains(&"shop".to_owned()), "{}", said.text);
        for cluster in lock.clusters.values() {
            let (Some(context), revision) = (&cluster.context, simulator::revision(cluster).unwrap_or("default"))
            else {
                continue;
            };
            let kubectl = format!("kubectl --context='{}'", context.replace('\'', r"'\''"));
            type_in(&self.simulator, &format!("{kubectl} label namespace shop --overwrite istio.io/rev={revision}"));
            type_in(&self.simulator, &format!("{kubectl} -n shop rollout restart deployment/reviews"));
        }
        type_in(&self.simulator, command);
    }

    /// The step that a call of `install.sh` belongs to.
    fn step(&self, call: &str) -> Option<String> {
        let words: Vec<&str> = call.split(' ').collect();
        let after = |option: &str| words.iter().position(|word| *word == option).map(|at| words[at + 1]);
        if ["istioctl", "helm"].contains(&words[0]) {
            let path = after("-f")?;
            return Some(path.rsplit_once('/')?.0.to_owned());
        }
        let lock = self.simulator.lock();
        let cluster = lock.clusters.iter().find(|(name, cluster)| {
            let context = cluster.context.as_deref().unwrap_or(name);
            call.contains(&format!("--context={context} "))
        });
        let name = cluster?.0;
        match (after("-k"), after("-f")) {
            (Some(path), _) => {
                let (rest, step) = path.rsplit_once('/')?;
                Some(format!("{}/{step}", rest.rsplit('/').next()?))
            }
            (_, Some("-")) if call.ends_with(" secret/cacerts") => Some(format!("{name}/20-cacerts")),
            (_, Some("-")) => Some(format!("{name}/remote-secrets.sh")),
            // Of a mesh with a controller, people restart it.
            _ if call.contains("restart deployment/istiod") => {
                Delivery::of(self.after).is_none().then(|| format!("{name}/30-istio"))
            }
            _ if call.contains(" rollout restart ") => Some(format!("{name}/restart")),
            _ => None,
        }
    }
}

/// Whether a step is one that a controller takes, instead of people.
fn is_of_controller(step: &str) -> bool {
    let (directory, name) = step.rsplit_once('/').unwrap_or_default();
    !["remote-secrets.sh", "restart"].contains(&name) && !["flux", "argocd", "out"].contains(&directory)
}

/// Follows the runbook from one mesh to another; what is wrong then.
fn walk(from: &Installed, to: &Installed) -> Option<String> {
    let (old, new) = (&from.source, &to.source);
    let (before, after) = (side(old), side(new));
    if !before.lost(&after).is_empty() {
        // A missing address takes nothing from a running mesh: `diff` refuses.
        return None;
    }
    let diff = diff::compare(&before, &after);
    if diff.clusters.iter().any(|cluster| cluster.worst() == Kind::NotInPlace) {
        return diff
            .runbook
            .is_empty()
            .then_some(())
            .map_or(Some("a runbook although it cannot be done".to_owned()), |()| None);
    }
    let mut walk = Walk { simulator: from.simulator.copy(), before: old, after: new, nodes: from.nodes.clone() };
    std::fs::rename(walk.simulator.path("out"), walk.simulator.path("old")).unwrap();
    let (places_before, places_after) = (compare::places(old), compare::places(new));
    for (name, (context, _)) in &places_after {
        if let Some((before, _)) = places_before.get(name).filter(|(before, _)| before != context) {
            walk.simulator.rename_context(before, context);
        }
    }
    let (earlier, later) = (balancers(old), balancers(new));
    if earlier != later {
        let both: BTreeMap<_, _> = [earlier, later].into_iter().flatten().collect();
        walk.simulator.set("balancers", json!(both));
        walk.simulator.settle();
    }
    walk.simulator.take_tree(&to.simulator);
    // Whoever goes over to another controller has installed it.
    let delivery = Delivery::of(new);
    if let Some(delivery) = delivery.filter(|delivery| !delivery.is_as(Delivery::of(old).as_ref())) {
        delivery.prepare(&walk.simulator);
    }
    let mut wrong = Vec::new();
    let mut by_controller = Delivery::of(new).map(|_| [BTreeSet::new(), BTreeSet::new()]);
    let is_told = |name: &str| diff.clusters.iter().any(|one| one.name == name && one.worst() != Kind::Nothing);
    for phase in &diff.runbook {
        let untold = phase.steps.iter().filter(|step| !is_told(step.split('/').next().unwrap()));
        wrong.extend(untold.map(|step| format!("{}: nothing is said of {step}", phase.title)));
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
        if let Some([listed_by_now, done]) = &mut by_controller {
            // A controller goes on when what it waited for has been done.
            listed_by_now.extend(listed.into_iter().filter(|step| is_of_controller(step)).cloned());
            // A token that is made anew is applied by hand too: nobody waits until the controller looks again. So is what is not in Git.
            let is_by_hand = |step: &str| {
                let applies = format!(" -k NEW/{step}");
                let is_told = ["/70-remote-access", "/20-cacerts"].iter().any(|directory| step.ends_with(directory));
                is_told && phase.commands.iter().any(|command| command.contains(&applies))
            };
            done.extend(changed.into_iter().filter(|step| is_of_controller(step) && !is_by_hand(step)));
        } else if !phase.steps.is_empty() && changed.iter().collect::<Vec<_>>() != listed {
            wrong.push(format!("{}: listed {:?}, done {changed:?}", phase.title, phase.steps));
        }
    }
    // What another controller is told may change without a change for the clusters.
    let is_same = Delivery::of(old).is_some_and(|before| before.is_as(Delivery::of(new).as_ref()));
    let is_right = |[listed, done]: &[BTreeSet<String>; 2]| listed == done || !is_same && done.is_subset(listed);
    if let Some([listed, done]) = by_controller.filter(|sets| !is_right(sets)) {
        wrong.push(format!("the controller: listed {listed:?}, done {done:?}"));
    }
    let is_smooth = diff
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.consequences)
        .all(|consequence| consequence.kind != Kind::Interrupts && !consequence.why.contains("for no gap"));
    wrong.extend(compare::roots(&walk, to));
    wrong.extend(compare::tokens(&walk, from));
    walk.simulator.pass_a_day();
    wrong.extend(compare::clusters(&walk, to, is_smooth));
    wrong.extend(compare::left(&walk));
    wrong.extend(compare::nodes(&walk, to));
    wrong.extend(compare::hub(&walk, to));
    (!wrong.is_empty()).then(|| {
        let said = diff::report::text(&diff, diff::report::Style::default());
        format!("{}\n{}\n{said}\n{}\n{}", wrong.join("\n"), diff.summary.clusters, old.text(), new.text())
    })
}

/// A topology of a case as the simulator builds it: one that is in `tests/`.
fn moved_to_tests(file: &Path) -> Source {
    let text = std::fs::read_to_string(file).unwrap();
    common::of_tests(Source::new("mesh.yaml", text.replace("../../", "")))
}

/// Walks in as many threads as there are processors; what is wrong.
fn wrong<W: IntoIterator<Item = String>>(count: usize, walk: impl Fn(usize) -> W + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count) {
                    let wrong = walk(index);
                    found.lock().unwrap().extend(wrong);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// What is wrong after a walk, or why it stopped.
fn outcome(from: &Installed, to: &Installed) -> Option<String> {
    let walk = || walk(from, to);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(walk)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        Some(format!("{said}\n{}\n{}", from.source.text(), to.source.text()))
    })
}

/// Each change whose report is written down. By default, few of them are tried, others each time.
#[test]
fn each_report_that_is_written_down_ends_with_the_mesh_of_a_fresh_installation() {
    let mut cases = common::entries(&common::repository().join("tests/diff"));
    fastrand::shuffle(&mut cases);
    cases.truncate(common::share(usize::MAX, 3));
    let wrong = wrong(cases.len(), |index| {
        let outcome = std::panic::catch_unwind(|| {
            let [before, after] =
                ["before.yaml", "after.yaml"].map(|file| Installed::new(&moved_to_tests(&cases[index].join(file))));
            outcome(&before, &after)
        });
        let wrong = outcome.unwrap_or_else(|_| Some("it cannot be installed".to_owned()))?;
        Some(format!("{}: {wrong}", cases[index].display()))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}

/// A workload that nobody states is named, and its istiod stays.
#[test]
fn an_earlier_revision_stays_until_its_last_proxy_is_gone() {
    let case = common::repository().join("tests/diff/upgrade-by-revision");
    let [old, new] = ["before.yaml", "after.yaml"].map(|file| common::read(&case.join(file)));
    let (from, to) = (Installed::new(&old), Installed::new(&new));
    let simulator = from.simulator.copy();
    std::fs::rename(simulator.path("out"), simulator.path("old")).unwrap();
    let namespace = json!({"name": "shop", "labels": {"istio.io/rev": "1-29-6"}});
    simulator.put("cluster2", &json!({"kind": "Namespace", "metadata": namespace}));
    simulator.pass_a_day();
    simulator.take_tree(&to.simulator);
    let diff = diff::compare(&side(&old), &side(&new));
    let (waits, others): (Vec<&String>, Vec<&String>) =
        diff.runbook.iter().flat_map(|phase| &phase.commands).partition(|command| command.contains(" wait pods "));
    let before = others.iter().take_while(|command| !command.contains(" delete "));
    before.for_each(|command| type_in(&simulator, command));
    let [wait] = waits[..] else { panic!("{waits:?}") };
    let said = simulator.follow(wait);
    assert!(said.code == Some(1) && said.text.contains("pods/reviews-0"), "{}", said.text);
    assert!(simulator.object("cluster3", "Deployment/istio-system/istiod-1-29-6").is_some());
}

/// Random meshes, each the one before with a change: from each to each other.
#[test]
#[allow(clippy::print_stderr, reason = "it says what was tried")]
fn the_runbook_ends_with_the_mesh_of_a_fresh_installation() {
    let (seed, count) = (common::number("MESHGEN_PAIRS_SEED", 1), common::number("MESHGEN_PAIRS", 3));
    let (chains, followed) = (count.div_ceil(WALKS_OF_A_CHAIN), AtomicUsize::new(0));
    let tried = Mutex::new(BTreeMap::<Change, usize>::new());
    let wrong = wrong(chains, |index| {
        let (meshes, changes) = mesh::chain(&mut Choices::random(seed * 1_000_003 + index), index);
        let installed = meshes.each_ref().map(|mesh| Installed::new(&source(mesh)));
        let mut wrong = Vec::new();
        for (from, to) in pairs(meshes.len()).filter(|_| followed.fetch_add(1, Ordering::Relaxed) < count) {
            let ways = &changes[from.min(to)..from.max(to)];
            for change in ways {
                *tried.lock().unwrap().entry(*change).or_default() += 1;
            }
            let outcome = outcome(&installed[from], &installed[to]);
            wrong.extend(outcome.map(|wrong| format!("chain {index}, {from} to {to} ({ways:?}): {wrong}")));
        }
        wrong
    });
    let tried = tried.into_inner().unwrap();
    eprintln!("{count} pairs of seed {seed}: {tried:?}");
    assert!(wrong.is_empty(), "{} of {count} pairs, seed {seed}\n{}", wrong.len(), wrong.join("\n=====\n"));
    assert!(chains < Change::ALL.len() || tried.len() == Change::ALL.len());
}

/// Each small mesh, and what one change makes of it. By default, few of these pairs are tried.
#[test]
#[allow(clippy::print_stderr, reason = "it says how many pairs it was")]
fn every_change_of_a_small_mesh_ends_with_the_mesh_of_a_fresh_installation() {
    let (every, first) = (common::number("MESHGEN_SMALL_EVERY", 3000), common::number("MESHGEN_SMALL_FIRST", 0));
    let mut count = 0;
    let mut is_chosen = || {
        count += 1;
        (count - 1) % every == first
    };
    let meshes: Vec<(Mesh, Vec<(Change, Mesh)>)> = mesh::small()
        .map(|(mesh, mut changes)| {
            changes.retain(|_| is_chosen());
            (mesh, changes)
        })
        .filter(|(mesh, changes)| !changes.is_empty() && mesh.is_valid())
        .collect();
    let followed = AtomicUsize::new(0);
    let wrong = wrong(meshes.len(), |index| {
        let (mesh, changes) = &meshes[index];
        let before = Installed::new(&source(mesh));
        let mut wrong = Vec::new();
        for (change, after) in changes.iter().filter(|(_, after)| after.is_valid()) {
            followed.fetch_add(1, Ordering::Relaxed);
            let outcome = outcome(&before, &Installed::new(&source(after)));
            wrong.extend(outcome.map(|wrong| format!("{change:?}: {wrong}")));
        }
        wrong
    });
    let followed = followed.into_inner();
    eprintln!("{followed} pairs of {count} are of valid meshes");
    assert!(followed > 0);
    assert!(wrong.is_empty(), "{} of {followed} pairs\n{}", wrong.len(), wrong.join("\n=====\n"));
}

/// Each of some things with each other one, in both directions.
fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |from| (0..count).map(move |to| (from, to))).filter(|(from, to)| from != to)
}

/// How many walks there are between the meshes of a chain.
const WALKS_OF_A_CHAIN: usize = 6;
