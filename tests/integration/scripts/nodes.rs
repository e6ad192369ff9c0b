//! routes.sh

use super::*;

/// Three clusters with a node each on one network, in network namespaces of their own: no pod reaches a pod of another cluster
/// before `add`, all do after it, and after `remove` the tables are as they were.
#[test]
fn routes_carry_pods_traffic_between_nodes() {
    let simulator = Simulator::new(
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
        .arg(simulator.path("out"))
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "this test makes network namespaces: {said}");
    assert!(said.contains("all nodes are as before"), "{said}");
}
