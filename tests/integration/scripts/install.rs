//! install.sh

use std::fmt::Write;

use super::*;

#[test]
fn an_installation_goes_in_order_and_names_the_context_in_every_call() {
    let simulator = Simulator::new(&topology("1.11.2"));
    let calls = simulator.calls("install.sh", &[]);
    for call in &calls {
        let is_local = call.starts_with("istioctl version");
        let context = |name: &str| call.contains(&format!("--context={name}"));
        assert!(is_local || context(EAST) || context(WEST), "{call}");
    }
    assert!(!simulator.path("pwned").exists() && !simulator.path("out/pwned").exists());
    let steps = [
        position(&calls, &["west", "apply -k west/10-namespace"]),
        position(&calls, &["west", "--server-side", "west/20-cacerts"]),
        position(&calls, &["istioctl install", "east/30-istio/istio.yaml -f east/30-istio/mesh-config.yaml"]),
        position(&calls, &["istioctl install", "east/40-eastwest-gateway/eastwest-gateway.yaml"]),
        position(&calls, &["apply -k east/50-exposure"]),
        position(&calls, &["x create-remote-secret", "--name=west --server=https://192.0.2.20:6443"]),
        position(&calls, &["east's", "apply --server-side", "-f -"]),
        position(&calls, &["istioctl install", "west/30-istio/istio.yaml"]),
        position(&calls, &["istioctl install", "west/40-eastwest-gateway"]),
        position(&calls, &["apply -k east/60-zipkin"]),
    ];
    assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
    let together = |call: &&String| call.contains("istio.yaml") && call.contains("eastwest-gateway.yaml");
    assert!(calls.iter().find(together).is_none(), "istiod would be lost");
    assert_eq!(restarts(&calls), Vec::<&String>::new(), "nothing ran before");
}

#[test]
fn every_line_of_istioctl_ends() {
    let simulator = Simulator::new(&topology("1.30.3"));
    let said = simulator.run("install.sh", &[]);
    let ends: Vec<&str> = said.text.split("✔ Installation complete").skip(1).collect();
    assert!(!ends.is_empty() && ends.iter().all(|rest| rest.starts_with('\n')), "{}", said.text);
    assert!(said.text.contains("Done. Run ./verify.sh"), "{}", said.text);
}

#[test]
fn a_second_installation_restarts_nothing() {
    for version in ["1.11.2", "1.27.9", "1.30.3"] {
        let simulator = installed(version);
        assert_eq!(restarts(&simulator.calls("install.sh", &[])), Vec::<&String>::new());
    }
}

/// Up to 1.27 istioctl makes an object of kind Endpoints, and Kubernetes an EndpointSlice of it.
#[test]
fn pods_start_where_one_way_leads_to_the_control_plane() {
    for (version, way) in [("1.27.9", "istiod-m4r8q"), ("1.30.3", "istiod")] {
        let mesh = installed(version);
        assert!(mesh.object(WEST, &format!("EndpointSlice/istio-system/{way}")).is_some());
        for (maker, context, said) in [
            ("endpointslice-controller.k8s.io", WEST, Some("west")),
            ("", WEST, Some("west")),
            ("endpointslice-controller.k8s.io", EAST, None),
        ] {
            let simulator = mesh.copy();
            let labels =
                json!({"kubernetes.io/service-name": "istiod", "endpointslice.kubernetes.io/managed-by": maker});
            let metadata = json!({"name": "istiod-old", "namespace": "istio-system", "labels": labels});
            simulator.put(context, &json!({"kind": "EndpointSlice", "metadata": metadata}));
            let changed = "profile: demo, meshConfig: {defaultConfig: {concurrency: 1}}";
            simulator.build(&topology(version).replace("profile: demo", changed));
            let answer = simulator.run("install.sh", &[]);
            match said {
                Some(cluster) => {
                    let words = format!("EndpointSlice istiod-old in the namespace istio-system of {cluster} leads to");
                    refused(&answer, 1, &words);
                }
                None => done(&answer),
            }
        }
    }
}

/// A change of the topology, and which clusters' proxies have to start anew for it.
const CHANGES: [(&str, &str, &[&str]); 6] = [
    // istiod hands it to running proxies.
    ("profile: demo", "profile: demo, meshConfig: {accessLogFile: /dev/stdout}", &[]),
    ("profile: demo", "profile: demo, meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}", &[]),
    ("profile: demo", "profile: demo, meshConfig: {defaultConfig: {concurrency: 1}}", &[EAST, WEST]),
    ("profile: demo", "profile: demo, values: {global: {proxy: {logLevel: debug}}}", &[EAST, WEST]),
    ("profile: demo", "profile: demo, values: {pilot: {traceSampling: 5}}", &[]),
    ("1.30.2", "1.30.3", &[EAST, WEST]),
];

#[test]
fn what_started_with_an_older_configuration_restarts_once_and_istiod_never() {
    let mesh = installed("1.30.2");
    for (before, after, contexts) in CHANGES {
        let simulator = mesh.copy();
        simulator.called();
        simulator.build(&topology("1.30.2").replace(before, after));
        let said = simulator.run("install.sh", &[]);
        done(&said);
        let calls = simulator.called();
        let restarted = restarts(&calls);
        for context in [EAST, WEST] {
            let of_it: Vec<&&String> = restarted.iter().filter(|call| call.contains(context)).collect();
            assert_eq!(!of_it.is_empty(), contexts.contains(&context), "{after}: {restarted:#?}");
            let count = if context == EAST { 4 } else { 2 };
            assert!(
                of_it.is_empty()
                    || said.text.contains(&format!("gateways and workloads that restart at the end: {count}\n")),
                "{}",
                said.text
            );
        }
        assert!(!restarted.iter().any(|call| call.contains("istiod")), "{restarted:#?}");
        assert_eq!(restarts(&simulator.calls("install.sh", &[])), Vec::<&String>::new(), "{after}");
        // Whatever was restarted or not: every proxy knows what one knows that starts now.
        let fresh = Simulator::new(&topology("1.30.2").replace(before, after));
        fresh.calls("install.sh", &[]);
        for (context, key) in
            [(EAST, "Deployment/shop/reviews"), (WEST, "Deployment/istio-system/istio-eastwestgateway")]
        {
            assert_eq!(started(&simulator, context, key), started(&fresh, context, key), "{after}");
        }
    }
}

#[test]
fn a_restart_that_was_stopped_goes_on_with_what_is_left() {
    let simulator = installed("1.30.2");
    simulator.build(&topology("1.30.3"));
    simulator.set("late", json!([format!("{WEST} deployment/reviews")]));
    let said = simulator.run("install.sh", &[]);
    refused(&said, 1, "step west/restart failed in cluster west");
    assert!(said.text.contains("./install.sh --from west/restart"), "{}", said.text);
    simulator.set("late", json!([]));
    let calls = simulator.calls("install.sh", &["--from", "west/restart"]);
    let restarted = restarts(&calls);
    assert!(
        matches!(restarted[..], [one] if one.contains("-n shop rollout restart deployment/reviews")),
        "{restarted:#?}"
    );
}

#[test]
fn a_restart_may_be_left_to_a_person() {
    let simulator = installed("1.30.2");
    simulator.build(&topology("1.30.3"));
    let said = simulator.run("install.sh", &["--no-restart"]);
    done(&said);
    assert!(said.text.contains("west: gateways and workloads that you have to restart: 2\n"), "{}", said.text);
    assert!(said.text.contains(
        "keep it until they restart:\nistio-system deployment/istio-eastwestgateway\nshop deployment/reviews"
    ));
    assert_eq!(restarts(&simulator.called()), Vec::<&String>::new());
    // Nothing is forgotten.
    assert_eq!(restarts(&simulator.calls("install.sh", &[])).len(), 6);
}

#[test]
fn an_istiod_of_1_11_restarts_for_another_certificate() {
    let simulator = installed("1.11.2");
    let authority = |context| {
        simulator.object(context, "Deployment/istio-system/istiod").unwrap()["simulator"]["authority"].clone()
    };
    let before = (authority(EAST), authority(WEST));
    let renewed =
        topology("1.11.2").replace("issuedOn: 2026-11-01", "issuedOn: 2026-11-01, intermediatesIssuedOn: 2026-11-20");
    simulator.build(&renewed);
    let calls = simulator.calls("install.sh", &[]);
    let restarted = restarts(&calls);
    assert!(restarted.iter().all(|call| call.contains("rollout restart deployment/istiod")), "{restarted:#?}");
    assert_eq!(restarted.len(), 2);
    assert!(authority(EAST) != before.0 && authority(WEST) != before.1);
    assert_eq!(restarts(&simulator.calls("install.sh", &[])), Vec::<&String>::new());
    // From 1.12 on it reads the Secret by itself.
    let simulator = installed("1.30.3");
    simulator.build(&renewed.replace("1.11.2", "1.30.3"));
    assert_eq!(restarts(&simulator.calls("install.sh", &[])), Vec::<&String>::new());
}

#[test]
fn a_remote_that_moves_to_another_primary_restarts() {
    let three = topology("1.30.3")
        + "  - {name: north, network: lan, context: north, apiServer: 'https://192.0.2.30:6443', eastWestGateway: {externalIPs: [192.0.2.130]}}\n";
    let simulator = Simulator::new(&three);
    simulator.calls("install.sh", &[]);
    simulator.build(&three.replace("controlPlane: east", "controlPlane: north"));
    let calls = simulator.calls("install.sh", &[]);
    assert!(restarts(&calls).iter().all(|call| call.contains(WEST)) && restarts(&calls).len() == 2, "{calls:#?}");
    assert_eq!(started(&simulator, WEST, "Deployment/shop/reviews")["context"], "north");
}

#[test]
fn a_fresh_installation_that_was_stopped_restarts_nothing() {
    let simulator = Simulator::new(&topology("1.30.3"));
    simulator.set("late", json!([format!("{EAST} deployment/istio-eastwestgateway")]));
    refused(&simulator.run("install.sh", &[]), 1, "step east/40-eastwest-gateway failed in cluster east");
    simulator.set("late", json!([]));
    simulator.called();
    let calls = simulator.calls("install.sh", &["--from", "east/40-eastwest-gateway"]);
    assert!(!calls.iter().any(|call| call.contains("east/30-istio")), "{calls:#?}");
    position(&calls, &["west/30-istio/istio.yaml"]);
    assert_eq!(restarts(&calls), Vec::<&String>::new());
    let unknown = simulator.run("install.sh", &["--from", "nowhere"]);
    refused(&unknown, 2, "no such step: nowhere");
    assert!(unknown.text.contains("  east/30-istio\n"), "{}", unknown.text);
}

#[test]
fn a_dry_run_calls_nothing_and_prints_what_one_would_type() {
    let simulator = Simulator::new(&topology("1.11.2"));
    let said = simulator.run("install.sh", &["--dry-run"]);
    done(&said);
    assert_eq!(simulator.called(), Vec::<String>::new());
    assert!(
        said.text.contains(r"kubectl '--context=admin@east'\''s $HOME' apply -k east/10-namespace"),
        "{}",
        said.text
    );
    assert!(said.text.contains("[1/"));
}

#[track_caller]
fn changes_nothing(calls: &[String]) {
    let changes = [" apply ", " install ", " annotate ", " delete ", " restart "];
    assert!(!calls.iter().any(|call| changes.iter().any(|change| call.contains(change))), "{calls:#?}");
}

type Break = fn(&Simulator);

#[test]
fn an_installation_that_cannot_succeed_does_not_begin() {
    let fresh = || Simulator::new(&topology("1.11.2"));
    let cases: [(Break, &str); 7] = [
        (|s| s.set("dead", json!([WEST])), "cluster west does not answer through the context `touch pwned` west"),
        (|s| s.set("version", json!("1.12.0")), "istioctl is 1.12.0, and this mesh is made for 1.11.2"),
        (
            |s| std::fs::remove_file(s.path("out/west/20-cacerts/ca-key.pem")).unwrap(),
            "west/20-cacerts/ca-key.pem is missing",
        ),
        (
            |s| {
                let key = std::fs::read(s.path("out/west/20-cacerts/ca-key.pem")).unwrap();
                std::fs::write(s.path("out/east/20-cacerts/ca-key.pem"), key).unwrap();
            },
            "the certificates of east are not those of meshgen.lock",
        ),
        (|s| std::fs::write(s.path("out/.meshgen-journal"), "").unwrap(), "a build was stopped here"),
        (|s| std::fs::remove_file(s.path("programs/istioctl")).unwrap(), "istioctl is not installed"),
        (
            |s| {
                let namespace = json!({"kind": "Namespace", "metadata": {"name": "istio-system"}});
                s.put(WEST, &namespace);
                s.put(WEST, &json!({"kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"}, "data": {"root-cert.pem": "b3RoZXI="}}));
            },
            "the Secret cacerts of cluster west has another root than this tree",
        ),
    ];
    for (break_it, finding) in cases {
        let simulator = fresh();
        break_it(&simulator);
        refused(&simulator.run("install.sh", &[]), 1, finding);
        changes_nothing(&simulator.called());
    }
}

/// Thirty clusters: every fifth is a primary, and controls the four after it.
pub(super) fn thirty() -> String {
    let mut text = "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.30.3}
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan}, {name: cloud}]
clusters:
"
    .to_owned();
    for number in 0..30 {
        let (network, primary) = (["lan", "cloud"][number % 2], number - number % 5);
        let remote = if number == primary { String::new() } else { format!(", controlPlane: c{primary}") };
        writeln!(
            text,
            "  - {{name: c{number}, network: {network}, apiServer: 'https://10.0.{number}.1:6443', \
             eastWestGateway: {{externalIPs: [10.0.{number}.100]}}{remote}}}"
        )
        .unwrap();
    }
    text
}

#[test]
fn one_cluster_of_thirty_asks_its_primary_at_most() {
    let simulator = Simulator::new(&thirty());
    simulator.calls("install.sh", &["--cluster", "c5"]);
    let everywhere: Vec<String> =
        (0..30).map(|number| format!("c{number}")).filter(|name| name != "c5" && name != "c7").collect();
    simulator.set("dead", json!(everywhere));
    for (arguments, contexts) in [
        (&["--cluster", "c5"][..], &["c5"][..]),
        (&["--cluster", "c7"], &["c5", "c7"]),
        (&["--cluster", "c7", "--from", "c7/restart"], &["c7"]),
        (&["--from", "c7/restart", "--cluster", "c7", "--no-restart"], &["c7"]),
    ] {
        let calls = simulator.calls("install.sh", arguments);
        let asked =
            |call: &String| call.split_once("--context=").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
        let asked: BTreeSet<String> = calls.iter().filter_map(asked).collect();
        assert_eq!(asked.iter().map(String::as_str).collect::<Vec<_>>(), contexts, "{arguments:?}");
    }
    let said = simulator.run("install.sh", &["--cluster", "c7"]);
    assert!(
        said.text.contains("  c0/remote-secrets.sh --cluster c7\n") && !said.text.contains("  c5/remote-secrets.sh"),
        "{}",
        said.text
    );
}

#[test]
fn the_egress_gateway_of_a_thin_remote_comes_after_its_secret_and_goes_with_the_mesh() {
    const DEPLOYMENT: &str = "Deployment/istio-system/istio-egressgateway";
    let simulator = Simulator::new(&topology("1.30.3").replace("profile: demo", "profile: demo, egressGateway: true"));
    let calls = simulator.calls("install.sh", &[]);
    let gateway = position(&calls, &["istioctl install", "west/45-egress-gateway/egress-gateway.yaml"]);
    assert!(position(&calls, &["create-remote-secret", "--name=west"]) < gateway);
    assert!(gateway < position(&calls, &["rollout status", "deployment/istio-egressgateway", WEST]));
    let said = simulator.run("verify.sh", &[]);
    done(&said);
    assert!(said.text.contains("istio-egressgateway is ready"), "{}", said.text);
    let deployment = simulator.object(WEST, DEPLOYMENT).unwrap();
    simulator.remove(WEST, DEPLOYMENT);
    let said = simulator.run("verify.sh", &[]);
    assert!(said.text.contains("istio-egressgateway is not ready"), "{}", said.text);
    simulator.put(WEST, &deployment);
    simulator.calls("uninstall.sh", &["--yes"]);
    assert!(simulator.object(WEST, DEPLOYMENT).is_none());
}
