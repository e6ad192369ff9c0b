//! A mesh for which somebody else signs, and the way there and back.

use super::workshop::{Said, Workshop, topology};

const NONE: &str = "authority: none";
const SEED: &str = "issuedOn: 2026-11-01";
const CLUSTERS: [(&str, &str); 3] = [("east", ""), ("north", ""), ("west", "")];

fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{said:?}");
    for words in words {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
}

#[test]
fn no_seed_is_asked_for_or_read() {
    let workshop = Workshop::new(&topology(NONE, &CLUSTERS));
    // Neither a seed that others can read nor a variable that names none is looked at.
    workshop.write("ca.seed", "no seed");
    let mut build = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
    build.args(["build", "mesh.yaml", "-o", "out"]).env("MESHGEN_CA_SEED_FILE", "missing.seed");
    done(&super::workshop::said(&build.output().unwrap()));
    done(&workshop.build(&["--check"]));
    assert!(!workshop.exists("out/east/20-cacerts") && !workshop.exists("out/west/20-cacerts"));
    assert!(workshop.read("out/meshgen.lock").contains("\nroot none\n"));
    for (file, words) in [
        ("out/.gitignore", "ca-key"),
        ("out/README.md", "cacerts"),
        ("out/install.sh", "cacerts"),
        ("out/install.sh", "sha256sum"),
        ("out/verify.sh", "cacerts"),
        ("out/verify.sh", "base64"),
        ("out/uninstall.sh", "cacerts"),
    ] {
        assert!(!workshop.read(file).contains(words), "{file} has {words}");
    }
    for (option, value) in [("--ca", Some("ca.seed")), ("--new-ca", None)] {
        let arguments: Vec<&str> = std::iter::once(option).chain(value).collect();
        refused(&workshop.build(&arguments), &["mesh.yaml says `authority: none`", &format!("leave out `{option}`")]);
    }
}

#[test]
fn there_are_no_certificates_to_show() {
    let workshop = Workshop::new(&topology(NONE, &CLUSTERS));
    done(&workshop.build(&[]));
    for place in ["mesh.yaml", "out"] {
        for more in [&[][..], &["--within", "0"], &["--within", "36500"]] {
            let said = workshop.meshgen(&[&["ca", "show", place], more].concat());
            done(&said);
            assert!(
                said.stdout.starts_with("meshgen makes no certificates for this mesh (`authority: none`)"),
                "{said:?}"
            );
        }
        let said = workshop.meshgen(&["ca", "show", place, "--format", "json", "--now", "2026-12-01"]);
        done(&said);
        assert_eq!(
            said.stdout,
            "{\n  \"format\": \"meshgen-certificates-1\",\n  \"now\": \"2026-12-01\",\n  \"certificates\": []\n}\n"
        );
    }
}

#[test]
fn the_authority_changes_only_where_somebody_says_so() {
    let workshop = Workshop::with_seed(&topology(SEED, &CLUSTERS));
    done(&workshop.build(&[]));
    workshop.run("git", &["init", "-q", "-b", "main"]);
    workshop.write(".gitignore", "ca.seed\n");
    workshop.run("git", &["add", "-A"]);
    workshop.run("git", &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "seed"]);

    workshop.write("mesh.yaml", topology(NONE, &CLUSTERS));
    let words = [
        "out/meshgen.lock names another root",
        "in use: sha256:",
        "would be: one that meshgen does not know",
        "--replace-root",
    ];
    refused(&workshop.build(&[]), &words);
    refused(&workshop.build(&["--check"]), &words);
    assert!(workshop.exists("out/east/20-cacerts/ca-key.pem"));
    done(&workshop.build(&["--replace-root"]));
    assert!(!workshop.exists("out/east/20-cacerts/ca-key.pem"));
    let since = workshop.build(&["--check", "--since", "main"]);
    assert_eq!(since.code, Some(1), "{since:?}");
    assert!(since.stdout.contains("another root than in main  sha256:"), "{since:?}");
    assert!(since.stdout.contains(" → one that meshgen does not know"), "{since:?}");

    workshop.run("git", &["add", "-A"]);
    workshop.run("git", &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "none"]);
    workshop.write("mesh.yaml", topology(SEED, &CLUSTERS));
    refused(&workshop.build(&[]), &["in use: one that meshgen does not know", "would be: sha256:", "--replace-root"]);
    std::fs::rename(workshop.path("ca.seed"), workshop.path("seed")).unwrap();
    refused(&workshop.build(&[]), &["the mesh has no seed"]);
    refused(&workshop.build(&["--new-ca"]), &["was built with `authority: none`", "--new-ca --replace-root"]);
    assert!(!workshop.exists("ca.seed"));
    std::fs::rename(workshop.path("seed"), workshop.path("ca.seed")).unwrap();
    done(&workshop.build(&["--replace-root"]));
    let since = workshop.build(&["--check", "--since", "main"]);
    assert_eq!(since.code, Some(1), "{since:?}");
    assert!(since.stdout.contains("another root than in main  one that meshgen does not know → sha256:"), "{since:?}");
}

/// A lock that knew only the last authority would be one without a root, and with certificates.
#[test]
fn a_part_of_the_tree_can_go_before_the_rest() {
    for (before, after) in [(SEED, NONE), (NONE, SEED)] {
        let workshop = Workshop::with_seed(&topology(before, &CLUSTERS));
        done(&workshop.build(&[]));
        workshop.write("mesh.yaml", topology(after, &CLUSTERS));
        refused(&workshop.build(&["--cluster", "east"]), &["names another root"]);
        done(&workshop.build(&["--cluster", "east", "--replace-root"]));
        let lock = workshop.read("out/meshgen.lock");
        assert!(lock.contains("\nroot sha256:") && lock.contains("\nroot none\n"), "{lock}");
        assert_eq!(lock.contains("\ncertificate of west "), before == SEED, "{lock}");
        done(&workshop.build(&["--cluster", "north", "--replace-root"]));
        refused(&workshop.build(&[]), &["names another root"]);
        done(&workshop.build(&["--replace-root"]));
        done(&workshop.build(&["--check"]));
    }
}

/// A build keeps what somebody edited, and the list of what Git ignores no longer names it.
#[test]
fn a_key_that_stays_behind_is_refused() {
    let workshop = Workshop::with_seed(&topology(SEED, &CLUSTERS));
    workshop.run("git", &["init", "-q"]);
    workshop.write(".gitignore", "ca.seed\n");
    done(&workshop.build(&[]));
    let key = "out/east/20-cacerts/ca-key.pem";
    workshop.write(key, workshop.read(key) + "\n");
    workshop.write("mesh.yaml", topology(NONE, &CLUSTERS));
    refused(&workshop.build(&["--replace-root"]), &["was edited since meshgen wrote it"]);
    refused(
        &workshop.build(&["--replace-root", "--overwrite"]),
        &["nothing keeps Git from adding `out/east/20-cacerts/ca-key.pem`"],
    );
    std::fs::remove_file(workshop.path(key)).unwrap();
    done(&workshop.build(&[]));
}
