use std::collections::BTreeSet;

use crate::command::Command;
use crate::layout::{ROUTE_PROTOCOL, ROUTES};

use super::Runbook;

impl Runbook<'_> {
    /// `routes.sh` of every cluster with other routes, and of the nodes that are new.
    pub(super) fn new_routes(&self) -> Vec<String> {
        let mut commands = Vec::new();
        if !self.situation.has_other_routes {
            return commands;
        }
        for name in self.after().clusters() {
            let was = self.situation.old_name(name).unwrap_or_else(|| name.to_owned());
            let (old, new) = (self.before().routes_from(&was), self.after().routes_from(name));
            let script = Command::script(&format!("NEW/{name}/{ROUTES}")).words(["add"]);
            let added =
                self.after().nodes_of(name).difference(&self.before().nodes_of(&was)).copied().collect::<Vec<_>>();
            if new.iter().any(|route| !old.contains(route)) {
                commands.push(script.remark(&format!("as root, on each node of {name}")).to_string());
            } else if !new.is_empty() && !added.is_empty() {
                commands.push(
                    script.remark(&format!("as root, on the new nodes of {name}: {}", added.join(", "))).to_string(),
                );
            }
        }
        commands
    }

    /// Routes to ranges that are no longer routed: `routes.sh` knows those of its own tree alone.
    pub(super) fn old_routes(&self) -> Vec<String> {
        let mut commands = Vec::new();
        if !self.situation.has_other_routes {
            return commands;
        }
        for name in self.before().clusters() {
            let is = self.situation.new_name(name).unwrap_or_else(|| name.to_owned());
            let (old, new) = (self.before().routes_from(name), self.after().routes_from(&is));
            let kept: BTreeSet<&str> = new.iter().map(|(destination, _)| *destination).collect();
            let where_ = format!("as root, on each node of {name}");
            if new.is_empty() && !old.is_empty() {
                let script = Command::script(&format!("OLD/{name}/{ROUTES}")).words(["remove"]);
                commands.push(script.remark(&where_).to_string());
                continue;
            }
            let gone = old.iter().filter(|(destination, _)| !kept.contains(destination));
            commands.extend(gone.map(|(destination, _)| {
                let family = if destination.contains(':') { "-6" } else { "-4" };
                let protocol = ROUTE_PROTOCOL.to_string();
                let words = [family, "route", "del", destination, "proto", &protocol];
                Command::new("ip").words(words).remark(&where_).to_string()
            }));
        }
        commands
    }
}
