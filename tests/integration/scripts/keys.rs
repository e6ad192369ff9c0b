//! `secrets.form`: the private key of a control plane comes from Git, or by way of a store.

use super::*;

const CACERTS: &str = "Secret/istio-system/cacerts";

/// The mesh of these tests with its private keys in a form.
fn formed(form: &str) -> String {
    let all = match form {
        "sops" => {
            "secrets: {form: sops, ageRecipients: [age1z3ek0mwpjw3dzraswq7qgl727xswr4lqjc7xk70ja0efvmks7g6qwhfw7a]}"
        }
        "sealedSecrets" => "secrets: {form: sealedSecrets}",
        _ => "secrets: {form: externalSecrets, store: {name: mesh}}",
    };
    let topology = topology("1.30.3").replace("networks:", &format!("{all}\nnetworks:"));
    if form != "sealedSecrets" {
        return topology;
    }
    topology.replacen("- name: east\n", "- name: east\n    secrets: {sealingCertificate: seal/cluster1.pem}\n", 1)
}

const FORMS: [&str; 3] = ["sops", "sealedSecrets", "externalSecrets"];

#[test]
fn a_control_plane_gets_its_key_before_it_starts_and_a_second_installation_changes_nothing() {
    for form in FORMS {
        let simulator = Simulator::new(&formed(form));
        let calls = simulator.calls("install.sh", &[]);
        let applied =
            if form == "sops" { vec!["apply", "--server-side", "-f -"] } else { vec!["apply", "east/20-cacerts"] };
        assert!(position(&calls, &applied) < position(&calls, &["install", "east/30-istio"]), "{form}: {calls:#?}");
        let secret = simulator.object(EAST, CACERTS).unwrap();
        let files: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
        assert_eq!(files.len(), 4, "{form}: {files:?}");
        assert!(secret["metadata"]["ownerReferences"].is_null(), "{form}");
        done(&simulator.run("verify.sh", &[]));
        simulator.changes();
        simulator.calls("install.sh", &[]);
        assert_eq!(simulator.changes(), Vec::<String>::new(), "{form}");
    }
}

#[test]
fn an_uninstallation_leaves_neither_the_secret_nor_what_made_it() {
    for form in FORMS {
        let simulator = Simulator::new(&formed(form));
        simulator.calls("install.sh", &[]);
        simulator.calls("uninstall.sh", &["--yes"]);
        let left: Vec<String> = simulator.objects(EAST).into_iter().map(|(key, _)| key).collect();
        assert!(!left.iter().any(|key| key.contains("/istio-system")), "{form}: {left:?}");
    }
}

#[test]
fn without_what_makes_the_secret_nothing_begins() {
    for (form, definition, name) in [
        ("sealedSecrets", "sealedsecrets.bitnami.com", "Sealed Secrets controller"),
        ("externalSecrets", "externalsecrets.external-secrets.io", "External Secrets Operator"),
    ] {
        let simulator = Simulator::new(&formed(form));
        simulator.remove(EAST, &format!("CustomResourceDefinition//{definition}"));
        let words = format!("cluster east does not know {definition}: install the {name} there");
        refused(&simulator.run("install.sh", &[]), 1, &words);
        assert_eq!(simulator.changes(), Vec::<String>::new());
    }
}

#[test]
fn a_key_that_cannot_be_decrypted_stops_the_installation() {
    let simulator = Simulator::new(&formed("sops"));
    simulator.stand_in("sops", "#!/bin/sh\necho 'no identity matched any of the recipients' >&2\nexit 128\n");
    let said = simulator.run("install.sh", &[]);
    refused(&said, 128, "no identity matched");
    assert_eq!(simulator.object(EAST, CACERTS), None);
    let simulator = Simulator::new(&formed("sops"));
    let said = simulator.run("install.sh", &["--dry-run"]);
    done(&said);
    assert_eq!(simulator.changes(), Vec::<String>::new());
}

/// The Sealed Secrets controller leaves a Secret alone that it did not make.
#[test]
fn a_secret_of_somebody_else_is_not_taken_over_in_silence() {
    let simulator = installed("1.30.3");
    simulator.build(&formed("sealedSecrets"));
    let said = simulator.run("install.sh", &[]);
    refused(&said, 1, "timed out waiting for the condition on sealedsecret.bitnami.com/cacerts");
}
