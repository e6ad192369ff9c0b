//! Flows in words.

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
    let role = match row.destination.role {
        Role::Gateway => "gateway",
        role => noun(flows, role, 1),
    };
    match row.destination.cluster {
        Some(cluster) => format!("{role} of {}", flows.clusters[cluster].name),
        None => role.to_owned(),
    }
}

/// Why a flow is needed.
pub(super) fn why(flows: &Flows, row: &Flow) -> String {
    let reasons = row.purposes.iter().map(|purpose| match (purpose, row.source.role, row.destination.role) {
        (Purpose::Calls, Role::Gateway, _) => "calls from other networks".to_owned(),
        (Purpose::Calls, _, Role::Pods) => "calls on the network".to_owned(),
        (Purpose::Calls, ..) => {
            let network = row.destination.network.map_or("", |network| &flows.networks[network]);
            format!("calls to network {network}")
        }
        (Purpose::Discovery, ..) => "discovery and token review".to_owned(),
        (Purpose::Configuration, ..) => "configuration".to_owned(),
        (Purpose::Certificates, ..) => "certificates".to_owned(),
        (Purpose::Injection, ..) => "sidecar injection".to_owned(),
        (Purpose::Traces, ..) => "traces".to_owned(),
        (Purpose::Health, ..) => "health of the gateway".to_owned(),
        (Purpose::Installation, ..) => "installation".to_owned(),
    });
    reasons.collect::<Vec<String>>().join("; ")
}
