//! Meshes of kinds that people run and no page describes: `tests/meshes` has each as a topology, and what they apply without meshgen.

use std::fs;

use meshgen::source::Source;
use serde_json::Value;

use crate::common;
use crate::documents::has;

#[test]
fn a_mesh_of_each_kind_has_what_its_people_apply() {
    let cases = common::entries(&common::repository().join("tests/meshes"));
    assert!(!cases.is_empty());
    for case in cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let stated: Value = serde_yaml::from_slice(&fs::read(&case).unwrap()).unwrap();
        let source = Source::new(name, stated["topology"].to_string());
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
