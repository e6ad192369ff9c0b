//! The vectors of `tests/vectors`: what a seed and a request give, in every version and in every implementation.

use std::path::Path;

use hkdf::Hkdf;
use meshgen::layout::{CERTIFICATE, KEY, ROOT_CERTIFICATE, bundle_path};
use meshgen::lock::{self, Lock};
use meshgen::pki::{Seed, SeedError};
use meshgen::source::Source;
use meshgen::tree::Tree;
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::{Value, json};
use sha2::Sha256;
use x509_cert::der::pem;

use crate::common;

fn vectors() -> std::path::PathBuf {
    common::repository().join("tests/vectors")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// `make golden` fills in what a new vector does not state yet, and changes none that does.
#[test]
fn a_mesh_has_the_keys_and_certificates_of_its_vector() {
    let files = common::entries(&vectors().join("meshes"));
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let mut vector = read(&file);
        let given = vector.clone();
        let (mut root, mut intermediates) = (given["root"].clone(), given["intermediates"].clone());
        assert!(!intermediates.as_array().unwrap().is_empty());
        for intermediate in intermediates.as_array_mut().unwrap() {
            let tree = compile(&given, intermediate);
            let cluster = intermediate["cluster"].as_str().unwrap().to_owned();
            let text = |file| String::from_utf8(tree.get(&bundle_path(&cluster, file)).unwrap().bytes.clone()).unwrap();
            let lock: Lock = String::from_utf8(tree.get(lock::FILE).unwrap().bytes.clone()).unwrap().parse().unwrap();
            let key = root_key(&given);
            let certificate = text(ROOT_CERTIFICATE);
            let public = key.public_key().to_sec1_point(false);
            let (_, der) = pem::decode_vec(certificate.as_bytes()).unwrap();
            assert!(der.windows(65).any(|part| part == public.as_bytes()), "the root has another key");
            state(&mut root, &key.to_pkcs8_pem(LineEnding::LF).unwrap(), &certificate, &lock.roots[0]);
            let (generation, certificate) = lock.clusters[&cluster].certificate.clone().unwrap();
            assert_eq!(json!(generation), intermediate["generation"]);
            state(intermediate, &text(KEY), &text(CERTIFICATE), &certificate);
        }
        (vector["root"], vector["intermediates"]) = (root, intermediates);
        if given["root"].get("key").is_none() {
            common::expect_file(&file, &(serde_json::to_string_pretty(&vector).unwrap() + "\n"));
        } else {
            assert_eq!(given, vector, "{}: a mesh in use depends on this", file.display());
        }
    }
}

/// Writes what was made beside what was asked for.
fn state(of: &mut Value, key: &str, certificate: &str, facts: &lock::Certificate) {
    assert_eq!([&of["notBefore"], &of["notAfter"]], [&json!(facts.not_before), &json!(facts.not_after)]);
    of["key"] = json!(key);
    of["certificate"] = json!(certificate);
    of["serial"] = json!(facts.serial);
    of["fingerprint"] = json!(facts.fingerprint);
}

/// The tree of a mesh with one of the clusters: the root is the same for each.
fn compile(vector: &Value, intermediate: &Value) -> Tree {
    // What tells the seed begins a day before its first day.
    let first = |of: &Value| day(&of["notBefore"]) + time::Duration::days(i64::from(vector["naming"] == 2));
    let days = |of: &Value| (day(&of["notAfter"]) - first(of)).whole_days();
    let issued = |of: &Value| json!(meshgen::topology::Date(first(of)));
    let mut certificates = json!({
        "issuedOn": issued(&vector["root"]),
        "rootValidityDays": days(&vector["root"]),
        "intermediateValidityDays": days(intermediate),
    });
    if vector["naming"] != 1 {
        certificates["naming"] = vector["naming"].clone();
    }
    let topology = json!({
        "apiVersion": "meshgen/v1",
        "kind": "Topology",
        "mesh": {"id": vector["mesh"]},
        "istio": {"version": "1.30.3"},
        "certificates": certificates,
        "networks": [{"name": "network1"}],
        "clusters": [{
            "name": intermediate["cluster"],
            "network": "network1",
            "apiServer": "https://10.0.0.1:6443",
            "certificates": {"issuedOn": issued(intermediate), "generation": intermediate["generation"]},
        }],
    });
    let source = Source::new("vector.yaml", topology.to_string().into_bytes());
    common::compile_with(&source, seed(vector))
}

fn seed(vector: &Value) -> Seed {
    Seed::parse(vector["seed"].as_str().unwrap()).unwrap()
}

/// A day, also one after those that a topology can state.
fn day(value: &Value) -> time::Date {
    let numbers: Vec<u16> = value.as_str().unwrap().split('-').map(|number| number.parse().unwrap()).collect();
    let [year, month, day] = numbers[..] else { panic!("{value} is no date") };
    let month = time::Month::try_from(u8::try_from(month).unwrap()).unwrap();
    time::Date::from_calendar_date(year.into(), month, u8::try_from(day).unwrap()).unwrap()
}

/// The root's key, which meshgen writes nowhere, as `tests/vectors/README.md` says; its certificate has to have its public half.
fn root_key(vector: &Value) -> SecretKey {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = text(&vector["seed"]);
    let digits = line.split(' ').nth(1).unwrap();
    let seed: Vec<u8> = (0..32).map(|byte| u8::from_str_radix(&digits[2 * byte..2 * byte + 2], 16).unwrap()).collect();
    let root = &vector["root"];
    let parts = [text(&vector["mesh"]), "root".to_owned(), text(&root["notBefore"]), text(&root["notAfter"])];
    let path = parts.iter().flat_map(|part| {
        let length = u32::try_from(part.len()).unwrap().to_be_bytes();
        length.into_iter().chain(part.bytes())
    });
    let info: Vec<u8> = path.chain([0]).collect();
    let mut scalar = [0; 32];
    Hkdf::<Sha256>::new(Some(b"meshgen pki v1"), &seed).expand(&info, &mut scalar).unwrap();
    SecretKey::from_slice(&scalar).unwrap()
}

#[test]
fn a_seed_is_read_or_refused_as_its_vector_says() {
    let vectors = read(&vectors().join("seeds.json"));
    let vectors = vectors.as_array().unwrap();
    let mut refusals: Vec<&str> = vectors.iter().filter_map(|vector| vector["refused"].as_str()).collect();
    for vector in vectors {
        let told = match Seed::parse(vector["text"].as_str().unwrap()) {
            Ok(seed) if vector.get("issuing").is_some() => {
                json!({"fingerprint": seed.fingerprint(), "issuing": seed.issuing().line().trim_end()})
            }
            Ok(seed) => json!({"fingerprint": seed.fingerprint()}),
            Err(error) => json!({"refused": reason(error)}),
        };
        let mut wanted = vector.clone();
        let fields = wanted.as_object_mut().unwrap();
        fields.retain(|field, _| field != "about" && field != "text");
        assert_eq!(told, wanted, "{}", vector["about"]);
    }
    refusals.sort_unstable();
    refusals.dedup();
    assert_eq!(refusals, ["damaged", "empty", "malformed", "surrounded-by-text", "unknown-format"]);
}

fn reason(error: SeedError) -> &'static str {
    match error {
        SeedError::Empty => "empty",
        SeedError::Malformed => "malformed",
        SeedError::SurroundedByText => "surrounded-by-text",
        SeedError::UnknownFormat => "unknown-format",
        SeedError::Damaged => "damaged",
    }
}
