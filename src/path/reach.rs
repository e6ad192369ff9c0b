//! Whether a call finds its way.

use std::sync::Arc;

use serde_json::Value;

use crate::flows::{self, Flows, Role, What};
use crate::template::quote;
use crate::topology::SERVICES_PORT;
use crate::words::{bare_names, joined};

use super::asked::{Asked, fails, held, holds, in_cluster, unseen};
use super::gateways::Found;
use super::{Check, Endpoint, Name, Service, Way};

impl Asked<'_, '_, '_> {
    fn subject(&self) -> String {
        self.service.map_or_else(
            || "the service".to_owned(),
            |service| format!("Service {}/{}", service.namespace, service.name),
        )
    }

    pub(super) fn name(&self) -> Check {
        let from = self.from.name;
        let config = self.paths.config(self.caller);
        let variable = held(config, &["defaultConfig", "proxyMetadata", "ISTIO_META_DNS_CAPTURE"]);
        if variable.is_some_and(|value| value == "true" || value == true) {
            return holds(Name::Name, format!("the sidecars of {from} answer for every service of the mesh"))
                .by([in_cluster(self.caller, "30-istio/")]);
        }
        let check = unseen(
            Name::Name,
            format!("{} has to exist in {from}: DNS capture is off, so the cluster's own DNS answers", self.subject()),
        );
        let context = quote(self.from.context);
        check.see(match self.service {
            Some(Service { namespace, name, .. }) => {
                format!("kubectl --context={context} -n {namespace} get service {name}")
            }
            None => format!("kubectl --context={context} get services -A"),
        })
    }

    pub(super) fn known(&self) -> Check {
        let (to, caller) = (self.to.name, self.caller.name);
        for cluster in [self.from, self.to] {
            if cluster.is_waiting {
                let primary = self.paths.primary_of(cluster).name;
                return fails(
                    Name::Known,
                    format!("{} has no Istio yet: nobody knows the address of the gateway of {primary}", cluster.name),
                    format!("write `eastWestGateway.address` of {primary}, and build again"),
                );
            }
        }
        if let Some((host, object)) = self.is_cluster_local() {
            return fails(
                Name::Known,
                format!("the mesh config of {caller} keeps {host} in each cluster"),
                "change `serviceSettings`, or call another service",
            )
            .by([object]);
        }
        if self.caller.position == self.to.position {
            return holds(Name::Known, format!("the istiod of {caller} reads its own cluster"));
        }
        if let Some(missing) = self.missing_secret(self.caller) {
            return missing;
        }
        let through = self.to.proxy_url.map_or_else(String::new, |proxy| format!(", through {proxy}"));
        holds(Name::Known, format!("the istiod of {caller} reads {to}, at {}{through}", self.to.api_server))
            .by([self.credentials(self.caller)])
    }

    /// Whether the mesh config keeps the host in each cluster (`1.30.3:pilot/pkg/model/cluster_local.go`).
    fn is_cluster_local(&self) -> Option<(String, String)> {
        let host = self.host.as_ref().filter(|_| self.way != Way::Inside)?;
        let config = self.paths.config(self.caller);
        let fits = |pattern: &str| match pattern.strip_prefix('*') {
            Some(end) => host.ends_with(end).then_some(end.len()),
            None => (host == pattern).then_some(usize::MAX),
        };
        let domain = self.paths.mesh.cluster_domain;
        let defaults = [format!("*.kube-system.svc.{domain}"), format!("kubernetes.default.svc.{domain}")];
        let own = self.paths.mesh.host(&self.caller.istiod_service());
        let mut best: Option<(usize, bool)> = defaults.iter().chain([&own]).find_map(|host| Some((fits(host)?, true)));
        let settings = held(config, &["serviceSettings"]).and_then(Value::as_array);
        for settings in settings.into_iter().flatten() {
            let is_local = settings["settings"]["clusterLocal"] == true;
            for pattern in settings["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let fit = fits(pattern);
                if fit.is_some_and(|fit| best.is_none_or(|(other, _)| fit >= other)) {
                    best = fit.map(|fit| (fit, is_local));
                }
            }
        }
        best.filter(|(_, is_local)| *is_local).map(|_| (host.clone(), in_cluster(self.caller, "30-istio/")))
    }

    pub(super) fn way(&self) -> Check {
        let (from, to) = (self.from, self.to);
        match self.way {
            Way::Inside => return holds(Name::Way, "the call stays in the cluster, and may go to other clusters too"),
            Way::Direct => {
                return holds(
                    Name::Way,
                    format!(
                        "both are on network {}: pods of {} are dialled at their own addresses",
                        to.network, to.name
                    ),
                );
            }
            Way::Gateway => {}
        }
        if self.gateways.is_empty() {
            return fails(
                Name::Way,
                format!(
                    "the istiod of {} finds no gateway of network {}, and hands out addresses of pods that {} cannot reach",
                    self.caller.name, to.network, from.name
                ),
                format!(
                    "the Service of a gateway of {} needs the label `topology.istio.io/network: {}`, an address, and the port that the label \
                     `networking.istio.io/gatewayPort` names, or {SERVICES_PORT}",
                    to.network, to.network
                ),
            );
        }
        let own = self.gateways.iter().any(|found| found.cluster == Some(to.position));
        let whose = if own { format!("{}'s own gateway", to.name) } else { format!("every gateway of {}", to.network) };
        let addresses = self.gateways.iter().map(|found| place(&found.endpoint));
        let addresses = joined(&addresses.collect::<Vec<String>>(), "and");
        let check =
            holds(Name::Way, format!("from network {} to network {}: {whose}, {addresses}", from.network, to.network));
        let file = |found: &&Found| match found.cluster {
            Some(cluster) => {
                let cluster = &self.paths.mesh.clusters[cluster];
                in_cluster(cluster, "40-eastwest-gateway/eastwest-gateway.yaml")
            }
            // What istiods are told.
            None => in_cluster(self.caller, "30-istio/"),
        };
        let mut files: Vec<String> = self.gateways.iter().map(file).collect();
        files.dedup();
        check.by(files)
    }

    /// The rows of the firewall's table that the call needs.
    pub(super) fn needed_flows(&self) -> Flows {
        let mut flows = self.paths.flows().clone_with(|row| {
            let is_pods = row.source.role == Role::Pods && row.source.clusters.contains(&self.from.position);
            let is_istiod = row.source.role == Role::Istiod && row.source.clusters.contains(&self.caller.position);
            let is_dialled = || match self.way {
                Way::Inside => false,
                Way::Direct => row.destination.role == Role::Pods && row.destination.cluster == Some(self.to.position),
                Way::Gateway => self.gateways.iter().any(|found| {
                    let address = row.destination.addresses.first().map(|address| &**address);
                    let cluster = row.destination.cluster.map(|cluster| self.paths.mesh.clusters[cluster].name);
                    row.destination.network.is_some()
                        && address == found.endpoint.address.as_deref()
                        && cluster == found.endpoint.cluster.as_deref()
                }),
            };
            let reads = || {
                matches!(row.destination.role, Role::ApiServer | Role::Proxy)
                    && row.destination.cluster == Some(self.to.position)
            };
            is_pods && is_dialled() || is_istiod && self.way != Way::Inside && reads()
        });
        for row in &mut flows.rows {
            let position = if row.source.role == Role::Pods { self.from.position } else { self.caller.position };
            row.source.clusters = Arc::from([position]);
        }
        flows
    }
}

/// What firewalls have to do with the call.
pub(super) fn let_through(flows: &Flows) -> Check {
    let rows = flows::rows(&What::All(flows.clone()));
    let lines = rows.iter().map(|row| {
        let addresses = bare_names(row.destination.addresses.iter().map(String::as_str));
        let address = if addresses.is_empty() { row.destination.text.clone() } else { addresses };
        format!("{} to {address}, port {} ({})", row.source.text, row.port, row.id)
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return unseen(Name::Flows, "the topology does not say what is dialled");
    }
    unseen(Name::Flows, format!("firewalls have to let through {}", joined(&lines, "and")))
}

fn place(endpoint: &Endpoint) -> String {
    let port = endpoint.port.map_or_else(|| "a node port".to_owned(), |port| port.to_string());
    match &endpoint.address {
        Some(address) if address.contains(':') => format!("[{address}]:{port}"),
        Some(address) => format!("{address}:{port}"),
        None => {
            let cluster = endpoint.cluster.as_deref().unwrap_or("it");
            format!("an address of {cluster} that is not stated, port {port}")
        }
    }
}
