//! Small meshes and what changes in them.

use serde_json::{Map, Value, json};

use crate::common;

use super::choices::Choices;

/// A mesh of a few clusters, as far as changes touch it.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "choices are yes or no")]
pub(super) struct Mesh {
    version: &'static str,
    profile: Option<&'static str>,
    has_egress: bool,
    revision: Option<&'static str>,
    trust_domain: Option<&'static str>,
    cluster_domain: Option<&'static str>,
    has_cni: bool,
    /// Whether names tell the seed and the first day: with others, the root is another one.
    has_long_names: bool,
    has_all_node_ports: bool,
    /// What installs Istio, where it can; elsewhere istioctl does.
    install: &'static str,
    /// The controller that applies the tree, where istioctl installs nothing.
    controller: Option<&'static str>,
    /// Whether there is one for each cluster.
    is_controlled_apart: bool,
    /// Whether control planes get credentials from a store, where they can.
    is_stored: bool,
    /// How private keys reach their clusters, where the controller can do it.
    form: &'static str,
    /// Whether others read them than at first.
    has_other_readers: bool,
    config: Map<String, Value>,
    tracing: Option<Tracing>,
    /// Days after the root's first on which intermediates begin.
    renewed: u32,
    /// How far the change to another root has come, in `PHASES`.
    root_phase: usize,
    /// Whether the tree has no certificates.
    is_without_certificates: bool,
    /// Whether the values name another authority.
    is_signed_by_another: bool,
    is_static: [bool; 3],
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tracing {
    cluster: String,
    sampling: u32,
    is_through_mesh: bool,
    /// Whether the collector comes from a registry of one's own.
    is_mirrored: bool,
}

#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "choices are yes or no")]
struct Member {
    name: String,
    network: usize,
    control_plane: Option<String>,
    server: String,
    /// The file of the CA that is trusted there, if it is not the cluster's own.
    authority: Option<&'static str>,
    /// Whether the way there leads through a proxy.
    is_proxied: bool,
    context: String,
    /// The east-west gateway's external addresses; `None` without a gateway.
    gateway: Option<Vec<String>>,
    service_type: Option<&'static str>,
    /// The class of the gateway's load balancer.
    class: Option<&'static str>,
    /// Whether istiods are told its address, and the port for services.
    is_told: bool,
    port: Option<u16>,
    /// Whether the gateway has more than one pod, in a place of their own.
    is_sized: bool,
    /// Whether the gateway's address is that of a load balancer, instead of the external ones, and whether it is known.
    is_balanced: Option<bool>,
    nodes: Vec<u32>,
    /// Whether its first node has a second range of pods.
    has_second_block: bool,
    has_service_range: bool,
    generation: u32,
    /// Whether another program installs Istio there than in the mesh.
    is_installed_otherwise: bool,
    values: Map<String, Value>,
    number: u32,
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Joins,
    Leaves,
    Renamed,
    NetworkMoved,
    Promoted,
    Demoted,
    PrimaryMoved,
    GatewayAddress,
    SecondAddress,
    AddressKnown,
    ServiceType,
    Class,
    Sized,
    Discovery,
    Port,
    Patch,
    NextMinor,
    Revision,
    AccessLog,
    DefaultConfig,
    OutboundPolicy,
    TracingMoved,
    TracingSwitched,
    TracingWay,
    Sampling,
    CollectorImage,
    Renewed,
    Rekeyed,
    RootPhase,
    Certificates,
    Signer,
    TrustDomain,
    ClusterDomain,
    Cni,
    Naming,
    NodePortRange,
    NodeJoins,
    NodeLeaves,
    SecondBlock,
    ServiceRange,
    StaticSwitched,
    GatewaySwitched,
    Context,
    ApiServer,
    ApiServerCa,
    ProxyUrl,
    Profile,
    Egress,
    Values,
    Install,
    InstallOfOne,
    Controller,
    ControllerPlace,
    RemoteAccess,
    Form,
    Readers,
}

impl Change {
    pub(super) const ALL: [Self; 56] = [
        Self::Joins,
        Self::Leaves,
        Self::Renamed,
        Self::NetworkMoved,
        Self::Promoted,
        Self::Demoted,
        Self::PrimaryMoved,
        Self::GatewayAddress,
        Self::SecondAddress,
        Self::AddressKnown,
        Self::ServiceType,
        Self::Class,
        Self::Sized,
        Self::Discovery,
        Self::Port,
        Self::Patch,
        Self::NextMinor,
        Self::Revision,
        Self::AccessLog,
        Self::DefaultConfig,
        Self::OutboundPolicy,
        Self::TracingMoved,
        Self::TracingSwitched,
        Self::TracingWay,
        Self::Sampling,
        Self::CollectorImage,
        Self::Renewed,
        Self::Rekeyed,
        Self::RootPhase,
        Self::Certificates,
        Self::Signer,
        Self::TrustDomain,
        Self::ClusterDomain,
        Self::Cni,
        Self::Naming,
        Self::NodePortRange,
        Self::NodeJoins,
        Self::NodeLeaves,
        Self::SecondBlock,
        Self::ServiceRange,
        Self::StaticSwitched,
        Self::GatewaySwitched,
        Self::Context,
        Self::ApiServer,
        Self::ApiServerCa,
        Self::ProxyUrl,
        Self::Profile,
        Self::Egress,
        Self::Values,
        Self::Install,
        Self::InstallOfOne,
        Self::Controller,
        Self::ControllerPlace,
        Self::RemoteAccess,
        Self::Form,
        Self::Readers,
    ];
}

/// The phases in which another root takes the place of the present one, and nothing of it before.
const PHASES: [&str; 4] = ["", "trust", "sign", "drop"];

/// A phase before or after another.
fn neighbour(phase: usize, choices: &mut Choices) -> usize {
    match phase {
        0 => 1,
        3 => 2,
        phase => choices.one_of(&[phase - 1, phase + 1]),
    }
}

const FORMS: [&str; 4] = ["files", "sops", "sealedSecrets", "externalSecrets"];

const RECIPIENTS: [&str; 2] = [
    "age1z3ek0mwpjw3dzraswq7qgl727xswr4lqjc7xk70ja0efvmks7g6qwhfw7a",
    "age1zpejrgxzskssg32j03pzex3t3w7t98c4ynx30g8kltxmk5auu44qh9j82f",
];

const VERSIONS: [&str; 13] = [
    "1.11.2", "1.11.8", "1.24.2", "1.24.6", "1.25.5", "1.26.8", "1.27.9", "1.28.1", "1.28.8", "1.29.2", "1.30.0",
    "1.30.3", "1.31.0",
];

/// Three valid meshes, each with one change against the one before, and these changes.
pub(super) fn chain(choices: &mut Choices, index: usize) -> ([Mesh; 3], [Change; 2]) {
    loop {
        // Each kind takes its turn.
        let changes = [Change::ALL[index % Change::ALL.len()], choices.one_of(&Change::ALL)];
        let first = Mesh::any(choices);
        let second = first.changed(changes[0], choices);
        let third = second.changed(changes[1], choices);
        // A script of the old tree knows a cluster by its old context.
        let is_both = [Change::Context, Change::Renamed].iter().all(|change| changes.contains(change));
        // Two phases at once are a phase that is left out.
        let is_both = is_both || changes == [Change::RootPhase; 2];
        let meshes = [first, second, third];
        let are_different = meshes[0] != meshes[1] && meshes[1] != meshes[2] && meshes[2] != meshes[0];
        if are_different && !is_both && meshes.iter().all(Mesh::is_valid) {
            return (meshes, changes);
        }
    }
}

/// Each small mesh, with what each change can make of it. Not all are valid.
pub(super) fn small() -> impl Iterator<Item = (Mesh, Vec<(Change, Mesh)>)> {
    distinct(Choices::each(Mesh::small)).into_iter().map(|mesh| {
        let changed = |change: Change| {
            let meshes = Choices::each(|choices| mesh.changed(change, choices));
            let is_small = |changed: &Mesh| *changed != mesh && changed.members.len() <= LARGEST_SMALL_MESH;
            distinct(meshes.into_iter().filter(is_small).collect()).into_iter().map(move |mesh| (change, mesh))
        };
        let changes = Change::ALL.into_iter().flat_map(changed).collect();
        (mesh, changes)
    })
}

const LARGEST_SMALL_MESH: usize = 3;

fn distinct(meshes: Vec<Mesh>) -> Vec<Mesh> {
    let mut found: Vec<Mesh> = Vec::new();
    for mesh in meshes {
        if !found.contains(&mesh) {
            found.push(mesh);
        }
    }
    found
}

impl Mesh {
    fn empty(version: &'static str) -> Self {
        Self {
            version,
            profile: None,
            has_egress: false,
            revision: None,
            trust_domain: None,
            cluster_domain: None,
            has_cni: false,
            has_long_names: false,
            has_all_node_ports: false,
            install: "istioctl",
            controller: None,
            is_controlled_apart: false,
            is_stored: false,
            form: FORMS[0],
            has_other_readers: false,
            config: Map::new(),
            tracing: None,
            renewed: 0,
            root_phase: 0,
            is_without_certificates: false,
            is_signed_by_another: false,
            is_static: [false; 3],
            members: Vec::new(),
        }
    }

    fn any(choices: &mut Choices) -> Self {
        let mut mesh = Self {
            profile: choices.one_of(&[None, None, Some("demo")]),
            has_egress: choices.one_of(&[false, false, true]),
            revision: if choices.below(6) == 0 { Some("blue") } else { None },
            trust_domain: if choices.below(4) == 0 { Some("mesh.example") } else { None },
            cluster_domain: if choices.below(4) == 0 { Some("k8s.example") } else { None },
            is_without_certificates: choices.below(6) == 0,
            is_signed_by_another: choices.below(6) == 0,
            is_static: [choices.flip(), choices.flip(), choices.flip()],
            install: choices.one_of(&["istioctl", "helm", "sail"]),
            controller: choices.one_of(&[None, None, Some("flux"), Some("argocd")]),
            is_controlled_apart: choices.below(4) == 0,
            is_stored: choices.below(3) == 0,
            form: choices.one_of(&FORMS),
            has_other_readers: false,
            root_phase: choices.one_of(&[0, 0, 0, 1, 2, 3]),
            ..Self::empty(choices.one_of(&VERSIONS))
        };
        for _ in 0..=choices.below(4) {
            mesh.join(choices);
            let newest = mesh.members.last_mut().expect("one has joined");
            newest.is_balanced = (choices.below(5) == 0).then(|| choices.flip());
        }
        if choices.flip() {
            mesh.apply(Change::TracingSwitched, choices);
        }
        mesh
    }

    /// One to three clusters with or without istiods of their own, on one to three networks, with or without routes, tracing, and the address
    /// of the first gateway.
    fn small(choices: &mut Choices) -> Self {
        let is_static = choices.flip();
        let mut mesh =
            Self { is_static: [is_static; 3], ..Self::empty(choices.one_of(&["1.11.2", "1.27.9", "1.28.1"])) };
        for number in (0..).take(1 + choices.below(LARGEST_SMALL_MESH)) {
            // Which cluster is called the first does not matter: remotes come last, and the first primary has them.
            let last_is_remote = mesh.members.last().is_some_and(|last| last.control_plane.is_some());
            let is_remote = last_is_remote || number > 0 && choices.flip();
            let networks = mesh.members.iter().map(|member| member.network + 1).max().unwrap_or(0);
            let network = choices.below((networks + 1).min(3));
            let control_plane = is_remote.then(|| mesh.members[0].name.clone());
            mesh.members.push(Member::new(number, network, control_plane, true));
        }
        // The address of the first gateway is known, or will be.
        if !is_static && choices.flip() {
            mesh.members[0].is_balanced = Some(false);
        }
        if choices.flip() {
            mesh.tracing = Some(Tracing {
                cluster: mesh.members[0].name.clone(),
                sampling: 10,
                is_through_mesh: false,
                is_mirrored: false,
            });
        }
        mesh
    }

    pub(super) fn text(&self) -> String {
        let mut istio = json!({"version": self.version});
        // The operator is told of no revision.
        let revision = self.revision.filter(|_| self.way() != "sail");
        let settings = [("profile", self.profile), ("revision", revision)];
        for (name, value) in settings.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            istio[name] = json!(value);
        }
        if self.way() != "istioctl" {
            istio["install"] = json!(self.way());
        }
        if self.has_cni {
            istio["cni"] = json!({"enabled": true});
        }
        if self.has_egress {
            istio["egressGateway"] = json!(true);
        }
        if !self.config.is_empty() {
            istio["meshConfig"] = Value::Object(self.config.clone());
        }
        let mut mesh = json!({"id": "mesh1"});
        if let Some(domain) = self.trust_domain {
            mesh["trustDomain"] = json!(domain);
        }
        if let Some(domain) = self.cluster_domain {
            mesh["clusterDomain"] = json!(domain);
        }
        if self.is_signed_by_another {
            istio["values"] =
                json!({"global": {"caAddress": "issuer.example:443"}, "pilot": {"env": {"ENABLE_CA_SERVER": "false"}}});
        }
        let mut certificates = json!({"issuedOn": "2026-10-01"});
        if self.is_without_certificates {
            certificates = json!({"authority": "none"});
        } else if self.renewed > 0 {
            certificates["intermediatesIssuedOn"] = json!(format!("2026-11-{:02}", self.renewed));
        }
        if self.has_long_names && !self.is_without_certificates {
            certificates["naming"] = json!(2);
        }
        if self.root_phase > 0 && !self.is_without_certificates {
            certificates["nextRoot"] = json!({"issuedOn": "2026-10-20", "phase": PHASES[self.root_phase]});
        }
        let networks: Vec<Value> = (0..3)
            .filter(|network| self.members.iter().any(|member| member.network == *network))
            .map(|network| {
                let routing = if self.is_static[network] { "static" } else { "native" };
                json!({"name": format!("n{network}"), "podRouting": routing})
            })
            .collect();
        let mut topology = json!({
            "apiVersion": "meshgen/v1",
            "kind": "Topology",
            "mesh": mesh,
            "istio": istio,
            "certificates": certificates,
            "workloads": {"namespaces": ["shop"]},
            "networks": networks,
            "clusters": self.members.iter().map(|member| member.value(self)).collect::<Vec<_>>(),
        });
        if self.has_all_node_ports {
            topology["kubernetes"] = json!({"nodePortRange": "1-65535"});
        }
        if let Some(controller) = self.delivered() {
            topology["gitops"] = json!({
                "controller": controller,
                "hub": !self.is_controlled_apart,
                "repository": "https://git.example.net/mesh.git",
                "path": "out",
            });
            let rules = ["unencrypted-secret", "application-health", "excluded-endpoint-slice", "unordered-controller"];
            let allowed = rules.map(|rule| json!({"rule": rule, "reason": "the simulator has no such trouble"}));
            topology["mesh"]["allow"] = json!(allowed);
        }
        if self.is_stored && (!self.version.starts_with("1.11") || self.primaries().len() == self.members.len()) {
            topology["remoteAccess"] = json!("externalSecrets");
            topology["secrets"]["store"] = self.store();
        }
        let form = self.form();
        if form != "files" {
            topology["secrets"]["form"] = json!(form);
        }
        if form == "sops" {
            topology["secrets"]["ageRecipients"] = json!([RECIPIENTS[usize::from(self.has_other_readers)]]);
        } else if form == "externalSecrets" {
            topology["secrets"]["store"] = self.store();
        }
        if let Some(tracing) = &self.tracing {
            let mut zipkin = json!({"cluster": tracing.cluster, "samplingPercent": tracing.sampling});
            if tracing.is_through_mesh {
                zipkin["via"] = json!("mesh");
            }
            if tracing.is_mirrored {
                zipkin["image"] = json!("registry.example.net/zipkin-slim:3.4.0");
            }
            topology["tracing"] = json!({ "zipkin": zipkin });
        }
        topology.to_string()
    }

    /// Whether Helm can install this version.
    fn has_charts(&self) -> bool {
        ["1.28", "1.29", "1.30", "1.31"].iter().any(|release| self.version.starts_with(release))
    }

    /// How private keys reach their clusters. Argo CD does not decrypt what SOPS encrypted.
    fn form(&self) -> &'static str {
        match self.form {
            _ if self.is_without_certificates => "files",
            "sops" if self.delivered() == Some("argocd") => "sealedSecrets",
            form => form,
        }
    }

    fn store(&self) -> Value {
        json!({"name": if self.has_other_readers && self.form() == "externalSecrets" { "other" } else { "store" }})
    }

    /// What installs Istio.
    fn way(&self) -> &'static str {
        match self.install {
            _ if !self.has_charts() => "istioctl",
            "sail" if self.version.starts_with("1.31") => "istioctl",
            way => way,
        }
    }

    /// The controller, if there can be one.
    fn delivered(&self) -> Option<&'static str> {
        let is_possible = self.way() != "istioctl";
        self.controller.filter(|_| is_possible && !self.members.iter().any(|member| member.is_installed_otherwise))
    }

    fn changed(&self, change: Change, choices: &mut Choices) -> Self {
        let mut changed = self.clone();
        if !changed.members.is_empty() {
            changed.apply(change, choices);
        }
        changed
    }

    pub(super) fn is_valid(&self) -> bool {
        if self.members.is_empty() {
            return false;
        }
        let source = common::of_tests(meshgen::source::Source::new("mesh.yaml", self.text()));
        meshgen::outline(&source, None).is_ok()
    }

    fn join(&mut self, choices: &mut Choices) {
        let number = self.members.iter().map(|member| member.number + 1).max().unwrap_or(0);
        let primaries = self.primaries();
        let is_primary = primaries.is_empty() || choices.flip();
        let control_plane = if is_primary { None } else { Some(choices.one_of(&primaries)) };
        let network = choices.below(3);
        self.members.push(Member::new(number, network, control_plane, choices.below(4) > 0));
    }

    fn primaries(&self) -> Vec<String> {
        let primaries = self.members.iter().filter(|member| member.control_plane.is_none());
        primaries.map(|member| member.name.clone()).collect()
    }

    /// Makes a change, or one that comes to nothing where the mesh has nothing to change.
    fn apply(&mut self, change: Change, choices: &mut Choices) {
        let at = choices.below(self.members.len());
        let primaries = self.primaries();
        let is_thin = !self.version.starts_with("1.11");
        let member = &mut self.members[at];
        match change {
            Change::RootPhase => self.root_phase = neighbour(self.root_phase, choices),
            Change::Joins => self.join(choices),
            Change::Leaves => drop(self.members.remove(at)),
            Change::Renamed => {
                let (old, new) = (member.name.clone(), format!("{}x", member.name));
                for member in &mut self.members {
                    if member.control_plane.as_ref() == Some(&old) {
                        member.control_plane = Some(new.clone());
                    }
                }
                if let Some(tracing) = self.tracing.as_mut().filter(|tracing| tracing.cluster == old) {
                    tracing.cluster.clone_from(&new);
                }
                self.members[at].name = new;
            }
            Change::NetworkMoved => member.network = (member.network + 1) % 3,
            Change::Promoted => member.control_plane = None,
            Change::Demoted => {
                let name = member.name.clone();
                let other = primaries.into_iter().find(|primary| *primary != name);
                if let Some(other) = other {
                    for member in self.members.iter_mut().filter(|member| member.control_plane.as_ref() == Some(&name))
                    {
                        member.control_plane = Some(other.clone());
                    }
                    self.members[at].control_plane = Some(other);
                }
            }
            Change::PrimaryMoved => {
                if member.control_plane.is_some() && !primaries.is_empty() {
                    member.control_plane = Some(choices.one_of(&primaries));
                }
            }
            Change::GatewayAddress => {
                let number = member.number;
                if let Some(ips) = &mut member.gateway {
                    *ips = vec![format!("10.2.{number}.{}", ips.len() + 8)];
                }
            }
            Change::SecondAddress => {
                let number = member.number;
                if let Some(ips) = &mut member.gateway {
                    ips.push(format!("10.2.{number}.77"));
                }
            }
            Change::AddressKnown => {
                for member in self.members.iter_mut().filter(|member| member.is_balanced == Some(false)) {
                    member.is_balanced = Some(true);
                }
            }
            Change::ServiceType | Change::Class | Change::Sized | Change::Discovery | Change::Port => {
                member.set_gateway(change);
            }
            Change::TracingMoved => {
                let name = member.name.clone();
                if let Some(tracing) = &mut self.tracing {
                    tracing.cluster = name;
                }
            }
            Change::TracingSwitched => {
                let cluster = member.name.clone();
                self.tracing = if self.tracing.is_some() {
                    None
                } else {
                    Some(Tracing {
                        cluster,
                        sampling: 10,
                        is_through_mesh: is_thin && choices.flip(),
                        is_mirrored: false,
                    })
                };
            }
            Change::TracingWay | Change::Sampling | Change::CollectorImage => {
                if let Some(tracing) = &mut self.tracing {
                    tracing.set(change, is_thin);
                }
            }
            Change::NodeJoins | Change::NodeLeaves | Change::SecondBlock | Change::ServiceRange => {
                member.set_nodes(change);
            }
            Change::Rekeyed => member.generation += 1,
            Change::StaticSwitched => self.is_static[member.network] = !self.is_static[member.network],
            Change::GatewaySwitched => {
                member.gateway =
                    if member.gateway.is_some() { None } else { Some(vec![format!("10.2.{}.1", member.number)]) };
            }
            Change::Context | Change::ApiServer | Change::ApiServerCa | Change::ProxyUrl => member.set_way(change),
            Change::InstallOfOne => member.is_installed_otherwise = !member.is_installed_otherwise,
            Change::Values => {
                let value = json!({"proxy": {"privileged": true}});
                toggle(&mut member.values, "global", value);
            }
            _ => self.set(change),
        }
    }

    /// Makes a change of the mesh as a whole.
    fn set(&mut self, change: Change) {
        let (is_thin, version) = (!self.version.starts_with("1.11"), self.version);
        match change {
            Change::Patch => {
                self.version = match version {
                    "1.11.2" => "1.11.8",
                    "1.24.2" => "1.24.6",
                    "1.28.1" => "1.28.8",
                    "1.30.0" => "1.30.3",
                    same => same,
                }
            }
            Change::NextMinor => {
                self.version = match version {
                    "1.24.2" | "1.24.6" => "1.25.5",
                    "1.25.5" => "1.26.8",
                    "1.26.8" => "1.27.9",
                    "1.27.9" => "1.28.1",
                    "1.28.1" | "1.28.8" => "1.29.2",
                    "1.29.2" => "1.30.3",
                    "1.30.0" | "1.30.3" => "1.31.0",
                    same => same,
                }
            }
            Change::Revision => {
                if is_thin {
                    self.revision = if self.revision == Some("blue") { Some("green") } else { Some("blue") };
                }
            }
            Change::AccessLog => toggle(&mut self.config, "accessLogFile", json!("/dev/stdout")),
            Change::DefaultConfig => toggle(&mut self.config, "defaultConfig", json!({"concurrency": 2})),
            Change::OutboundPolicy => {
                toggle(&mut self.config, "outboundTrafficPolicy", json!({"mode": "REGISTRY_ONLY"}));
            }
            Change::Certificates => self.is_without_certificates = !self.is_without_certificates,
            Change::Signer => self.is_signed_by_another = !self.is_signed_by_another,
            Change::Renewed => self.renewed = 30 - self.renewed.max(10),
            Change::TrustDomain => {
                self.trust_domain = if self.trust_domain.is_some() { None } else { Some("mesh.example") };
            }
            Change::ClusterDomain => {
                self.cluster_domain = if self.cluster_domain.is_some() { None } else { Some("k8s.example") };
            }
            Change::Install => {
                self.install = match self.install {
                    "istioctl" => "helm",
                    "helm" => "sail",
                    _ => "istioctl",
                };
            }
            Change::Controller => {
                self.controller = match self.controller {
                    None => Some("flux"),
                    Some("flux") => Some("argocd"),
                    Some(_) => None,
                };
            }
            Change::ControllerPlace => self.is_controlled_apart = !self.is_controlled_apart,
            Change::RemoteAccess => self.is_stored = !self.is_stored,
            Change::Form => {
                let place = FORMS.iter().position(|form| *form == self.form).unwrap_or_default();
                self.form = FORMS[(place + 1) % FORMS.len()];
            }
            Change::Readers => self.has_other_readers = !self.has_other_readers,
            Change::Cni => self.has_cni = !self.has_cni,
            Change::Naming => self.has_long_names = !self.has_long_names,
            Change::NodePortRange => self.has_all_node_ports = !self.has_all_node_ports,
            Change::Egress => self.has_egress = !self.has_egress,
            Change::Profile => self.profile = if self.profile.is_none() { Some("demo") } else { None },
            _ => unreachable!("{change:?} is of a cluster"),
        }
    }
}

fn toggle(fields: &mut Map<String, Value>, name: &str, value: Value) {
    if fields.remove(name).is_none() {
        fields.insert(name.to_owned(), value);
    }
}

impl Tracing {
    fn set(&mut self, change: Change, is_thin: bool) {
        match change {
            Change::TracingWay => self.is_through_mesh = is_thin && !self.is_through_mesh,
            Change::CollectorImage => self.is_mirrored = !self.is_mirrored,
            _ => self.sampling = 30 - self.sampling,
        }
    }
}

impl Member {
    fn new(number: u32, network: usize, control_plane: Option<String>, has_gateway: bool) -> Self {
        let name = format!("c{number}");
        Self {
            context: name.clone(),
            name,
            network,
            control_plane,
            server: format!("https://10.1.{number}.1:6443"),
            authority: None,
            is_proxied: false,
            gateway: has_gateway.then(|| vec![format!("10.2.{number}.1")]),
            service_type: None,
            class: None,
            is_told: false,
            port: None,
            is_sized: false,
            is_balanced: None,
            nodes: vec![1, 2],
            has_second_block: false,
            has_service_range: false,
            generation: 1,
            is_installed_otherwise: false,
            values: Map::new(),
            number,
        }
    }

    /// Makes a change of its nodes and ranges.
    fn set_nodes(&mut self, change: Change) {
        match change {
            Change::NodeJoins => self.nodes.push(self.nodes.iter().max().map_or(1, |last| last + 5)),
            Change::NodeLeaves => self.nodes.truncate(1),
            Change::SecondBlock => self.has_second_block = !self.has_second_block,
            _ => self.has_service_range = !self.has_service_range,
        }
    }

    /// Makes a change of the way to its API server.
    fn set_way(&mut self, change: Change) {
        match change {
            Change::Context => self.context.push_str("@renamed"),
            Change::ApiServer => self.server = self.server.replace(".1:6443", ".2:6443"),
            Change::ApiServerCa => {
                self.authority = match self.authority {
                    None => Some("cluster1"),
                    Some("cluster1") => Some("next"),
                    Some(_) => None,
                };
            }
            Change::ProxyUrl => self.is_proxied = !self.is_proxied,
            _ => unreachable!("{change:?} is of no API server"),
        }
    }

    /// Makes a change of what is said of its gateway besides addresses.
    fn set_gateway(&mut self, change: Change) {
        let toggled = |field: Option<&'static str>, value| if field.is_none() { Some(value) } else { None };
        match change {
            Change::ServiceType => self.service_type = toggled(self.service_type, "NodePort"),
            Change::Class => self.class = toggled(self.class, "example.com/internal"),
            Change::Sized => self.is_sized = !self.is_sized,
            Change::Discovery => self.is_told = !self.is_told,
            Change::Port => self.port = if self.port.is_none() { Some(443) } else { None },
            _ => unreachable!("{change:?} is of no gateway"),
        }
    }

    fn value(&self, mesh: &Mesh) -> Value {
        let number = self.number;
        let mut value = json!({
            "name": self.name,
            "network": format!("n{}", self.network),
            "context": self.context,
            "apiServer": self.server,
        });
        if mesh.form() == "sealedSecrets" {
            let file = if mesh.has_other_readers { "seal/cluster2.pem" } else { "seal/cluster1.pem" };
            value["secrets"] = json!({"sealingCertificate": file});
        }
        if let Some(authority) = self.authority {
            value["apiServerCA"] = json!(format!("ca/{authority}.pem"));
        }
        if self.is_proxied {
            value["proxyURL"] = json!(format!("http://10.9.{number}.1:3128"));
        }
        if let Some(primary) = &self.control_plane {
            value["controlPlane"] = json!(primary);
        }
        if let Some(ips) = &self.gateway {
            // The last address is what others dial.
            value["eastWestGateway"] = match self.is_balanced {
                None => json!({"externalIPs": ips, "address": ips.last()}),
                Some(false) => json!({}),
                Some(true) => json!({"address": format!("198.51.100.1{number}")}),
            };
            if let Some(service_type) = self.service_type {
                value["eastWestGateway"]["serviceType"] = json!(service_type);
            }
            if let Some(class) = self.class.filter(|_| self.service_type.is_none()) {
                value["eastWestGateway"]["loadBalancerClass"] = json!(class);
            }
            if self.is_told && self.is_balanced != Some(false) {
                value["eastWestGateway"]["discovery"] = json!("static");
            }
            if let Some(port) = self.port {
                value["eastWestGateway"]["port"] = json!(port);
                value["eastWestGateway"]["nodePorts"] = json!({"tls": 31443, "tls-istiod": 31012});
            }
            if self.is_sized {
                value["eastWestGateway"]["replicas"] = json!({"min": 2});
                value["eastWestGateway"]["pod"] = json!({"nodeSelector": {"role": "edge"}, "topologySpreadConstraints":
                    [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
                    "resources": {"requests": {"cpu": "200m"}, "limits": {"memory": "2Gi"}},
                    "tolerations": [{"key": "edge", "operator": "Exists", "effect": "NoSchedule"}],
                    "priorityClassName": "system-cluster-critical"});
            }
        }
        if mesh.is_static[self.network] {
            let node = |node: &u32| json!({"address": format!("10.3.{number}.{node}"), "podCIDR": format!("172.{}.{node}.0/24", 16 + number)});
            value["nodes"] = self.nodes.iter().map(node).collect();
            let first = value["nodes"][0].as_object_mut().filter(|_| self.has_second_block);
            if let Some(first) = first {
                // A node has its blocks in one list.
                let block = first.shift_remove("podCIDR");
                first.insert("podCIDRs".to_owned(), json!([block, format!("172.{}.200.0/26", 16 + number)]));
            }
            if self.has_service_range {
                let ranges = [format!("10.1{number}.0.0/16"), format!("10.2{number}.0.0/24")];
                value["serviceCIDRs"] = json!(ranges);
            }
        }
        let has_certificate = self.control_plane.is_none() || mesh.version.starts_with("1.11");
        if self.generation > 1 && has_certificate && !mesh.is_without_certificates {
            value["certificates"] = json!({"generation": self.generation});
        }
        if !self.values.is_empty() && has_certificate {
            value["istio"] = json!({"values": self.values});
        }
        if self.is_installed_otherwise && mesh.has_charts() {
            value["istio"]["install"] = json!(if mesh.way() == "helm" { "istioctl" } else { "helm" });
        }
        value
    }
}
