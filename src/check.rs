//! The table of rules, and the topologies that obey them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, FieldPath, Place, Segment, Severity};
use crate::load::Loaded;
use crate::parallel;
use crate::release::release;
use crate::topology::{Date, Topology};
use crate::words::names;

mod address_inside_range;
mod allowed;
mod chained_control_plane;
mod collector_via_mesh;
mod collector_without_gateway;
mod control_plane_without_gateway;
mod deprecated_external_ips;
mod documentation_address;
mod duplicate_address;
mod duplicate_context;
mod duplicate_name;
mod duplicate_node;
mod elsewhere;
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
mod subject;
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

pub(crate) use allowed::forgive;
use allowed::{allowances, allowed_kinds};
pub(crate) use subject::{
    Subject, collector_path, free_forms, gateways, overridden_collector, overridden_collector_path, primary_of,
};

/// One way for a topology to be wrong.
pub struct Rule {
    /// The rule's name, which reads well after "allow".
    pub name: &'static str,
    /// Whether what it finds stops a build.
    pub severity: Severity,
    /// What the rule means: its page, in Markdown.
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
    unknown_istio_field::RULE,
    control_plane_without_gateway::RULE,
    network_without_gateway::RULE,
    undiscoverable_gateway::RULE,
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
    address_inside_range::RULE,
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
    ignored_istio_field::RULE,
    node_port_on_external_ip::RULE,
    external_ip_without_node::RULE,
    deprecated_external_ips::RULE,
    off_link_next_hop::RULE,
    single_node_service_route::RULE,
    unserved_collector_address::RULE,
    documentation_address::RULE,
    unusable_allow::RULE,
];

/// A kind of finding, whoever makes it, as `explain` knows it.
#[derive(Debug, Clone, Copy)]
pub struct Explained {
    /// The name, as reports show it.
    pub name: &'static str,
    /// Whether such a finding stops a build.
    pub severity: Severity,
    /// What it means, in Markdown: a heading, a summary in one paragraph, and what else there is to say.
    pub page: &'static str,
}

impl Explained {
    /// What it means, in one paragraph.
    pub fn summary(&self) -> &'static str {
        self.page.split("\n\n").nth(1).unwrap_or_default().trim_end()
    }

    /// What it means, in a sentence.
    pub fn first_sentence(&self) -> &'static str {
        let summary = self.summary();
        summary.find(". ").map_or(summary, |end| &summary[..=end])
    }
}

/// Every kind of finding: the rules', and those that are made elsewhere.
pub fn every_rule() -> impl Iterator<Item = Explained> {
    let rules = RULES.iter().map(|rule| Explained { name: rule.name, severity: rule.severity, page: rule.explain });
    rules.chain(elsewhere::ELSEWHERE.iter().copied())
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

/// The rules look at fewer clusters before a thread has begun.
const CLUSTERS_WORTH_A_THREAD: usize = 64;

/// Applies every rule that can speak of the topology; what they find is pushed onto `findings`.
/// `None` where there is an error among the findings.
pub fn check(loaded: Loaded, findings: &mut Vec<Diagnostic>) -> Option<Checked> {
    let subject = Subject::of(&loaded.topology);
    let holes: BTreeSet<&[Segment]> = loaded.holes.iter().map(FieldPath::segments).collect();
    let has_holes = findings.iter().any(|finding| finding.severity == Severity::Error);
    let may_speak = |rule: &&Rule| match rule.needs {
        Some(lists) => !lists.iter().any(|list| is_name_unknown(&loaded, list)),
        None => !has_holes,
    };
    let least = if loaded.topology.clusters.len() < CLUSTERS_WORTH_A_THREAD { RULES.len() } else { 1 };
    let speak = |severity: Severity, findings: &mut Vec<Diagnostic>| {
        let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.severity == severity).filter(may_speak).collect();
        let found = parallel::map(&rules, least, |rule| {
            let mut found = Vec::new();
            (rule.check)(&subject, &mut found);
            let mut said = BTreeSet::new();
            found.retain(|finding| !touches(finding, &holes) && is_new(finding, &loaded.repeats, &mut said));
            found
        });
        findings.extend(found.into_iter().flatten());
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

/// The line of Istio whose support has ended by a day.
pub(crate) fn end_of_life(topology: &Topology, today: Date) -> Option<Diagnostic> {
    let version = topology.istio.version;
    let (year, month, day) = release(version)?.end_of_life?;
    let month = time::Month::try_from(month).expect("the table holds months");
    let end = Date(time::Date::from_calendar_date(year, month, day).expect("the table holds days"));
    (end < today).then(|| {
        let place = FieldPath::root().child("istio").child("version");
        Diagnostic::warning(elsewhere::END_OF_LIFE, place, format!("Istio {version} gets no security fixes any more"))
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
fn touches(finding: &Diagnostic, holes: &BTreeSet<&[Segment]>) -> bool {
    finding.labels.iter().any(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => {
            let segments = path.segments();
            (0..=segments.len()).any(|length| holes.contains(&segments[..length]))
        }
        _ => false,
    })
}

/// Whether a rule did not say the same of the value of which an alias stands here.
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
