//! What differs between two trees, and what that means for a running mesh.
//!
//! Both sides are trees: a built directory, or the tree of a topology without the files that need a secret. Private keys
//! are never read.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::flows::{self, Changes, Row};
use crate::parallel;
use crate::pki::inventory::{Entry, Role};
use crate::schema;

use self::consequence::{AskedOnce, Situation};
use self::facts::Known;
use self::runbook::Runbook;

pub use self::consequence::Consequence;
pub use self::impact::Kind;
pub use self::objects::{FieldChange, ObjectChange};
pub use self::private_key::{KeyForm, PrivateKeyChange};
pub use self::reach::{CredentialChange, Path, PathChange};
pub use self::runbook::Phase;
pub use self::side::Side;
pub use self::sources::MeshChange;
pub use self::text::{Hunk, TextChange};
pub use self::what::What;

mod authorities;
mod changed;
mod consequence;
mod controllers;
mod facts;
mod fields;
mod format_1;
mod impact;
mod manifest;
mod objects;
pub(crate) mod private_key;
mod reach;
pub mod report;
mod runbook;
mod side;
mod sources;
mod text;
mod what;

/// The format of the JSON report.
pub const FORMAT: &str = "meshgen-diff-1";

/// What differs between two trees.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Diff")]
pub struct Diff {
    /// `meshgen-diff-1`.
    pub format: &'static str,
    /// The first side, as it was named.
    pub before: String,
    /// The second side, as it was named.
    pub after: String,
    /// How much differs.
    pub summary: Summary,
    /// Every cluster of either side, in the order of their names.
    pub clusters: Vec<ClusterChange>,
    /// What decides for all clusters and differs: where charts and the tree are taken from, and whose workloads restart.
    pub mesh: Vec<MeshChange>,
    /// What differs in the files of the mesh as a whole.
    pub pages: Vec<TextChange>,
    /// The roots that proxies trust, and the authorities between them and the clusters' certificates, where they differ.
    pub authorities: Vec<AuthorityChange>,
    /// The ordered pairs of clusters between which the route of traffic changes.
    pub paths: Vec<PathChange>,
    /// The control planes whose credentials change.
    pub credentials: Vec<CredentialChange>,
    /// What firewalls between clusters have to let through from now on, and what no longer; null where a side is a tree, which does
    /// not say all of it. What does not leave a cluster is not here.
    pub flows: Option<Vec<Row>>,
    /// What is to be done, in order. It is empty where one mesh cannot become the other, and where nothing is to be done.
    pub runbook: Vec<Phase>,
    /// Facts that only one side records because an older meshgen built the other. Whether they differ is not known.
    pub unrecorded: Vec<String>,
}

impl Diff {
    /// The JSON Schema of the difference as JSON.
    pub fn schema() -> Value {
        schema::of_output::<Self>("diff.schema.json")
    }
}

/// How much differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Clusters in which anything differs.
    pub clusters: usize,
    /// Objects that are there on both sides and differ.
    pub objects_changed: usize,
    /// Objects that only the second side has.
    pub objects_added: usize,
    /// Objects that only the first side has.
    pub objects_removed: usize,
}

/// What differs in one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterChange {
    /// The cluster's name.
    pub name: String,
    /// Whether the cluster is on both sides.
    pub membership: Membership,
    /// The consequences of the differences, the worst first.
    pub consequences: Vec<Consequence>,
    /// Objects that differ.
    pub objects: Vec<ObjectChange>,
    /// Scripts and other texts that differ.
    pub files: Vec<TextChange>,
    /// The cluster's certificate, where it differs.
    pub certificate: Option<CertificateChange>,
    /// How its private key reaches the cluster, where that differs.
    pub private_key: Option<PrivateKeyChange>,
}

/// Whether a cluster is on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Membership {
    /// On both.
    Stays,
    /// On the second only.
    Joins,
    /// On the first only.
    Leaves,
}

/// A certificate that differs: facts, never bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateChange {
    /// What the first side has.
    pub before: Option<Entry>,
    /// What the second side has.
    pub after: Option<Entry>,
    /// Whether the private key differs.
    pub is_key_reissued: bool,
}

/// An authority that differs in some clusters: facts, never bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityChange {
    /// Whether it is a root, or an authority between a root and the certificates of clusters.
    pub role: Role,
    /// The clusters in whose bundles it differs.
    pub clusters: Vec<String>,
    /// Whether these are all clusters that have a certificate.
    pub is_everywhere: bool,
    /// What differs.
    pub certificate: CertificateChange,
}

impl Diff {
    /// Whether the two sides are the same.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
            && self.pages.is_empty()
            && self.flows.as_ref().is_none_or(Vec::is_empty)
            && self.clusters.iter().all(|cluster| !cluster.differs() && cluster.worst() == Kind::Nothing)
    }

    /// The clusters in which anything differs.
    pub fn changed(&self) -> impl Iterator<Item = &ClusterChange> {
        self.clusters.iter().filter(|cluster| cluster.worst() != Kind::Nothing)
    }
}

impl ClusterChange {
    /// The worst consequence of the differences.
    pub fn worst(&self) -> Kind {
        self.consequences.first().map_or(Kind::Nothing, |consequence| consequence.kind)
    }

    fn differs(&self) -> bool {
        !self.objects.is_empty() || !self.files.is_empty() || self.certificate.is_some() || self.private_key.is_some()
    }
}

/// Compares two trees.
pub fn compare(before: &Side, after: &Side) -> Diff {
    let (before, after, unrecorded) = Known::of(before, after);
    let (before, after) = (&before, &after);
    let names: BTreeSet<&str> = before.clusters().chain(after.clusters()).collect();
    let all: Vec<&str> = names.iter().copied().collect();
    let mut clusters = parallel::map(&all, CLUSTERS_WORTH_A_THREAD, |name| cluster(before, after, name));
    objects::say_where_from(&mut clusters);
    let authorities = authorities::compare(before, after, &names);
    let credentials = reach::credentials(before, after);
    let [old, new] = [before, after].map(|side| side.members.iter().map(|(name, member)| (*name, &member.network)));
    let has_other_routes = before.routes != after.routes || !old.eq(new);
    let situation = Situation {
        before,
        after,
        authorities: &authorities,
        credentials: &credentials,
        has_other_routes,
        asked_once: AskedOnce::default(),
    };
    let consequences = parallel::map(&clusters, CLUSTERS_WORTH_A_THREAD, |cluster| situation.consequences(cluster));
    for (cluster, consequences) in clusters.iter_mut().zip(consequences) {
        cluster.consequences = consequences;
    }
    let runbook = Runbook { situation: &situation, clusters: &clusters }.phases();
    Diff {
        format: FORMAT,
        before: before.name.clone(),
        after: after.name.clone(),
        summary: summary(&clusters),
        mesh: sources::compare(before, after),
        pages: text::compare_all(before.pages(), after.pages()),
        authorities,
        paths: reach::paths(before, after),
        flows: flows(before, after),
        runbook,
        credentials,
        clusters,
        unrecorded,
    }
}

fn flows(before: &Side, after: &Side) -> Option<Vec<Row>> {
    let changes = Changes::between(before.flows.as_ref()?, after.flows.as_ref()?);
    Some(flows::rows(&flows::What::Changes(changes.between_clusters())))
}

/// Comparing fewer clusters takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 32;

fn cluster(before: &Known<'_>, after: &Known<'_>, name: &str) -> ClusterChange {
    let membership = match (before.has(name), after.has(name)) {
        (true, true) => Membership::Stays,
        (false, _) => Membership::Joins,
        (true, false) => Membership::Leaves,
    };
    let (objects, mut files) = objects::compare(&before.files_of(name), &after.files_of(name));
    files.extend(authorities::compare_texts(before, after, name));
    let certificate = authorities::compare_signers(before, after, name);
    let private_key = private_key::compare(before, after, name);
    let (name, consequences) = (name.to_owned(), Vec::new());
    ClusterChange { name, membership, consequences, objects, files, certificate, private_key }
}

fn summary(clusters: &[ClusterChange]) -> Summary {
    // A document without a name is not an object of a cluster: only kustomize reads it.
    let objects = || clusters.iter().flat_map(|cluster| &cluster.objects).filter(|object| object.name.is_some());
    Summary {
        clusters: clusters.iter().filter(|cluster| cluster.worst() != Kind::Nothing).count(),
        objects_changed: objects().filter(|object| !matches!(object.what, What::Added | What::Removed)).count(),
        objects_added: objects().filter(|object| object.what == What::Added).count(),
        objects_removed: objects().filter(|object| object.what == What::Removed).count(),
    }
}

/// A value as one line.
fn one_line(value: &Value) -> String {
    match value {
        // A string that YAML reads as another type, such as `"false"`, keeps its quotes.
        Value::String(text) if text.contains(char::is_control) || serde_json::from_str::<Value>(text).is_ok() => {
            value.to_string()
        }
        Value::String(text) if text.is_empty() => value.to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
