//! The scripts where the Sail operator installs Istio, in all clusters or in one.

use super::*;

/// The mesh of the other tests with the operator, in the clusters that are named.
fn with_sail(clusters: &[&str]) -> String {
    installed_by("sail", clusters, topology("1.30.3").replace("  egressGateway: true\n", ""))
}

fn installed_with_sail(clusters: &[&str]) -> Simulator {
    let simulator = Simulator::new(&with_sail(clusters));
    simulator.calls("install.sh", &[]);
    simulator
}

#[test]
fn an_installation_by_the_operator_is_up_and_a_second_one_changes_nothing() {
    for clusters in MIXES {
        let simulator = installed_with_sail(clusters);
        simulator.changes();
        let before = [EAST, WEST].map(|context| simulator.objects(context));
        let calls = simulator.calls("install.sh", &[]);
        assert_eq!(simulator.changes(), Vec::<String>::new(), "{clusters:?}");
        assert_eq!(restarts(&calls), Vec::<&String>::new());
        assert_eq!([EAST, WEST].map(|context| simulator.objects(context)), before, "{clusters:?}");
        let said = simulator.run("verify.sh", &[]);
        let ready = said.text.matches("the Sail operator says that Istio is ready").count();
        assert_eq!(ready, clusters.len(), "{}", said.text);
        done(&said);
    }
}

/// A remote's resource gets ready only after what comes after it.
#[test]
fn nothing_before_the_remote_secrets_waits_for_a_remote() {
    let simulator = Simulator::new(&with_sail(&["east", "west"]));
    let calls = simulator.calls("install.sh", &[]);
    let steps = [
        position(&calls, &[EAST, "apply --server-side", "-k east/30-istio"]),
        position(&calls, &[EAST, "wait --for=condition=Ready istios.sailoperator.io/default"]),
        position(&calls, &[EAST, "wait --for=condition=Reconciled istiorevisions.sailoperator.io/default"]),
        position(&calls, &[EAST, "rollout status deployment/istiod"]),
        position(&calls, &[EAST, "apply --server-side", "-k east/40-eastwest-gateway"]),
        position(&calls, &[WEST, "apply --server-side", "-k west/30-istio"]),
        position(&calls, &[WEST, "wait --for=condition=Reconciled istios.sailoperator.io/default"]),
        position(&calls, &["create-remote-secret", "--name=west"]),
        position(&calls, &[WEST, "apply --server-side", "-k west/40-eastwest-gateway"]),
    ];
    assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
    let is_wait = |call: &&String| call.contains("condition=Ready") && call.contains(WEST);
    assert_eq!(calls.iter().filter(is_wait).count(), 0, "{calls:#?}");
    // The operator would wait for ever: before the remote secret, nobody gives the remote's webhook a root.
    let simulator = Simulator::new(&with_sail(&["east", "west"]));
    simulator.fail(steps[7] + 1, "fails");
    refused(&simulator.run("install.sh", &[]), 1, "step east/remote-secrets.sh failed");
    simulator.heal();
    let said = simulator.run("verify.sh", &["--cluster", "west"]);
    refused(&said, 1, "the Sail operator does not say that Istio is ready");
}

#[test]
fn a_node_has_the_plugin_before_istiod_injects_for_it() {
    let text = with_sail(&["east", "west"]).replace("profile: demo", "profile: demo, cni: {enabled: true}");
    let simulator = Simulator::new(&text);
    let calls = simulator.calls("install.sh", &[]);
    for (name, context) in [("east", EAST), ("west", WEST)] {
        let steps = [
            position(&calls, &[context, &format!("-k {name}/30-istio")]),
            position(&calls, &[context, "wait --for=condition=Reconciled istiocnis.sailoperator.io/default"]),
            position(&calls, &[context, "rollout status daemonset/istio-cni-node"]),
            position(&calls, &[context, &format!("-k {name}/40-eastwest-gateway")]),
        ];
        assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
        assert!(simulator.object(context, "DaemonSet/istio-system/istio-cni-node").is_some());
    }
    done(&simulator.run("verify.sh", &[]));
    done(&simulator.run("uninstall.sh", &["--yes"]));
    assert!(simulator.object(EAST, "DaemonSet/istio-system/istio-cni-node").is_none());
}

#[test]
fn without_the_operator_nothing_is_installed() {
    let simulator = Simulator::new(&with_sail(&["west"]));
    simulator.remove(WEST, "CustomResourceDefinition//istios.sailoperator.io");
    let before = [EAST, WEST].map(|context| simulator.objects(context));
    let said = simulator.run("install.sh", &[]);
    refused(&said, 1, "the Sail operator is not installed in cluster west: README.md says how to install it");
    assert_eq!([EAST, WEST].map(|context| simulator.objects(context)), before);
    // Where nothing is asked of the operator, nobody needs it.
    done(&simulator.run("install.sh", &["--cluster", "east"]));
}

/// Nothing takes over what somebody else installed, and the operator says so.
#[test]
fn the_operator_refuses_what_istioctl_installed() {
    let simulator = installed("1.30.3");
    simulator.build(&with_sail(&["east", "west"]));
    refused(&simulator.run("install.sh", &[]), 1, "timed out waiting for the condition");
}

/// The way from istioctl to the operator, and from the operator to Helm.
#[test]
fn a_cluster_that_left_joins_again_by_another_way() {
    let simulator = installed("1.30.3");
    let by_helm = topology("1.30.3").replace("profile: demo", "profile: demo, install: helm");
    // Helm refuses the definitions that came with the operator, unless it is to take them over.
    for (next, options) in [(with_sail(&["east", "west"]), &[][..]), (by_helm, &["--take-ownership"])] {
        done(&simulator.run("uninstall.sh", &["--yes"]));
        simulator.build(&next);
        done(&simulator.run("install.sh", options));
        done(&simulator.run("verify.sh", &[]));
    }
}

#[test]
fn an_uninstallation_leaves_the_operator_alone() {
    for clusters in MIXES {
        let simulator = installed_with_sail(clusters);
        let said = simulator.run("uninstall.sh", &["--yes"]);
        done(&said);
        assert!(!said.text.contains("not from meshgen"), "{}", said.text);
        for (name, context) in [("east", EAST), ("west", WEST)] {
            let is_kept =
                |key: &str| key.starts_with("CustomResourceDefinition/") || key.contains("istio-ca-root-cert");
            let mut left: Vec<String> =
                simulator.objects(context).into_iter().map(|(key, _)| key).filter(|key| !is_kept(key)).collect();
            if clusters.contains(&name) {
                left.retain(|key| key != "Namespace//sail-operator");
            }
            assert_eq!(
                left,
                ["Namespace//default", "Namespace//kube-system", "Namespace//shop", "Deployment/shop/reviews"],
                "{clusters:?}"
            );
        }
        done(&simulator.run("uninstall.sh", &["--yes"]));
        done(&simulator.run("uninstall.sh", &["--yes", "--crds"]));
        for (name, context) in [("east", EAST), ("west", WEST)] {
            // They came with the operator, and their objects are those of others too.
            let has_definitions = simulator.object(context, GATEWAYS).is_some();
            assert_eq!(has_definitions, clusters.contains(&name), "{clusters:?}");
        }
    }
}

const GATEWAYS: &str = "CustomResourceDefinition//gateways.networking.istio.io";

#[test]
fn an_uninstallation_goes_on_where_the_operator_is_gone() {
    let simulator = installed_with_sail(&["west"]);
    for name in ["istios", "istiocnis", "istiorevisions"] {
        simulator.remove(WEST, &format!("CustomResourceDefinition//{name}.sailoperator.io"));
    }
    let said = simulator.run("uninstall.sh", &["--yes", "--cluster", "west"]);
    refused(&said, 0, "the Sail operator is not installed any more, and nothing that it reads");
}
