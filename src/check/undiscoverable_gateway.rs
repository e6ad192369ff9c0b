use crate::diagnostic::Diagnostic;
use crate::release::release;
use crate::rule::Rule;
use crate::topology::{Address, EastWestGateway, ServiceType};

use super::context::is_told;
use super::reads::{NETWORKS, TOLD_NETWORKS, VERSION};
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Clusters(|cluster| {
        let gateway = cluster.east_west_gateway.as_ref();
        gateway.is_some_and(|gateway| gateway.service_type != ServiceType::LoadBalancer || gateway.is_static())
    }))
    .reads(&[
        VERSION,
        NETWORKS,
        TOLD_NETWORKS,
        &[
            "cluster.name",
            "cluster.eastWestGateway.address",
            "cluster.eastWestGateway.discovery",
            "cluster.eastWestGateway.serviceType",
            "cluster.eastWestGateway.externalIPs",
            "cluster.eastWestGateway.serviceAnnotations",
        ],
    ]);

const RULE: Rule = Rule::error("undiscoverable-gateway", include_str!("../../docs/rules/undiscoverable-gateway.md"));

/// With it istiod takes the external addresses of the nodes and the node port (`1.30.3:pilot/pkg/serviceregistry/kube/controller/network.go`).
pub(crate) const NODE_SELECTOR: &str = "traffic.istio.io/nodeSelector";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    if context.populated_count() < 2 {
        return;
    }
    let version = context.topology.istio.version;
    // Of a name that remotes dial too, another rule speaks.
    let remotes = context.remotes();
    let takes_names = release(version).is_none_or(|release| release.resolves_gateway_names);
    for (path, cluster, gateway) in gateways(context) {
        if gateway.is_static() {
            match gateway.dialled() {
                None => findings.push(
                    RULE.at(
                        path.child("discovery"),
                        format!("istiods are told no address of the gateway of `{}`", cluster.name),
                    )
                    .label("nobody reads its Service")
                    .help("write `address`, or remove the line"),
                ),
                // With one such address, it refuses all networks (`1.11.2:pkg/config/validation/validation.go`).
                Some(Address::Dns(host)) if !takes_names && !remotes.contains_key(cluster.name.as_str()) => findings
                    .push(
                        RULE.at(
                            path.child("address"),
                            format!("istiod {version} cannot be told of a gateway at `{host}`"),
                        )
                        .label("a DNS name")
                        .and(path.child("discovery"), "istiods are told the address")
                        .help("write the IP address that the name resolves to"),
                    ),
                _ => {}
            }
            continue;
        }
        if has_address(gateway) || is_told(context, cluster.network.as_str()) {
            continue;
        }
        let kind = gateway.service_type.as_str();
        findings.push(
            RULE.at(path.child("serviceType"),
                format!("istiod cannot find an address of the gateway of `{}`", cluster.name),
            )
            .label(format!("a {kind} Service without external IPs"))
            .help(
                "add `externalIPs`, use a LoadBalancer, or write `discovery: static`, and istiods are told `address`, which alone is only for people and remotes",
            ),
        );
    }
}

fn has_address(gateway: &EastWestGateway) -> bool {
    match gateway.service_type {
        ServiceType::LoadBalancer => true,
        ServiceType::NodePort if gateway.service_annotations.contains_key(NODE_SELECTOR) => true,
        ServiceType::NodePort | ServiceType::ClusterIp => !gateway.external_ips.is_empty(),
    }
}
