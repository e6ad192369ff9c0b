use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;
use crate::rule::Rule;
use crate::topology::{Address, Cluster, EastWestGateway, ServiceType};

use super::reads::{NETWORKS, VERSION};
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::Clusters(has_name)).reads(&[
    VERSION,
    NETWORKS,
    &[
        "cluster.name",
        "cluster.eastWestGateway.address",
        "cluster.eastWestGateway.discovery",
        "cluster.eastWestGateway.externalIPs",
        "cluster.eastWestGateway.serviceType",
    ],
]);

const RULE: Rule = Rule::warning("host-name-gateway", include_str!("../../docs/rules/host-name-gateway.md"));

/// What annotations begin with that give a load balancer a host name: those of AWS always, of others where they ask for one.
const OF_HOST_NAMES: [&str; 7] = [
    "service.beta.kubernetes.io/aws-load-balancer-",
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-vpc-",
    "service.beta.kubernetes.io/do-loadbalancer-hostname",
    "service.beta.kubernetes.io/scw-loadbalancer-use-hostname",
    "load-balancer.hetzner.cloud/hostname",
    "loadbalancer.openstack.org/hostname",
    "kubernetes.civo.com/loadbalancer-hostname",
];

/// The classes of the AWS Load Balancer Controller.
const CLASS_OF_HOST_NAMES: &str = "service.k8s.aws/";

fn has_name(cluster: &Cluster) -> bool {
    let gateway = cluster.east_west_gateway.as_ref();
    gateway.is_some_and(|gateway| named(gateway, &FieldPath::root()).is_some())
}

/// Where it is said that a gateway is known by a host name, and the name if that is known.
fn named<'g>(gateway: &'g EastWestGateway, path: &FieldPath) -> Option<(FieldPath, Option<&'g str>)> {
    if let Some(address) = &gateway.address {
        return match address {
            Address::Dns(host) => Some((path.child("address"), Some(host))),
            Address::Ip(_) => None,
        };
    }
    if gateway.service_type != ServiceType::LoadBalancer {
        return None;
    }
    let mut annotations = gateway.service_annotations.keys();
    let annotation = annotations.find(|key| OF_HOST_NAMES.iter().any(|known| key.starts_with(known)));
    let class = gateway.load_balancer_class.as_ref().filter(|class| class.as_str().starts_with(CLASS_OF_HOST_NAMES));
    let annotation = annotation.map(|key| path.child("serviceAnnotations").child(key.clone()));
    annotation.or_else(|| class.map(|_| path.child("loadBalancerClass"))).map(|place| (place, None))
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let version = context.topology.istio.version;
    let drops_names = release(version).is_some_and(|release| !release.resolves_gateway_names);
    if !drops_names || context.populated_count() < 2 {
        return;
    }
    for (path, cluster, gateway) in gateways(context) {
        // Of what istiods are told, another rule speaks.
        if !gateway.external_ips.is_empty() || gateway.is_static() {
            continue;
        }
        let Some((place, host)) = named(gateway, &path) else { continue };
        let name = cluster.name.as_str();
        let way = host.map_or_else(|| "a load balancer with a host name".to_owned(), |host| format!("`{host}`"));
        findings.push(
            RULE.at(place, format!("other networks do not reach the services of `{name}` through {way}"))
                .label(format!("istiod {version} drops gateways with a host name"))
                .help("give the gateway an `externalIPs` entry or a load balancer with an IP address, or use Istio 1.13 or later"),
        );
    }
}
