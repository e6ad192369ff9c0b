//! The topology that people start from.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use meshgen::diagnostic::Severity;
use meshgen::release::{NEWEST, RELEASES};
use meshgen::source::Source;
use meshgen::starter::{MAXIMUM_CLUSTERS, Starter};
use meshgen::topology::{Controller, Install};
use proptest::prelude::*;

use crate::common;

fn starter(istio: &str, clusters: usize, networks: usize, primaries: usize, name: &str) -> String {
    let istio = istio.parse().unwrap();
    let starter = Starter {
        mesh_id: &name.parse().unwrap(),
        istio,
        release: meshgen::release::release(istio).unwrap(),
        install: Install::Istioctl,
        controller: None,
        clusters,
        networks,
        primaries,
        issued_on: "2026-11-01".parse().unwrap(),
        schema: "topology.schema.json",
    };
    starter.text()
}

/// The same by another way of installing, and for a controller.
fn installed(install: Install, controller: Option<Controller>) -> String {
    let istio = "1.29.6".parse().unwrap();
    let starter = Starter {
        mesh_id: &"mesh1".parse().unwrap(),
        istio,
        release: meshgen::release::release(istio).unwrap(),
        install,
        controller,
        clusters: 2,
        networks: 2,
        primaries: 1,
        issued_on: "2026-11-01".parse().unwrap(),
        schema: "topology.schema.json",
    };
    starter.text()
}

/// What `check` finds, less that the addresses are examples, and what is known of the release.
fn findings(text: &str) -> Vec<&'static str> {
    let source = Source::new("topology.yaml", text);
    let mut findings = meshgen::check(&source);
    assert!(findings.iter().any(|finding| finding.rule == "documentation-address"), "{text}");
    findings.retain(|finding| !["documentation-address", "known-bug", "unread-patch"].contains(&finding.rule));
    assert!(
        findings.iter().all(|finding| finding.severity == Severity::Warning),
        "{}",
        common::report(&source, &findings)
    );
    common::compile(&source);
    findings.into_iter().map(|finding| finding.rule).collect()
}

fn init(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = common::meshgen();
    command.current_dir(directory).stdin(Stdio::null()).args(["init", "--now", "2026-11-01", "-o", "mesh"]);
    command.args(arguments).output().unwrap()
}

#[test]
fn the_texts_are_as_written_down() {
    let directory = common::repository().join("tests/init");
    for (name, text) in [
        ("one-cluster", starter(NEWEST, 1, 1, 1, "mesh1")),
        ("two-clusters", starter(NEWEST, 2, 2, 2, "mesh1")),
        ("three-clusters-istio-1.11", starter("1.11.8", 3, 2, 1, "no")),
        ("two-clusters-argocd", installed(Install::Helm, Some(Controller::ArgoCd))),
        ("two-clusters-flux", installed(Install::Helm, Some(Controller::Flux))),
        ("two-clusters-sail", installed(Install::Sail, None)),
    ] {
        common::snapshots(&directory).bind(|| insta::assert_snapshot!(name, text));
        assert!(text.lines().all(|line| line.len() <= 140), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(48), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_start_is_a_mesh(
        release in 0..RELEASES.len(), (clusters, networks, primaries) in
            (1..12usize).prop_flat_map(|clusters| (Just(clusters), 1..=clusters, 1..=clusters))
    ) {
        let version = format!("1.{}.{}", RELEASES[release].minor, RELEASES[release].read.unwrap_or(0));
        let text = starter(&version, clusters, networks, primaries, "mesh1");
        prop_assert_eq!(findings(&text), Vec::<&str>::new());
        prop_assert_eq!(text.matches("\n  - name: cluster").count(), clusters);
        prop_assert_eq!(text.matches("\n  - name: network").count(), networks);
        prop_assert_eq!(clusters - text.matches("    controlPlane: ").count(), primaries);
    }
}

#[test]
fn the_largest_start_is_a_mesh() {
    let text = starter(NEWEST, MAXIMUM_CLUSTERS, 10, 20, "mesh1");
    let source = Source::new("topology.yaml", text.as_bytes());
    assert!(!meshgen::has_errors(&meshgen::check(&source)));
}

#[test]
fn what_is_commented_out_is_right_too() {
    let text = starter(NEWEST, 3, 2, 2, "mesh1");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().skip(3) {
        let spoken = line.replacen("# ", "", 1);
        // A remark stands behind something; a line that begins with `#` says what could stand there.
        lines.push(if line.trim_start().starts_with('#') { spoken } else { line.to_owned() });
    }
    // The context and the external IPs are the first cluster's own; `static` would want nodes.
    lines.retain(|line| !line.contains("podRouting"));
    let text = lines.join("\n");
    let rules = findings(&text);
    assert!(
        rules.iter().all(|rule| ["plaintext-collector", "deprecated-external-ips"].contains(rule)),
        "{rules:?}\n{text}"
    );
}

#[test]
fn both_files_are_written_and_never_over_others() {
    let place = tempfile::tempdir().unwrap();
    let first = init(place.path(), &["--clusters", "3", "--networks", "2", "--primaries", "1", "--name", "shop"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let topology = place.path().join("mesh/topology.yaml");
    let text = fs::read_to_string(&topology).unwrap();
    assert!(text.contains("  id: shop ") && text.contains("issuedOn: 2026-11-01"), "{text}");
    let schema = fs::read_to_string(place.path().join("mesh/topology.schema.json")).unwrap();
    assert_eq!(schema, meshgen::schema::text());
    // The same again is no harm, anything else is refused.
    let again = ["--clusters", "3", "--networks", "2", "--primaries", "1", "--name", "shop"];
    assert_eq!(init(place.path(), &again).status.code(), Some(0));
    let other = init(place.path(), &["--clusters", "4"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("mesh/topology.yaml exists and is not overwritten"));
    assert_eq!(fs::read_to_string(&topology).unwrap(), text);
}

#[test]
fn numbers_that_make_no_mesh_are_refused_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["--clusters", "0"][..], "at least one cluster"),
        (&["--primaries", "0"], "at least one cluster"),
        (&["--clusters", "2", "--networks", "3"], "3 networks are more than 2 clusters can be on"),
        (&["--clusters", "1", "--networks", "2"], "2 networks are more than 1 cluster can be on"),
        (&["--primaries", "3"], "3 control planes are more than 2 clusters can have"),
        (&["--clusters", "255"], "at most 254 clusters"),
        (&["--istio", "1.12.0"], "Istio 1.12.0 is not supported: choose a version of 1.11, 1.24"),
        (&["--istio", "1.11.99"], "Istio 1.11.99 is not supported: the last version of 1.11 is 1.11.8"),
        (&["--istio", "1.30"], "not an exact version"),
        (&["--name", "Mesh"], "lower-case letters"),
    ] {
        let output = init(place.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!place.path().join("mesh").exists());
}

#[test]
fn a_schema_of_another_version_is_said_and_may_be_allowed() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(init(place.path(), &[]).status.code(), Some(0));
    let (topology, schema) = (place.path().join("mesh/topology.yaml"), place.path().join("mesh/topology.schema.json"));
    let check = || {
        let mut command = common::meshgen();
        let output = command.arg("check").arg(&topology).args(["--now", "2026-11-01"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!check().contains("stale-schema"));
    fs::write(&schema, "{}").unwrap();
    assert!(check().contains("warning[stale-schema]: editors check the topology with the schema of another meshgen"));
    fs::remove_file(&schema).unwrap();
    assert!(check().contains("warning[stale-schema]: editors do not find the schema"));
    let text = fs::read_to_string(&topology).unwrap();
    let allow = "mesh:\n  allow: [{rule: stale-schema, reason: the editors have their own}]\n";
    fs::write(&topology, text.replace("mesh:\n", allow)).unwrap();
    assert!(!check().contains("stale-schema"));
}

/// What a person has to do is an error until it is allowed, with the lines that are there for it.
#[test]
fn what_a_controller_cannot_do_is_said_until_it_is_done() {
    for (install, controller, rules) in [
        (
            Install::Helm,
            Controller::ArgoCd,
            &["unencrypted-secret", "application-health", "excluded-endpoint-slice"][..],
        ),
        (Install::Helm, Controller::Flux, &["unencrypted-secret"][..]),
        (Install::Sail, Controller::ArgoCd, &["unencrypted-secret", "application-health"][..]),
    ] {
        let text = installed(install, Some(controller));
        let errors = |text: &str| -> Vec<&'static str> {
            let findings = meshgen::check(&Source::new("topology.yaml", text)).into_iter();
            findings.filter(|finding| finding.severity == Severity::Error).map(|finding| finding.rule).collect()
        };
        assert_eq!(errors(&text), rules);
        let done = text.replace("  # allow:", "  allow:").replace("  #   - {rule:", "    - {rule:");
        assert_eq!(errors(&done), Vec::<&str>::new(), "{done}");
        common::compile(&Source::new("topology.yaml", done.as_bytes()));
    }
}

#[test]
fn a_controller_takes_charts() {
    let directory = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = init(directory.path(), arguments);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = said(&["--controller", "flux", "--install", "istioctl"]);
    assert!(code == Some(2) && text.contains("leave out `--install istioctl`"), "{text}");
    let (code, text) = said(&["--install", "helm", "--istio", "1.27.9"]);
    assert!(code == Some(2) && text.contains("only Istio 1.28 and later"), "{text}");
    let (code, text) = said(&["--install", "sail", "--istio", "1.29.9"]);
    assert!(code == Some(2) && text.contains("the Sail operator 1.30.3 does not install Istio 1.29.9"), "{text}");
    assert_eq!(common::entries(directory.path()).len(), 0);
    assert_eq!(said(&["--controller", "flux"]).0, Some(0));
    let written = fs::read_to_string(directory.path().join("mesh/topology.yaml")).unwrap();
    assert!(written.contains("install: helm") && written.contains("controller: flux"), "{written}");
}
