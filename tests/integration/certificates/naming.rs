//! `certificates.naming: 2`: names and serial numbers tell the seed and the first day.

use std::collections::BTreeSet;
use std::fs;

use meshgen::pki::inventory::Entry;
use meshgen::pki::{Authority, Seed};
use meshgen::source::Source;
use serde_json::Value;

use super::workshop::{Workshop, files, topology};

const NAMING: &str = "issuedOn: 2026-11-01, naming: 2";
const TWO: [(&str, &str); 2] = [("east", ""), ("west", "issuedOn: 2027-02-03")];

/// What `ca show` says of a place, apart from the day.
fn shown(workshop: &Workshop, place: &str) -> Vec<Value> {
    let said = workshop.meshgen(&["ca", "show", place, "--format", "json", "--now", "2026-11-20"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let value: Value = serde_json::from_str(&said.stdout).unwrap();
    value["certificates"].as_array().unwrap().clone()
}

fn built(certificates: &str, seed: u8) -> Vec<Entry> {
    let source = Source::new("mesh.yaml", topology(certificates, &TWO));
    let tree = meshgen::compile(&source, &Authority::from(Seed::new([seed; 32]))).unwrap().tree;
    let public = |path: &str| String::from_utf8(tree.get(path).unwrap().bytes.clone()).unwrap();
    let bundle = |name: &str| {
        let files = ["root-cert.pem", "ca-cert.pem", "cert-chain.pem"];
        let files = files.map(|file| public(&format!("{name}/20-cacerts/{file}")));
        meshgen::pki::inventory::unproven(name, Some(1), files.each_ref().map(|text| Some(text.as_str())))
    };
    bundle("east").into_iter().chain(bundle("west")).collect()
}

#[test]
fn names_tell_the_seed_and_the_day_and_begin_a_day_early() {
    let workshop = Workshop::with_seed(&topology(NAMING, &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    let fingerprint = Seed::parse(&workshop.read("ca.seed")).unwrap().fingerprint();
    let facts: Vec<String> = shown(&workshop, "out")
        .iter()
        .map(|entry| format!("{} from {}", entry["subject"].as_str().unwrap(), entry["notBefore"].as_str().unwrap()))
        .collect();
    assert_eq!(
        facts,
        [
            format!("CN=mesh1 root CA,OU=2026-11-01 {fingerprint},O=Istio from 2026-10-31"),
            format!("L=east,CN=mesh1 intermediate CA,OU=2026-11-01 {fingerprint},O=Istio from 2026-10-31"),
            format!("L=west,CN=mesh1 intermediate CA,OU=2027-02-03 {fingerprint},O=Istio from 2027-02-02"),
        ]
    );
}

#[test]
fn two_seeds_and_two_days_share_no_name_and_no_serial_number() {
    let mut names = BTreeSet::new();
    let mut serials = BTreeSet::new();
    for (certificates, seed) in [
        ("issuedOn: 2026-11-01, naming: 2", 1),
        ("issuedOn: 2026-11-01, naming: 2", 2),
        ("issuedOn: 2026-11-02, naming: 2", 1),
        ("issuedOn: 2026-11-01", 1),
    ] {
        for entry in built(certificates, seed) {
            if entry.cluster.as_deref() != Some("west") {
                assert!(names.insert(entry.subject.clone()) || entry.cluster.is_none(), "{entry:?}");
                serials.insert(entry.serial);
            }
        }
    }
    // A root and an intermediate of each.
    assert_eq!((names.len(), serials.len()), (8, 8), "{names:?}");
}

#[test]
fn a_topology_and_its_tree_ask_for_the_same_as_far_as_both_know() {
    let workshop = Workshop::with_seed(&topology(NAMING, &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    let (asked, made) = (shown(&workshop, "mesh.yaml"), shown(&workshop, "out"));
    for (asked, made) in asked.iter().zip(&made) {
        assert_eq!(asked["serial"], Value::Null, "{asked}");
        assert!(made["serial"].is_string(), "{made}");
        for fact in ["cluster", "generation", "notBefore", "notAfter"] {
            assert_eq!(asked[fact], made[fact]);
        }
    }
    let said = workshop.meshgen(&["diff", "mesh.yaml", "out"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn a_clone_reads_the_seed_in_the_name_of_the_root() {
    let workshop = Workshop::with_seed(&topology(NAMING, &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    fs::remove_file(workshop.path("ca.seed")).unwrap();
    for cluster in ["east", "west"] {
        fs::remove_file(workshop.path(&format!("out/{cluster}/20-cacerts/ca-key.pem"))).unwrap();
    }
    let before = files(&workshop.path("out"));
    for arguments in [&["--check"][..], &[]] {
        let said = workshop.build(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
    }
    assert_eq!(files(&workshop.path("out")), before);
    workshop.write("mesh.yaml", topology("issuedOn: 2026-11-01", &TWO));
    let said = workshop.build(&["--check"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("the existing root is not the root of this topology"), "{said:?}");
}

#[test]
fn another_naming_is_another_root() {
    let workshop = Workshop::with_seed(&topology("issuedOn: 2026-11-01", &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    let before = files(&workshop.path("out"));
    workshop.write("mesh.yaml", topology(NAMING, &TWO));
    let said = workshop.build(&[]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("--replace-root"), "{said:?}");
    assert_eq!(files(&workshop.path("out")), before);
}
