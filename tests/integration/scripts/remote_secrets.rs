//! remote-secrets.sh

use crate::common::base64;

use super::*;

const SECRET: &str = "Secret/istio-system/istio-remote-secret-west";

/// The mesh, installed but for the remote secret.
fn without_secret() -> Simulator {
    let simulator = installed("1.30.3");
    simulator.remove(EAST, SECRET);
    simulator
}

#[test]
fn credentials_are_applied_with_labels_and_never_shown() {
    let simulator = without_secret();
    let said = simulator.run("east/remote-secrets.sh", &[]);
    done(&said);
    assert!(!said.text.contains("token-of-west"), "{}", said.text);
    let secret = simulator.object(EAST, SECRET).unwrap();
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/managed-by"], "meshgen");
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/part-of"], "mesh1");
    assert!(secret["data"]["west"].is_string(), "{secret}");
}

/// A Secret of a cluster that the tree does not know, with our labels or with others.
pub(super) fn leave(simulator: &Simulator, name: &str, manager: &str) {
    simulator.put(
        EAST,
        &json!({
            "kind": "Secret",
            "metadata": {"name": format!("istio-remote-secret-{name}"), "namespace": "istio-system", "labels": {
                "istio/multiCluster": "true",
                "app.kubernetes.io/managed-by": manager,
                "app.kubernetes.io/part-of": "mesh1",
            }},
            "data": {name: "e30="},
        }),
    );
}

#[test]
fn the_secret_of_a_cluster_that_left_is_listed_and_removed_on_demand() {
    let simulator = installed("1.30.3");
    leave(&simulator, "north", "meshgen");
    leave(&simulator, "south", "somebody");
    let said = simulator.run("east/remote-secrets.sh", &[]);
    done(&said);
    let words = "the Secret istio-remote-secret-north belongs to a cluster that left the mesh: --prune removes it";
    assert!(said.text.contains(words) && !said.text.contains("south"), "{}", said.text);
    let calls = simulator.calls("east/remote-secrets.sh", &["--prune"]);
    let deleted: Vec<&String> = calls.iter().filter(|call| call.contains(" delete ")).collect();
    assert!(matches!(deleted[..], [one] if one.ends_with("delete secret istio-remote-secret-north")), "{deleted:#?}");
    assert!(simulator.object(EAST, "Secret/istio-system/istio-remote-secret-south").is_some());
    assert!(simulator.object(EAST, SECRET).is_some());
    // Limited to one cluster, it knows the others all the same.
    leave(&simulator, "north", "meshgen");
    simulator.calls("east/remote-secrets.sh", &["--cluster", "west", "--prune"]);
    assert!(simulator.object(EAST, SECRET).is_some());
}

#[test]
fn a_credential_that_is_not_given_is_not_applied() {
    let simulator = without_secret();
    simulator.set("dead", json!([WEST]));
    refused(&simulator.run("east/remote-secrets.sh", &[]), 1, "west gives no credential; does its context answer?");
    assert!(simulator.object(EAST, SECRET).is_none());
}

#[test]
fn an_empty_credential_is_refused() {
    let simulator = without_secret();
    std::fs::rename(simulator.path("programs/istioctl"), simulator.path("programs/real")).unwrap();
    // The simulator acts by its name.
    let script = "#!/usr/bin/env bash\nexec -a istioctl \"${0%/*}/real\" \"$@\" > >(sed 's/token: .*/token:/')\n";
    simulator.stand_in("istioctl", script);
    refused(&simulator.run("east/remote-secrets.sh", &[]), 1, "the credential of west is empty");
    assert!(simulator.object(EAST, SECRET).is_none());
}

#[test]
fn a_credential_has_the_ca_and_the_proxy_of_the_topology() {
    let west = "apiServer: https://192.0.2.20:6443";
    let said = "apiServer: https://192.0.2.20:6443/k8s/clusters/c-1\n    apiServerCA: ca/cluster1.pem\n    proxyURL: 'socks5://[fd00:9::1]:1080'";
    for version in ["1.11.2", "1.30.3"] {
        let simulator = installed(version);
        let text = topology(version);
        assert!(text.contains(west), "{text}");
        simulator.build(&text.replace(west, said));
        done(&simulator.run("east/remote-secrets.sh", &[]));
        let secret = simulator.object(EAST, SECRET).unwrap();
        let kubeconfig = base64::decoded(secret["data"]["west"].as_str().unwrap());
        let kubeconfig: Value = serde_yaml::from_str(&kubeconfig).unwrap();
        let cluster = &kubeconfig["clusters"][0]["cluster"];
        let authority = std::fs::read_to_string(common::repository().join("tests/ca/cluster1.pem")).unwrap();
        assert_eq!(base64::decoded(cluster["certificate-authority-data"].as_str().unwrap()), authority);
        assert_eq!(cluster["server"], "https://192.0.2.20:6443/k8s/clusters/c-1");
        assert_eq!(cluster["proxy-url"], "socks5://[fd00:9::1]:1080");
        // Without them, it has what istioctl says.
        simulator.build(&text);
        done(&simulator.run("east/remote-secrets.sh", &[]));
        let secret = simulator.object(EAST, SECRET).unwrap();
        let kubeconfig = base64::decoded(secret["data"]["west"].as_str().unwrap());
        assert!(kubeconfig.contains(&base64::encoded(b"the CA of west")), "{kubeconfig}");
        assert!(!kubeconfig.contains("proxy-url"), "{kubeconfig}");
    }
}

#[test]
fn a_credential_without_a_ca_to_replace_is_refused() {
    let simulator = without_secret();
    let west = "apiServer: https://192.0.2.20:6443";
    simulator.build(&topology("1.30.3").replace(west, &format!("{west}\n    apiServerCA: ca/cluster1.pem")));
    std::fs::rename(simulator.path("programs/istioctl"), simulator.path("programs/real")).unwrap();
    let script =
        "#!/usr/bin/env bash\nexec -a istioctl \"${0%/*}/real\" \"$@\" > >(sed '/certificate-authority-data/d')\n";
    simulator.stand_in("istioctl", script);
    refused(&simulator.run("east/remote-secrets.sh", &[]), 1, "the credential of west has no CA to replace");
    assert!(simulator.object(EAST, SECRET).is_none());
}
