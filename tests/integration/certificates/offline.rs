//! A root whose seed is kept apart.

use meshgen::pki::Seed;

use super::workshop::{Said, Workshop, files, topology};

const CLUSTERS: [(&str, &str); 2] = [("east", ""), ("west", "")];

fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "`{word}` is not in {said:?}");
    }
}

/// The root's seed in a safe, and the issuing seed beside the topology.
fn workshop() -> Workshop {
    let workshop = Workshop::new(&topology("issuedOn: 2026-11-01, naming: 2", &CLUSTERS));
    workshop.run("mkdir", &["safe"]);
    done(&workshop.meshgen(&["ca", "new", "--offline-root", "safe/root.seed"]));
    workshop
}

#[test]
fn the_roots_seed_is_needed_to_sign_and_for_nothing_else() {
    let workshop = workshop();
    // Nothing stands yet.
    refused(&workshop.build(&[]), &["error[seed-needed]", "of its root if that is kept apart"]);
    done(&workshop.build(&["--ca", "safe/root.seed"]));
    let built = files(&workshop.path("out"));
    done(&workshop.build(&[]));
    done(&workshop.build(&["--check"]));
    assert_eq!(files(&workshop.path("out")), built);
    // A clone has no private keys, and the issuing seed makes them.
    workshop.run("sh", &["-c", "rm out/*/20-cacerts/ca-key.pem"]);
    done(&workshop.build(&[]));
    assert_eq!(files(&workshop.path("out")), built);
    // What is new needs the root.
    let later = topology("issuedOn: 2026-11-01, naming: 2, intermediatesIssuedOn: 2028-01-01", &CLUSTERS);
    workshop.write("mesh.yaml", later);
    refused(&workshop.build(&[]), &["`east` needs a new certificate", "of its root if that is kept apart"]);
    assert_eq!(files(&workshop.path("out")), built);
    done(&workshop.build(&["--ca", "safe/root.seed"]));
    done(&workshop.build(&["--check"]));
    // And a cluster that joins.
    let three = [("east", ""), ("west", ""), ("north", "")];
    workshop.write("mesh.yaml", topology("issuedOn: 2026-11-01, naming: 2, intermediatesIssuedOn: 2028-01-01", &three));
    refused(&workshop.build(&[]), &["`north` needs a new certificate"]);
    done(&workshop.build(&["--ca", "safe/root.seed"]));
}

#[test]
fn a_root_made_apart_has_an_issuing_seed_and_no_other() {
    let workshop = workshop();
    let root = Seed::parse(&workshop.read("safe/root.seed")).unwrap();
    let issuing = Seed::parse(&workshop.read("ca.seed")).unwrap();
    assert_eq!(root.issuing().line(), issuing.line());
    assert_eq!(issuing.issuing().line(), issuing.line());
    assert!(root.line().starts_with("meshgen-root-seed-1 ") && issuing.line().starts_with("meshgen-issuing-seed-1 "));
    assert_ne!(root.line()[20..], issuing.line()[23..]);
    done(&workshop.build(&["--ca", "safe/root.seed"]));
    workshop.run("sh", &["-c", "rm out/*/20-cacerts/ca-key.pem"]);
    // The issuing seed of another root.
    workshop.write("other.seed", Seed::of_root([9; 32]).issuing().line().as_str());
    workshop.chmod("other.seed", 0o600);
    refused(&workshop.build(&["--ca", "other.seed"]), &["its key derives from another seed than this one"]);
    // A seed of both is not one of them: it makes another root.
    workshop.write("whole.seed", Seed::new([9; 32]).line().as_str());
    workshop.chmod("whole.seed", 0o600);
    refused(&workshop.build(&["--ca", "whole.seed"]), &["names another root"]);
}

#[test]
fn both_seeds_are_made_or_none() {
    let workshop = Workshop::new(&topology("issuedOn: 2026-11-01", &CLUSTERS));
    let new = |arguments: &[&str]| workshop.meshgen(&[&["ca", "new"], arguments].concat());
    refused(&new(&["--offline-root", "ca.seed"]), &["cannot be both seeds"]);
    refused(&new(&["--offline-root", "missing/root.seed"]), &["the directory missing does not exist"]);
    refused(&new(&["--offline-root", "-"]), &["a seed is a file"]);
    workshop.write("ca.seed", "mine");
    refused(&new(&["--offline-root", "root.seed"]), &["the mesh has its seed already"]);
    assert!(!workshop.exists("root.seed"));
    let mut in_ci = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
    in_ci.args(["ca", "new", "--offline-root", "root.seed", "--ca", "issuing.seed"]).env("CI", "true");
    refused(&super::workshop::said(&in_ci.output().unwrap()), &["no seed is made in CI"]);
    assert!(!workshop.exists("root.seed") && !workshop.exists("issuing.seed"));
    done(&new(&["--offline-root", "root.seed", "--ca", "issuing.seed"]));
    let ignored = workshop.read(".gitignore");
    assert!(ignored.contains("/root.seed\n") && ignored.contains("/issuing.seed\n"), "{ignored}");
}

#[test]
fn a_root_that_was_online_is_replaced_by_one_that_is_kept_apart() {
    let workshop = Workshop::with_seed(&topology("issuedOn: 2026-11-01", &CLUSTERS));
    done(&workshop.build(&[]));
    workshop.run("mkdir", &["safe"]);
    done(&workshop.meshgen(&["ca", "new", "--offline-root", "safe/root.seed", "--ca", "ca-next.seed"]));
    let in_phase = |phase: &str| {
        topology(
            &format!("issuedOn: 2026-11-01, nextRoot: {{issuedOn: 2027-01-10, seed: next, phase: {phase}}}"),
            &CLUSTERS,
        )
    };
    workshop.write("mesh.yaml", in_phase("trust"));
    refused(&workshop.build(&[]), &["the next root needs its seed"]);
    for phase in ["trust", "sign"] {
        workshop.write("mesh.yaml", in_phase(phase));
        done(&workshop.build(&["--ca-next", "safe/root.seed"]));
        // From then on the issuing seed is enough.
        done(&workshop.build(&["--check"]));
    }
    workshop.write("mesh.yaml", in_phase("drop"));
    done(&workshop.build(&[]));
    workshop.run("mv", &["ca-next.seed", "ca.seed"]);
    workshop.write("mesh.yaml", topology("issuedOn: 2027-01-10, naming: 2", &CLUSTERS));
    done(&workshop.build(&[]));
    done(&workshop.build(&["--check"]));
}
