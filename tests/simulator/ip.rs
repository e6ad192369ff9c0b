//! ip, on a node whose addresses and routes stand in `node.json`.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::state::{Answer, State};

#[derive(Default, Serialize, Deserialize)]
struct Node {
    addresses: Vec<String>,
    /// Destination, next hop, protocol.
    routes: Vec<(String, String, String)>,
}

pub(crate) fn run(state: &mut State, words: &[String]) -> Answer {
    let path = state.node();
    let mut node: Node = fs::read(&path).map(|bytes| serde_json::from_slice(&bytes).unwrap()).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !matches!(*word, "-4" | "-6")).collect();
    let answer = match words[..] {
        ["-o", "address", "show", "to", wanted] => {
            let held = node.addresses.iter().filter(|address| **address == wanted);
            Answer::said(
                held.map(|address| format!("2: eth0    inet {address}/24 scope global eth0\n")).collect::<String>(),
            )
        }
        ["route", "show", "exact", wanted] => {
            let routes = node.routes.iter().filter(|(destination, ..)| destination == wanted);
            Answer::said(
                routes.map(|(to, via, proto)| format!("{to} via {via} dev eth0 proto {proto}\n")).collect::<String>(),
            )
        }
        ["route", verb @ ("add" | "replace"), to, "via", via, "proto", proto] => {
            if verb == "add" && node.routes.iter().any(|(destination, ..)| destination == to) {
                return Answer { code: 2, ..Answer::refused("RTNETLINK answers: File exists") };
            }
            node.routes.retain(|(destination, ..)| destination != to);
            node.routes.push((to.to_owned(), via.to_owned(), proto.to_owned()));
            Answer::default()
        }
        ["route", "del", to, "proto", proto] => {
            node.routes.retain(|(destination, _, by)| destination != to || by != proto);
            Answer::default()
        }
        _ => Answer::strange(format!("ip {}", words.join(" "))),
    };
    fs::write(path, serde_json::to_vec(&node).unwrap()).unwrap();
    answer
}
