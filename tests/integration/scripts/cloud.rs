//! The page on meshes whose gateways get their addresses late, followed command by command.

use super::*;
use crate::pages::blocks_of;

#[test]
fn a_mesh_in_the_cloud_comes_up_by_its_page() {
    let page = std::fs::read_to_string(common::repository().join("docs/cloud.md")).unwrap();
    let [yaml, commands, texts] = ["yaml", "sh", "text"].map(|language| blocks_of(&page, language));
    let [topology, address] = &yaml[..] else { panic!("{yaml:?}") };
    let simulator = Simulator::new(topology);
    std::fs::remove_dir_all(simulator.path("out")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshgen"), simulator.path("programs/meshgen")).unwrap();
    std::fs::write(simulator.path("topology.yaml"), topology).unwrap();

    let first = simulator.type_beside(&commands[0]);
    done(&first);
    assert!(first.text.contains(&texts[0]), "{}", first.text);
    let said = simulator.run("verify.sh", &[]);
    done(&said);
    assert!(said.text.contains("skipped west: it waits for the address of the gateway of east"), "{}", said.text);
    assert!(said.text.contains("write eastWestGateway: {address: 198.51.100.11}"), "{}", said.text);

    let removed = simulator.copy();
    done(&removed.run("uninstall.sh", &["--yes"]));
    for context in ["gke_shop_us-east1", "gke_shop_us-west2"] {
        let objects = removed.objects(context);
        assert!(!objects.keys().any(|key| key.contains("istio-system")), "{context}: {:?}", objects.keys());
    }

    let whole = topology.replacen("    eastWestGateway: {}\n", address, 1);
    std::fs::write(simulator.path("topology.yaml"), whole).unwrap();
    let second = simulator.type_beside(&commands[1]);
    done(&second);
    assert!(second.text.contains(&texts[1]), "{}", second.text);
    assert!(second.text.contains("it knows west") && second.text.contains("know the collector"), "{}", second.text);
    assert!(!second.text.contains("skipped"), "{}", second.text);
}

#[test]
fn what_a_running_mesh_has_is_not_taken_because_an_address_is_missing() {
    let page = std::fs::read_to_string(common::repository().join("docs/cloud.md")).unwrap();
    let yaml = blocks_of(&page, "yaml");
    let simulator = Simulator::new(&yaml[0].replacen("    eastWestGateway: {}\n", &yaml[1], 1));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshgen"), simulator.path("programs/meshgen")).unwrap();
    std::fs::write(simulator.path("topology.yaml"), &yaml[0]).unwrap();
    let before = simulator.lock();
    for command in ["build topology.yaml -o out", "build --check topology.yaml -o out", "diff out topology.yaml"] {
        let said = simulator.type_beside(&format!("meshgen {command}"));
        assert_eq!(said.code, Some(2), "{command}: {}", said.text);
        assert!(said.text.contains("lost-gateway-address") && said.text.contains("west/30-istio"), "{}", said.text);
    }
    assert_eq!(simulator.lock(), before);
}
