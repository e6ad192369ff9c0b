//! The scripts where Helm installs Istio, in all clusters or in one.

use super::*;

/// The mesh of the other tests with Helm, in the clusters that are named.
fn with_helm(clusters: &[&str]) -> String {
    installed_by("helm", clusters, topology("1.30.3"))
}

fn installed_with_helm(clusters: &[&str]) -> Simulator {
    let simulator = Simulator::new(&with_helm(clusters));
    simulator.calls("install.sh", &[]);
    simulator
}

#[test]
fn an_installation_by_helm_is_up_and_a_second_one_changes_nothing() {
    for clusters in MIXES {
        let simulator = installed_with_helm(clusters);
        simulator.changes();
        let before = [EAST, WEST].map(|context| simulator.objects(context));
        let calls = simulator.calls("install.sh", &[]);
        assert_eq!(simulator.changes(), Vec::<String>::new(), "{clusters:?}");
        assert_eq!(restarts(&calls), Vec::<&String>::new());
        for (context, before) in [EAST, WEST].iter().zip(before) {
            let is_record = |key: &String| key.contains("/sh.helm.release.v1.");
            let (mut before, mut after) = (before, simulator.objects(context));
            let records =
                |objects: &serde_json::Map<String, Value>| objects.keys().filter(|key| is_record(key)).count();
            // Helm writes down each call.
            assert_eq!(records(&after), 2 * records(&before), "{clusters:?}");
            for objects in [&mut before, &mut after] {
                objects.retain(|key, _| !is_record(key));
            }
            assert_eq!(after, before, "{clusters:?}");
        }
        let said = simulator.run("verify.sh", &[]);
        // The remote's gateway has an address that the topology does not state.
        assert!(!said.text.contains("BAD") && !said.text.contains("bad"), "{}", said.text);
        done(&said);
    }
}

#[test]
fn the_charts_go_in_order() {
    let simulator = Simulator::new(&with_helm(&["east", "west"]));
    let calls = simulator.calls("install.sh", &[]);
    let chart = |context: &str, release: &str, words: &str| {
        let call = format!("helm upgrade --install {release} ");
        position(&calls, &[&call, &format!("--kube-context={context} "), words])
    };
    let steps = [
        chart(EAST, "istio-base", "-f east/30-istio/base.values.yaml"),
        chart(EAST, "istiod", "-f east/30-istio/istiod.values.yaml -f east/30-istio/mesh-config.values.yaml"),
        position(&calls, &[EAST, "apply --server-side", "-k east/40-eastwest-gateway"]),
        chart(EAST, "istio-ingressgateway", "-f east/45-gateways/ingress.values.yaml"),
        chart(EAST, "istio-egressgateway", "-f east/45-gateways/egress.values.yaml"),
        chart(WEST, "istio-base", "-f west/30-istio/base.values.yaml"),
        chart(WEST, "istiod", "-f west/30-istio/istiod.values.yaml"),
        position(&calls, &["create-remote-secret", "--name=west"]),
        position(&calls, &[WEST, "apply --server-side", "-k west/40-eastwest-gateway"]),
    ];
    assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
    assert!(!calls.iter().any(|call| call.starts_with("istioctl install")), "{calls:#?}");
    assert!(!calls.iter().any(|call| call.contains("take-ownership")), "nobody asked for it: {calls:#?}");
}

#[test]
fn a_node_has_the_plugin_before_istiod_injects_for_it() {
    let text = with_helm(&["east", "west"]).replace("profile: demo", "profile: demo, cni: {enabled: true}");
    let simulator = Simulator::new(&text);
    let calls = simulator.calls("install.sh", &[]);
    for (name, context) in [("east", EAST), ("west", WEST)] {
        let steps = [
            position(&calls, &["helm", "--install istio-cni cni", &format!("{name}/30-istio/cni.values.yaml")]),
            position(&calls, &[context, "rollout status daemonset/istio-cni-node"]),
            position(&calls, &["helm", "--install istiod istiod", &format!("{name}/30-istio/istiod.values.yaml")]),
        ];
        assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
        assert!(simulator.object(context, "DaemonSet/istio-system/istio-cni-node").is_some());
    }
    done(&simulator.run("verify.sh", &[]));
}

#[test]
fn an_uninstallation_leaves_nothing_of_helm() {
    for clusters in MIXES {
        let simulator = installed_with_helm(clusters);
        simulator.calls("install.sh", &[]);
        let said = simulator.run("uninstall.sh", &["--yes"]);
        done(&said);
        assert!(!said.text.contains("not from meshgen"), "{}", said.text);
        for context in [EAST, WEST] {
            let is_kept =
                |key: &str| key.starts_with("CustomResourceDefinition/") || key.contains("istio-ca-root-cert");
            let left: Vec<String> =
                simulator.objects(context).into_iter().map(|(key, _)| key).filter(|key| !is_kept(key)).collect();
            assert_eq!(
                left,
                ["Namespace//default", "Namespace//kube-system", "Namespace//shop", "Deployment/shop/reviews"],
                "{clusters:?}"
            );
        }
        done(&simulator.run("uninstall.sh", &["--yes"]));
        done(&simulator.run("uninstall.sh", &["--yes", "--crds"]));
        assert!(!simulator.objects(EAST).keys().any(|key| key.starts_with("CustomResourceDefinition/")));
    }
}

/// What Helm did not install stays, and so does the record of a release of somebody else.
#[test]
fn an_uninstallation_leaves_the_releases_of_others() {
    let simulator = installed_with_helm(&["east", "west"]);
    let secret = json!({"kind": "Secret", "type": "helm.sh/release.v1", "metadata": {
        "name": "sh.helm.release.v1.kiali.v1", "namespace": "istio-system",
        "labels": {"owner": "helm", "name": "kiali", "version": "1"},
    }});
    simulator.put(EAST, &secret);
    let said = simulator.run("uninstall.sh", &["--yes"]);
    refused(&said, 0, "  Secret sh.helm.release.v1.kiali.v1\n");
}

/// The mesh of istioctl, and the tree in which Helm installs it.
fn to_be_taken_over() -> Simulator {
    let simulator = installed("1.30.3");
    simulator.build(&with_helm(&["east", "west"]));
    simulator
}

#[test]
fn helm_takes_over_what_istioctl_installed_only_where_it_is_told_to() {
    let simulator = to_be_taken_over();
    let before = [EAST, WEST].map(|context| simulator.objects(context));
    refused(&simulator.run("install.sh", &[]), 1, "invalid ownership metadata");
    assert_eq!([EAST, WEST].map(|context| simulator.objects(context)), before);
    // What istioctl applied is not Helm's alone either.
    let said = simulator.follow(&format!(
        "helm upgrade --install istio-base base --repo https://istio-release.storage.googleapis.com/charts --version 1.30.3 \
         --kube-context={} -n istio-system -f east/30-istio/base.values.yaml --take-ownership",
        format_args!("\"{}\"", EAST.replace('$', "\\$"))
    ));
    refused(&said, 1, "conflict with \"istio-operator\": .metadata.labels.app.kubernetes.io/instance");
    let said = simulator.run("install.sh", &["--take-ownership", "--from", "west/60-zipkin"]);
    refused(&said, 2, "no such step");
    done(&simulator.run("install.sh", &["--take-ownership"]));
    done(&simulator.run("install.sh", &[]));
}

#[test]
fn a_gateway_that_is_taken_over_does_not_restart() {
    let simulator = to_be_taken_over();
    let templates = |context: &str, name: &str| {
        let object = simulator.object(context, &format!("Deployment/istio-system/{name}")).unwrap();
        [object["spec"]["template"].clone(), object["simulator"]["template"].clone()]
    };
    let before = [EAST, WEST].map(|context| templates(context, "istio-eastwestgateway"));
    let istiod = templates(EAST, "istiod");
    let calls = simulator.calls("install.sh", &["--take-ownership"]);
    assert_eq!([EAST, WEST].map(|context| templates(context, "istio-eastwestgateway")), before);
    assert_eq!(restarts(&calls), Vec::<&String>::new());
    // A label of its pods is another.
    assert_ne!(templates(EAST, "istiod"), istiod);
}
