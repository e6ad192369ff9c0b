//! The table of rules, and the topologies that obey them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath, Place, Segment, Severity};
use crate::load::Loaded;
use crate::release::{RemoteShape, TracingMeans, release};
use crate::topology::{Allow, Cluster, Date, Name, Topology, Via};

mod chained_control_plane;
mod collector_via_mesh;
mod collector_without_gateway;
mod control_plane_without_gateway;
mod duplicate_address;
mod duplicate_context;
mod duplicate_name;
mod duplicate_node;
mod external_authority;
mod full_sampling;
mod gateway_without_address;
mod host_name_address;
mod host_name_control_plane;
mod host_name_gateway;
mod intermediate_outside_root;
mod ipv6_control_plane;
mod known_bug;
mod kubernetes_version;
mod missing_issued_on;
mod network_without_gateway;
mod overlapping_ranges;
mod owned_field;
mod plaintext_collector;
mod remote_mesh_config;
mod reserved_port;
mod revision_mismatch;
mod shared_gateway;
mod static_routing_without_nodes;
mod unknown_cluster;
mod unknown_network;
mod unknown_profile;
mod unsupported_istio;
mod unusable_address;
mod unusable_allow;
mod unusable_api_server;
mod unusable_collector_address;
mod unusable_node_port;
mod unused_network;

/// One way for a topology to be wrong.
pub struct Rule {
    /// The rule's name, which reads well after "allow".
    pub name: &'static str,
    /// Whether what it finds stops a build.
    pub severity: Severity,
    /// What the rule means.
    pub explain: &'static str,
    /// The lists whose names the rule needs, where it may speak of a topology with mistakes elsewhere; `None` where it needs a
    /// topology without any.
    pub needs: Option<&'static [&'static str]>,
    check: Check,
}

type Check = fn(&Subject<'_>, &mut Vec<Diagnostic>);

impl Rule {
    const fn error(
        name: &'static str,
        explain: &'static str,
        needs: Option<&'static [&'static str]>,
        check: Check,
    ) -> Self {
        Self { name, severity: Severity::Error, explain, needs, check }
    }

    const fn warning(
        name: &'static str,
        explain: &'static str,
        needs: Option<&'static [&'static str]>,
        check: Check,
    ) -> Self {
        Self { name, severity: Severity::Warning, explain, needs, check }
    }
}

/// Every rule, names and references first.
pub const RULES: &[Rule] = &[
    duplicate_name::RULE,
    unknown_network::RULE,
    unknown_cluster::RULE,
    chained_control_plane::RULE,
    unsupported_istio::RULE,
    unknown_profile::RULE,
    owned_field::RULE,
    control_plane_without_gateway::RULE,
    network_without_gateway::RULE,
    collector_without_gateway::RULE,
    gateway_without_address::RULE,
    host_name_address::RULE,
    ipv6_control_plane::RULE,
    revision_mismatch::RULE,
    remote_mesh_config::RULE,
    collector_via_mesh::RULE,
    unusable_collector_address::RULE,
    static_routing_without_nodes::RULE,
    missing_issued_on::RULE,
    external_authority::RULE,
    intermediate_outside_root::RULE,
    duplicate_context::RULE,
    duplicate_address::RULE,
    unusable_address::RULE,
    unusable_api_server::RULE,
    reserved_port::RULE,
    unusable_node_port::RULE,
    duplicate_node::RULE,
    overlapping_ranges::RULE,
    kubernetes_version::RULE,
    host_name_control_plane::RULE,
    host_name_gateway::RULE,
    unused_network::RULE,
    shared_gateway::RULE,
    full_sampling::RULE,
    plaintext_collector::RULE,
    known_bug::RULE,
    unusable_allow::RULE,
];

/// What the findings mean that are made elsewhere: while a topology is read, by day, or while certificates are answered.
pub const ELSEWHERE: &[(&str, &str)] = &[
    (
        "syntax",
        "The text is no YAML, or YAML of a kind that a topology is not written in: several documents, tags, merge keys, aliases or \
         nesting without bounds. Nothing more can be said of the file until it reads.",
    ),
    (
        "duplicate-key",
        "A key stands twice in one mapping. YAML forbids it, and readers disagree on which of the two counts.",
    ),
    (
        "unknown-field",
        "The format has no such field. A field that is silently passed over would be a wish that nobody grants, so every unknown \
         field is an error, except inside `meshConfig` and `values`, which are Istio's.",
    ),
    ("missing-field", "A field that has no default is not there."),
    (
        "wrong-type",
        "A value is of another type than the field's. YAML reads `1.30` as a number and `yes` as text: quotes make text, and `true` \
         and `false` are the only truths.",
    ),
    (
        "invalid-value",
        "A value is of the right type and cannot be right: outside its grammar, its range, or its choices.",
    ),
    (
        "seed-needed",
        "A certificate would have to be made anew, and there is no seed to make it with. Everything else can be built without the \
         seed, from the certificates that stand in the output.",
    ),
    (
        "external-certificate",
        "A certificate or key of an authority of your own is missing, is not what istiod reads, or does not fit the others. istiod \
         would refuse it, or sign certificates that nobody believes.",
    ),
    (
        "expiring-certificate",
        "A certificate has expired or will within 90 days of `--now`. When an intermediate expires, its cluster's proxies get no \
         certificates any more; when the root does, nobody in the mesh trusts anybody.",
    ),
    (
        "unused-allow",
        "The topology allows a warning that does not occur. Left alone, the entry would hide the first one that does.",
    ),
    (
        "end-of-life",
        "Support for this line of Istio has ended by `--now`: vulnerabilities that are found from then on stay open (istio.io, \
         \"Supported releases\").",
    ),
    (
        "old-issued-on",
        "A cluster without a day of its own takes that of the mesh. Where others were renewed meanwhile, a cluster that joins late \
         gets a certificate that is old already, and has to be renewed long before theirs.",
    ),
    (
        "short-intermediate",
        "An intermediate is issued for less than a year, because its root ends then. The next root is due.",
    ),
];

/// A topology that obeys every rule. Only [`check`] makes one.
#[derive(Debug)]
pub struct Checked {
    topology: Topology,
}

impl Checked {
    /// The topology.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }
}

/// Applies every rule that can speak of the topology; what they find is pushed onto `findings`.
/// `None` where there is an error among the findings.
pub fn check(loaded: Loaded, findings: &mut Vec<Diagnostic>) -> Option<Checked> {
    let subject = Subject::of(&loaded.topology);
    let has_holes = findings.iter().any(|finding| finding.severity == Severity::Error);
    let may_speak = |rule: &&Rule| match rule.needs {
        Some(lists) => !lists.iter().any(|list| is_name_unknown(&loaded, list)),
        None => !has_holes,
    };
    let speak = |severity: Severity, findings: &mut Vec<Diagnostic>| {
        for rule in RULES.iter().filter(|rule| rule.severity == severity).filter(may_speak) {
            let mut found = Vec::new();
            (rule.check)(&subject, &mut found);
            found.retain(|finding| !touches(finding, &loaded.holes));
            findings.append(&mut found);
        }
    };
    speak(Severity::Error, findings);
    let is_broken = findings.iter().any(|finding| finding.severity == Severity::Error);
    if !is_broken {
        // What is doubtful is worth reading once nothing is wrong.
        speak(Severity::Warning, findings);
        let unused = forgive(&loaded.topology, findings);
        findings.extend(unused);
    }
    (!is_broken).then_some(Checked { topology: loaded.topology })
}

/// The rule that speaks of what was allowed and does not occur.
const UNUSED_ALLOW: &str = "unused-allow";

/// What depends on the day, and may not occur today.
const BY_DAY: [&str; 4] = ["end-of-life", "expiring-certificate", "old-issued-on", "short-intermediate"];

/// The names of every rule, and what they mean.
pub fn every_rule() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().map(|rule| (rule.name, rule.explain)).chain(ELSEWHERE.iter().copied())
}

/// How bad the findings of a rule are.
pub fn severity(rule: &str) -> Severity {
    if allowed_kinds().any(|known| known == rule) || rule == UNUSED_ALLOW { Severity::Warning } else { Severity::Error }
}

/// The names of the rules whose findings can be allowed.
fn allowed_kinds() -> impl Iterator<Item = &'static str> {
    let warnings = RULES.iter().filter(|rule| rule.severity == Severity::Warning).map(|rule| rule.name);
    warnings.chain(BY_DAY)
}

/// What is allowed: where that is written, for which cluster if not for all, and the rule.
fn allowances(topology: &Topology) -> impl Iterator<Item = (FieldPath, Option<usize>, &Allow)> {
    let mesh = FieldPath::root().child("mesh").child("allow");
    let mesh = topology.mesh.allow.iter().enumerate().map(move |(index, allow)| (mesh.index(index), None, allow));
    let clusters = topology.clusters.iter().enumerate().flat_map(|(position, cluster)| {
        let path = FieldPath::root().child("clusters").index(position).child("allow");
        cluster.allow.iter().enumerate().map(move |(index, allow)| (path.index(index), Some(position), allow))
    });
    mesh.chain(clusters)
}

/// Takes out the warnings that the topology allows, and says which of its allowances none of them needs.
pub(crate) fn forgive(topology: &Topology, findings: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut unused = Vec::new();
    for (place, cluster, allow) in allowances(topology) {
        let before = findings.len();
        findings.retain(|finding| {
            let is_meant = finding.rule == allow.rule && cluster.is_none_or(|cluster| is_about(finding, cluster));
            finding.severity == Severity::Error || !is_meant
        });
        if findings.len() == before && !BY_DAY.contains(&allow.rule.as_str()) {
            unused.push(
                Diagnostic::warning(UNUSED_ALLOW, place.child("rule"), format!("nothing here is a `{}`", allow.rule))
                    .help("remove the entry: it would hide one that comes later"),
            );
        }
    }
    unused
}

/// Whether a finding's place is in a cluster.
fn is_about(finding: &Diagnostic, cluster: usize) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => {
            matches!(path.segments(), [Segment::Key(key), Segment::Index(index), ..] if key == "clusters" && *index == cluster)
        }
        _ => false,
    })
}

/// The line of Istio whose support has ended by a day.
pub(crate) fn end_of_life(topology: &Topology, today: Date) -> Option<Diagnostic> {
    let version = topology.istio.version;
    let (year, month, day) = release(version)?.end_of_life?;
    let month = time::Month::try_from(month).expect("the table holds months");
    let end = Date(time::Date::from_calendar_date(year, month, day).expect("the table holds days"));
    (end < today).then(|| {
        let place = FieldPath::root().child("istio").child("version");
        Diagnostic::warning("end-of-life", place, format!("Istio {version} gets no security fixes any more"))
            .label(format!("supported until {end}"))
            .help("plan the upgrade, or allow this with the reason why it has to stay")
    })
}

/// Whether one of the names in a list is not what its author wrote.
fn is_name_unknown(loaded: &Loaded, list: &str) -> bool {
    loaded.holes.iter().any(|hole| match hole.segments() {
        [Segment::Key(key)] | [Segment::Key(key), Segment::Index(_)] => key == list,
        [Segment::Key(key), Segment::Index(_), Segment::Key(field)] => key == list && field == "name",
        _ => false,
    })
}

/// Whether a finding speaks of a value that is not what the author wrote.
fn touches(finding: &Diagnostic, holes: &[FieldPath]) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => holes.iter().any(|hole| path.segments().starts_with(hole.segments())),
        _ => false,
    })
}

/// A topology and the positions of its names.
pub(crate) struct Subject<'t> {
    pub(crate) topology: &'t Topology,
    clusters: BTreeMap<&'t str, usize>,
    networks: BTreeMap<&'t str, usize>,
}

impl<'t> Subject<'t> {
    fn of(topology: &'t Topology) -> Self {
        let mut clusters = BTreeMap::new();
        for (index, cluster) in topology.clusters.iter().enumerate() {
            clusters.entry(cluster.name.as_str()).or_insert(index);
        }
        let mut networks = BTreeMap::new();
        for (index, network) in topology.networks.iter().enumerate() {
            networks.entry(network.name.as_str()).or_insert(index);
        }
        Self { topology, clusters, networks }
    }

    /// The clusters and their paths.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = (FieldPath, &'t Cluster)> {
        let list = FieldPath::root().child("clusters");
        self.topology.clusters.iter().enumerate().map(move |(index, cluster)| (list.index(index), cluster))
    }

    pub(crate) fn cluster_path(&self, name: &str) -> FieldPath {
        let clusters = FieldPath::root().child("clusters");
        self.clusters.get(name).map_or(clusters.clone(), |index| clusters.index(*index))
    }

    pub(crate) fn cluster(&self, name: &str) -> Option<&'t Cluster> {
        self.clusters.get(name).map(|index| &self.topology.clusters[*index])
    }

    pub(crate) fn cluster_names(&self) -> impl Iterator<Item = &'t str> {
        self.clusters.keys().copied()
    }

    pub(crate) fn network_names(&self) -> impl Iterator<Item = &'t str> {
        self.networks.keys().copied()
    }

    pub(crate) fn has_network(&self, name: &str) -> bool {
        self.networks.contains_key(name)
    }

    /// The clusters of each network that has any, in the order in which the networks are declared.
    pub(crate) fn populated_networks(&self) -> Vec<(usize, Vec<&'t Cluster>)> {
        let mut members: BTreeMap<usize, Vec<&Cluster>> = BTreeMap::new();
        for cluster in &self.topology.clusters {
            if let Some(network) = self.networks.get(cluster.network.as_str()) {
                members.entry(*network).or_default().push(cluster);
            }
        }
        members.into_iter().collect()
    }

    /// The clusters that a primary serves besides itself, by the primary's name.
    pub(crate) fn remotes(&self) -> BTreeMap<&'t str, Vec<&'t Cluster>> {
        let mut remotes: BTreeMap<&str, Vec<&Cluster>> = BTreeMap::new();
        for cluster in &self.topology.clusters {
            if let Some(primary) = primary_of(cluster)
                && self.cluster(primary).is_some_and(|primary| primary_of(primary).is_none())
            {
                remotes.entry(primary).or_default().push(cluster);
            }
        }
        remotes
    }

    /// The clusters whose proxies report to a port of the collector's gateway.
    pub(crate) fn reporters(&self) -> Vec<&'t Cluster> {
        if self.topology.tracing.as_ref().is_none_or(|tracing| tracing.zipkin.via != Via::Gateway) {
            return Vec::new();
        }
        let reports = |cluster: &&Cluster| overridden_collector(self.decides_on_tracing(cluster)).is_none();
        self.topology.clusters.iter().filter(reports).collect()
    }

    /// The cluster whose mesh config says where a cluster's traces go: its primary's, where that configures tracing.
    fn decides_on_tracing(&self, cluster: &'t Cluster) -> &'t Cluster {
        let release = release(self.topology.istio.version);
        let is_central = release.is_some_and(|release| release.tracing == TracingMeans::Provider);
        let primary = primary_of(cluster).filter(|_| is_central).and_then(|primary| self.cluster(primary));
        primary.unwrap_or(cluster)
    }

    /// The revision of a cluster's control plane.
    pub(crate) fn revision(&self, cluster: &'t Cluster) -> Option<&'t str> {
        cluster.istio.revision.as_ref().or(self.topology.istio.revision.as_ref()).map(Name::as_str)
    }

    /// Whether remotes run no istiod of their own.
    pub(crate) fn has_thin_remotes(&self) -> bool {
        release(self.topology.istio.version).is_some_and(|release| release.remotes == RemoteShape::Thin)
    }
}

/// The name of the cluster whose istiod serves a remote; `None` for a primary.
pub(crate) fn primary_of(cluster: &Cluster) -> Option<&str> {
    cluster.control_plane.as_ref().filter(|primary| **primary != cluster.name).map(Name::as_str)
}

/// Where a cluster's own mesh config says that its traces go.
pub(crate) fn overridden_collector(cluster: &Cluster) -> Option<&Value> {
    cluster.istio.mesh_config.get("defaultConfig")?.pointer("/tracing/zipkin/address")
}

/// The path of the field that says where traces go.
pub(crate) fn collector_path() -> FieldPath {
    FieldPath::root().child("tracing").child("zipkin").child("cluster")
}

/// A few names in backticks, and how many more there are.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=SHOWN => match names.as_slice() {
            [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
            names => names.concat(),
        },
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}
