//! `remoteAccess: externalSecrets`: no person carries a credential.

use crate::common::base64;

use super::*;

const TOKEN: &str = "Secret/istio-system/istio-reader-service-account-istio-remote-secret-token";
const REMOTE_SECRET: &str = "Secret/istio-system/istio-remote-secret-west";
const MADE_BY: &str = "ExternalSecret/istio-system/istio-remote-secret-west";

/// The mesh of these tests with a store.
fn stored(version: &str) -> String {
    topology(version).replace("networks:", "remoteAccess: externalSecrets\nsecrets: {store: {name: mesh}}\nnetworks:")
}

fn stored_and_installed() -> Simulator {
    let simulator = Simulator::new(&stored("1.30.3"));
    simulator.calls("install.sh", &[]);
    simulator
}

/// The kubeconfig by which `east` reads `west`.
fn kubeconfig(simulator: &Simulator) -> String {
    base64::decoded(simulator.object(EAST, REMOTE_SECRET).unwrap()["data"]["west"].as_str().unwrap())
}

#[test]
fn an_installation_brings_credentials_by_way_of_the_store() {
    let simulator = Simulator::new(&stored("1.30.3"));
    let calls = simulator.calls("install.sh", &[]);
    let at = |words: &[&str]| position(&calls, words);
    let (pushed, got) = (at(&["apply", "west/70-remote-access"]), at(&["apply", "east/80-remote-secrets"]));
    assert!(at(&["install", "west/30-istio"]) < pushed && pushed < at(&["wait", "pushsecrets", WEST]));
    assert!(at(&["wait", "pushsecrets", WEST]) < got && got < at(&["wait", "externalsecrets", "-west"]));
    assert!(at(&["wait", "externalsecrets", "-west"]) < at(&["install", "west/40-eastwest-gateway"]));
    assert!(!simulator.path("out/east/remote-secrets.sh").exists());
    let secret = simulator.object(EAST, REMOTE_SECRET).unwrap();
    assert_eq!(secret["metadata"]["labels"]["istio/multiCluster"], "true");
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/part-of"], "mesh1");
    // It is what `remote-secrets.sh` applies.
    let by_script = installed("1.30.3");
    assert_eq!(kubeconfig(&simulator), kubeconfig(&by_script));
    let said = simulator.run("verify.sh", &[]);
    done(&said);
    for words in
        ["PushSecret istio-reader: done", "ExternalSecret istio-remote-secret-west: done", "east: it knows west"]
    {
        assert!(said.text.contains(words), "no `{words}` in {}", said.text);
    }
    simulator.changes();
    simulator.calls("install.sh", &[]);
    assert_eq!(simulator.changes(), Vec::<String>::new());
}

#[test]
fn a_token_before_its_account_is_deleted_and_nothing_is_pushed() {
    let simulator = Simulator::new(&stored("1.30.3"));
    let apply = |directory: &str| {
        simulator
            .follow(&format!("kubectl --context={} apply -k {directory}", WEST.replace('`', "\\`").replace(' ', "\\ ")))
    };
    done(&apply("west/10-namespace"));
    done(&apply("west/70-remote-access"));
    assert_eq!(simulator.object(WEST, TOKEN), None);
    let push = simulator.object(WEST, "PushSecret/istio-system/istio-reader").unwrap();
    assert_eq!(push["status"]["conditions"][0]["status"], "False");
}

#[test]
fn without_the_operator_nothing_begins() {
    let simulator = Simulator::new(&stored("1.30.3"));
    simulator.remove(WEST, "CustomResourceDefinition//pushsecrets.external-secrets.io");
    let words = "cluster west does not know pushsecrets of external-secrets.io/v1alpha1: install the External Secrets Operator there";
    refused(&simulator.run("install.sh", &[]), 1, words);
    assert_eq!(simulator.changes(), Vec::<String>::new());
    // An operator that serves an earlier version only is too old.
    let simulator = Simulator::new(&stored("1.30.3"));
    let key = "CustomResourceDefinition//externalsecrets.external-secrets.io";
    let mut definition = simulator.object(EAST, key).unwrap();
    definition["spec"]["versions"][0]["name"] = json!("v1beta1");
    simulator.put(EAST, &definition);
    refused(
        &simulator.run("install.sh", &[]),
        1,
        "cluster east does not know externalsecrets of external-secrets.io/v1:",
    );
}

#[test]
fn what_does_not_get_ready_is_said_with_the_way_to_the_reason() {
    let simulator = stored_and_installed();
    // The token is there no more, and nothing makes another one.
    simulator.remove(WEST, "ServiceAccount/istio-system/istio-reader-service-account");
    simulator.remove(WEST, "PushSecret/istio-system/istio-reader");
    let said = simulator.run("install.sh", &["--from", "west/70-remote-access"]);
    refused(&said, 1, "in 10m, the External Secrets Operator of west has not done what 70-remote-access says");
    assert!(said.text.contains("describe pushsecrets.external-secrets.io/istio-reader"), "{}", said.text);
    assert!(said.text.contains("./install.sh --from west/70-remote-access"), "{}", said.text);
    let said = simulator.run("verify.sh", &[]);
    assert!(said.text.contains("FAILED  west: PushSecret istio-reader: not done"), "{}", said.text);
    // The store has lost the token, and the control plane has not.
    assert!(kubeconfig(&simulator).contains("token: token-1-of-west"));
}

#[test]
fn verify_tells_what_is_missing_and_what_is_too_much() {
    let simulator = stored_and_installed();
    simulator.remove(EAST, MADE_BY);
    simulator.remove(EAST, REMOTE_SECRET);
    remote_secrets::leave(&simulator, "north", "meshgen");
    let said = simulator.run("verify.sh", &["--cluster", "east"]);
    assert_eq!(said.code, Some(1));
    for words in [
        "ExternalSecret istio-remote-secret-west is missing",
        "it does not know west: the External Secrets Operator has not made the Secret istio-remote-secret-west",
        "it knows north, which is not a cluster of this mesh: delete the ExternalSecret istio-remote-secret-north",
    ] {
        assert!(said.text.contains(words), "no `{words}` in {}", said.text);
    }
}

#[test]
fn a_remote_that_is_installed_alone_is_known_to_its_primary() {
    let simulator = Simulator::new(&stored("1.30.3"));
    simulator.calls("install.sh", &["--cluster", "east"]);
    // Nothing of `west` is in the store yet.
    let made_by = simulator.object(EAST, MADE_BY).unwrap();
    assert_eq!(made_by["status"]["conditions"][0]["status"], "False");
    assert_eq!(simulator.object(EAST, REMOTE_SECRET), None);
    let calls = simulator.calls("install.sh", &["--cluster", "west"]);
    position(&calls, &["wait", "externalsecrets.external-secrets.io/istio-remote-secret-west"]);
    assert!(kubeconfig(&simulator).contains("token: token-1-of-west"));
}

#[test]
fn an_uninstallation_takes_tokens_out_of_the_store() {
    let simulator = stored_and_installed();
    let calls = simulator.calls("uninstall.sh", &["--yes"]);
    for (directory, context) in [("west/70-remote-access", WEST), ("east/80-remote-secrets", EAST)] {
        let deleted = position(&calls, &["delete", directory]);
        assert!(deleted < position(&calls, &["delete namespace istio-system", context]), "{calls:#?}");
        let left: Vec<String> = simulator.objects(context).into_iter().map(|(key, _)| key).collect();
        assert!(!left.iter().any(|key| key.contains("/istio-system")), "{left:?}");
    }
    let store: Value = std::fs::read_to_string(simulator.path("state/store.json")).unwrap().parse().unwrap();
    assert!(store.as_object().unwrap().values().all(|place| *place == json!({})), "{store}");
}

/// The mesh goes over from scripts to a store and back, and its control plane reads the cluster all the time with the same token.
#[test]
fn a_mesh_goes_over_to_a_store_and_back() {
    let simulator = installed("1.30.3");
    let before = kubeconfig(&simulator);
    simulator.build(&stored("1.30.3"));
    simulator.calls("install.sh", &[]);
    assert_eq!(kubeconfig(&simulator), before);
    let owner = |simulator: &Simulator| {
        simulator.object(EAST, REMOTE_SECRET).unwrap()["metadata"]["ownerReferences"][0]["kind"].clone()
    };
    assert_eq!(owner(&simulator), "ExternalSecret");
    simulator.build(&topology("1.30.3"));
    let context = EAST.replace('\'', r"'\''");
    done(&simulator.follow(&format!(
        "kubectl --context='{context}' -n istio-system delete externalsecrets.external-secrets.io istio-remote-secret-west --cascade=orphan"
    )));
    assert_eq!((kubeconfig(&simulator), owner(&simulator)), (before.clone(), Value::Null));
    simulator.calls("east/remote-secrets.sh", &[]);
    assert_eq!(kubeconfig(&simulator), before);
    done(&simulator.run("verify.sh", &[]));
}
