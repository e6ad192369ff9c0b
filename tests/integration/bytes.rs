//! Locks, seeds and certificates are read from a repository or a disk, where anything may have happened to them.

use meshgen::lock::Lock;
use meshgen::pki::Seed;
use meshgen::pki::verify::{self, Files};
use meshgen::source::Source;

use crate::common;
use crate::fuzz::damage::damaged;

/// How many of each are damaged. Verifying takes the longest.
const LINES: usize = 20_000;
const CERTIFICATES: usize = 2_000;

/// Damages a text many times, and hands over what is still text.
fn each(text: &str, all: usize, mut holds: impl FnMut(&str)) {
    let seed = common::number("MESHGEN_FUZZ_SEED", 1);
    let mut random = fastrand::Rng::with_seed(seed as u64);
    for _ in 0..common::share(all, all / 20) {
        if let Ok(text) = String::from_utf8(damaged(text.as_bytes(), &mut random)) {
            holds(&text);
        }
    }
}

fn golden(file: &str) -> String {
    let path = common::repository().join("golden/3-clusters-2-control-planes-2-networks").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// A YAML file of a tree shows each character of a text where it is.
#[test]
fn a_character_that_does_something_to_the_text_around_it_is_written_as_an_escape() {
    for character in ['\u{7}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{200f}', '\u{2028}', '\u{202e}', '\u{2066}'] {
        for text in [format!("a{character}b"), format!("{character}"), format!("one\ntwo{character}\n")] {
            let printed = meshgen::yaml::print(&serde_json::json!({ "a": text, &text: ["b"] }));
            assert_eq!(common::deceptive(&printed), None, "{printed:?}");
        }
    }
}

#[test]
fn a_topology_that_is_too_large_is_refused_wherever_it_comes_from() {
    let text = "#".repeat((4 << 20) + 1);
    let findings = meshgen::check(&Source::new("mesh.yaml", text));
    assert_eq!(
        findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        ["the file is larger than 4 MiB"]
    );
}

#[test]
fn a_damaged_lock_is_refused_or_can_be_written_again() {
    each(&golden("meshgen.lock"), LINES, |text| {
        if let Ok(lock) = text.parse::<Lock>() {
            let again = lock.to_string().parse::<Lock>();
            assert_eq!(again, Ok(Lock { is_format_1: false, ..lock }), "{text}");
        }
    });
}

#[test]
fn a_damaged_seed_is_no_other_seed() {
    let seed = Seed::new([7; 32]);
    each(&format!("# a remark\n{}", seed.line().as_str()), LINES, |text| {
        if let Ok(read) = Seed::parse(text) {
            assert_eq!(read.fingerprint(), seed.fingerprint(), "{text}");
        }
    });
}

/// What is signed cannot be changed, and what is not signed cannot be added.
#[test]
fn a_damaged_bundle_is_refused_or_has_the_same_certificates() {
    let file = |name: &str| golden(&format!("cluster1/20-cacerts/{name}"));
    let (root, certificate, chain) = (file("root-cert.pem"), file("ca-cert.pem"), file("cert-chain.pem"));
    let whole = Files { root_certificate: &root, certificate: &certificate, chain: &chain, key: None };
    let proven = verify::verify(whole).unwrap();
    each(&root, CERTIFICATES, |text| {
        let read = verify::verify(Files { root_certificate: text, ..whole });
        assert!(read.as_ref().map_or(true, |read| *read == proven), "{text}");
    });
    each(&certificate, CERTIFICATES, |text| {
        let read = verify::verify(Files { certificate: text, ..whole });
        assert!(read.as_ref().map_or(true, |read| *read == proven), "{text}");
    });
    each(&chain, CERTIFICATES, |text| {
        let read = verify::verify(Files { chain: text, ..whole });
        assert!(read.as_ref().map_or(true, |read| *read == proven), "{text}");
    });
}
