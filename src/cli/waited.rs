use crate::lock::Lock;
use crate::words::{joined, names};

use super::say;

/// Says what an earlier build left out because it waited for an address, and what restarts because of it.
pub(super) fn say_arrived(before: &Lock, after: &Lock) {
    let waited = |lock: &Lock, name: &str| lock.clusters.get(name).is_some_and(|cluster| cluster.is_waiting);
    let arrived = after.clusters.keys().filter(|name| waited(before, name) && !waited(after, name));
    let mut arrived: Vec<String> = arrived.map(|name| format!("`{name}`")).collect();
    if before.traces_wait_for.is_some() && after.traces_wait_for.is_none() {
        arrived.push("tracing".to_owned());
    }
    if arrived.is_empty() {
        return;
    }
    say(&format!("note: {} waited for an address: run install.sh", joined(&arrived, "and")));
    let restarts = after.clusters.iter().filter(|(name, cluster)| {
        let start = before.clusters.get(*name).filter(|cluster| !cluster.is_waiting).map(|cluster| &cluster.at_start);
        start.is_some_and(|start| *start != cluster.at_start)
    });
    let restarts: Vec<&str> = restarts.map(|(name, _)| name.as_str()).collect();
    if restarts.is_empty() {
        say("note: nothing restarts");
    } else {
        say(&format!("note: install.sh restarts the gateways and the workloads of {}", names(restarts)));
    }
}
