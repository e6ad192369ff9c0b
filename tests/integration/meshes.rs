//! Meshes of kinds that people run and no page describes: `tests/meshes` has each as a topology, and what they apply without meshgen.

use std::fs;
use std::path::PathBuf;

use meshgen::source::Source;
use serde_json::Value;

use crate::common;
use crate::common::simulator::Simulator;
use crate::documents::has;

/// Each mesh by its name.
fn cases() -> Vec<(String, Value)> {
    let cases = common::entries(&common::repository().join("tests/meshes"));
    assert!(!cases.is_empty());
    let read = |case: &PathBuf| serde_yaml::from_slice(&fs::read(case).unwrap()).unwrap();
    cases.iter().map(|case| (case.file_stem().unwrap().to_str().unwrap().to_owned(), read(case))).collect()
}

#[test]
fn a_mesh_of_each_kind_has_what_its_people_apply() {
    for (name, stated) in cases() {
        let source = Source::new(&name, stated["topology"].to_string());
        let findings = meshgen::check(&source);
        assert!(findings.is_empty(), "{}", common::report(&source, &findings));
        let tree = common::compile(&source);
        for (file, applied) in stated["applied"].as_object().unwrap() {
            let found = tree.get(file).unwrap_or_else(|| panic!("{name}: no {file}"));
            let found: Value = serde_yaml::from_slice(&found.bytes).unwrap();
            assert!(has(&found, applied), "{name}: {file} lacks a part of {applied:#}:\n{found:#}");
        }
    }
}

#[test]
fn a_mesh_of_each_kind_is_installed_verified_and_removed() {
    for (name, stated) in cases() {
        let simulator = Simulator::new(&stated["topology"].to_string());
        for (script, arguments) in [("install.sh", &[][..]), ("verify.sh", &[]), ("uninstall.sh", &["--yes"])] {
            let said = simulator.run(script, arguments);
            assert_eq!(said.code, Some(0), "{name}: {script}\n{}", said.text);
        }
    }
}
