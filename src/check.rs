//! The table of rules, and the topologies that obey them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, FieldPath, Place, Segment, Severity};
use crate::load::Loaded;
use crate::parallel;
use crate::release::release;
use crate::rule::{END_OF_LIFE, OTHER_RULES, Rule};
use crate::topology::{Date, Topology};
use crate::words::names;

mod address_inside_range;
mod allowed;
mod chained_control_plane;
mod collector_via_mesh;
mod collector_without_gateway;
mod context;
mod control_plane_without_gateway;
mod deprecated_external_ips;
mod documentation_address;
mod duplicate_address;
mod duplicate_context;
mod duplicate_name;
mod duplicate_node;
mod external_authority;
mod external_ip_without_node;
mod full_sampling;
mod gateway_without_address;
mod host_name_address;
mod host_name_control_plane;
mod host_name_gateway;
mod ignored_istio_field;
mod intermediate_outside_root;
mod ipv6_control_plane;
mod known_bug;
mod kubernetes_version;
mod missing_issued_on;
mod network_without_gateway;
mod node_port_on_external_ip;
mod off_link_next_hop;
mod overlapping_ranges;
mod owned_field;
mod plaintext_collector;
mod remote_mesh_config;
mod reserved_port;
mod revision_mismatch;
mod shared_gateway;
mod single_node_service_route;
mod static_routing_without_nodes;
mod undiscoverable_gateway;
mod unknown_cluster;
mod unknown_istio_field;
mod unknown_network;
mod unknown_profile;
mod unserved_collector_address;
mod unsupported_istio;
mod unusable_address;
mod unusable_allow;
mod unusable_api_server;
mod unusable_collector_address;
mod unusable_node_port;
mod unused_network;
mod workload_namespace;

pub(crate) use allowed::apply_allowances;
use allowed::{allowances, allowed_kinds};
use context::{Context, collector_override_path, collector_path, free_forms, gateways};
pub(crate) use unknown_cluster::RULE as UNKNOWN_CLUSTER;

/// A rule, and how it is applied.
struct Check {
    rule: Rule,
    needs: Needs,
    run: fn(&Context<'_>, &mut Vec<Diagnostic>),
}

/// What must be valid before a rule can check a topology.
enum Needs {
    /// All that was read.
    WholeTopology,
    /// The names in these lists; there may be mistakes elsewhere.
    Names(&'static [List]),
}

/// A list of the topology whose items have names.
enum List {
    Clusters,
    Networks,
}

impl List {
    fn field(&self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Networks => "networks",
        }
    }
}

/// Every check, names and references first.
const CHECKS: &[Check] = &[
    duplicate_name::CHECK,
    unknown_network::CHECK,
    unknown_cluster::CHECK,
    chained_control_plane::CHECK,
    unsupported_istio::CHECK,
    unknown_profile::CHECK,
    owned_field::CHECK,
    unknown_istio_field::CHECK,
    control_plane_without_gateway::CHECK,
    network_without_gateway::CHECK,
    undiscoverable_gateway::CHECK,
    collector_without_gateway::CHECK,
    host_name_address::CHECK,
    ipv6_control_plane::CHECK,
    revision_mismatch::CHECK,
    remote_mesh_config::CHECK,
    collector_via_mesh::CHECK,
    unusable_collector_address::CHECK,
    static_routing_without_nodes::CHECK,
    missing_issued_on::CHECK,
    external_authority::CHECK,
    intermediate_outside_root::CHECK,
    duplicate_context::CHECK,
    workload_namespace::CHECK,
    duplicate_address::CHECK,
    unusable_address::CHECK,
    address_inside_range::CHECK,
    unusable_api_server::CHECK,
    reserved_port::CHECK,
    unusable_node_port::CHECK,
    duplicate_node::CHECK,
    overlapping_ranges::CHECK,
    kubernetes_version::CHECK,
    gateway_without_address::CHECK,
    host_name_control_plane::CHECK,
    host_name_gateway::CHECK,
    unused_network::CHECK,
    shared_gateway::CHECK,
    full_sampling::CHECK,
    plaintext_collector::CHECK,
    known_bug::CHECK,
    ignored_istio_field::CHECK,
    node_port_on_external_ip::CHECK,
    external_ip_without_node::CHECK,
    deprecated_external_ips::CHECK,
    off_link_next_hop::CHECK,
    single_node_service_route::CHECK,
    unserved_collector_address::CHECK,
    documentation_address::CHECK,
    unusable_allow::CHECK,
];

/// Every rule: those that are applied here, and those that are applied elsewhere.
pub fn every_rule() -> impl Iterator<Item = Rule> {
    CHECKS.iter().map(|check| check.rule).chain(OTHER_RULES)
}

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

/// Checking fewer clusters takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 64;

/// Applies every rule that can speak of the topology; what they find is pushed onto `findings`.
/// `None` where there is an error among the findings.
pub fn check(loaded: Loaded, findings: &mut Vec<Diagnostic>) -> Option<Checked> {
    let context = Context::of(&loaded.topology);
    let holes: BTreeSet<&[Segment]> = loaded.holes.iter().map(FieldPath::segments).collect();
    let has_holes = findings.iter().any(|finding| finding.severity == Severity::Error);
    let may_speak = |check: &&Check| match check.needs {
        Needs::WholeTopology => !has_holes,
        Needs::Names(lists) => !lists.iter().any(|list| is_name_unknown(&loaded, list.field())),
    };
    let least = if loaded.topology.clusters.len() < CLUSTERS_WORTH_A_THREAD { CHECKS.len() } else { 1 };
    let speak = |severity: Severity, findings: &mut Vec<Diagnostic>| {
        let checks = CHECKS.iter().filter(|check| check.rule.severity == severity);
        let checks: Vec<&Check> = checks.filter(may_speak).collect();
        let found = parallel::map(&checks, least, |check| {
            let mut found = Vec::new();
            (check.run)(&context, &mut found);
            let mut said = BTreeSet::new();
            found.retain(|finding| !touches(finding, &holes) && is_new(finding, &loaded.repeats, &mut said));
            found
        });
        findings.extend(found.into_iter().flatten());
    };
    speak(Severity::Error, findings);
    let is_broken = findings.iter().any(|finding| finding.severity == Severity::Error);
    if !is_broken {
        // Warnings are reported only if there is no error.
        speak(Severity::Warning, findings);
        let unused = apply_allowances(&loaded.topology, findings);
        findings.extend(unused);
    }
    (!is_broken).then_some(Checked { topology: loaded.topology })
}

/// A warning if the release of Istio has reached its end of life.
pub(crate) fn end_of_life(topology: &Topology, today: Date) -> Option<Diagnostic> {
    let version = topology.istio.version;
    let (year, month, day) = release(version)?.end_of_life?;
    let month = time::Month::try_from(month).expect("the table holds months");
    let end = Date(time::Date::from_calendar_date(year, month, day).expect("the table holds days"));
    (end < today).then(|| {
        let place = FieldPath::root().child("istio").child("version");
        END_OF_LIFE
            .at(place, format!("Istio {version} no longer gets security fixes"))
            .label(format!("supported until {end}"))
            .help("plan the upgrade, or allow this with a reason")
    })
}

/// Whether a name in a list is a placeholder for an invalid one.
fn is_name_unknown(loaded: &Loaded, list: &str) -> bool {
    loaded.holes.iter().any(|hole| match hole.segments() {
        [Segment::Key(key)] | [Segment::Key(key), Segment::Index(_)] => key == list,
        [Segment::Key(key), Segment::Index(_), Segment::Key(field)] => key == list && field == "name",
        _ => false,
    })
}

/// Whether a finding is about a placeholder for an invalid value.
fn touches(finding: &Diagnostic, holes: &BTreeSet<&[Segment]>) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => {
            let segments = path.segments();
            (0..=segments.len()).any(|length| holes.contains(&segments[..length]))
        }
        _ => false,
    })
}

/// Whether the finding is not a repetition of one about the value that an alias repeats.
fn is_new(finding: &Diagnostic, repeats: &BTreeMap<FieldPath, FieldPath>, said: &mut BTreeSet<Vec<Segment>>) -> bool {
    let Some(Place::Field(path) | Place::Key(path)) = finding.labels.first().map(|label| &label.place) else {
        return true;
    };
    if repeats.is_empty() {
        return true;
    }
    let mut segments = path.segments().to_vec();
    let mut length = 0;
    while length < segments.len() {
        length += 1;
        let first = repeats.get(&FieldPath::from(&segments[..length]));
        if let Some(first) = first {
            segments.splice(..length, first.segments().iter().cloned());
            length = first.segments().len();
        }
    }
    let is_written_here = segments == path.segments();
    said.insert(segments) || is_written_here
}
