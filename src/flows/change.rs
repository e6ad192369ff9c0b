use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::words::noun;
use super::{Flow, Flows};

/// The flows that come and those that go.
#[derive(Debug, Clone)]
pub struct Changes {
    /// What the firewall no longer has to let through, in the mesh before.
    pub removed: Flows,
    /// What it has to let through from now on, in the mesh after.
    pub added: Flows,
}

/// Whether a flow comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The firewall has to let it through from now on.
    Added,
    /// Nobody needs it any more.
    Removed,
}

impl Changes {
    /// What comes and goes between two meshes: of a row that stays, the clusters that join or leave it. A row whose addresses change
    /// goes, and comes again under the same name.
    pub fn between(before: &Flows, after: &Flows) -> Self {
        if before.is_same(after) {
            return Self { removed: before.without_rows(), added: after.without_rows() };
        }
        let (old, new) = (sources(before), sources(after));
        Self { removed: only(before, &new), added: only(after, &old) }
    }

    /// Those of one cluster.
    #[must_use]
    pub fn of_cluster(self, name: &str) -> Self {
        Self { removed: self.removed.of_cluster(name), added: self.added.of_cluster(name) }
    }

    /// A row for each pair.
    #[must_use]
    pub fn expanded(self) -> Self {
        Self { removed: self.removed.expanded(), added: self.added.expanded() }
    }

    /// Those that leave a cluster.
    #[must_use]
    pub fn between_clusters(self) -> Self {
        Self { removed: self.removed.between_clusters(), added: self.added.between_clusters() }
    }

    /// Whether nothing comes or goes.
    pub fn is_empty(&self) -> bool {
        self.removed.rows.is_empty() && self.added.rows.is_empty()
    }
}

/// Who opens connections to each destination: names of clusters, and where they come from.
type Sources<'f> = BTreeMap<String, BTreeSet<(&'f str, &'f [String])>>;

fn sources(flows: &Flows) -> Sources<'_> {
    let mut sources = Sources::new();
    for row in &flows.rows {
        sources
            .entry(key(flows, row))
            .or_default()
            .extend(flows.ends(row).map(|(_, name, addresses)| (name, addresses)));
    }
    sources
}

/// The rows, with what of their sources the other side does not have.
fn only(flows: &Flows, others: &Sources<'_>) -> Flows {
    let mut rows = Vec::new();
    for row in &flows.rows {
        let standing = others.get(&key(flows, row));
        let is_new = |name: &str, addresses: &[String]| standing.is_none_or(|ends| !ends.contains(&(name, addresses)));
        let new: Vec<Option<usize>> = flows
            .ends(row)
            .filter(|(_, name, addresses)| is_new(name, addresses))
            .map(|(position, _, _)| position)
            .collect();
        if !new.is_empty() {
            let mut row = row.clone();
            row.source.clusters = new.into_iter().flatten().collect();
            rows.push(row);
        }
    }
    Flows { rows, ..flows.without_rows() }
}

/// What a row is about but for the clusters of its source.
fn key(flows: &Flows, row: &Flow) -> String {
    let network = row.source.network.map_or("", |network| &flows.networks[network]);
    let cluster = row.destination.cluster.map_or("", |cluster| &flows.clusters[cluster].name);
    let mut key = [noun(flows, row.source.role, 1), network, row.destination.role.word(), cluster].join("\n");
    for address in &*row.destination.addresses {
        key.push('\n');
        key.push_str(address);
    }
    key.push('\n');
    key.push_str(&row.port.to_string());
    key
}

/// Flows to write.
#[derive(Debug, Clone)]
pub enum What {
    /// All of a mesh.
    All(Flows),
    /// Those that come and go.
    Changes(Changes),
}

impl What {
    /// The flows, and whether they come or go.
    pub(super) fn each(&self) -> Vec<(Option<Change>, &Flows)> {
        match self {
            Self::All(flows) => vec![(None, flows)],
            Self::Changes(changes) => {
                vec![(Some(Change::Removed), &changes.removed), (Some(Change::Added), &changes.added)]
            }
        }
    }
}
