//! The README of a tree, followed command by command.

use super::*;
use crate::pages::blocks;

#[test]
fn a_mesh_comes_up_by_its_readme() {
    let topologies = [topology("1.11.2"), install::thirty()];
    for text in &topologies[..common::share(2, 1)] {
        let simulator = Simulator::new(text);
        let page = std::fs::read_to_string(simulator.path("out/README.md")).unwrap();
        let (_, page) = page.split_once("\n## Every step\n").unwrap();
        let (steps, _) = page.split_once("\n## ").unwrap();
        done(&simulator.follow(&blocks(steps).concat()));
        let said = simulator.run("verify.sh", &[]);
        done(&said);
        let (clusters, known) = (simulator.lock().clusters.len(), said.text.matches(": it knows ").count());
        assert!(known >= clusters - 1, "{}", said.text);
    }
}
