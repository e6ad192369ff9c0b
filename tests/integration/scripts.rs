//! The emitted scripts, run: against stand-ins of kubectl and istioctl, and on nodes made of network namespaces.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use meshgen::source::Source;
use tempfile::TempDir;

use crate::common;

/// Two networks; contexts that a careless script would split, expand or run.
const TOPOLOGY: &str = r#"
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.11.2, profile: demo}
certificates: {issuedOn: 2026-11-01}
tracing: {zipkin: {cluster: east}}
workloads: {namespaces: [shop]}
networks: [{name: lan}, {name: cloud}]
clusters:
  - name: east
    network: lan
    context: "admin@east's $HOME"
    apiServer: https://192.0.2.10:6443
    eastWestGateway: {externalIPs: [192.0.2.100]}
  - name: west
    network: cloud
    controlPlane: east
    context: "`touch pwned` west"
    apiServer: https://192.0.2.20:6443
    eastWestGateway: {}
"#;

/// A tree on disk, and the stand-ins' memory.
struct Stage {
    directory: TempDir,
}

impl Stage {
    fn new(topology: &str) -> Self {
        let stage = Self { directory: tempfile::tempdir().unwrap() };
        let tree = common::compile(&Source::new("topology.yaml", topology.as_bytes()));
        for (path, file) in tree.iter() {
            let path = stage.path("out").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode.bits())).unwrap();
        }
        fs::create_dir(stage.path("state")).unwrap();
        stage.remember("version", "1.11.2\n");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn remember(&self, name: &str, text: &str) {
        fs::write(self.path("state").join(name), text).unwrap();
    }

    fn recall(&self, name: &str) -> String {
        fs::read_to_string(self.path("state").join(name)).unwrap_or_default()
    }

    fn forget(&self, name: &str) {
        fs::remove_file(self.path("state").join(name)).unwrap();
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let stand_ins = common::repository().join("tests/scripts");
        let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
        // From another directory: a script finds its tree by itself.
        let mut command = Command::new(self.path("out").join(script));
        command.args(arguments).current_dir(self.directory.path()).env("PATH", path).env("STATE", self.path("state"));
        command.output().unwrap()
    }

    /// Runs a script that has to succeed; what it called.
    fn calls(&self, script: &str, arguments: &[&str]) -> Vec<String> {
        let output = self.run(script, arguments);
        assert!(output.status.success(), "{}", said(&output));
        self.called()
    }

    fn called(&self) -> Vec<String> {
        let calls = self.recall("calls").lines().map(str::to_owned).collect();
        self.remember("calls", "");
        calls
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn position(calls: &[String], words: &[&str]) -> usize {
    let is_it = |call: &&String| words.iter().all(|word| call.contains(word));
    let found = calls.iter().find(is_it).unwrap_or_else(|| panic!("no call with {words:?} in {calls:#?}"));
    calls.iter().position(|call| call == found).unwrap()
}

#[test]
fn an_installation_goes_in_order_and_names_the_context_in_every_call() {
    let stage = Stage::new(TOPOLOGY);
    let calls = stage.calls("install.sh", &[]);
    for call in &calls {
        let is_local = call.starts_with("istioctl version") || call.contains(" label --local ");
        assert!(
            is_local || call.contains("--context=admin@east's $HOME") || call.contains("--context=`touch pwned` west"),
            "{call}"
        );
    }
    assert!(!stage.path("pwned").exists() && !stage.path("out/pwned").exists());
    let steps = [
        position(&calls, &["west", "apply -k west/10-namespace"]),
        position(&calls, &["west", "--server-side", "west/20-cacerts"]),
        position(&calls, &["istioctl install", "east/30-istio/istio.yaml -f east/30-istio/mesh-config.yaml"]),
        position(&calls, &["istioctl install", "east/40-eastwest-gateway/eastwest-gateway.yaml"]),
        position(&calls, &["apply -k east/50-exposure"]),
        position(
            &calls,
            &["x create-remote-secret --context=`touch pwned` west --name=west --server=https://192.0.2.20:6443"],
        ),
        position(&calls, &["admin@east's $HOME apply --server-side", "-f -"]),
        position(&calls, &["istioctl install", "west/30-istio/istio.yaml"]),
        position(&calls, &["istioctl install", "west/40-eastwest-gateway"]),
        position(&calls, &["apply -k east/60-zipkin"]),
    ];
    assert!(steps.is_sorted(), "{steps:?} in {calls:#?}");
    let together = |call: &&String| call.contains("istio.yaml") && call.contains("eastwest-gateway.yaml");
    assert!(calls.iter().find(together).is_none(), "istiod would be lost");
    assert!(!calls.iter().any(|call| call.contains("rollout restart")), "nothing ran before");
}

#[test]
fn what_runs_with_an_older_mesh_config_restarts_once_and_istiod_never() {
    let stage = Stage::new(TOPOLOGY);
    stage.calls("install.sh", &[]);
    let again = stage.calls("install.sh", &[]);
    assert!(!again.iter().any(|call| call.contains("rollout restart")), "{again:#?}");
    // The mesh config of west moved on while an installation was killed before its restart.
    stage.remember("restarted-_touch_pwned__west", "another");
    let moved = stage.calls("install.sh", &[]);
    let restarted: Vec<&String> = moved.iter().filter(|call| call.contains("rollout restart")).collect();
    assert_eq!(restarted.len(), 2, "{restarted:#?}");
    assert!(restarted.iter().all(|call| call.contains("--context=`touch pwned` west") && !call.contains("istiod")));
    assert!(
        restarted.iter().any(|call| call.contains("-n shop rollout restart deployment.apps/reviews")),
        "{restarted:#?}"
    );
    let after = stage.calls("install.sh", &[]);
    assert!(!after.iter().any(|call| call.contains("rollout restart")), "{after:#?}");
}

#[test]
fn a_dry_run_calls_nothing_and_prints_what_one_would_type() {
    let stage = Stage::new(TOPOLOGY);
    let output = stage.run("install.sh", &["--dry-run"]);
    assert!(output.status.success());
    assert!(stage.called().is_empty());
    let printed = said(&output);
    assert!(printed.contains(r"kubectl '--context=admin@east'\''s $HOME' apply -k east/10-namespace"), "{printed}");
    assert!(printed.contains("[1/"));
}

#[test]
fn an_installation_that_cannot_succeed_does_not_begin() {
    let stage = Stage::new(TOPOLOGY);
    stage.remember("dead-_touch_pwned__west", "");
    let dead = stage.run("install.sh", &[]);
    assert!(!dead.status.success() && said(&dead).contains("cluster west does not answer"), "{}", said(&dead));
    assert!(!stage.called().iter().any(|call| call.contains(" apply ")));
    stage.forget("dead-_touch_pwned__west");
    stage.remember("version", "client version: 1.12.0\n");
    let other = stage.run("install.sh", &[]);
    assert!(!other.status.success() && said(&other).contains("istioctl is 1.12.0, and this mesh is made for 1.11.2"));
    assert!(!stage.called().iter().any(|call| call.contains(" apply ")));
}

#[test]
fn a_failure_names_the_step_from_which_it_goes_on() {
    let stage = Stage::new(TOPOLOGY);
    stage.remember("late", "deployment/istio-eastwestgateway");
    let failed = stage.run("install.sh", &[]);
    assert!(!failed.status.success());
    assert!(said(&failed).contains("step east/40-eastwest-gateway failed in cluster east"), "{}", said(&failed));
    assert!(said(&failed).contains("./install.sh --from east/40-eastwest-gateway"));
    stage.forget("late");
    stage.called();
    let calls = stage.calls("install.sh", &["--from", "east/40-eastwest-gateway"]);
    assert!(
        !calls.iter().any(|call| call.contains("east/10-namespace") || call.contains("east/30-istio")),
        "{calls:#?}"
    );
    position(&calls, &["west/30-istio/istio.yaml"]);
    let unknown = stage.run("install.sh", &["--from", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("no such step: nowhere") && said(&unknown).contains("east/30-istio"));
    assert_eq!(stage.run("install.sh", &["--form", "x"]).status.code(), Some(2));
}

#[test]
fn credentials_are_applied_with_labels_and_never_shown() {
    let stage = Stage::new(TOPOLOGY);
    let output = stage.run("east/remote-secrets.sh", &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("token-of-west"), "{}", said(&output));
    let applied = stage.recall("applied-admin_east_s__HOME");
    assert!(applied.contains("token: token-of-west"), "{applied}");
    assert!(applied.contains("app.kubernetes.io/managed-by=meshgen app.kubernetes.io/part-of=mesh1"), "{applied}");
}

#[test]
fn an_empty_or_refused_credential_is_not_applied() {
    for state in ["empty-west", "refuse-west"] {
        let stage = Stage::new(TOPOLOGY);
        stage.remember(state, "");
        let output = stage.run("east/remote-secrets.sh", &[]);
        assert!(!output.status.success() && said(&output).contains("west"), "{}", said(&output));
        assert_eq!(stage.recall("applied-admin_east_s__HOME"), "");
    }
}

#[test]
fn the_secret_of_a_cluster_that_left_is_named_and_removed() {
    let stage = Stage::new(TOPOLOGY);
    stage.remember("secrets-admin_east_s__HOME", "secret/istio-remote-secret-west\nsecret/istio-remote-secret-north\n");
    let output = stage.run("east/remote-secrets.sh", &[]);
    assert!(
        said(&output).contains("secret/istio-remote-secret-north belongs to a cluster that left"),
        "{}",
        said(&output)
    );
    let calls = stage.called();
    let deleted: Vec<&String> = calls.iter().filter(|call| call.contains(" delete ")).collect();
    assert_eq!(deleted.len(), 1, "{deleted:#?}");
    assert!(deleted[0].ends_with("delete secret/istio-remote-secret-north"));
    position(
        &calls,
        &[
            "get secrets",
            "istio/multiCluster=true,app.kubernetes.io/managed-by=meshgen,app.kubernetes.io/part-of=mesh1",
        ],
    );
}

#[test]
fn verify_says_what_is_and_what_is_not() {
    let stage = Stage::new(TOPOLOGY);
    stage.remember("address-admin_east_s__HOME", "192.0.2.100  ");
    stage.remember("known-admin_east_s__HOME", "west ");
    let bootstrap = |address: &str| {
        format!(
            r#"{{"staticResources": {{"clusters": [{{"name": "zipkin", "address": "{address}", "portValue": 15018}}]}}}}"#
        )
    };
    stage.remember("bootstrap", &bootstrap("192.0.2.100"));
    let good = stage.run("verify.sh", &[]);
    assert!(good.status.success(), "{}", said(&good));
    assert!(said(&good).contains(" 0 failed") && !said(&good).contains("FAILED"));
    stage.remember("address-admin_east_s__HOME", "192.0.2.200");
    stage.remember("known-admin_east_s__HOME", "north ");
    stage.remember("bootstrap", &bootstrap("192.0.2.1"));
    stage.remember("unhealthy", "");
    stage.remember("late", "deployment/istiod");
    let bad = stage.run("verify.sh", &[]);
    assert_eq!(bad.status.code(), Some(1));
    let said = said(&bad);
    for failure in [
        "east: istiod is not ready",
        "east: the topology gives the gateway the address 192.0.2.100, its Service has 192.0.2.200",
        "east: it does not know west",
        "east: it knows north, which is not a cluster of this mesh",
        "east: its proxies do not report traces to 192.0.2.100:15018",
        "east: the trace collector is not healthy",
    ] {
        assert!(said.contains(&format!("FAILED  {failure}")), "{failure}: {said}");
    }
    let changing = ["apply", "delete", "restart", "annotate", "install"];
    assert!(!stage.called().iter().any(|call| changing.iter().any(|verb| call.contains(&format!(" {verb} ")))));
}

#[test]
fn nothing_is_uninstalled_unless_asked_for() {
    let stage = Stage::new(TOPOLOGY);
    let output = stage.run("uninstall.sh", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("Nothing was removed") && stage.called().is_empty());
}

#[test]
fn an_uninstallation_leaves_nothing_of_ours_and_all_of_others() {
    let stage = Stage::new(TOPOLOGY);
    stage.remember(
        "others-admin_east_s__HOME",
        "Deployment kiali <no value>\nConfigMap istio-ca-root-cert <no value>\nConfigMap istio-my-dashboards <no value>\n\
         Secret vault-token Opaque\nSecret default-token-x2 kubernetes.io/service-account-token\n\
         AuthorizationPolicy deny <no value>\nLease istio-gateway-deployment-default <no value>\n",
    );
    stage.remember(
        "others-_touch_pwned__west",
        "ConfigMap kube-root-ca.crt <no value>\nServiceAccount default <no value>\n",
    );
    let output = stage.run("uninstall.sh", &["--yes"]);
    assert!(output.status.success(), "{}", said(&output));
    let kept = "these are not from meshgen:\n  Deployment kiali\n  ConfigMap istio-my-dashboards\n  Secret vault-token\n  AuthorizationPolicy deny\n";
    assert!(said(&output).contains(kept), "{}", said(&output));
    let calls = stage.called();
    let owned = "install.operator.istio.io/owning-resource in (istio,eastwest-gateway)";
    let removed = |context: &str| {
        position(&calls, &[context, "delete clusterroles.rbac.authorization.k8s.io --ignore-not-found", owned]);
        position(
            &calls,
            &[context, "delete mutatingwebhookconfigurations,validatingwebhookconfigurations", "istio.io/rev=default"],
        );
        position(
            &calls,
            &[context, "delete configmaps,deployments.apps,authorizationpolicies.security.istio.io", owned],
        )
    };
    assert!(removed("--context=`touch pwned` west") < removed("--context=admin@east's $HOME"));
    position(&calls, &["west", "delete namespace istio-system"]);
    assert!(!calls.iter().any(|call| call.contains("east's") && call.contains("delete namespace")), "{calls:#?}");
    // Not even what has our names takes a CustomResourceDefinition with it, and with it every object of its kind.
    assert!(!calls.iter().any(|call| call.contains("delete customresourcedefinition") || call.contains("--purge")));
    stage.calls("uninstall.sh", &["--yes", "--crds"]);
    let with_crds = stage.calls("uninstall.sh", &["--yes", "--crds"]);
    position(&with_crds, &["delete customresourcedefinition/gateways.networking.istio.io"]);
    assert!(!with_crds.iter().any(|call| call.contains("delete customresourcedefinition/a.example.com")));
}

#[test]
fn what_is_being_deleted_does_not_keep_the_namespace() {
    let tree = common::compile(&Source::new("mesh.yaml", TOPOLOGY));
    let script = std::str::from_utf8(&tree.get("uninstall.sh").unwrap().bytes).unwrap();
    assert!(script.contains("{{if not (or .metadata.deletionTimestamp .metadata.ownerReferences)}}"));
}

#[test]
fn a_namespace_of_another_mesh_is_left_alone() {
    for labels in ["meshgen mesh2", " ", "Helm mesh1"] {
        let stage = Stage::new(TOPOLOGY);
        // The remote is ours, the primary's context leads elsewhere: nothing is removed anywhere.
        stage.remember("labels-admin_east_s__HOME", labels);
        let output = stage.run("uninstall.sh", &["--yes"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("the namespace istio-system is not of mesh mesh1"), "{}", said(&output));
        assert!(said(&output).contains("cluster east was not cleaned"), "{}", said(&output));
        assert!(!stage.called().iter().any(|call| call.contains(" delete ")));
    }
    let stage = Stage::new(TOPOLOGY);
    stage.remember("labels-_touch_pwned__west", "");
    let output = stage.run("uninstall.sh", &["--yes"]);
    assert!(
        output.status.success() && said(&output).contains("namespace istio-system does not exist"),
        "{}",
        said(&output)
    );
    assert!(!stage.called().iter().any(|call| call.contains("touch pwned") && call.contains(" delete ")));
}

/// A question that is not answered is no answer: each call of each script fails once, and the script ends there.
#[test]
fn a_call_that_fails_ends_the_script() {
    for (script, arguments) in
        [("install.sh", &[][..]), ("uninstall.sh", &["--yes", "--crds"]), ("east/remote-secrets.sh", &[])]
    {
        let stage = || {
            let stage = Stage::new(TOPOLOGY);
            stage.remember("secrets-admin_east_s__HOME", "secret/istio-remote-secret-north\n");
            stage
        };
        let count = stage().calls(script, arguments).len();
        for number in 1..=count {
            let stage = stage();
            stage.remember("fail-at", &number.to_string());
            let failed = stage.run(script, arguments);
            let calls = stage.called();
            assert_ne!(failed.status.code(), Some(0), "{script}: call {number} of {count}: {calls:#?}");
            assert_eq!(calls.len(), number, "{script} went on after call {number}: {calls:#?}");
            stage.forget("fail-at");
            stage.calls(script, arguments);
        }
    }
}

#[test]
fn every_script_lets_a_failed_question_end_it() {
    let tree = common::compile(&Source::new("mesh.yaml", TOPOLOGY));
    for (path, file) in tree.iter() {
        let script = std::str::from_utf8(&file.bytes).unwrap();
        if !script.starts_with("#!") {
            continue;
        }
        assert!(script.contains("\nset -euo pipefail\nshopt -s inherit_errexit\n") || path == "verify.sh", "{path}");
        // `local x=$(…)`, `[[ -z $(…) ]]` and `$(…)$(…)` pass over a failure.
        for line in script.lines().filter(|line| line.contains("=$(") || line.contains("[[")) {
            let is_masked = line.trim_start().starts_with("local ") && line.contains("=$(")
                || line.contains("[[ -z $(")
                || line.contains("[[ -n $(")
                || line.contains(")$(");
            assert!(!is_masked, "{path}: {line}");
        }
    }
}

#[test]
fn every_script_is_bash() {
    let stage = Stage::new(TOPOLOGY);
    for script in ["install.sh", "verify.sh", "uninstall.sh", "east/remote-secrets.sh"] {
        let output = Command::new("bash").arg("-n").arg(stage.path("out").join(script)).output().unwrap();
        assert!(output.status.success(), "{script}: {}", said(&output));
    }
}

/// Three clusters with a node each on one network, in network namespaces of their own: no pod reaches a pod of another cluster
/// before `add`, all do after it, and after `remove` the tables are as they were.
#[test]
fn routes_carry_pods_traffic_between_nodes() {
    let stage = Stage::new(
        "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.11.2}
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan, podRouting: static}]
clusters:
  - {name: a, network: lan, apiServer: 'https://10.9.0.1:6443', serviceCIDR: 10.68.0.0/16, nodes: [{address: 10.9.0.1, podCIDR: 172.20.1.0/24}]}
  - {name: b, network: lan, apiServer: 'https://10.9.0.2:6443', nodes: [{address: 10.9.0.2, podCIDR: 172.20.2.0/24}]}
  - {name: c, network: lan, apiServer: 'https://10.9.0.3:6443', nodes: [{address: 10.9.0.3, podCIDR: 172.20.3.0/24}, {address: 'fd00:9::3', podCIDR: 'fd00:20:3::/64'}]}
",
    );
    let script = common::repository().join("tests/scripts/nodes");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount"])
        .arg(script)
        .arg(stage.path("out"))
        .output()
        .unwrap();
    assert!(output.status.success(), "this test makes network namespaces: {}", said(&output));
    assert!(said(&output).contains("all nodes are as before"), "{}", said(&output));
}
