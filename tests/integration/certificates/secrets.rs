//! Private keys in forms that may stand in Git.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::common;

use super::workshop::{Said, Workshop, said};

const ONE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const OTHER: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const FORMS: [(&str, &str); 3] = [
    ("sops", "cacerts.sops.yaml"),
    ("sealedSecrets", "cacerts.sealed.yaml"),
    ("externalSecrets", "cacerts.external.yaml"),
];

/// Two primaries, whose private keys come in a form.
fn topology(form: &str) -> String {
    let all = match form {
        "sops" => format!("secrets: {{form: sops, ageRecipients: [{ONE}]}}\n"),
        "externalSecrets" => "secrets: {form: externalSecrets, store: {name: mesh}}\n".to_owned(),
        form => format!("secrets: {{form: {form}}}\n"),
    };
    let own = if form == "sealedSecrets" { "    secrets: {sealingCertificate: seal.pem}\n" } else { "" };
    format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3}}\n\
         certificates: {{issuedOn: 2026-11-01}}\n{all}networks: [{{name: lan}}]\nclusters:\n  \
         - name: east\n    network: lan\n    apiServer: https://10.0.0.1:6443\n{own}  \
         - name: west\n    network: lan\n    apiServer: https://10.0.0.2:6443\n{own}"
    )
}

fn workshop(form: &str) -> Workshop {
    let workshop = Workshop::with_seed(&topology(form));
    let sealing = fs::read(common::repository().join("tests/seal/cluster1.pem")).unwrap();
    workshop.write("seal.pem", sealing);
    done(&workshop.build(&[]));
    workshop
}

/// A clone: without the seed.
fn without_seed(workshop: &Workshop) {
    fs::remove_file(workshop.path("ca.seed")).unwrap();
}

fn change(workshop: &Workshop, file: &str, from: &str, to: &str) {
    let text = workshop.read(file);
    assert!(text.contains(from), "{file} has no {from}");
    workshop.write(file, text.replacen(from, to, 1));
}

#[track_caller]
fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[track_caller]
fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "no `{word}` in {}", said.stderr);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_no_key_in_a_file() {
    for (form, file) in FORMS {
        let (one, other) = (workshop(form), workshop(form));
        for cluster in ["east", "west"] {
            let path = format!("out/{cluster}/20-cacerts/{file}");
            assert_eq!(one.read(&path), other.read(&path));
            assert!(!one.read(&path).contains("PRIVATE KEY"));
            assert!(!one.exists(&format!("out/{cluster}/20-cacerts/ca-key.pem")));
            assert!(one.read("out/meshgen.lock").contains(&format!("\nkey of {cluster} ")));
        }
        done(&one.build(&["--check"]));
    }
}

#[test]
fn a_change_of_one_certificate_changes_the_ciphertext_of_that_cluster_alone() {
    for (form, file) in FORMS {
        let workshop = workshop(form);
        let read = |cluster: &str| workshop.read(&format!("out/{cluster}/20-cacerts/{file}"));
        let before = ["east", "west"].map(read);
        change(&workshop, "mesh.yaml", "6443\n", "6443\n    certificates: {generation: 2}\n");
        done(&workshop.build(&[]));
        let after = ["east", "west"].map(read);
        assert!(before[0] != after[0] && before[1] == after[1], "{form}");
    }
}

#[test]
fn another_reader_is_another_ciphertext_of_the_same_key() {
    let workshop = workshop("sops");
    let line = |start: &str| {
        let lock = workshop.read("out/meshgen.lock");
        lock.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
    };
    let key = |text: &str| text.lines().find(|line| line.starts_with("  ca-key.pem: ")).unwrap().to_owned();
    let file = "out/east/20-cacerts/cacerts.sops.yaml";
    let (digest, before) = (line("key of east "), workshop.read(file));
    change(&workshop, "mesh.yaml", ONE, &format!("{ONE}, {OTHER}"));
    done(&workshop.build(&[]));
    assert_eq!(line("key of east "), digest);
    assert_ne!(key(&before), key(&workshop.read(file)));
    assert_eq!(workshop.read(file).matches("recipient: age1").count(), 2);
}

#[test]
fn a_clone_without_the_seed_keeps_what_stands() {
    for (form, file) in FORMS {
        let workshop = workshop(form);
        without_seed(&workshop);
        let path = format!("out/west/20-cacerts/{file}");
        let before = workshop.read(&path);
        done(&workshop.build(&["--check"]));
        // What needs no key can change.
        change(&workshop, "mesh.yaml", "10.0.0.2", "10.0.0.3");
        done(&workshop.build(&[]));
        assert_eq!(workshop.read(&path), before);
    }
}

#[test]
fn without_the_seed_nothing_else_is_taken_for_a_ciphertext() {
    let needed = "`west` needs a new ciphertext";
    let sops = "out/west/20-cacerts/cacerts.sops.yaml";
    let sealed = "out/west/20-cacerts/cacerts.sealed.yaml";
    let cases = [
        ("sops", sops, "  ca-key.pem: \"ENC[", "  ca-key.pem: \"PLAIN["),
        ("sops", sops, "mac_only_encrypted: true", "mac_only_encrypted: false"),
        ("sops", sops, "namespace: istio-system", "namespace: default"),
        ("sops", sops, "    recipient: age1q", "    recipient: age1z"),
        ("sops", sops, "  - enc: |\n", "  - enc: |\n      other\n"),
        ("sealedSecrets", sealed, "managed: \"true\"", "managed: \"false\""),
        ("sealedSecrets", sealed, "    ca-key.pem: \"AQ", "    ca-key.pem: \"BQ"),
        ("sealedSecrets", sealed, "    ca-key.pem: \"AQ", "    ca-key.pem: \"{{"),
    ];
    for (form, file, from, to) in cases {
        let workshop = workshop(form);
        without_seed(&workshop);
        let before = workshop.run("sha256sum", &[file]);
        change(&workshop, file, from, to);
        let said = workshop.build(&["--check"]);
        assert_eq!(said.code, Some(2), "{from}: {said:?}");
        // The lock of an attacker says the same as the file.
        let digest = |text: &str| text.split(' ').next().unwrap().to_owned();
        let after = workshop.run("sha256sum", &[file]);
        change(&workshop, "out/meshgen.lock", &digest(&before), &digest(&after));
        refused(&workshop.build(&["--check"]), &[needed]);
        refused(&workshop.build(&[]), &[needed, "nothing was written"]);
    }
}

#[test]
fn without_the_seed_no_key_goes_to_another_reader_and_to_no_other_form() {
    let sops = workshop("sops");
    without_seed(&sops);
    for (from, to) in [(ONE, OTHER), ("sops", "sealedSecrets")] {
        change(&sops, "mesh.yaml", from, to);
        assert_eq!(sops.build(&["--check"]).code, Some(2));
        sops.write("mesh.yaml", topology("sops"));
    }
    let sealed = workshop("sealedSecrets");
    without_seed(&sealed);
    let other = fs::read(common::repository().join("topologies/seal/cluster2.pem")).unwrap();
    sealed.write("seal.pem", other);
    refused(&sealed.build(&["--check"]), &["`east` needs a new ciphertext", "`west` needs a new ciphertext"]);
}

/// A key that stood as a file goes when it comes in another form, and the other way round.
#[test]
fn a_form_replaces_another() {
    let workshop = workshop("files");
    assert!(workshop.exists("out/east/20-cacerts/ca-key.pem"));
    let mut last = None;
    for (form, file) in FORMS {
        workshop.write("mesh.yaml", topology(form));
        done(&workshop.build(&[]));
        assert!(!workshop.exists("out/east/20-cacerts/ca-key.pem"));
        assert!(workshop.exists(&format!("out/east/20-cacerts/{file}")));
        let gone = last.replace(file).is_some_and(|last| workshop.exists(&format!("out/east/20-cacerts/{last}")));
        assert!(!gone);
    }
    workshop.write("mesh.yaml", topology("files"));
    done(&workshop.build(&[]));
    assert!(workshop.exists("out/east/20-cacerts/ca-key.pem"));
    assert!(!workshop.exists("out/east/20-cacerts/cacerts.external.yaml"));
}

/// A controller begins without the private key, and goes without it: the object stays as it is.
#[test]
fn a_controller_needs_no_other_ciphertext() {
    for (form, file) in FORMS {
        // Argo CD cannot decrypt what SOPS encrypted.
        for controller in ["argocd", "flux"].into_iter().skip(usize::from(form == "sops")) {
            let workshop = workshop(form);
            let path = format!("out/west/20-cacerts/{file}");
            let object = workshop.read(&path);
            without_seed(&workshop);
            let allowed = "mesh: {id: mesh1, allow: [{rule: application-health, reason: the lab waits}]}";
            let by_helm =
                topology(form).replacen("mesh: {id: mesh1}", allowed, 1).replacen("1.30.3", "1.30.3, install: helm", 1);
            let gitops = "gitops: {repository: https://git.example.net/mesh.git, path: out, controller: ";
            workshop.write("mesh.yaml", format!("{by_helm}{gitops}{controller}}}\n"));
            done(&workshop.build(&[]));
            assert_eq!(workshop.read(&path), object);
            workshop.write("mesh.yaml", by_helm);
            done(&workshop.build(&[]));
            assert_eq!(workshop.read(&path), object);
        }
    }
}

#[test]
fn a_store_gets_the_four_files_under_a_name_of_the_certificate() {
    let workshop = workshop("externalSecrets");
    let said = workshop.meshgen(&["ca", "export", "mesh.yaml", "east", "--format", "json"]);
    done(&said);
    let files: Value = serde_json::from_str(&said.stdout).unwrap();
    for file in ["ca-cert.pem", "cert-chain.pem", "root-cert.pem"] {
        assert_eq!(files[file], workshop.read(&format!("out/east/20-cacerts/{file}")));
    }
    assert!(files["ca-key.pem"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(files.as_object().unwrap().len(), 4);
    let object = workshop.read("out/east/20-cacerts/cacerts.external.yaml");
    let name = said.stderr.split('`').nth(1).unwrap();
    assert!(name.starts_with("mesh1/east/cacerts-") && object.contains(&format!("key: {name}\n")), "{}", said.stderr);
}

#[test]
fn an_exported_key_goes_to_a_pipe_or_a_new_file_of_its_owner() {
    let workshop = workshop("externalSecrets");
    let export = |more: &[&str]| workshop.meshgen(&[&["ca", "export", "mesh.yaml", "east"], more].concat());
    done(&export(&["-o", "east.json"]));
    assert_eq!(workshop.path("east.json").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    refused(&export(&["-o", "east.json"]), &["east.json exists"]);
    refused(&export(&["-o", "/dev/stdout"]), &["/dev/stdout exists"]);
    workshop.run("git", &["init", "--quiet"]);
    workshop.write(".gitignore", "/ca.seed\n");
    refused(&export(&["-o", "again.json"]), &["nothing keeps Git from adding again.json"]);
    assert!(!workshop.exists("again.json"));
    workshop.write(".gitignore", "/ca.seed\n/*.json\n");
    done(&export(&["-o", "again.json"]));
    refused(&workshop.meshgen(&["ca", "export", "mesh.yaml", "eats"]), &["the topology has no cluster `eats`"]);
    without_seed(&workshop);
    refused(&export(&[]), &["the mesh has no seed here"]);
}

/// `script` gives a program a terminal, and is on every Linux.
#[test]
fn a_private_key_is_never_printed_to_a_terminal() {
    let workshop = workshop("externalSecrets");
    let line = format!("{} ca export mesh.yaml east", env!("CARGO_BIN_EXE_meshgen"));
    let mut script = workshop.command("script");
    let output = script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    let said = said(&output);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stdout.contains("a private key is not printed to a terminal"), "{said:?}");
    assert!(!said.stdout.contains("PRIVATE KEY"), "{said:?}");
}

#[test]
fn who_reads_a_key_is_said_and_so_is_a_ciphertext_that_nothing_explains() {
    let workshop = workshop("sops");
    workshop.run("cp", &["-r", "out", "before"]);
    change(&workshop, "mesh.yaml", ONE, OTHER);
    done(&workshop.build(&[]));
    let said = workshop.meshgen(&["diff", "before", "out", "--fail-on", "private-keys"]);
    assert_eq!(said.code, Some(1));
    for words in [
        format!("its private key goes to `{OTHER}` too"),
        format!("`{ONE}` still has the private key, and earlier commits too"),
        format!("west: private key by SOPS, + {OTHER}, - {ONE}"),
    ] {
        assert!(said.stdout.contains(&words), "no `{words}` in {}", said.stdout);
    }
    // Of another seed, with the certificates of this one.
    let text = workshop.read("out/east/20-cacerts/cacerts.sops.yaml");
    workshop.run("cp", &["-r", "out", "after"]);
    let forged = text.replace("ENC[AES256_GCM,data:", "ENC[AES256_GCM,data:AAAA");
    workshop.write("after/east/20-cacerts/cacerts.sops.yaml", &forged);
    let [old, new] = [&text, &forged].map(|text| meshgen::lock::Digest::of(text.as_bytes()).to_string());
    change(&workshop, "after/meshgen.lock", &old, &new);
    let said = workshop.meshgen(&["diff", "out", "after"]);
    assert!(said.stdout.contains("the ciphertext of its private key differs"), "{said:?}");
    assert!(said.stdout.contains("another ciphertext of the same key"), "{said:?}");
}
