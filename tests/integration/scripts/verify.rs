//! verify.sh

use std::collections::BTreeSet;

use meshgen::source::Source;

use super::*;

#[test]
fn a_mesh_that_was_just_installed_is_up() {
    let through_the_mesh = topology("1.30.3").replace("{cluster: east}", "{cluster: east, via: mesh}");
    let versions = ["1.11.2", "1.30.3", "1.30.3, revision: canary"];
    for topology in versions.map(topology).into_iter().chain([through_the_mesh]) {
        let simulator = Simulator::new(&topology);
        simulator.calls("install.sh", &[]);
        simulator.called();
        let said = simulator.run("verify.sh", &[]);
        done(&said);
        assert!(said.text.contains(" checks, 0 failed") && !said.text.contains("FAILED"), "{}", said.text);
        let changes = ["apply", "delete", "restart", "annotate", "install"];
        let calls = simulator.called();
        assert!(!calls.iter().any(|call| changes.iter().any(|verb| call.contains(&format!(" {verb} ")))), "{calls:#?}");
    }
}

/// Whose certificates a proxy has, and which root its webhooks and its istiod tell, are two questions.
#[test]
fn certificates_of_another_authority_are_not_compared_with_those_of_the_tree() {
    let asks = "global: {caAddress: issuer.example:443}";
    let is_none = "pilot: {env: {ENABLE_CA_SERVER: \"false\"}}";
    for (values, wanted) in [
        (String::new(), ["intermediate ", "root ", "certificate "].as_slice()),
        (format!(", values: {{{asks}}}"), &["intermediate ", "root "]),
        (format!(", values: {{{asks}, {is_none}}}"), &["injects "]),
    ] {
        let tree = common::compile(&Source::new("mesh.yaml", topology(&format!("1.30.3{values}"))));
        let script = String::from_utf8(tree.get("verify.sh").unwrap().bytes.clone()).unwrap();
        for call in ["intermediate ", "root ", "certificate ", "injects "] {
            let is_called = script.lines().any(|line| line.trim_start().starts_with(call));
            assert_eq!(is_called, wanted.contains(&call), "{values}: {call}");
        }
    }
}

/// What limps, and the only check that fails for it.
type Case = (fn(&Simulator), &'static str);

const CASES: [Case; 18] = [
    (|s| s.set("late", json!([format!("{EAST} deployment/istiod")])), "east: istiod is not ready"),
    (
        |s| edit(s, EAST, "Service/istio-system/istio-eastwestgateway", "/spec/externalIPs", json!(["192.0.2.200"])),
        "east: the topology gives the gateway the address 192.0.2.100, its Service has 192.0.2.200",
    ),
    (
        |s| s.remove(EAST, "Secret/istio-system/istio-remote-secret-west"),
        "east: it does not know west: run remote-secrets.sh",
    ),
    (
        |s| edit(s, EAST, "Secret/istio-system/istio-remote-secret-west", "/data/north", json!("e30=")),
        "east: it knows north, which is not a cluster of this mesh",
    ),
    (|s| s.remove(EAST, "Deployment/istio-system/zipkin"), "east: the trace collector is not healthy"),
    (
        |s| edit(s, EAST, "Deployment/istio-system/istiod", "/simulator/version", json!("1.29.6")),
        "east: istiod runs 1.29.6, and the topology has 1.30.3",
    ),
    (
        |s| edit(s, WEST, "Deployment/shop/reviews", "/simulator/started/version", json!("1.29.6")),
        "east: proxies run 1.29.6 (1 proxies), and the topology has 1.30.3: restart them",
    ),
    (
        |s| edit(s, WEST, "ConfigMap/istio-system/istio-ca-root-cert", "/data/root-cert.pem", json!("other")),
        "west: its proxies trust another root than that of this tree",
    ),
    (
        |s| {
            edit(
                s,
                WEST,
                "MutatingWebhookConfiguration//istio-sidecar-injector",
                "/webhooks/0/clientConfig/caBundle",
                json!("b3RoZXI="),
            );
        },
        "west: the API server trusts another root for its injection webhooks: new pods do not start",
    ),
    (
        |s| {
            s.remove(WEST, "MutatingWebhookConfiguration//istio-sidecar-injector");
            s.remove(WEST, "MutatingWebhookConfiguration//istio-revision-tag-default");
        },
        "west: no webhook injects sidecars",
    ),
    (
        |s| edit(s, EAST, "Secret/istio-system/cacerts", "/data/ca-cert.pem", json!("b3RoZXI=")),
        "east: istiod has another certificate than that of this tree",
    ),
    (
        |s| {
            edit(
                s,
                WEST,
                "Namespace//istio-system",
                "/metadata/annotations/meshgen~1proxies-started-with",
                json!("istio=1.29.6"),
            );
        },
        "west: its proxies started with istio=1.29.6, and it is now istio=1.30.3 control-plane=east",
    ),
    (
        |s| {
            edit(
                s,
                WEST,
                "Deployment/istio-system/istio-eastwestgateway",
                "/simulator/certificate/root",
                json!("b3RoZXI="),
            );
        },
        "west: the gateway trusts another root than that of this tree",
    ),
    (
        |s| s.put(WEST, &json!({"kind": "Deployment", "metadata": {"name": "istiod", "namespace": "istio-system"}})),
        "west: Deployment/istiod is left from an earlier topology",
    ),
    (
        |s| s.put(EAST, &json!({"kind": "EndpointSlice", "metadata": {"name": "istiod", "namespace": "istio-system"}})),
        "east: EndpointSlice/istiod is left from an earlier topology",
    ),
    (
        |s| s.put(WEST, &ours("Telemetry", "mesh-tracing")),
        "west: Telemetry/mesh-tracing is left from an earlier topology",
    ),
    (
        |s| s.put(WEST, &ours("Secret", "istio-remote-secret-east")),
        "west: Secret/istio-remote-secret-east is left from an earlier topology",
    ),
    (
        |s| {
            s.put(EAST, &json!({"kind": "Sidecar", "metadata": {"name": "default", "namespace": "shop"}, "spec": {"egress": [{"hosts": ["./*"]}]}}));
        },
        "east: the Sidecar shop/default hides the collector",
    ),
];

/// An object as meshgen labels it.
fn ours(kind: &str, name: &str) -> Value {
    let labels = json!({"app.kubernetes.io/managed-by": "meshgen", "app.kubernetes.io/part-of": "mesh1"});
    json!({"kind": kind, "metadata": {"name": name, "namespace": "istio-system", "labels": labels}})
}

fn edit(simulator: &Simulator, context: &str, key: &str, path: &str, value: Value) {
    let mut object = simulator.object(context, key).unwrap_or_else(|| panic!("no {key} in {context}"));
    let (parent, name) = path.rsplit_once('/').unwrap();
    let place = object.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent} in {key}"));
    place[name.replace("~1", "/")] = value;
    simulator.put(context, &object);
}

#[test]
fn what_limps_is_one_line_that_says_so() {
    let mesh = installed("1.30.3");
    for (hurt, line) in CASES {
        let simulator = mesh.copy();
        hurt(&simulator);
        let said = simulator.run("verify.sh", &[]);
        assert_eq!(said.code, Some(1), "{line}: {}", said.text);
        let failed: Vec<&str> = said.text.lines().filter(|line| line.starts_with("FAILED")).collect();
        // istiod does not read a cluster of which it has no secret, and the collector is behind the gateway's address.
        let expected = if line.contains("does not know") || line.contains("its Service has") { 2 } else { 1 };
        assert!(failed.len() == expected && failed[0].starts_with(&format!("FAILED  {line}")), "{line}: {failed:#?}");
    }
}

#[test]
fn an_istiod_of_1_11_that_read_another_certificate_is_told() {
    let simulator = installed("1.11.2");
    edit(&simulator, WEST, "Namespace//istio-system", "/metadata/annotations/meshgen~1istiod-started-with", json!("0"));
    refused(
        &simulator.run("verify.sh", &[]),
        1,
        "FAILED  west: istiod started with another certificate: run install.sh",
    );
}

#[test]
fn a_renewed_certificate_is_in_use_within_a_day() {
    let simulator = installed("1.30.3");
    let renewed =
        topology("1.30.3").replace("issuedOn: 2026-11-01", "issuedOn: 2026-11-01, intermediatesIssuedOn: 2026-11-20");
    simulator.build(&renewed).calls("install.sh", &[]);
    let waits = |said: &Said| said.text.matches("is not under the intermediate of this tree yet").count();
    let said = simulator.run("verify.sh", &[]);
    done(&said);
    assert_eq!(waits(&said), 2, "{}", said.text);
    simulator.pass_a_day();
    let said = simulator.run("verify.sh", &[]);
    done(&said);
    assert!(waits(&said) == 0 && said.text.contains("west: the gateway has a certificate under"), "{}", said.text);
}

#[test]
fn a_gateway_of_1_11_that_reports_elsewhere_is_told() {
    let simulator = installed("1.11.2");
    edit(&simulator, WEST, "Deployment/istio-system/istio-eastwestgateway", "/simulator/started/mesh", json!("{}"));
    let said = simulator.run("verify.sh", &[]);
    refused(&said, 1, "FAILED  west: its proxies do not report traces to 192.0.2.100:15018");
}

#[test]
fn an_api_server_that_does_not_answer_is_one_line() {
    let simulator = installed("1.30.3");
    simulator.set("dead", json!([EAST]));
    let said = simulator.run("verify.sh", &[]);
    let of_east: Vec<&str> = said.text.lines().filter(|line| line.contains(" east: ")).collect();
    let line =
        format!("FAILED  east: its API server does not answer through the context {EAST}; nothing else was checked");
    assert_eq!(of_east, [line]);
    simulator.called();
    done(&simulator.run("verify.sh", &["--cluster", "west"]));
    assert!(simulator.called().iter().all(|call| call.contains(WEST)));
}

#[test]
fn clusters_are_asked_at_the_same_time() {
    let simulator = Simulator::new(&install::thirty());
    // Three API servers that answer when the third was asked: one after the other, they would wait.
    let done = Command::new("mkfifo").arg(simulator.path("gate")).status().unwrap();
    assert!(done.success());
    let script = format!(
        "#!/usr/bin/env bash\nexec 3<>{0}/gate\nprintf '%s\\n' \"$1\" >>{0}/asked\n\
         if [[ $(wc -l <{0}/asked) -eq 3 ]]; then\n  printf 'open\\nopen\\n' >&3\n\
         else\n  read -rt 20 <&3 || touch {0}/in-turn\nfi\nexit 1\n",
        simulator.path("").display()
    );
    simulator.stand_in("kubectl", &script);
    let said = simulator.run("verify.sh", &["--cluster", "c1", "--cluster", "c2", "--cluster", "c29"]);
    refused(&said, 1, "3 checks, 3 failed");
    assert!(!simulator.path("in-turn").exists());
}

#[test]
fn names_are_compared_by_what_they_resolve_to() {
    let named = |name: &str| topology("1.30.3").replace("externalIPs: [192.0.2.100]", &format!("address: {name}"));
    // `getent` answers from a table: two names of one address, one of another, one of none.
    let getent = "#!/usr/bin/env bash\ncase $2 in\n  ew.example.org | a1b2.elb.amazonaws.com) echo '203.0.113.1 STREAM' ;;\n  \
                  other.example.org) echo '203.0.113.9 STREAM' ;;\n  *) exit 2 ;;\nesac\n";
    for (name, words) in [
        (
            "ew.example.org",
            "ok      east: the gateway's address ew.example.org leads to that of its Service, 203.0.113.1",
        ),
        ("203.0.113.1", "ok      east: the gateway's address 203.0.113.1 leads to that of its Service, 203.0.113.1"),
        (
            "other.example.org",
            "FAILED  east: the topology gives the gateway the address other.example.org, its Service has a1b2.elb.amazonaws.com",
        ),
        (
            "nobody.example.org",
            "skipped east: the topology gives the gateway the address nobody.example.org, its Service has a1b2.elb.amazonaws.com: these names cannot be resolved here",
        ),
    ] {
        let simulator = Simulator::new(&named(name));
        simulator.run("install.sh", &[]);
        simulator.stand_in("getent", getent);
        let mut service = simulator.object(EAST, "Service/istio-system/istio-eastwestgateway").unwrap();
        service["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "a1b2.elb.amazonaws.com"}]}});
        simulator.put(EAST, &service);
        let said = simulator.run("verify.sh", &["--cluster", "east"]);
        assert!(said.text.contains(words), "{}", said.text);
    }
}

#[test]
fn json_has_every_check() {
    let simulator = installed("1.30.3");
    simulator.set("dead", json!([WEST]));
    let said = simulator.run("verify.sh", &["--format", "json"]);
    assert_eq!(said.code, Some(1));
    let checks: Vec<Value> = serde_json::from_str(&said.text).unwrap();
    let statuses: BTreeSet<&str> = checks.iter().map(|check| check["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, BTreeSet::from(["failed", "ok"]));
    let west: Vec<&Value> = checks.iter().filter(|check| check["cluster"] == "west").collect();
    assert!(matches!(west[..], [one] if one["check"].as_str().unwrap().contains(WEST)), "{west:?}");
}

#[test]
fn routes_are_checked_on_a_node() {
    let text = "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.30.3}
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan, podRouting: static}]
clusters:
  - {name: a, network: lan, apiServer: 'https://10.9.0.1:6443', nodes: [{address: 10.9.0.1, podCIDR: 172.20.1.0/24}]}
  - {name: b, network: lan, apiServer: 'https://10.9.0.2:6443', nodes: [{address: 10.9.0.2, podCIDR: 172.20.2.0/24}]}
";
    let simulator = Simulator::new(text);
    simulator.calls("install.sh", &[]);
    assert!(!simulator.run("verify.sh", &[]).text.contains("this node"));
    let node = |routes: Value| {
        std::fs::write(
            simulator.path("state/node.json"),
            json!({"addresses": ["10.9.0.1"], "routes": routes}).to_string(),
        )
    };
    node(json!([])).unwrap();
    refused(
        &simulator.run("verify.sh", &[]),
        1,
        "FAILED  a: this node, 10.9.0.1, lacks routes: a/routes.sh check says which",
    );
    node(json!([["172.20.2.0/24", "10.9.0.2", "77"]])).unwrap();
    refused(&simulator.run("verify.sh", &[]), 0, "ok      a: this node, 10.9.0.1, has its routes");
}

/// A mesh in which others dial the gateway of `west` at an address that its Service does not have.
fn behind_nat() -> Simulator {
    let gateway = "{address: 203.0.113.7, port: 443, discovery: static}";
    let simulator = Simulator::new(&format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3}}\n\
         certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: n1}}, {{name: n2}}]\nclusters:\n\
         - {{name: east, network: n1, apiServer: 'https://192.0.2.1:6443', eastWestGateway: {{externalIPs: [192.0.2.100]}}}}\n\
         - {{name: west, network: n2, apiServer: 'https://192.0.2.2:6443', eastWestGateway: {gateway}}}\n"
    ));
    simulator.calls("install.sh", &[]);
    simulator
}

#[test]
fn what_others_dial_is_compared_with_what_istiods_are_told() {
    let mesh = behind_nat();
    let said = mesh.run("verify.sh", &[]);
    done(&said);
    assert!(said.text.contains("west: others dial the gateway at 203.0.113.7 port 443 for services"), "{}", said.text);
    for cluster in ["east", "west"] {
        let line = format!("{cluster}: its istiod is told the gateway of n2 at 203.0.113.7 port 443");
        assert!(said.text.contains(&line), "{}", said.text);
    }
    let limping = mesh.copy();
    let networks = json!("networks:\n  n2:\n    gateways:\n    - address: 203.0.113.7\n      port: 4430\n");
    edit(&limping, "east", "ConfigMap/istio-system/istio", "/data/meshNetworks", networks);
    refused(
        &limping.run("verify.sh", &[]),
        1,
        "FAILED  east: its istiod is not told the gateway of n2 at 203.0.113.7 port 443",
    );
    let limping = mesh.copy();
    let label = "/metadata/labels/topology.istio.io~1network";
    edit(&limping, "west", "Service/istio-system/istio-eastwestgateway", label, json!("n2"));
    refused(&limping.run("verify.sh", &[]), 1, "FAILED  west: its Service has the label topology.istio.io/network");
}

/// Somebody else signs: nothing of certificates is compared, and the rest is checked.
#[test]
fn a_mesh_without_certificates_is_installed_and_verified() {
    for version in ["1.11.2", "1.30.3"] {
        let signed = topology(version).replace("issuedOn: 2026-11-01", "authority: none");
        assert!(signed.contains("authority: none"));
        let simulator = Simulator::new(&signed);
        let calls = simulator.calls("install.sh", &[]);
        assert!(calls.iter().all(|call| !call.contains("cacerts")), "{calls:#?}");
        let said = simulator.run("verify.sh", &[]);
        done(&said);
        assert!(
            said.text.contains("ok      west: the API server has a root for its injection webhooks"),
            "{}",
            said.text
        );
        let webhook = "MutatingWebhookConfiguration//istio-sidecar-injector";
        let only = |line: &str| {
            let said = simulator.run("verify.sh", &[]);
            assert_eq!(said.code, Some(1), "{}", said.text);
            assert!(said.text.contains(line) && said.text.contains(" checks, 1 failed"), "{line}: {}", said.text);
        };
        edit(&simulator, WEST, webhook, "/webhooks/0/clientConfig/caBundle", json!(""));
        only("west: the API server has no root for its injection webhooks");
        simulator.remove(WEST, webhook);
        if version == "1.30.3" {
            // istioctl makes a second one.
            simulator.remove(WEST, "MutatingWebhookConfiguration//istio-revision-tag-default");
        }
        only("west: no webhook injects sidecars");
        // What an earlier tree put there is seen.
        simulator.put(EAST, &ours("Secret", "cacerts"));
        let said = simulator.run("verify.sh", &["--cluster", "east"]);
        assert!(said.text.contains("east: Secret/cacerts is left from an earlier topology"), "{}", said.text);
    }
}
