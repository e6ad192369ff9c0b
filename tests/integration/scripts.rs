//! The emitted scripts, run against simulated clusters and on nodes made of network namespaces.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::common;
use crate::common::simulator::{Said, Simulator};

mod cloud;
mod failing;
mod helm;
mod install;
mod keys;
mod nodes;
mod readme;
mod remote_secrets;
mod rotation;
mod sail;
mod stores;
mod uninstall;
mod verify;

/// Two networks; contexts that a careless script would split, expand or run.
const EAST: &str = "admin@east's $HOME";
const WEST: &str = "`touch pwned` west";

/// One installer in all clusters, and in one cluster of each kind of the mesh.
const MIXES: [&[&str]; 3] = [&["east", "west"], &["east"], &["west"]];

/// A topology in which another program installs Istio, in the clusters that are named.
fn installed_by(installer: &str, clusters: &[&str], topology: String) -> String {
    clusters.iter().fold(topology, |text, name| {
        let cluster = format!("  - name: {name}\n");
        text.replace(&cluster, &format!("{cluster}    istio: {{install: {installer}}}\n"))
    })
}

/// A primary and a remote. At 1.11 the remote has an istiod of its own, at 1.30 it has none.
fn topology(version: &str) -> String {
    format!(
        r#"
apiVersion: meshgen/v1
kind: Topology
mesh: {{id: mesh1}}
istio: {{version: {version}, profile: demo}}
certificates: {{issuedOn: 2026-11-01}}
tracing: {{zipkin: {{cluster: east}}}}
workloads: {{namespaces: [shop]}}
networks: [{{name: lan}}, {{name: cloud}}]
clusters:
  - name: east
    network: lan
    context: "{EAST}"
    apiServer: https://192.0.2.10:6443
    eastWestGateway: {{externalIPs: [192.0.2.100]}}
  - name: west
    network: cloud
    controlPlane: east
    context: "{WEST}"
    apiServer: https://192.0.2.20:6443
    eastWestGateway: {{}}
"#
    )
}

/// The mesh above, installed.
fn installed(version: &str) -> Simulator {
    let simulator = Simulator::new(&topology(version));
    simulator.calls("install.sh", &[]);
    simulator
}

#[track_caller]
fn position(calls: &[String], words: &[&str]) -> usize {
    let is_it = |call: &String| words.iter().all(|word| call.contains(word));
    calls.iter().position(is_it).unwrap_or_else(|| panic!("no call with {words:?} in {calls:#?}"))
}

fn restarts(calls: &[String]) -> Vec<&String> {
    calls.iter().filter(|call| call.contains("rollout restart")).collect()
}

#[track_caller]
fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{}", said.text);
}

#[track_caller]
fn refused(said: &Said, code: i32, words: &str) {
    assert_eq!(said.code, Some(code), "{}", said.text);
    assert!(said.text.contains(words), "no `{words}` in {}", said.text);
}

/// What the proxies of a workload know from their start.
fn started(simulator: &Simulator, context: &str, key: &str) -> Value {
    simulator.object(context, key).unwrap()["simulator"]["started"].clone()
}

#[test]
fn every_script_is_bash_and_lets_a_failed_question_end_it() {
    for version in ["1.11.2", "1.27.9", "1.30.3"] {
        let simulator = Simulator::new(&topology(version));
        for script in ["install.sh", "verify.sh", "uninstall.sh", "east/remote-secrets.sh"] {
            let path = simulator.path("out").join(script);
            let output = Command::new("bash").arg("-n").arg(&path).output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains("\nset -euo pipefail\nshopt -s inherit_errexit\n"), "{script}");
            // `local x=$(…)`, `[[ -z $(…) ]]`, `f "$(…)"` and `$(…)$(…)` pass over a failure.
            let asks = |line: &&str| line.contains("$(") && !line.starts_with("cd ") && script != "verify.sh";
            for line in text.lines().filter(asks) {
                let masks = ["[[ ", "act ", "<<<\"$(", ")$("];
                let is_masked = line.trim_start().starts_with("local ") || masks.iter().any(|mask| line.contains(mask));
                assert!(!is_masked, "{script}: {line}");
            }
        }
    }
}

#[test]
fn an_older_bash_is_refused_before_it_misreads_anything() {
    let simulator = Simulator::new(&topology("1.30.3"));
    for script in ["install.sh", "verify.sh", "uninstall.sh", "east/remote-secrets.sh"] {
        let text = std::fs::read_to_string(simulator.path("out").join(script)).unwrap();
        let script = text.replace("${BASH_VERSINFO", "${OLD").replace("BASH_VERSINFO[", "OLD[");
        let output = Command::new("bash").args(["-c", &format!("OLD=(3 2 57)\n{script}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("this script needs bash 4.4 or later") && said.contains("brew install bash"), "{said}");
    }
}

#[test]
fn what_no_script_knows_is_refused() {
    let simulator = Simulator::new(&topology("1.30.3"));
    for script in ["install.sh", "verify.sh", "uninstall.sh", "east/remote-secrets.sh"] {
        for arguments in [&["--form"][..], &["x"], &["--cluster"], &["--cluster", "nowhere"], &["--cluster", ""]] {
            let said = simulator.run(script, arguments);
            assert_eq!(said.code, Some(2), "{script} {arguments:?}: {}", said.text);
            assert!(said.text.contains("usage: "), "{script} {arguments:?}: {}", said.text);
        }
    }
    assert_eq!(simulator.run("east/remote-secrets.sh", &["--help"]).code, Some(2));
    for script in ["install.sh", "verify.sh", "uninstall.sh"] {
        refused(&simulator.run(script, &["--help"]), 0, "usage: ");
    }
    assert_eq!(simulator.called(), Vec::<String>::new());
}
