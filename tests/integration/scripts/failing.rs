//! A question that is not answered is no answer: each call of each script fails, times out or says nothing, and the script ends there.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// What a script does in a state of the mesh.
struct Run {
    state: Simulator,
    script: String,
    arguments: &'static [&'static str],
}

fn run(state: &Simulator, script: &str, arguments: &'static [&'static str]) -> Run {
    Run { state: state.copy(), script: script.to_owned(), arguments }
}

/// What the clusters are at last; a restart may have been asked for twice.
fn end(simulator: &Simulator) -> Vec<serde_json::Map<String, Value>> {
    let objects = |context: &str| {
        let mut objects = simulator.objects(context);
        for (_, object) in objects.iter_mut().filter(|(_, object)| object.get("simulator").is_some()) {
            for noted in ["connection", "restarts", "starts", "template"] {
                object["simulator"][noted] = Value::Null;
            }
            object["spec"]["template"]["metadata"]["annotations"] = Value::Null;
        }
        objects
    };
    let clusters = simulator.lock().clusters.into_values();
    clusters.filter_map(|cluster| cluster.context).map(|context| objects(&context)).collect()
}

/// Calls that say nothing where they have nothing to do.
fn may_be_silent(call: &str) -> bool {
    call.contains(" delete ") && call.contains("--ignore-not-found")
}

/// How many calls fail, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// One of those that differ in the cluster alone, in one of three ways.
    EachKind,
    /// Each, in each way.
    EachCall,
}

/// The positions of the calls, of those that differ in the cluster alone the first.
fn kinds(mesh: &Simulator, calls: &[String]) -> Vec<usize> {
    let clusters = mesh.lock().clusters;
    let mut seen = BTreeSet::new();
    let kind = |call: &str| {
        let word = |word: &str| {
            clusters.iter().fold(word.to_owned(), |word, (name, cluster)| {
                word.replace(cluster.context.as_deref().unwrap_or(name), "CLUSTER").replace(name, "CLUSTER")
            })
        };
        call.split(' ').map(word).collect::<Vec<String>>()
    };
    (0..calls.len()).filter(|index| seen.insert(kind(&calls[*index]))).collect()
}

/// Lets calls fail once; how many runs that were.
fn fail_each(Run { state, script, arguments }: &Run, depth: Depth) -> usize {
    let whole = state.copy();
    let calls = whole.calls(script, arguments);
    let (indexes, ways): (Vec<usize>, usize) = match depth {
        Depth::EachKind => {
            let step = common::share(1, 5);
            (kinds(state, &calls).into_iter().skip(fastrand::usize(..step)).step_by(step).collect(), 1)
        }
        Depth::EachCall => ((0..calls.len()).collect(), 3),
    };
    let mut count = 0;
    for index in indexes {
        let call = &calls[index];
        // Where one way is tried, the three take turns.
        for way in index..index + ways {
            let how = ["fails", "times-out", "silent"][way % 3];
            if how == "silent" && may_be_silent(call) {
                continue;
            }
            count += 1;
            let simulator = state.copy();
            simulator.fail(index + 1, how);
            let said = simulator.run(script, arguments);
            let called = simulator.called();
            let what = format!("{script} {arguments:?}, call {index} {how}: {call}");
            assert!(said.code.is_some_and(|code| code != 0), "{what}: {}", said.text);
            assert_eq!(called, calls[..=index], "{what}: it went on: {}", said.text);
            assert!(said.text.contains("error: "), "{what}: {}", said.text);
            // What only asked changed nothing: the next run is that after the failure of the next call which changes something.
            if call.contains(" get ") {
                continue;
            }
            simulator.heal();
            let command = said.text.lines().find_map(|line| line.trim_start().strip_prefix("./install.sh "));
            let rest = command.map(|command| command.split(' ').collect());
            let again = simulator.run(script, &rest.unwrap_or_else(|| arguments.to_vec()));
            assert_eq!(again.code, Some(0), "{what}: {}", again.text);
            assert_eq!(end(&simulator), end(&whole), "{what}");
        }
    }
    count
}

/// The same for the checks of one cluster at a time, so that the order of the calls is known.
fn fail_each_check(mesh: &Simulator, cluster: &str, depth: Depth) -> usize {
    let arguments = ["--cluster", cluster];
    let calls = mesh.copy().calls("verify.sh", &arguments);
    let ways = match depth {
        Depth::EachKind => &["silent"][..],
        Depth::EachCall => &["fails", "silent"],
    };
    let step = common::share(1, 3);
    for (index, call) in calls.iter().enumerate().skip(fastrand::usize(..step)).step_by(step) {
        for how in ways {
            // A machine that is no node has none of its addresses.
            if *how == "silent" && call.starts_with("ip ") {
                continue;
            }
            let simulator = mesh.copy();
            simulator.fail(index + 1, how);
            let said = simulator.run("verify.sh", &arguments);
            assert_eq!(said.code, Some(1), "call {index} {how}, {call}: {}", said.text);
        }
    }
    ways.len() * calls.len()
}

#[test]
fn each_call_fails_once_and_the_next_run_completes() {
    let fresh = Simulator::new(&topology("1.30.3"));
    let there = installed("1.30.3");
    let left = there.copy();
    remote_secrets::leave(&left, "north", "meshgen");
    let changed = installed("1.11.2");
    changed.build(
        &topology("1.11.2")
            .replace("profile: demo", "profile: demo, meshConfig: {defaultConfig: {concurrency: 1}}")
            .replace("issuedOn: 2026-11-01", "issuedOn: 2026-11-01, intermediatesIssuedOn: 2026-11-20"),
    );
    let swapped = common::repository().join("tests/diff/roles-swapped");
    let [before, after] =
        ["before.yaml", "after.yaml"].map(|file| std::fs::read_to_string(swapped.join(file)).unwrap());
    let swapped = Simulator::new(&before);
    swapped.calls("install.sh", &[]);
    swapped.build(&after);
    let runs = [
        run(&fresh, "install.sh", &[]),
        run(&swapped, "install.sh", &["--no-restart"]),
        run(&changed, "install.sh", &["--cluster", "west"]),
        run(&left, "east/remote-secrets.sh", &["--prune"]),
        run(&there, "uninstall.sh", &["--yes", "--crds"]),
    ];
    for run in &runs {
        fail_each(run, Depth::EachKind);
    }
}

#[test]
fn a_check_that_is_not_answered_fails() {
    fail_each_check(&installed("1.11.2"), "west", Depth::EachKind);
    fail_each_check(&installed("1.30.3"), "east", Depth::EachKind);
}

/// It takes minutes: `make scripts`.
#[test]
#[ignore = "it lets every call of every script of every topology fail in every way"]
#[allow(clippy::print_stderr, reason = "it says how many runs it was")]
fn each_call_of_every_topology_fails_in_every_way() {
    let topologies = common::topologies();
    let next = AtomicUsize::new(0);
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(topology) = topologies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_it = fail_everything(&std::fs::read_to_string(topology).unwrap());
                    let sum = count.fetch_add(of_it, Ordering::Relaxed) + of_it;
                    eprintln!("{}: {of_it} runs in which a call failed; {sum} so far", topology.display());
                }
            });
        }
    });
}

/// Lets each call of each script of a topology fail in each way.
fn fail_everything(topology: &str) -> usize {
    let fresh = Simulator::new(topology);
    let there = fresh.copy();
    there.calls("install.sh", &[]);
    let mut runs = vec![run(&fresh, "install.sh", &[]), run(&there, "uninstall.sh", &["--yes", "--crds"])];
    let lock = there.lock();
    let scripts = lock.steps.iter().filter(|step| step.ends_with("/remote-secrets.sh"));
    runs.extend(scripts.map(|script| run(&there, script, &[])));
    let of_runs: usize = runs.iter().map(|run| fail_each(run, Depth::EachCall)).sum();
    of_runs + lock.clusters.keys().map(|cluster| fail_each_check(&there, cluster, Depth::EachCall)).sum::<usize>()
}
