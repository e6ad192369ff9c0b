//! The README of a tree: the picture is one that Mermaid draws, however large the mesh, and the commands do in bash what the plan says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::Command;

use meshgen::lock::Lock;
use meshgen::source::Source;

use crate::{common, large};

/// What Mermaid draws unless it is told otherwise, which those who show the page are not: `maxEdges`, `maxTextSize`.
const MOST_EDGES: usize = 500;
const LONGEST: usize = 50_000;

fn picture(text: &str) -> String {
    let outline = meshgen::outline(&Source::new("large.yaml", text), None).unwrap();
    let page = std::str::from_utf8(&outline.tree.get("README.md").unwrap().bytes).unwrap();
    page.split_once("```mermaid\n").unwrap().1.split_once("\n```").unwrap().0.to_owned()
}

fn edges(picture: &str) -> usize {
    picture.lines().filter(|line| line.contains("-->") || line.contains("-.-")).count()
}

/// The sum of the numbers that stand before a word.
fn sum(picture: &str, pattern: &str) -> usize {
    let number = regex::Regex::new(pattern).unwrap();
    number.captures_iter(picture).map(|captures| captures[1].parse::<usize>().unwrap()).sum()
}

#[test]
fn a_picture_keeps_within_the_limits_of_mermaid_and_counts_every_cluster() {
    let mut most = 0;
    for (name, clusters, networks) in large::SIZES {
        let picture = picture(&large::topology(clusters, networks));
        assert!(picture.len() <= LONGEST, "{name}: {} characters", picture.len());
        assert!(edges(&picture) <= MOST_EDGES, "{name}: {} edges", edges(&picture));
        most = most.max(edges(&picture));
        if clusters > 12 {
            assert_eq!(sum(&picture, r"<br>(\d+) cluster"), clusters, "{name}");
            assert_eq!(
                picture.matches("<br>").count() - picture.matches(" more network").count()
                    + sum(&picture, r"\[.(\d+) more network"),
                networks,
                "{name}"
            );
        } else {
            assert_eq!(picture.matches("[\"cluster").count(), clusters, "{name}");
            assert_eq!(picture.matches("subgraph").count(), networks, "{name}");
        }
    }
    // Otherwise none of these meshes would have come near the limit.
    assert!(most > MOST_EDGES / 2, "the largest picture has {most} edges");
}

#[test]
fn a_picture_leaves_out_networks_that_nobody_is_on() {
    let unused = (0..1000).fold(String::new(), |text, number| text + &format!("  - name: unused{number}\n"));
    let text = large::topology(12, 2).replace("clusters:\n", &format!("{unused}clusters:\n"));
    let picture = picture(&text);
    assert_eq!(picture.matches("subgraph").count(), 2);
    assert!(picture.len() <= LONGEST);
}

/// Contexts that would leave a careless block of Markdown, or that a careless shell would split, expand or run.
const CONTEXTS: [&str; 6] = [
    "admin@east's",
    "$HOME \"x\" \\",
    "`touch pwned` *",
    "x' ``` # Approved",
    "``````",
    "arn:aws:eks:eu-west-1:1:cluster/a",
];

/// Every fifth cluster is a primary, and controls the four after it.
fn meshes_of(clusters: usize, version: &str) -> String {
    let mut text = format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: {version}}}\n\
         certificates: {{issuedOn: 2026-11-01}}\nworkloads: {{namespaces: [shop]}}\ntracing: {{zipkin: {{cluster: c0}}}}\n\
         networks: [{{name: lan}}, {{name: cloud}}]\nclusters:\n"
    );
    for cluster in 0..clusters {
        let context = serde_json::to_string(&format!("{}{cluster}", CONTEXTS[cluster % CONTEXTS.len()])).unwrap();
        writeln!(text, "  - name: c{cluster}\n    network: {}\n    context: {context}", ["lan", "cloud"][cluster % 2])
            .unwrap();
        writeln!(text, "    apiServer: https://10.0.{cluster}.1:6443").unwrap();
        writeln!(text, "    eastWestGateway: {{externalIPs: [10.0.{cluster}.100]}}").unwrap();
        if !cluster.is_multiple_of(5) {
            writeln!(text, "    controlPlane: c{}", cluster - cluster % 5).unwrap();
        }
    }
    if clusters == 1 { text.replace(", {name: cloud}", "") } else { text }
}

/// What stands between each fence of commands and its end.
pub(crate) fn blocks(markdown: &str) -> Vec<String> {
    blocks_of(markdown, "sh")
}

/// The same of any language.
pub(crate) fn blocks_of(markdown: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if let Some(fence) = line.trim_end().strip_suffix(language).filter(|fence| fence.starts_with("```")) {
            blocks.push(lines.by_ref().take_while(|line| line.trim_end() != fence).collect());
        }
    }
    blocks
}

/// What bash runs, each call as its words. kubectl, istioctl and the scripts are functions that say how they are called.
fn calls(commands: &[String], scripts: &[String]) -> Vec<Vec<String>> {
    let mut text = "say() { printf '%s\\x1f' \"$@\" >&2; printf '\\x1e' >&2; }\n".to_owned();
    for program in ["kubectl", "istioctl", "helm"].into_iter().chain(scripts.iter().map(String::as_str)) {
        writeln!(text, "{program}() {{ say '{program}' \"$@\"; }}").unwrap();
    }
    text += "set -eu\n";
    text.extend(commands.iter().map(String::as_str));
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new("bash").args(["-c", &text]).current_dir(directory.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{}", commands.concat());
    assert_eq!(common::entries(directory.path()).len(), 0, "a context was run");
    let words = |call: &str| call.split_terminator('\x1f').map(str::to_owned).collect();
    said.split_terminator('\x1e').map(words).collect()
}

fn is_script(path: &str) -> bool {
    path.strip_suffix(".sh").is_some()
}

/// The unit that a call carries out; none if it waits for the one before.
fn unit(call: &[String]) -> Option<String> {
    if is_script(&call[0]) {
        return Some(call[0].clone());
    }
    let read = call.iter().skip_while(|word| !["-k", "-f"].contains(&word.as_str())).nth(1);
    let read = read.map(|path| path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"));
    let waits = [" rollout status ", " wait --for=condition="];
    assert!(read.is_some() || waits.iter().any(|wait| call.join(" ").contains(wait)), "{call:?}");
    read
}

#[test]
fn the_steps_of_a_page_run_in_order_and_each_in_its_context() {
    let written = common::topologies().into_iter().map(|path| common::read(&path));
    let sizes = [("1.30.3", 1), ("1.11.2", 1), ("1.30.3", 3), ("1.30.3", 30), ("1.11.2", 30)];
    let made = sizes.map(|(version, clusters)| Source::new(version, meshes_of(clusters, version).as_bytes()));
    for source in written.chain(made) {
        let tree = common::compile(&source);
        // What a controller applies is no step of the page.
        if tree.get("install.sh").is_none() {
            continue;
        }
        let text = |file: &str| std::str::from_utf8(&tree.get(file).unwrap().bytes).unwrap();
        let lock: Lock = text("meshgen.lock").parse().unwrap();
        let contexts: BTreeMap<&str, &str> =
            lock.clusters.iter().map(|(name, cluster)| (name.as_str(), cluster.context.as_deref().unwrap())).collect();
        let is_told = |step: &&String| !step.ends_with("/restart") && !step.ends_with("/routes.sh");
        let mut wanted = lock.steps.iter().filter(is_told);
        let scripts: Vec<String> = lock.steps.iter().filter(|step| is_script(step)).cloned().collect();
        let (_, steps) = text("README.md").split_once("\n## Every step\n").unwrap();
        let (steps, later) = steps.split_once("\n## Afterwards\n").unwrap();
        for stage in steps.split("\n### ").skip(1) {
            let mut units: Vec<String> = Vec::new();
            for call in calls(&blocks(stage), &scripts) {
                units.extend(unit(&call).filter(|unit| units.last() != Some(unit)));
                let (cluster, _) = units.last().unwrap().split_once('/').unwrap();
                let option = if call[0] == "helm" { "--kube-context" } else { "--context" };
                let context = format!("{option}={}", contexts[cluster]);
                assert!(is_script(&call[0]) || call.contains(&context), "{}: {call:?}", source.name);
            }
            // Clusters with the same commands stand together; of each of them, the units are in the plan's order.
            let planned: Vec<String> = wanted.by_ref().take(units.len()).cloned().collect();
            let of = |units: &[String], cluster: &str| -> Vec<String> {
                units.iter().filter(|unit| unit.split('/').next() == Some(cluster)).cloned().collect()
            };
            for cluster in contexts.keys() {
                assert_eq!(of(&units, cluster), of(&planned, cluster), "{} {stage}", source.name);
            }
        }
        assert_eq!(wanted.next(), None, "{}: a step is missing", source.name);
        let restarts = later.split_once("\n### Restarting pods\n").unwrap().1.split_once("\n### ").unwrap().0;
        let mut restarted = BTreeSet::new();
        for call in calls(&blocks(restarts), &[]) {
            let context = call.iter().find_map(|word| word.strip_prefix("--context=")).unwrap();
            restarted.insert(context.to_owned());
        }
        assert!(restarted.iter().map(String::as_str).eq(contexts.values().copied().collect::<BTreeSet<_>>()));
    }
}

#[test]
fn a_page_says_in_a_few_hundred_lines_what_thirty_clusters_need() {
    let tree = common::compile(&Source::new("topology.yaml", meshes_of(30, "1.30.3").as_bytes()));
    let page = std::str::from_utf8(&tree.get("README.md").unwrap().bytes).unwrap();
    let lines = blocks(page).concat().lines().count();
    assert!(lines < 200, "{lines} lines of commands");
    assert!(!page.contains("these 1 ") && !page.contains(" 1 are "));
}
