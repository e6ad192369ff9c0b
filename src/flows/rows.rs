use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layout::{REMOTE_SECRETS, ROUTES};
use crate::mesh::{Cluster, Mesh};
use crate::release::RemoteShape;
use crate::topology::{ApiServer, Cidr, Controller, Install, Node, PodRouting, ServiceType, Via};

use super::dialled::{Dialled, GATEWAY_FILE, Served, collectors, elsewhere, gateways, listed, node_port};
use super::{Destination, File, Flow, Flows, Member, NamedPort, Port, Purpose, Role, Scope, Security, Source};

/// The ports of istiod behind a gateway and in its own cluster, and of what gateways say of their health.
const CONTROL_PLANE: u16 = 15012;
const WEBHOOK: u16 = 15017;
const STATUS: u16 = 15021;

/// The flows of a mesh.
pub(super) fn flows(mesh: &Mesh<'_>) -> Flows {
    let facts = Facts::of(mesh);
    let mut rows = Vec::new();
    for network in 0..mesh.networks.len() {
        facts.of_network(network, &mut rows);
    }
    rows.extend(facts.of_nobody());
    Flows {
        mesh: mesh.id.to_owned(),
        networks: mesh.networks.iter().map(|network| Arc::from(network.name)).collect(),
        clusters: mesh.clusters.iter().map(|cluster| member(mesh, cluster)).collect(),
        rows,
        is_expanded: false,
        workstations: texts(mesh.workstations),
        controller: mesh.gitops.map_or("", |gitops| gitops.controller.title()),
        has_hub: mesh.gitops.is_some_and(|gitops| gitops.hub),
    }
}

fn member(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Member {
    let written = cluster.written;
    Member {
        name: Arc::from(cluster.name),
        network: mesh.network_position(cluster),
        pods: texts(pod_ranges(mesh, cluster)),
        egress: texts(&written.egress),
        api_server_egress: texts(&written.api_server_egress),
        primary: cluster.primary,
        istio: if cluster.install == Install::Helm { "30-istio/istiod.values.yaml" } else { "30-istio/istio.yaml" },
    }
}

/// The ranges of a cluster's pods: those that nodes route, or those of the whole cluster where they are stated.
fn pod_ranges<'t>(mesh: &Mesh<'t>, cluster: &Cluster<'t>) -> Vec<&'t Cidr> {
    let written = cluster.written;
    let of_nodes = || written.nodes.iter().flat_map(Node::pod_ranges).collect();
    let is_static = mesh.network_of(cluster).pod_routing == PodRouting::Static;
    if is_static || written.pod_cidrs.is_empty() { of_nodes() } else { written.pod_cidrs.iter().collect() }
}

fn texts<'c>(ranges: impl IntoIterator<Item = &'c Cidr>) -> Vec<String> {
    ranges.into_iter().map(ToString::to_string).collect()
}

/// What the rows of all networks have in common.
struct Facts<'m, 't> {
    mesh: &'m Mesh<'t>,
    /// Where istiods reach the API server of each cluster, by its position: through a proxy, if there is one.
    api_servers: Vec<Dialled>,
    /// Where the API server itself is.
    behind_proxies: Vec<Dialled>,
    /// Where calls to each network go, by its position, from the clusters of each primary.
    gateways: Vec<Vec<(Served, Dialled)>>,
    /// Where the proxies of each cluster report to outside the mesh, by its position.
    collectors: Vec<Vec<Dialled>>,
}

impl<'m, 't> Facts<'m, 't> {
    fn of(mesh: &'m Mesh<'t>) -> Self {
        let dialled = |role, cluster: &Cluster<'_>, url: &ApiServer, file| Dialled {
            role,
            cluster: Some(cluster.position),
            network: None,
            addresses: listed(Some(&url.host().to_string())),
            port: Port::Number(url.port()),
            file,
        };
        let credentials = File::Source(match mesh.remote_access {
            None => REMOTE_SECRETS,
            Some(_) => STORED_SECRETS_PATH,
        });
        let itself = |cluster: &Cluster<'_>, file| dialled(Role::ApiServer, cluster, &cluster.written.api_server, file);
        let api_server = |cluster: &Cluster<'_>| match &cluster.written.proxy_url {
            Some(proxy) => dialled(Role::Proxy, cluster, proxy.url(), credentials),
            None => itself(cluster, credentials),
        };
        Self {
            mesh,
            api_servers: mesh.clusters.iter().map(api_server).collect(),
            behind_proxies: mesh.clusters.iter().map(|cluster| itself(cluster, File::Tree("verify.sh"))).collect(),
            gateways: gateways(mesh),
            collectors: mesh.clusters.iter().map(|cluster| collectors(mesh, cluster)).collect(),
        }
    }

    /// Connections that begin in a network.
    fn of_network(&self, network: usize, rows: &mut Vec<Flow>) {
        let members = self.installed(network);
        self.discovery(network, rows);
        self.through_gateways(Role::Pods, &members, network, rows);
        self.calls_of_others(&members, network, rows);
        self.traces(&members, network, rows);
        self.through_gateways(Role::ApiServer, &members, network, rows);
        self.calls_inside(&members, network, rows);
        self.forwarded(&members, network, rows);
        health(&members, network, rows);
        at_home(&members, network, rows);
    }

    fn members(&self, network: usize) -> impl Iterator<Item = &'m Cluster<'t>> {
        let mesh = self.mesh;
        mesh.networks[network].clusters.iter().map(|position| &mesh.clusters[*position])
    }

    /// What is installed of a network: a cluster that waits has nothing yet that opens connections.
    fn installed(&self, network: usize) -> Vec<&'m Cluster<'t>> {
        self.members(network).filter(|cluster| !cluster.is_waiting).collect()
    }

    /// Every istiod reads the API server of every other cluster.
    fn discovery(&self, network: usize, rows: &mut Vec<Flow>) {
        let primaries: Arc<[usize]> = positions(self.members(network).filter(|cluster| cluster.is_primary())).into();
        if primaries.is_empty() {
            return;
        }
        for cluster in self.mesh.clusters.iter().filter(|cluster| !cluster.is_waiting) {
            let others = if primaries.contains(&cluster.position) {
                primaries.iter().copied().filter(|other| *other != cluster.position).collect()
            } else {
                Arc::clone(&primaries)
            };
            let source = source(Role::Istiod, network, others);
            rows.extend(source.map(|source| {
                self.api_servers[cluster.position].flow(source, Security::Passthrough, &[Purpose::Discovery])
            }));
        }
    }

    /// Remotes reach the istiod of their primary through its gateway: proxies for what they do, API servers for sidecars.
    fn through_gateways(&self, role: Role, members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
        let is_thin = self.mesh.release.remotes == RemoteShape::Thin;
        let (port, purposes): (u16, &[Purpose]) = match role {
            Role::Pods if is_thin => (CONTROL_PLANE, &[Purpose::Configuration, Purpose::Certificates]),
            Role::Pods => (CONTROL_PLANE, &[Purpose::Configuration]),
            _ if is_thin => (WEBHOOK, &[Purpose::Injection]),
            _ => return,
        };
        let mut remotes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for cluster in members.iter().filter(|cluster| !cluster.is_primary()) {
            remotes.entry(cluster.primary).or_default().push(cluster.position);
        }
        for (primary, remotes) in remotes {
            let gateway = self.mesh.clusters[primary].gateway.as_ref();
            let addresses = listed(gateway.and_then(|gateway| gateway.address.as_deref()));
            let (cluster, port) = (Some(primary), Port::Number(port));
            let dialled =
                Dialled { role: Role::Gateway, cluster, network: None, addresses, port, file: File::SourceIstio };
            let source = source(role, network, remotes);
            rows.extend(source.map(|source| dialled.flow(source, Security::Passthrough, purposes)));
        }
    }

    /// Pods call services of other networks through gateways; traces go the same way where the collector is a service of the mesh.
    fn calls_of_others(&self, members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
        let all: Arc<[usize]> = positions(members.iter().copied()).into();
        for (position, gateways) in self.gateways.iter().enumerate().filter(|(other, _)| *other != network) {
            for (served, gateway) in gateways {
                let purposes = self.calls_and_traces(position, gateway.cluster);
                let callers = match served {
                    Served::Everywhere => Arc::clone(&all),
                    Served::By(primary) => {
                        positions(members.iter().copied().filter(|cluster| cluster.primary == *primary)).into()
                    }
                };
                let source = source(Role::Pods, network, callers);
                rows.extend(source.map(|source| gateway.flow(source, Security::Passthrough, purposes)));
            }
        }
    }

    /// Pods call services of their own network at pods.
    fn calls_inside(&self, members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
        let is_static = self.mesh.networks[network].pod_routing == PodRouting::Static;
        for cluster in members {
            let others = positions(members.iter().copied().filter(|other| other.position != cluster.position));
            let is_collectors = self
                .mesh
                .collector
                .as_ref()
                .is_some_and(|collector| collector.via == Via::Mesh && collector.cluster == cluster.position);
            let source = source(Role::Pods, network, others);
            rows.extend(source.map(|source| Flow {
                source: Source { scope: Scope::Network, ..source },
                destination: pods(self.mesh, cluster),
                port: Port::Named(NamedPort::Any),
                security: Security::Passthrough,
                purposes: if is_collectors { CALLS_AND_TRACES } else { &[Purpose::Calls] },
                file: if is_static { File::Source(ROUTES) } else { File::DestinationIstio },
            }));
        }
    }

    fn calls_and_traces(&self, network: usize, cluster: Option<usize>) -> &'static [Purpose] {
        let has_traces =
            self.mesh.collector.as_ref().filter(|collector| collector.via == Via::Mesh).is_some_and(|collector| {
                let owner = &self.mesh.clusters[collector.cluster];
                let is_its_network = self.mesh.network_position(owner) == network;
                is_its_network && (owner.gateway.is_none() || cluster.is_none_or(|cluster| cluster == owner.position))
            });
        if has_traces { CALLS_AND_TRACES } else { &[Purpose::Calls] }
    }

    /// Pods report to a collector at an address.
    fn traces(&self, members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
        let mut reporters: Vec<(&Dialled, Vec<usize>)> = Vec::new();
        for cluster in members {
            for target in &self.collectors[cluster.position] {
                let same = reporters.iter_mut().find(|(other, _)| {
                    (&other.addresses, other.port, other.file) == (&target.addresses, target.port, target.file)
                });
                match same {
                    Some((_, clusters)) => clusters.push(cluster.position),
                    None => reporters.push((target, vec![cluster.position])),
                }
            }
        }
        for (target, clusters) in reporters {
            let source = source(Role::Pods, network, clusters);
            rows.extend(source.map(|source| target.flow(source, Security::Plaintext, &[Purpose::Traces])));
        }
    }

    /// Gateways hand on what comes in to the pods of their network.
    fn forwarded(&self, members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
        if !self.mesh.is_multi_network() {
            return;
        }
        let is_thin = self.mesh.release.remotes == RemoteShape::Thin;
        let with_gateway = positions(members.iter().copied().filter(|cluster| cluster.gateway.is_some()));
        for cluster in members {
            let gateways: Vec<usize> =
                with_gateway.iter().copied().filter(|gateway| *gateway != cluster.position).collect();
            let source = source(Role::Gateway, network, gateways);
            rows.extend(source.map(|source| Flow {
                source: Source { scope: Scope::Network, ..source },
                destination: pods(self.mesh, cluster),
                port: Port::Named(NamedPort::Any),
                security: Security::Passthrough,
                purposes: &[Purpose::Calls],
                // Thin remotes read it at their primary.
                file: if is_thin { File::Primary(EXPOSURE_FILE) } else { File::Source(EXPOSURE_FILE) },
            }));
        }
    }

    /// Connections that begin in no network of the mesh.
    fn of_nobody(&self) -> Vec<Flow> {
        let mesh = self.mesh;
        let outside = |role| Source { role, network: None, clusters: Arc::from([]), scope: Scope::Mesh };
        let mut rows = Vec::new();
        let gitops = mesh.gitops;
        let script = File::Tree(if gitops.is_some() { "verify.sh" } else { "install.sh" });
        for api_server in &self.behind_proxies {
            let dialled = Dialled { file: script, ..api_server.clone() };
            rows.push(dialled.flow(outside(Role::Workstation), Security::Passthrough, &[Purpose::Installation]));
        }
        let charts = mesh
            .has_install(Install::Helm)
            .then(|| elsewhere(Role::Charts, mesh.istio.charts.as_str(), File::Tree("README.md")));
        let charts = charts.flatten();
        let Some(gitops) = gitops else {
            rows.extend(charts.map(|charts| {
                charts.flow(outside(Role::Workstation), Security::Passthrough, &[Purpose::Installation])
            }));
            rows.extend(self.proxies());
            return rows;
        };
        let told = File::Tree(match gitops.controller {
            Controller::ArgoCd => "argocd/",
            Controller::Flux => "flux/",
        });
        let repository = elsewhere(Role::Repository, gitops.repository.as_str(), told);
        let charts = charts.map(|charts| Dialled { file: told, ..charts });
        for dialled in repository.into_iter().chain(charts) {
            rows.push(dialled.flow(outside(Role::Controller), Security::Passthrough, &[Purpose::Installation]));
        }
        for api_server in self.behind_proxies.iter().filter(|_| gitops.hub) {
            let dialled = Dialled { file: told, ..api_server.clone() };
            rows.push(dialled.flow(outside(Role::Controller), Security::Passthrough, &[Purpose::Installation]));
        }
        rows.extend(self.proxies());
        rows
    }

    /// Proxies hand on to API servers what istiods ask.
    fn proxies(&self) -> impl Iterator<Item = Flow> {
        let mesh = self.mesh;
        let behind = mesh.clusters.iter().filter(|cluster| cluster.proxy_url.is_some() && mesh.is_read(cluster));
        behind.map(|cluster| {
            let network = Some(mesh.network_position(cluster));
            let source =
                Source { role: Role::Proxy, network, clusters: Arc::from([cluster.position]), scope: Scope::Mesh };
            let dialled = Dialled { file: File::Tree("README.md"), ..self.behind_proxies[cluster.position].clone() };
            dialled.flow(source, Security::Passthrough, &[Purpose::Discovery])
        })
    }
}

const CALLS_AND_TRACES: &[Purpose] = &[Purpose::Calls, Purpose::Traces];
const STORED_SECRETS_PATH: &str = "80-remote-secrets/remote-secrets.yaml";
const EXPOSURE_FILE: &str = "50-exposure/expose-services.yaml";

fn positions<'c, 't: 'c>(clusters: impl Iterator<Item = &'c Cluster<'t>>) -> Vec<usize> {
    clusters.map(|cluster| cluster.position).collect()
}

/// A source in a network; none without clusters.
fn source(role: Role, network: usize, clusters: impl Into<Arc<[usize]>>) -> Option<Source> {
    let clusters = clusters.into();
    (!clusters.is_empty()).then_some(Source { role, network: Some(network), clusters, scope: Scope::Mesh })
}

/// In each cluster with an istiod, the API server has it inject sidecars, and proxies get from it what no other istiod gives them.
fn at_home(members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
    let with_istiod = || members.iter().filter(|cluster| cluster.runs_istiod);
    let mut add = |cluster: &Cluster<'_>, role, port, purposes| {
        rows.push(Flow {
            source: Source {
                role,
                network: Some(network),
                clusters: Arc::from([cluster.position]),
                scope: Scope::Cluster,
            },
            destination: Destination {
                role: Role::Istiod,
                cluster: Some(cluster.position),
                network: None,
                addresses: Arc::from([]),
            },
            port: Port::Number(port),
            security: Security::Passthrough,
            purposes,
            file: File::DestinationIstio,
        });
    };
    for cluster in with_istiod() {
        let is_all: &[Purpose] = &[Purpose::Configuration, Purpose::Certificates];
        let purposes = if cluster.is_primary() { is_all } else { &[Purpose::Certificates] };
        add(cluster, Role::Pods, CONTROL_PLANE, purposes);
    }
    with_istiod().for_each(|cluster| add(cluster, Role::ApiServer, WEBHOOK, &[Purpose::Injection]));
}

/// Load balancers ask gateways for their health.
fn health(members: &[&Cluster<'_>], network: usize, rows: &mut Vec<Flow>) {
    for cluster in members {
        let gateway = cluster.gateway.as_ref().map(|gateway| gateway.written);
        let Some(gateway) = gateway.filter(|gateway| gateway.service_type == ServiceType::LoadBalancer) else {
            continue;
        };
        let position = cluster.position;
        rows.push(Flow {
            source: Source {
                role: Role::LoadBalancer,
                network: Some(network),
                clusters: Arc::from([position]),
                scope: Scope::Cluster,
            },
            destination: Destination {
                role: Role::Nodes,
                cluster: Some(position),
                network: None,
                addresses: Arc::from([]),
            },
            port: Port::Number(node_port(gateway, "status-port").unwrap_or(STATUS)),
            security: Security::Plaintext,
            purposes: &[Purpose::Health],
            file: File::Destination(GATEWAY_FILE),
        });
    }
}

/// The pods of a cluster, by their ranges where these are stated.
fn pods(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Destination {
    let addresses = pod_ranges(mesh, cluster).into_iter().map(|range| Arc::from(range.to_string())).collect();
    Destination { role: Role::Pods, cluster: Some(cluster.position), network: None, addresses }
}
