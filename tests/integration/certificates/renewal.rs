//! What changes when certificates are renewed, and what is possible without the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use meshgen::diagnostic::Findings;
use meshgen::mesh::Mesh;
use meshgen::pki::verify::TrustAnchor;
use meshgen::pki::{Authority, Seeds};
use meshgen::source::Source;

use super::workshop::{Workshop, files, topology};

const DATES: &str = "issuedOn: 2026-11-01";
const TWO: [(&str, &str); 2] = [("east", ""), ("west", "")];

fn built(text: &str) -> Workshop {
    let workshop = Workshop::with_seed(text);
    let said = workshop.build(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    workshop
}

/// The paths whose bytes differ.
fn changed(before: &BTreeMap<String, (Vec<u8>, u32)>, after: &BTreeMap<String, (Vec<u8>, u32)>) -> BTreeSet<String> {
    let paths = before.keys().chain(after.keys());
    paths.filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

/// What a clone has: everything but the seed and the private keys.
fn clone_of(workshop: &Workshop) {
    fs::remove_file(workshop.path("ca.seed")).unwrap();
    for cluster in ["east", "west"] {
        fs::remove_file(workshop.path(&format!("out/{cluster}/20-cacerts/ca-key.pem"))).unwrap();
    }
}

#[test]
fn renewing_one_cluster_changes_its_certificate_the_lock_and_the_table() {
    for own in ["issuedOn: 2028-03-01", "generation: 2"] {
        let workshop = built(&topology(DATES, &TWO));
        let before = files(&workshop.path("out"));
        workshop.write("mesh.yaml", topology(DATES, &[("east", ""), ("west", own)]));
        assert_eq!(workshop.build(&[]).code, Some(0));
        let mut wanted: BTreeSet<String> =
            ["ca-cert.pem", "ca-key.pem", "cert-chain.pem"].map(|file| format!("west/20-cacerts/{file}")).into();
        wanted.insert("meshgen.lock".to_owned());
        // Another generation has the same dates, and so the same row.
        wanted.extend(own.starts_with("issuedOn").then(|| "README.md".to_owned()));
        assert_eq!(changed(&before, &files(&workshop.path("out"))), wanted, "{own}");
    }
}

#[test]
fn a_later_day_for_all_renews_every_intermediate_under_the_same_root() {
    let workshop = built(&topology(DATES, &TWO));
    let before = files(&workshop.path("out"));
    workshop.write("mesh.yaml", topology("issuedOn: 2026-11-01, intermediatesIssuedOn: 2028-06-01", &TWO));
    assert_eq!(workshop.build(&[]).code, Some(0));
    let after = files(&workshop.path("out"));
    let changed = changed(&before, &after);
    assert!(!changed.iter().any(|path| path.ends_with("root-cert.pem")), "{changed:?}");
    assert_eq!(changed.iter().filter(|path| path.ends_with("ca-cert.pem")).count(), 2);
}

#[test]
fn a_cluster_that_joins_later_has_its_full_validity() {
    let workshop = built(&topology(DATES, &TWO));
    workshop.write("mesh.yaml", topology(DATES, &[("east", ""), ("west", ""), ("north", "issuedOn: 2029-02-01")]));
    assert_eq!(workshop.build(&[]).code, Some(0));
    let lock = workshop.read("out/meshgen.lock");
    assert!(lock.contains("certificate of north generation 1 valid 2029-02-01 to 2031-02-01 "), "{lock}");
    assert!(lock.contains("certificate of east generation 1 valid 2026-11-01 to 2028-10-31 "), "{lock}");
}

#[test]
fn an_intermediate_never_outlives_its_root() {
    let workshop = built(&topology("issuedOn: 2026-11-01, rootValidityDays: 400", &TWO));
    assert!(workshop.read("out/meshgen.lock").contains("valid 2026-11-01 to 2027-12-06 "));
}

#[test]
fn what_is_taken_over_is_what_would_be_issued() {
    let text = topology(DATES, &[("east", ""), ("west", "generation: 3")]);
    let workshop = built(&text);
    let first = files(&workshop.path("out"));
    assert_eq!(workshop.build(&[]).code, Some(0));
    assert_eq!(files(&workshop.path("out")), first);
    let fresh = built(&text);
    assert_eq!(files(&fresh.path("out")), first);
    // A lost key comes back as it was.
    fs::remove_file(workshop.path("out/east/20-cacerts/ca-key.pem")).unwrap();
    assert_eq!(workshop.build(&[]).code, Some(0));
    assert_eq!(files(&workshop.path("out")), first);
}

#[test]
fn a_clone_without_seed_and_keys_says_whether_the_tree_is_fresh() {
    let workshop = built(&topology(DATES, &TWO));
    clone_of(&workshop);
    let before = files(&workshop.path("out"));
    let fresh = workshop.build(&["--check"]);
    assert_eq!((fresh.code, fresh.stdout.as_str()), (Some(0), ""), "{fresh:?}");
    // The topology moves on, and no certificate is touched by it.
    workshop.write("mesh.yaml", topology(DATES, &TWO).replace("1.11.2}", "1.11.2, profile: demo}"));
    let moved = workshop.build(&["--check"]);
    assert_eq!(moved.code, Some(1), "{moved:?}");
    assert!(moved.stdout.contains("differs  east/30-istio/istio.yaml"), "{moved:?}");
    assert_eq!(files(&workshop.path("out")), before);
    // It can even be built: keys are not needed for that.
    assert_eq!(workshop.build(&[]).code, Some(0));
    assert_eq!(workshop.build(&["--check"]).code, Some(0));
    assert!(!workshop.exists("out/east/20-cacerts/ca-key.pem"));
}

#[test]
fn without_the_seed_each_cluster_that_needs_it_is_named() {
    let workshop = built(&topology(DATES, &TWO));
    clone_of(&workshop);
    let before = files(&workshop.path("out"));
    for arguments in [&["--check"][..], &[]] {
        workshop.write("mesh.yaml", topology(DATES, &[("east", ""), ("west", "generation: 2"), ("north", "")]));
        let said = workshop.build(arguments);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("`west` needs a new certificate, and only the seed can make it"), "{said:?}");
        assert!(said.stderr.contains("`north` needs a new certificate"), "{said:?}");
        assert!(!said.stderr.contains("`east` needs"), "{said:?}");
        assert!(said.stderr.contains("a person who has the seed of the mesh"), "{said:?}");
        assert_eq!(files(&workshop.path("out")), before);
    }
    workshop.write("mesh.yaml", topology("issuedOn: 2027-01-01", &TWO));
    let root = workshop.build(&["--check"]);
    assert_eq!(root.code, Some(2));
    assert!(root.stderr.contains("the existing root is not the root of this topology"), "{root:?}");
}

#[test]
fn a_standing_certificate_that_was_changed_is_not_taken() {
    let workshop = built(&topology(DATES, &TWO));
    let other = built(&topology("issuedOn: 2026-11-01, generation: 2", &TWO));
    clone_of(&workshop);
    workshop.write("out/west/20-cacerts/ca-cert.pem", other.read("out/west/20-cacerts/ca-cert.pem"));
    let said = workshop.build(&["--check"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("west/20-cacerts/ca-cert.pem differs from meshgen.lock"), "{said:?}");
    // Not even where the lock was changed along with it.
    let lock = workshop.read("out/meshgen.lock");
    let digest =
        |workshop: &Workshop| meshgen::lock::Digest::of(workshop.read("out/west/20-cacerts/ca-cert.pem").as_bytes());
    let pinned = lock.lines().find(|line| line.ends_with(" west/20-cacerts/ca-cert.pem")).unwrap();
    workshop
        .write("out/meshgen.lock", lock.replace(pinned, &format!("{} west/20-cacerts/ca-cert.pem", digest(&workshop))));
    let said = workshop.build(&["--check"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("does not begin with the certificate of ca-cert.pem"), "{said:?}");
}

#[test]
fn one_seed_and_one_topology_give_one_digest() {
    let workshop = built(&topology(DATES, &TWO));
    let mut bytes = Vec::new();
    for (path, (file, _)) in files(&workshop.path("out")) {
        if path.contains("20-cacerts/") && !path.ends_with(".gitignore") {
            bytes.extend(file);
        }
    }
    assert_eq!(meshgen::lock::Digest::of(&bytes).to_string(), include_str!("digest.txt").trim());
}

#[test]
fn openssl_believes_a_leaf_that_openssl_signs_with_our_key() {
    let workshop = built(&topology(DATES, &TWO));
    workshop.run("openssl", &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "leaf.key"]);
    workshop.run("openssl", &["req", "-new", "-key", "leaf.key", "-subj", "/CN=leaf", "-out", "leaf.csr"]);
    workshop.write("leaf.ext", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:leaf\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nkeyUsage=digitalSignature\n");
    let authority = "out/east/20-cacerts";
    let (certificate, key, root) =
        (format!("{authority}/ca-cert.pem"), format!("{authority}/ca-key.pem"), format!("{authority}/root-cert.pem"));
    workshop.run(
        "openssl",
        &[
            "x509",
            "-req",
            "-in",
            "leaf.csr",
            "-CA",
            &certificate,
            "-CAkey",
            &key,
            "-set_serial",
            "7",
            "-days",
            "1",
            "-extfile",
            "leaf.ext",
            "-out",
            "leaf.pem",
        ],
    );
    // Ours begin on a day of their own: what is asked is the chain, not the calendar.
    let verify = ["verify", "-no_check_time", "-x509_strict", "-CAfile", &root, "-untrusted", &certificate, "leaf.pem"];
    assert!(workshop.run("openssl", &verify).contains("leaf.pem: OK"));
}

#[test]
fn no_key_and_no_seed_is_printed_whatever_fails() {
    let workshop = built(&topology(DATES, &TWO));
    let seed: String = workshop.read("ca.seed").split(' ').nth(1).unwrap().to_owned();
    let keys: Vec<String> =
        ["east", "west"].map(|cluster| workshop.read(&format!("out/{cluster}/20-cacerts/ca-key.pem"))).into();
    let secrets: Vec<String> = keys
        .iter()
        .flat_map(|key| key.lines().filter(|line| !line.starts_with("--")).map(str::to_owned))
        .chain([seed])
        .collect();
    let break_key = |workshop: &Workshop| workshop.write("out/east/20-cacerts/ca-key.pem", keys[1].clone());
    let remove_seed = |workshop: &Workshop| fs::remove_file(workshop.path("ca.seed")).unwrap();
    let broken: [&dyn Fn(&Workshop); 3] = [&|_| {}, &break_key, &remove_seed];
    for break_it in broken {
        break_it(&workshop);
        for arguments in [
            &["build", "mesh.yaml", "-o", "out", "--check"][..],
            &["check", "mesh.yaml"],
            &["build", "mesh.yaml", "-o", "mesh.yaml/out"],
        ] {
            let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
            let said = super::workshop::said(&command.args(arguments).env("RUST_BACKTRACE", "full").output().unwrap());
            for secret in &secrets {
                assert!(
                    !said.stdout.contains(secret.as_str()) && !said.stderr.contains(secret.as_str()),
                    "{arguments:?}"
                );
            }
        }
    }
    // Too little memory, at every point of a build at which it can run out: a panic or an abort with keys at hand.
    let workshop = built(&topology(
        DATES,
        &[("east", ""), ("west", ""), ("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""), ("f", ""), ("g", "")],
    ));
    let mut panics = 0;
    for megabytes in (4..80).step_by(2) {
        let script = format!("ulimit -v {}; exec \"$0\" build mesh.yaml -o new{megabytes}", megabytes * 1024);
        let mut command = workshop.command("bash");
        // Memory that runs out while a backtrace is printed makes std wait for a lock that it holds itself.
        command.args(["-c", &script, env!("CARGO_BIN_EXE_meshgen")]).env("RUST_BACKTRACE", "0");
        let said = super::workshop::said(&command.output().unwrap());
        panics += usize::from(said.stderr.contains("panicked"));
        for secret in &secrets {
            assert!(!said.stdout.contains(secret.as_str()) && !said.stderr.contains(secret.as_str()), "{megabytes} MB");
        }
    }
    assert!(panics > 0, "no limit made a build panic");
    let printed = format!("{:?} {:?}", super::workshop::seed(), Authority::from(super::workshop::seed()));
    assert!(!printed.contains("0707") && !printed.contains("7, 7"), "{printed}");
}

/// Writes a file of a tree, and the digest that the tree's lock pins for it.
fn forge(workshop: &Workshop, path: &str, text: &str) {
    workshop.write(&format!("out/{path}"), text);
    let lock = workshop.read("out/meshgen.lock");
    let pinned = lock.lines().find(|line| line.ends_with(&format!(" {path}"))).unwrap();
    let line = format!("{} {path}", meshgen::lock::Digest::of(text.as_bytes()));
    workshop.write("out/meshgen.lock", lock.replace(pinned, &line));
}

/// A repository with a built tree, as everybody clones it.
fn repository() -> Workshop {
    let workshop = built(&topology(DATES, &TWO));
    clone_of(&workshop);
    workshop.write(".gitignore", "/ca.seed\n");
    for arguments in [&["init", "-q"][..], &["add", "mesh.yaml", "out"], &["commit", "-qm", "mesh"]] {
        let identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"];
        workshop.run("git", &[&identity, arguments].concat());
    }
    workshop
}

/// What somebody makes of a file's text.
type Addition<'f> = &'f dyn Fn(&str) -> String;

/// The root of a stranger.
fn stranger() -> String {
    let workshop = Workshop::with_seed(&topology(DATES, &TWO));
    workshop.write("ca.seed", meshgen::pki::Seed::new([9; 32]).line().as_str());
    assert_eq!(workshop.build(&[]).code, Some(0));
    workshop.read("out/east/20-cacerts/root-cert.pem")
}

#[test]
fn a_byte_besides_the_certificates_that_meshgen_writes_is_refused() {
    let root = stranger();
    let additions: [(&str, Addition<'_>); 6] = [
        ("root-cert.pem", &|text| format!("{text}{root}")),
        ("root-cert.pem", &|text| format!("{root}{text}")),
        ("cert-chain.pem", &|text| format!("{text}{root}")),
        ("ca-cert.pem", &|text| format!("{text}{root}")),
        ("root-cert.pem", &|text| format!("# trusted since 2026\n{text}")),
        ("ca-cert.pem", &|text| text.replace("-----BEGIN", "\n-----BEGIN")),
    ];
    for (file, added) in additions {
        for clusters in [&["east", "west"][..], &["west"]] {
            let workshop = repository();
            for cluster in clusters {
                let path = format!("{cluster}/20-cacerts/{file}");
                forge(&workshop, &path, &added(&workshop.read(&format!("out/{path}"))));
            }
            for arguments in [&["--check"][..], &[]] {
                let said = workshop.build(arguments);
                assert_eq!(said.code, Some(2), "{file} {clusters:?}: {said:?}");
                assert!(said.stderr.contains("error[seed-needed]"), "{said:?}");
            }
            let said = workshop.meshgen(&["diff", "git:HEAD:out", "out"]);
            assert_eq!(said.code, Some(1), "{file} {clusters:?}: {said:?}");
            // With the seed at hand nothing of it is taken over.
            workshop.write("ca.seed", super::workshop::seed().line().as_str());
            workshop.chmod("ca.seed", 0o600);
            assert_eq!(workshop.build(&["--check"]).code, Some(1), "{file} {clusters:?}");
        }
    }
}

#[test]
fn text_beside_a_certificate_is_refused_also_where_its_chain_repeats_it() {
    for text in ["# trusted since 2026\n", "\n", "-----BEGIN NOTHING-----\n"] {
        let workshop = repository();
        let directory = "west/20-cacerts";
        let certificate = workshop.read(&format!("out/{directory}/ca-cert.pem"));
        let root = workshop.read(&format!("out/{directory}/root-cert.pem"));
        forge(&workshop, &format!("{directory}/ca-cert.pem"), &format!("{text}{certificate}"));
        forge(&workshop, &format!("{directory}/cert-chain.pem"), &format!("{text}{certificate}{root}"));
        let said = workshop.build(&["--check"]);
        assert_eq!(said.code, Some(2), "{text:?}: {said:?}");
        assert!(said.stderr.contains("ca-cert.pem contains more than the certificate that meshgen writes"), "{said:?}");
    }
    for text in ["# trusted since 2026\n", "\n"] {
        let workshop = repository();
        let path = "west/20-cacerts/cert-chain.pem";
        forge(&workshop, path, &format!("{}{text}", workshop.read(&format!("out/{path}"))));
        let said = workshop.build(&["--check"]);
        assert_eq!(said.code, Some(2), "{text:?}: {said:?}");
        assert!(said.stderr.contains("is not ca-cert.pem followed by root-cert.pem, and nothing else"), "{said:?}");
    }
}

#[test]
fn a_key_file_that_contains_more_than_its_key_is_refused() {
    for addition in ["# nobody looks here\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let workshop = built(&topology(DATES, &TWO));
        fs::remove_file(workshop.path("ca.seed")).unwrap();
        assert_eq!(workshop.build(&["--check"]).code, Some(0));
        let path = "west/20-cacerts/ca-key.pem";
        forge(&workshop, path, &format!("{}{addition}", workshop.read(&format!("out/{path}"))));
        let said = workshop.build(&["--check"]);
        assert_eq!(said.code, Some(2), "{addition:?}: {said:?}");
        assert!(said.stderr.contains("ca-key.pem contains more than the key that meshgen writes"), "{said:?}");
    }
}

#[test]
fn a_root_that_somebody_adds_to_a_tree_is_told() {
    let root = stranger();
    let workshop = repository();
    let path = "west/20-cacerts/root-cert.pem";
    forge(&workshop, path, &format!("{}{root}", workshop.read(&format!("out/{path}"))));
    let said = workshop.meshgen(&["diff", "git:HEAD:out", "out"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("a root in west: new: valid 2026-11-01"), "{said:?}");
    assert!(
        said.stdout.contains("anyone with the key of that root can sign for every identity of the mesh"),
        "{said:?}"
    );
    let shown = workshop.meshgen(&["ca", "show", "out"]);
    assert_eq!(shown.stdout.lines().filter(|line| line.starts_with("root ")).count(), 2, "{shown:?}");
}

#[test]
fn another_root_has_another_key_although_its_serial_number_is_the_same() {
    let workshop = repository();
    workshop.write("ca.seed", meshgen::pki::Seed::new([9; 32]).line().as_str());
    workshop.chmod("ca.seed", 0o600);
    assert_eq!(workshop.build(&["--replace-root"]).code, Some(0));
    let said = workshop.meshgen(&["diff", "git:HEAD:out", "out"]);
    let root = said.stdout.lines().find(|line| line.trim_start().starts_with("the root: ")).unwrap();
    assert!(root.contains("key re-issued"), "{root}");
}

#[test]
fn an_anchor_is_one_certificate_and_nothing_else() {
    let workshop = built(&topology(DATES, &TWO));
    let root = workshop.read("out/east/20-cacerts/root-cert.pem");
    assert_eq!(TrustAnchor::prove(&root).unwrap().pem(), root);
    for text in [format!("{root}{root}"), format!("{root}\n"), format!("# ours\n{root}"), String::new()] {
        assert!(TrustAnchor::prove(&text).is_err(), "{text}");
    }
}

#[test]
fn what_stands_and_is_asked_for_is_not_signed_again() {
    for certificates in ["issuedOn: 2026-11-01", "issuedOn: 2026-11-01, naming: 2"] {
        let text = topology(certificates, &TWO);
        let workshop = built(&text);
        let checked = meshgen::read(&Source::new("mesh.yaml", text.as_bytes()), &mut Findings::default()).unwrap();
        let mesh = Mesh::resolve(&checked);
        let out = workshop.path("out");
        let standing = meshgen::disk::read_standing(camino::Utf8Path::from_path(&out).unwrap()).unwrap();
        let seed = super::workshop::seed;
        assert_eq!(
            Authority::Seeds(Seeds { present: Some(seed()), next: None }, standing).answer(&mesh).unwrap().issued,
            0
        );
        assert_eq!(Authority::from(seed()).answer(&mesh).unwrap().issued, 2);
    }
}
