//! Flows in words.

use std::borrow::Cow;

use crate::words::bare_names;

use super::{Flow, Flows, Purpose, Role};

/// A source with its clusters, and where they are seen.
pub(super) fn source(flows: &Flows, row: &Flow, clusters: &[usize]) -> String {
    let role = noun(flows, row.source.role, clusters.len());
    if row.source.network.is_none() {
        return match flows.addresses_of(&row.source, None) {
            [] => role.to_owned(),
            addresses => format!("{role} ({})", bare_names(addresses.iter().map(String::as_str))),
        };
    }
    let named = |cluster: &usize| {
        let name = &flows.clusters[*cluster].name;
        match flows.addresses_of(&row.source, Some(*cluster)) {
            [] => name.to_string(),
            addresses => format!("{name} ({})", bare_names(addresses.iter().map(String::as_str))),
        }
    };
    let named: Vec<String> = clusters.iter().map(named).collect();
    format!("{role} of {}", bare_names(named.iter().map(String::as_str)))
}

/// What takes part in a flow, in words.
pub(super) fn noun(flows: &Flows, role: Role, count: usize) -> &'static str {
    match role {
        Role::Istiod if count > 1 => "istiods",
        Role::Istiod => "istiod",
        Role::ApiServer if count > 1 => "API servers",
        Role::ApiServer => "API server",
        Role::Pods => "pods",
        Role::Gateway => "gateway pods",
        Role::LoadBalancer if count > 1 => "load balancers",
        Role::LoadBalancer => "load balancer",
        Role::Proxy if count > 1 => "proxies of API servers",
        Role::Proxy => "proxy of the API server",
        Role::Workstation => "workstations and pipelines",
        Role::Controller if flows.has_hub => flows.controller,
        Role::Controller => match flows.controller {
            "Flux" => "Flux of each cluster",
            _ => "Argo CD of each cluster",
        },
        Role::Nodes => "nodes",
        Role::Repository => "Git repository",
        Role::Charts => "repository of Istio's charts",
        Role::Collector => "trace collector",
    }
}

/// The destination in words.
pub(super) fn destination(flows: &Flows, row: &Flow) -> String {
    let mut text = String::new();
    push_destination(&mut text, flows, row);
    text
}

/// The same behind a text.
pub(super) fn push_destination(text: &mut String, flows: &Flows, row: &Flow) {
    let role = match row.destination.role {
        Role::Gateway => "gateway",
        role => noun(flows, role, 1),
    };
    text.push_str(role);
    if let Some(cluster) = row.destination.cluster {
        text.extend([" of ", &flows.clusters[cluster].name]);
    }
}

/// Why a flow is needed.
pub(super) fn why<'f>(flows: &'f Flows, row: &Flow) -> Cow<'f, str> {
    let reason = |purpose: &Purpose| match (purpose, row.source.role, row.destination.role) {
        (Purpose::Calls, Role::Gateway, _) => Cow::Borrowed("calls from other networks"),
        (Purpose::Calls, _, Role::Pods) => Cow::Borrowed("calls on the network"),
        (Purpose::Calls, ..) => {
            let network = row.destination.network.map_or("", |network| &flows.networks[network]);
            Cow::Owned(["calls to network ", network].concat())
        }
        (Purpose::Discovery, ..) => Cow::Borrowed("discovery and token review"),
        (Purpose::Configuration, ..) => Cow::Borrowed("configuration"),
        (Purpose::Certificates, ..) => Cow::Borrowed("certificates"),
        (Purpose::Injection, ..) => Cow::Borrowed("sidecar injection"),
        (Purpose::Traces, ..) => Cow::Borrowed("traces"),
        (Purpose::Health, ..) => Cow::Borrowed("health of the gateway"),
        (Purpose::Installation, ..) => Cow::Borrowed("installation"),
    };
    match row.purposes {
        [purpose] => reason(purpose),
        purposes => Cow::Owned(purposes.iter().map(reason).collect::<Vec<Cow<'_, str>>>().join("; ")),
    }
}
