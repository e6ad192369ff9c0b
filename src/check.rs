//! The table of rules, and the topologies that obey them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Cause, Diagnostic, FieldPath, Findings, Place, Segment, Severity};
use crate::load::Loaded;
use crate::parallel;
use crate::release::release;
use crate::rule::{END_OF_LIFE, OTHER_RULES, Rule};
use crate::topology::{Date, Topology};
use crate::words::names;

mod address_inside_range;
mod allowed;
mod ambient_multi_network;
mod application_health;
mod bad_recipient;
mod beside;
mod chained_control_plane;
mod circular_remote_access;
mod collector_image;
mod collector_via_mesh;
mod collector_without_gateway;
mod context;
mod contradictory_gateway;
mod control_plane_without_gateway;
mod controller;
mod controller_install;
mod controller_scripts;
mod deprecated_external_ips;
mod documentation_address;
mod duplicate_address;
mod duplicate_context;
mod duplicate_name;
mod duplicate_node;
mod excluded_endpoint_slice;
mod external_authority;
mod external_ip_without_node;
mod full_sampling;
mod gateway_without_address;
mod gitops_address;
mod hidden_istio_system;
mod holes;
mod host_name_address;
mod host_name_control_plane;
mod host_name_gateway;
mod ignored_istio_field;
mod ingress_gateway_only;
mod insecure_kubeconfig;
mod install_values;
mod install_version;
mod intermediate_outside_root;
mod ipv6_control_plane;
mod known_bug;
mod kubernetes_version;
mod missing_issued_on;
mod missing_recipient;
mod missing_store;
mod mixed_address_families;
mod network_without_gateway;
mod node_port_on_external_ip;
mod off_link_next_hop;
mod overlapping_ranges;
mod owned_field;
mod plaintext_collector;
mod profile_gateways;
mod proxied_api_server;
mod ranges;
mod reads;
mod remote_cni;
mod remote_mesh_config;
mod remote_signer;
mod reserved_port;
mod retired_certificate;
mod revision_mismatch;
mod root_rotation_apart;
mod sail_revision;
mod self_signed_roots;
mod shared_gateway;
mod shared_recipient;
mod single_node_service_route;
mod sops_with_argocd;
mod static_routing_without_nodes;
mod unclear_range;
mod undiscoverable_gateway;
mod unencrypted_secret;
mod unknown_cluster;
mod unknown_istio_field;
mod unknown_network;
mod unknown_profile;
mod unordered_controller;
mod unread_patch;
mod unready_gateway;
mod unserved_collector_address;
mod unsupported_istio;
mod unusable_address;
mod unusable_allow;
mod unusable_api_server;
mod unusable_collector_address;
mod unusable_next_root;
mod unusable_node_port;
mod unused_certificates;
mod unused_network;
mod unused_secrets;
mod unused_store;
mod workload_namespace;

use allowed::{allowances, allowed_kinds, apply_allowances};
pub use beside::SealingCertificate;
pub(crate) use beside::{Authorities, Beside};
use context::{Context, Index, collector_override_path, collector_path, free_forms, gateways};
use holes::Holes;
use reads::{About, Fields};
pub(crate) use undiscoverable_gateway::NODE_SELECTOR;
pub(crate) use unknown_cluster::RULE as UNKNOWN_CLUSTER;

/// A rule, and how it is applied.
struct Check {
    rule: Rule,
    about: About,
    /// What decides on a finding besides the places that it names.
    reads: &'static [Fields],
    /// What an error means to refuse, if not the first place that it names.
    refuses: Option<&'static str>,
    run: fn(&Context<'_>, &mut Vec<Diagnostic>),
}

impl Check {
    const fn of(rule: Rule, run: fn(&Context<'_>, &mut Vec<Diagnostic>)) -> Self {
        Self { rule, about: About::All, reads: &[], refuses: None, run }
    }

    const fn about(self, about: About) -> Self {
        Self { about, ..self }
    }

    const fn reads(self, reads: &'static [Fields]) -> Self {
        Self { reads, ..self }
    }

    const fn refuses(self, refused: &'static str) -> Self {
        Self { refuses: Some(refused), ..self }
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
    remote_cni::CHECK,
    remote_mesh_config::CHECK,
    remote_signer::CHECK,
    collector_via_mesh::CHECK,
    collector_image::CHECK,
    unusable_collector_address::CHECK,
    static_routing_without_nodes::CHECK,
    missing_issued_on::CHECK,
    external_authority::CHECK,
    gitops_address::CHECK,
    controller_install::CHECK,
    unencrypted_secret::CHECK,
    sops_with_argocd::CHECK,
    bad_recipient::CHECK,
    missing_recipient::CHECK,
    missing_store::CHECK,
    circular_remote_access::CHECK,
    application_health::CHECK,
    excluded_endpoint_slice::CHECK,
    install_values::CHECK,
    install_version::CHECK,
    sail_revision::CHECK,
    intermediate_outside_root::CHECK,
    retired_certificate::CHECK,
    unusable_next_root::CHECK,
    root_rotation_apart::CHECK,
    duplicate_context::CHECK,
    workload_namespace::CHECK,
    duplicate_address::CHECK,
    unusable_address::CHECK,
    address_inside_range::CHECK,
    unusable_api_server::CHECK,
    reserved_port::CHECK,
    unusable_node_port::CHECK,
    duplicate_node::CHECK,
    unclear_range::CHECK,
    overlapping_ranges::CHECK,
    mixed_address_families::CHECK,
    kubernetes_version::CHECK,
    contradictory_gateway::CHECK,
    gateway_without_address::CHECK,
    host_name_control_plane::CHECK,
    host_name_gateway::CHECK,
    unused_certificates::CHECK,
    self_signed_roots::CHECK,
    unused_network::CHECK,
    unused_secrets::CHECK,
    shared_recipient::CHECK,
    unused_store::CHECK,
    shared_gateway::CHECK,
    full_sampling::CHECK,
    plaintext_collector::CHECK,
    known_bug::CHECK,
    insecure_kubeconfig::CHECK,
    ambient_multi_network::CHECK,
    hidden_istio_system::CHECK,
    unread_patch::CHECK,
    ignored_istio_field::CHECK,
    ingress_gateway_only::CHECK,
    profile_gateways::CHECK,
    unready_gateway::CHECK,
    unordered_controller::CHECK,
    controller_scripts::CHECK,
    node_port_on_external_ip::CHECK,
    external_ip_without_node::CHECK,
    deprecated_external_ips::CHECK,
    off_link_next_hop::CHECK,
    single_node_service_route::CHECK,
    proxied_api_server::CHECK,
    unserved_collector_address::CHECK,
    documentation_address::CHECK,
    unusable_allow::CHECK,
];

/// Every rule: those that are applied here, and those that are applied elsewhere.
pub fn every_rule() -> impl Iterator<Item = Rule> {
    CHECKS.iter().map(|check| check.rule).chain(OTHER_RULES)
}

/// A topology that obeys every rule. Only [`Examined`] makes one.
#[derive(Debug)]
pub struct Checked {
    topology: Topology,
    beside: Beside,
}

impl Checked {
    /// The topology.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The CA certificates, in PEM, that control planes trust at the API server of a cluster; none if that is the cluster's own.
    pub(crate) fn authorities_of(&self, position: usize) -> Option<&str> {
        self.beside.authorities.of_clusters.get(&position).map(String::as_str)
    }

    /// The roots, in PEM, of whoever signs instead of istiod, where the topology names them.
    pub(crate) fn roots(&self) -> Option<&str> {
        self.beside.authorities.roots.as_deref()
    }

    /// The roots, in PEM, that workloads trust besides the mesh's own.
    pub(crate) fn also_trusted(&self) -> &str {
        &self.beside.authorities.also_trusted
    }

    /// The certificate that the private key of a cluster is sealed with.
    pub(crate) fn sealing_of(&self, position: usize) -> Option<&SealingCertificate> {
        self.beside.sealing.get(&position)
    }
}

/// Checking fewer clusters takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 64;

/// A topology to which every rule of [`crate::rule::Stage::Check`] was applied that can be. It may have errors.
#[derive(Debug)]
pub struct Examined {
    topology: Topology,
    holes: Holes,
    is_broken: bool,
    beside: Beside,
}

impl Examined {
    /// The topology, if it has no errors.
    pub fn checked(self) -> Option<Checked> {
        (!self.is_broken).then_some(Checked { topology: self.topology, beside: self.beside })
    }

    /// The topology, with an example in place of each value that could not be used.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Why one of the fields is not known or refused.
    pub(crate) fn hides(&self, fields: Fields) -> Option<&Cause> {
        self.holes.hiding(&[fields])
    }

    /// Why there may be no mesh of it: the first of its errors.
    pub(crate) fn first_cause(&self) -> Option<&Cause> {
        self.holes.first_cause()
    }

    /// Takes what files beside the topology contain, and reports the errors of the others.
    pub(crate) fn take(&mut self, beside: Beside, mut errors: Vec<Diagnostic>, findings: &mut Findings) {
        errors.retain(|finding| self.holes.touch(finding).is_none());
        self.is_broken |= !errors.is_empty();
        self.beside = beside;
        findings.list.extend(errors);
    }

    /// Reports the warnings of rules that are applied later, apart from those that the topology allows.
    pub(crate) fn warn(&self, mut warnings: Vec<Diagnostic>, findings: &mut Findings) {
        warnings.retain(|finding| self.holes.touch(finding).is_none());
        apply_allowances(&self.topology, &self.holes, &mut warnings, findings);
        findings.list.extend(warnings);
    }
}

/// Applies every rule that can speak of the topology; what they find is pushed onto `findings`.
pub fn check(loaded: Loaded, findings: &mut Findings) -> Examined {
    let Loaded { topology, holes, repeats } = loaded;
    let mut holes = Holes::of(holes);
    let index = Index::of(&topology, &holes);
    let mut warnings = Vec::new();
    for (check, found) in apply(Severity::Error, &topology, &index, &holes, &repeats, findings) {
        if check.rule.can_be_allowed() {
            warnings.extend(found);
            continue;
        }
        for finding in &found {
            holes.add_refused(finding, check.refuses);
        }
        findings.list.extend(found);
    }
    let found = apply(Severity::Warning, &topology, &index, &holes, &repeats, findings);
    warnings.extend(found.into_iter().flat_map(|(_, found)| found));
    let unused = apply_allowances(&topology, &holes, &mut warnings, findings);
    findings.list.extend(warnings.into_iter().chain(unused));
    let is_broken = findings.list.iter().any(|finding| finding.severity == Severity::Error);
    Examined { topology, holes, is_broken, beside: Beside::default() }
}

/// Applies the rules of a severity that can speak, and says which cannot.
fn apply(
    severity: Severity,
    topology: &Topology,
    index: &Index<'_>,
    holes: &Holes,
    repeats: &BTreeMap<FieldPath, FieldPath>,
    findings: &mut Findings,
) -> Vec<(&'static Check, Vec<Diagnostic>)> {
    let checks = CHECKS.iter().filter(|check| check.rule.severity == severity);
    let checks: Vec<(&Check, BTreeSet<usize>)> =
        checks.filter_map(|check| Some((check, hidden(check, topology, holes, findings)?))).collect();
    let least = if topology.clusters.len() < CLUSTERS_WORTH_A_THREAD { checks.len() } else { 1 };
    let found = parallel::map(&checks, least, |(check, hidden)| {
        let mut found = Vec::new();
        let context = Context { topology, index, holes, hidden, missed: RefCell::default() };
        (check.run)(&context, &mut found);
        let mut said = BTreeSet::new();
        found.retain(|finding| {
            let cause = holes.touch(finding);
            context.miss(cause);
            cause.is_none() && is_new(finding, repeats, &mut said)
        });
        (*check, found, context.missed.into_inner())
    });
    let mut all = Vec::new();
    for (check, found, missed) in found {
        if let Some(cause) = missed {
            findings.leave_out(check.rule.name, &cause);
        }
        all.push((check, found));
    }
    all
}

/// The clusters of which a rule cannot speak; `None` if it can speak of nothing. What it would speak of is reported as not
/// checked.
fn hidden(check: &Check, topology: &Topology, holes: &Holes, findings: &mut Findings) -> Option<BTreeSet<usize>> {
    let clusters = holes.hiding_clusters(check.reads);
    let everywhere =
        holes.of_everything().or_else(|| holes.hiding(check.reads)).or_else(|| clusters.get(&None).copied());
    if let Some(cause) = everywhere {
        if check.about.is_in(topology) {
            findings.leave_out(check.rule.name, cause);
        }
        return None;
    }
    let mut hidden = BTreeSet::new();
    for (cluster, cause) in clusters {
        let cluster = cluster?;
        hidden.insert(cluster);
        if check.about.is_in_cluster(topology, cluster) {
            findings.leave_out(check.rule.name, cause);
        }
    }
    Some(hidden)
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
