//! Random topologies that obey every rule, and what was meant by them.
#![allow(clippy::struct_excessive_bools, reason = "choices are yes or no")]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(crate) mod free_form;

/// A topology's value, and its text as a person could have written it.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) value: Value,
    pub(crate) text: String,
}

/// The choices that make up a mesh; whatever they are, the topology is valid.
#[derive(Debug, Clone)]
struct Choices {
    version: usize,
    profile: usize,
    id: usize,
    trust_domain: Option<usize>,
    cluster_domain: Option<usize>,
    cni: Option<bool>,
    /// A position in `WAYS`; where that way cannot be, it is the one before.
    way: usize,
    controller: Option<usize>,
    /// The kind of the store by which control planes get credentials.
    store: Option<usize>,
    revision: Option<usize>,
    own_revisions: bool,
    kubernetes: Option<usize>,
    allowed: Vec<usize>,
    intermediates: Intermediates,
    egress: Option<bool>,
    tracing: Option<TracingChoices>,
    is_static: Vec<bool>,
    root_days: u32,
    mesh_config: Vec<usize>,
    values: Vec<usize>,
    workloads: usize,
    clusters: Vec<ClusterChoices>,
}

/// What is said about all intermediates.
#[derive(Debug, Clone)]
struct Intermediates {
    issued_later: Option<u32>,
    days: Option<u32>,
    generation: Option<u32>,
    naming: Option<u32>,
    /// Whether somebody else signs.
    is_absent: bool,
    /// How private keys reach their clusters: the position in `FORMS`.
    form: usize,
    next_root: Option<NextRoot>,
}

/// The root that takes the place of the present one.
#[derive(Debug, Clone)]
struct NextRoot {
    /// How many days after the present root it begins.
    later: u32,
    days: Option<u32>,
    /// The position in `PHASES`.
    phase: usize,
    has_own_seed: bool,
}

/// How long a root is valid if nothing else is written.
const DEFAULT_ROOT_DAYS: u32 = 3650;

/// How far the change of a root comes, in order.
const PHASES: [&str; 3] = ["trust", "sign", "drop"];

#[derive(Debug, Clone)]
struct TracingChoices {
    cluster: usize,
    through_mesh: bool,
    node_port: Option<u16>,
    gateway_port: Option<u16>,
    sampling: Option<u32>,
    install: bool,
    own_image: bool,
    own_override: bool,
}

#[derive(Debug, Clone)]
struct ClusterChoices {
    network: usize,
    remote_of: Option<usize>,
    gateway: Option<bool>,
    address: usize,
    service_type: usize,
    annotated: bool,
    nodes: usize,
    has_services: bool,
    is_ipv6: bool,
    ranges: usize,
    context: Option<usize>,
    issued_later: Option<u32>,
    generation: Option<u32>,
    values: Vec<usize>,
    mesh_config: Vec<usize>,
    kubernetes: Option<usize>,
    allowed: Vec<usize>,
    external_ips: usize,
    is_node_port_selected: bool,
    /// Whether it is one phase ahead, where the root changes.
    is_ahead: bool,
    service: ServiceChoices,
    replicas: Option<usize>,
    pod: Vec<usize>,
    /// 1: another CA at the API server. 2: a proxy on the way there. 3: both.
    way: usize,
}

/// What is said about a gateway's Service besides its type.
#[derive(Debug, Clone)]
struct ServiceChoices {
    is_told: bool,
    port: Option<usize>,
    has_class: bool,
    policy: Option<usize>,
    has_node_ports: bool,
}

/// Names that readers of YAML 1.1 take for something else, and some that look like paths or numbers.
const NAMES: [&str; 12] = ["no", "y", "on", "1e3", "null", "true", "east", "0x1f", "off", "c-8", "012", "n"];
const NETWORKS: [&str; 5] = ["n", "yes", "1-2", "wan", "0"];
const VERSIONS: [&str; 9] = ["1.11.2", "1.24.6", "1.25.5", "1.26.8", "1.27.9", "1.28.0", "1.29.6", "1.30.3", "1.31.0"];
const PROFILES: [Option<&str>; 5] = [None, Some("default"), Some("demo"), Some("minimal"), Some("openshift")];
/// The first of `VERSIONS` that Helm may install, and the last of `PROFILES` that its charts have.
const FIRST_WITH_CHARTS: usize = 5;
const LAST_PROFILE_OF_CHARTS: usize = 2;
/// What may install Istio.
const WAYS: [&str; 3] = ["istioctl", "helm", "sail"];
const ISTIOCTL: usize = 0;
const HELM: usize = 1;
const SAIL: usize = 2;
/// The last of `VERSIONS` that the Sail operator installs, and the one of `PROFILES` that it does not have.
const LAST_OF_SAIL: usize = 7;
const PROFILE_NOT_OF_SAIL: usize = 3;
const CONTROLLERS: [&str; 2] = ["argocd", "flux"];
/// The kinds of stores; the first is the default.
const STORES: [Option<&str>; 3] = [None, Some("ClusterSecretStore"), Some("SecretStore")];
/// The oldest and the newest Kubernetes 1 of each of `VERSIONS`.
const KUBERNETES: [(usize, usize); 9] =
    [(18, 22), (28, 31), (29, 32), (29, 33), (29, 33), (30, 34), (31, 35), (32, 36), (32, 36)];
/// Revisions; the last is as long as one can be.
const REVISIONS: [&str; 4] = ["stable", "1-30", "r-no", "a-revision-of-the-longest-kind-that-leaves-room-for-more"];
/// The first of `REVISIONS` that is too long for the name of a release of Helm.
const FIRST_LONG_REVISION: usize = 3;
/// Rules whose findings can be allowed, some of which this mesh may give.
const ALLOWED: [&str; 5] =
    ["shared-gateway", "plaintext-collector", "documentation-address", "end-of-life", "single-node-service-route"];
/// How many pods a gateway has, at least and at most.
const REPLICAS: [(Option<u16>, Option<u16>); 5] =
    [(Some(2), None), (Some(2), Some(4)), (None, Some(3)), (Some(1), Some(1)), (Some(5), None)];
const CONTEXTS: [&str; 5] = ["admin@", "it's ", "a b$HOME`x`", "\"q\" \\ ", "arn:aws:eks:eu:1:cluster/"];

/// How private keys reach their clusters.
const FORMS: [&str; 4] = ["files", "sealedSecrets", "externalSecrets", "sops"];
const RECIPIENTS: [&str; 3] = [
    "age1z3ek0mwpjw3dzraswq7qgl727xswr4lqjc7xk70ja0efvmks7g6qwhfw7a",
    "age1zpejrgxzskssg32j03pzex3t3w7t98c4ynx30g8kltxmk5auu44qh9j82f",
    "age1tuphyxez6zgmavw8hg6jp93p2sjek7fhprgqp4v8g58v8dsy946qfk0zq9",
];

const PROXIES: [&str; 3] = ["http://172.31.200.1:3128", "https://proxy.corp.internal", "socks5://[fd00:9::1]:1080"];

pub(crate) fn topologies() -> impl Strategy<Value = Generated> {
    choices().prop_map(|choices| generate(&choices))
}

/// Topologies that a controller applies.
pub(crate) fn controlled() -> impl Strategy<Value = Generated> {
    let whole = (choices(), 0..CONTROLLERS.len() * 2, FIRST_WITH_CHARTS..VERSIONS.len(), 0..=LAST_PROFILE_OF_CHARTS);
    (whole, HELM..=SAIL).prop_map(|((choices, controller, version, profile), way)| {
        generate(&Choices { way, controller: Some(controller), version, profile, ..choices })
    })
}

fn choices() -> impl Strategy<Value = Choices> {
    let whole = (
        0..VERSIONS.len(),
        0..PROFILES.len(),
        0..4usize,
        prop::option::of(0..3usize),
        (prop::option::weighted(0.3, 0..REVISIONS.len()), prop::bool::weighted(0.1)),
        prop::option::of(any::<bool>()),
        prop::option::of(tracing()),
        vec(any::<bool>(), NETWORKS.len()),
        1..4000u32,
    );
    let forms = (vec(any::<usize>(), 0..4), vec(any::<usize>(), 0..4));
    let cluster_domain = prop::option::weighted(0.3, 0..3usize);
    let cni = (
        prop::option::weighted(0.3, any::<bool>()),
        prop_oneof![3 => Just(ISTIOCTL), 1 => Just(HELM), 1 => Just(SAIL)],
        prop::option::weighted(0.5, 0..CONTROLLERS.len() * 2),
        prop::option::weighted(0.3, 0..STORES.len()),
    );
    let rest = (
        prop::option::of(any::<usize>()),
        vec(0..ALLOWED.len(), 0..2),
        intermediates(),
        0..3usize,
        cluster_domain,
        cni,
    );
    (whole, forms, rest, vec(cluster(), 1..=8)).prop_map(|(whole, (mesh_config, values), rest, clusters)| {
        let (version, profile, id, trust_domain, (revision, own_revisions), egress, tracing, is_static, root_days) =
            whole;
        let (kubernetes, allowed, intermediates, workloads, cluster_domain, (cni, way, controller, store)) = rest;
        Choices {
            version,
            profile,
            id,
            trust_domain,
            cluster_domain,
            cni,
            way,
            controller,
            store,
            revision,
            own_revisions,
            kubernetes,
            allowed,
            intermediates,
            egress,
            tracing,
            is_static,
            root_days,
            mesh_config,
            values,
            workloads,
            clusters,
        }
    })
}

fn intermediates() -> impl Strategy<Value = Intermediates> {
    (
        prop::option::weighted(0.2, 0..1000u32),
        prop::option::weighted(0.2, 1..1000u32),
        prop::option::weighted(0.2, 1..5u32),
        prop::option::of(1..=2u32),
        prop::bool::weighted(0.1),
        prop_oneof![2 => Just(0), 1 => 0..FORMS.len()],
        prop::option::weighted(0.3, next_root()),
    )
        .prop_map(|(issued_later, days, generation, naming, is_absent, form, next_root)| Intermediates {
            issued_later,
            days,
            generation,
            naming,
            is_absent,
            form,
            next_root,
        })
}

fn next_root() -> impl Strategy<Value = NextRoot> {
    (2..1000u32, prop::option::of(1000..4000u32), 0..PHASES.len(), any::<bool>())
        .prop_map(|(later, days, phase, has_own_seed)| NextRoot { later, days, phase, has_own_seed })
}

fn tracing() -> impl Strategy<Value = TracingChoices> {
    (
        any::<usize>(),
        any::<bool>(),
        prop::option::of(30000..32768u16),
        prop::option::of(16000..65000u16),
        prop::option::of(0..=100u32),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(
            |(cluster, through_mesh, node_port, gateway_port, sampling, install, own_image, own_override)| {
                TracingChoices {
                    cluster,
                    through_mesh,
                    node_port,
                    gateway_port,
                    sampling,
                    install,
                    own_image,
                    own_override,
                }
            },
        )
}

fn cluster() -> impl Strategy<Value = ClusterChoices> {
    let first =
        (0..NETWORKS.len(), prop::option::of(any::<usize>()), prop::option::of(any::<bool>()), 0..4usize, 0..3usize);
    let second = (
        any::<bool>(),
        0..4usize,
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::option::of(0..CONTEXTS.len()),
        0..4usize,
    );
    let third = (prop::option::of(0..1000u32), prop::option::of(1..5u32), free_form(), free_form());
    let fourth = (
        prop::option::weighted(0.2, any::<usize>()),
        vec(0..ALLOWED.len(), 0..2),
        1..4usize,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
    );
    let service = (
        (prop::bool::weighted(0.2), prop::option::weighted(0.2, 0..3usize)),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.2, 0..2usize),
        prop::bool::weighted(0.2),
    )
        .prop_map(|((is_told, port), has_class, policy, has_node_ports)| ServiceChoices {
            is_told,
            port,
            has_class,
            policy,
            has_node_ports,
        });
    let way = prop::option::weighted(0.2, 1..4usize);
    let fifth = (service, prop::option::weighted(0.2, 0..REPLICAS.len()), free_form(), way);
    (first, second, third, fourth, fifth).prop_map(|(first, second, third, fourth, fifth)| ClusterChoices {
        network: first.0,
        remote_of: first.1,
        gateway: first.2,
        address: first.3,
        service_type: first.4,
        annotated: second.0,
        nodes: second.1,
        has_services: second.2,
        is_ipv6: second.3,
        ranges: second.5,
        context: second.4,
        issued_later: third.0,
        generation: third.1,
        values: third.2,
        mesh_config: third.3,
        kubernetes: fourth.0,
        allowed: fourth.1,
        external_ips: fourth.2,
        is_node_port_selected: fourth.3,
        is_ahead: fourth.4,
        service: fifth.0,
        replicas: fifth.1,
        pod: fifth.2,
        way: fifth.3.unwrap_or_default(),
    })
}

/// Positions in a list of fields; most often none.
fn free_form() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<usize>(), 1..3)]
}

fn generate(choices: &Choices) -> Generated {
    let value = topology(choices);
    Generated { text: meshgen::yaml::print(&value), value }
}

impl Choices {
    /// The next root, if it begins before the present one ends, and all intermediates begin before it ends.
    fn next_root(&self) -> Option<&NextRoot> {
        let begins = |days: &u32| *days < self.root_days;
        let all = self.intermediates.issued_later.iter();
        let latest = all.chain(self.clusters.iter().filter_map(|cluster| cluster.issued_later.as_ref()));
        let latest = latest.copied().filter(begins).max().unwrap_or_default();
        let next = self.intermediates.next_root.as_ref().filter(|next| begins(&next.later))?;
        (latest < next.later + next.days.unwrap_or(DEFAULT_ROOT_DAYS)).then_some(next)
    }

    fn way(&self) -> usize {
        let is_late = self.version >= FIRST_WITH_CHARTS;
        match self.way {
            SAIL if is_late && self.version <= LAST_OF_SAIL && self.profile != PROFILE_NOT_OF_SAIL => SAIL,
            HELM | SAIL if is_late && self.profile <= LAST_PROFILE_OF_CHARTS => HELM,
            _ => ISTIOCTL,
        }
    }

    /// How private keys reach their clusters. Argo CD does not decrypt what SOPS encrypted.
    fn form(&self) -> &'static str {
        let is_argo = self.way() != ISTIOCTL && self.controller.is_some_and(|choice| choice / 2 == 0);
        match FORMS[self.intermediates.form] {
            _ if self.intermediates.is_absent => "files",
            "sops" if is_argo => "sealedSecrets",
            form => form,
        }
    }

    fn revision(&self) -> Option<usize> {
        self.revision.filter(|revision| match self.way() {
            SAIL => false,
            HELM => *revision < FIRST_LONG_REVISION,
            _ => true,
        })
    }
}

fn topology(choices: &Choices) -> Value {
    let shape = Shape::of(choices);
    let mut mesh = Map::from_iter([("id".to_owned(), json!(["mesh1", "no", "1e9", "a-b"][choices.id]))]);
    insert(
        &mut mesh,
        "trustDomain",
        choices.trust_domain.map(|domain| json!(["cluster.local", "example.org", "on"][domain])),
    );
    insert(
        &mut mesh,
        "clusterDomain",
        choices.cluster_domain.map(|domain| json!(["cluster.local", "k8s.example.org", "local"][domain])),
    );
    let mut istio = Map::from_iter([("version".to_owned(), json!(VERSIONS[choices.version]))]);
    insert(&mut istio, "profile", PROFILES[choices.profile].map(|profile| json!(profile)));
    let revision = choices.revision().filter(|_| !choices.own_revisions);
    insert(&mut istio, "revision", revision.map(|revision| json!(REVISIONS[revision])));
    insert(&mut istio, "egressGateway", choices.egress.map(|egress| json!(egress)));
    insert(&mut istio, "install", (choices.way() != ISTIOCTL).then(|| json!(WAYS[choices.way()])));
    insert(&mut istio, "cni", choices.cni.map(|cni| json!({ "enabled": cni })));
    insert(&mut istio, "meshConfig", free_form::fields(&free_form::MESH_CONFIG, &choices.mesh_config));
    let mut values = free_form::fields(&free_form::VALUES, &choices.values);
    if choices.intermediates.is_absent {
        let values = values.get_or_insert_with(|| json!({}));
        free_form::set(values, "global.caAddress", json!("issuer.example.org:443"));
    }
    insert(&mut istio, "values", values);
    let controller = choices.controller.filter(|_| choices.way() != ISTIOCTL);
    let done = ["unencrypted-secret", "application-health", "excluded-endpoint-slice"];
    let done = done.map(|rule| json!({ "rule": rule, "reason": "it is done" }));
    let mut allowed = allow(&choices.allowed).and_then(|allowed| allowed.as_array().cloned()).unwrap_or_default();
    let is_done = |rule: &Value| choices.form() == "files" || rule["rule"] != "unencrypted-secret";
    allowed.extend(done.into_iter().filter(|rule| controller.is_some() && is_done(rule)));
    insert(&mut mesh, "allow", (!allowed.is_empty()).then_some(Value::Array(allowed)));
    let mut topology = Map::new();
    topology.insert("apiVersion".to_owned(), json!("meshgen/v1"));
    topology.insert("kind".to_owned(), json!("Topology"));
    topology.insert("mesh".to_owned(), mesh.into());
    topology.insert("istio".to_owned(), istio.into());
    insert(&mut topology, "gitops", controller.map(gitops));
    // What the remotes of 1.11 are read by is only there when they have been read.
    let store = choices.store.filter(|_| shape.is_thin || !shape.has_remotes.contains(&true)).map(|kind| {
        let mut store = Map::from_iter([("name".to_owned(), json!("no"))]);
        insert(&mut store, "kind", STORES[kind].map(|kind| json!(kind)));
        store.into()
    });
    insert(&mut topology, "secrets", secrets(choices, store.as_ref()));
    insert(&mut topology, "remoteAccess", store.map(|_| json!("externalSecrets")));
    insert(&mut topology, "kubernetes", choices.kubernetes.map(|choice| kubernetes(choices, choice)));
    topology.insert("certificates".to_owned(), certificates(choices));
    insert(
        &mut topology,
        "tracing",
        choices.tracing.as_ref().map(|tracing| json!({ "zipkin": zipkin(choices, &shape, tracing) })),
    );
    let workloads: Vec<&str> = ["istio", "no"].into_iter().take(choices.workloads).collect();
    insert(&mut topology, "workloads", (!workloads.is_empty()).then(|| json!({ "namespaces": workloads })));
    topology.insert("networks".to_owned(), networks(choices, &shape));
    let clusters = (0..choices.clusters.len()).map(|position| cluster_value(choices, &shape, position));
    topology.insert("clusters".to_owned(), clusters.collect());
    Value::Object(topology)
}

fn certificates(choices: &Choices) -> Value {
    if choices.intermediates.is_absent {
        return json!({ "authority": "none" });
    }
    let mut certificates = Map::from_iter([
        ("issuedOn".to_owned(), json!("2026-11-01")),
        ("rootValidityDays".to_owned(), json!(choices.root_days)),
    ]);
    let all = &choices.intermediates;
    let later = all.issued_later.filter(|days| *days < choices.root_days);
    insert(&mut certificates, "intermediatesIssuedOn", later.map(|days| json!(day_after(days))));
    // The last of the clusters' intermediates has to end within the root's days.
    let own = choices.clusters.iter().filter_map(|cluster| cluster.issued_later);
    let latest = own.chain(later).filter(|days| *days < choices.root_days).max().unwrap_or_default();
    let next = choices.next_root();
    let fits_next = |days: u32| {
        next.is_none_or(|next| latest.max(next.later) + days <= next.later + next.days.unwrap_or(DEFAULT_ROOT_DAYS))
    };
    let days = all.days.filter(|days| latest + days <= choices.root_days && fits_next(*days));
    insert(&mut certificates, "intermediateValidityDays", days.map(|days| json!(days)));
    insert(&mut certificates, "generation", all.generation.map(|generation| json!(generation)));
    insert(&mut certificates, "naming", all.naming.map(|naming| json!(naming)));
    insert(
        &mut certificates,
        "nextRoot",
        next.map(|next| {
            let mut value = Map::from_iter([
                ("issuedOn".to_owned(), json!(day_after(next.later))),
                ("phase".to_owned(), json!(PHASES[next.phase])),
            ]);
            insert(&mut value, "validityDays", next.days.map(|days| json!(days)));
            insert(&mut value, "seed", next.has_own_seed.then(|| json!("next")));
            value.into()
        }),
    );
    certificates.into()
}

/// How private keys reach their clusters, and who reads them all.
fn secrets(choices: &Choices, store: Option<&Value>) -> Option<Value> {
    let form = choices.form();
    let mut secrets = Map::new();
    insert(&mut secrets, "form", (form != "files").then(|| json!(form)));
    insert(&mut secrets, "ageRecipients", (form == "sops").then(|| json!([RECIPIENTS[0]])));
    let usual = json!({ "name": "no" });
    insert(&mut secrets, "store", store.or((form == "externalSecrets").then_some(&usual)).cloned());
    (!secrets.is_empty()).then(|| secrets.into())
}

/// A Kubernetes that the Istio of the mesh runs on, with or without its patch.
fn kubernetes(choices: &Choices, choice: usize) -> Value {
    let (oldest, newest) = KUBERNETES[choices.version];
    let minor = oldest + choice / 2 % (newest - oldest + 1);
    let patch = if choice.is_multiple_of(2) { String::new() } else { format!(".{}", choice % 13) };
    let mut kubernetes = json!({ "version": format!("1.{minor}{patch}") });
    if choice.is_multiple_of(3) {
        kubernetes["nodePortRange"] = json!("20000-40000");
    }
    kubernetes
}

fn allow(rules: &[usize]) -> Option<Value> {
    let entries = rules.iter().map(|rule| json!({ "rule": ALLOWED[*rule], "reason": "it is meant so: \"yes\"" }));
    (!rules.is_empty()).then(|| entries.collect())
}

/// What the rules need to know about all clusters together.
struct Shape {
    /// The position of each cluster's primary.
    primaries: Vec<usize>,
    collector: Option<usize>,
    is_thin: bool,
    /// Where traces come in through a port of the gateway.
    reports_through_gateway: bool,
    needs_gateway: Vec<bool>,
    needs_address: Vec<bool>,
    has_remotes: Vec<bool>,
    is_old: bool,
    takes_ipv6: bool,
}

impl Shape {
    fn of(choices: &Choices) -> Self {
        let count = choices.clusters.len();
        let mut primaries: Vec<usize> = Vec::new();
        for (position, cluster) in choices.clusters.iter().enumerate() {
            let known: Vec<usize> = (0..position).filter(|other| primaries[*other] == *other).collect();
            let primary =
                cluster.remote_of.filter(|_| !known.is_empty()).map_or(position, |choice| known[choice % known.len()]);
            primaries.push(primary);
        }
        let has_remotes: Vec<bool> = (0..count)
            .map(|position| (0..count).any(|other| other != position && primaries[other] == position))
            .collect();
        let is_old = choices.version == 0;
        let collector = choices.tracing.as_ref().map(|tracing| tracing.cluster % count);
        let through_mesh = choices.tracing.as_ref().is_some_and(|tracing| tracing.through_mesh && !is_old);
        let reports_through_gateway = collector.is_some() && !through_mesh;
        let networks = |position: usize| choices.clusters[position].network;
        let is_multi = (0..count).any(|position| networks(position) != networks(0));
        let needs_gateway: Vec<bool> = (0..count)
            .map(|position| {
                let is_first_of_network = (0..position).all(|other| networks(other) != networks(position));
                has_remotes[position]
                    || is_multi && is_first_of_network
                    || count > 1 && reports_through_gateway && collector == Some(position)
            })
            .collect();
        let needs_address = (0..count)
            .map(|position| has_remotes[position] || reports_through_gateway && collector == Some(position))
            .collect();
        let takes_ipv6 = ["1.11.2", "1.30.3", "1.31.0"].contains(&VERSIONS[choices.version]);
        Self {
            primaries,
            collector,
            is_thin: !is_old,
            reports_through_gateway,
            needs_gateway,
            needs_address,
            has_remotes,
            is_old,
            takes_ipv6,
        }
    }
}

fn zipkin(choices: &Choices, shape: &Shape, tracing: &TracingChoices) -> Value {
    let collector = shape.collector.unwrap();
    let mut zipkin = Map::from_iter([("cluster".to_owned(), json!(NAMES[collector]))]);
    insert(&mut zipkin, "via", (!shape.reports_through_gateway).then(|| json!("mesh")));
    let gateway = gateway(choices, shape, collector).unwrap_or_default();
    let is_free = |port: &u16| {
        let taken = gateway["nodePorts"].as_object().into_iter().flatten().map(|(_, taken)| taken);
        gateway["serviceType"] != "ClusterIP" && !taken.into_iter().any(|taken| *taken == *port)
    };
    let node_port = tracing.node_port.filter(|port| shape.reports_through_gateway && is_free(port));
    insert(&mut zipkin, "nodePort", node_port.map(|port| json!(port)));
    insert(&mut zipkin, "gatewayPort", tracing.gateway_port.map(|port| json!(port)));
    insert(&mut zipkin, "samplingPercent", tracing.sampling.map(|sampling| json!(sampling)));
    insert(&mut zipkin, "install", (!tracing.install).then(|| json!(false)));
    let own_image = tracing.install && tracing.own_image;
    insert(&mut zipkin, "image", own_image.then(|| json!("registry.example.net/zipkin-slim:3.4.0")));
    zipkin.into()
}

fn networks(choices: &Choices, shape: &Shape) -> Value {
    let _ = shape;
    let is_used = |network: usize| choices.clusters.iter().any(|cluster| cluster.network == network);
    let used = (0..NETWORKS.len()).filter(|network| is_used(*network));
    used.map(|network| {
        if routes_statically(choices, network) {
            json!({ "name": NETWORKS[network], "podRouting": "static" })
        } else {
            json!({ "name": NETWORKS[network] })
        }
    })
    .collect()
}

/// A network routes statically only where all of its clusters have nodes, and in IPv4.
fn routes_statically(choices: &Choices, network: usize) -> bool {
    let mut members = choices.clusters.iter().filter(|cluster| cluster.network == network);
    choices.is_static[network]
        && members.clone().all(|cluster| cluster.nodes > 0)
        && members.next().is_some_and(|first| !first.is_ipv6)
}

/// All clusters of a network have one address family, that of the first.
fn is_ipv6(choices: &Choices, position: usize) -> bool {
    let network = choices.clusters[position].network;
    choices.clusters.iter().find(|cluster| cluster.network == network).is_some_and(|first| first.is_ipv6)
}

fn cluster_value(choices: &Choices, shape: &Shape, position: usize) -> Value {
    let cluster = &choices.clusters[position];
    let mut value = Map::new();
    value.insert("name".to_owned(), json!(NAMES[position]));
    value.insert("network".to_owned(), json!(NETWORKS[cluster.network]));
    let primary = shape.primaries[position];
    insert(&mut value, "controlPlane", (primary != position).then(|| json!(NAMES[primary])));
    insert(&mut value, "context", cluster.context.map(|context| json!(format!("{}{position}", CONTEXTS[context]))));
    value.insert("apiServer".to_owned(), json!(format!("https://192.0.2.{}:6443", position + 1)));
    insert(&mut value, "apiServerCA", (cluster.way & 1 != 0).then(|| json!("ca/cluster1.pem")));
    insert(&mut value, "proxyURL", (cluster.way & 2 != 0).then(|| json!(PROXIES[position % PROXIES.len()])));
    let services = if is_ipv6(choices, position) {
        format!("fd00:1:{position}::/112")
    } else {
        format!("10.{}.0.0/16", 100 + position)
    };
    // One field or the other says the same.
    let is_listed = cluster.ranges == 1;
    insert(&mut value, "serviceCIDR", (cluster.has_services && !is_listed).then(|| json!(services)));
    insert(&mut value, "serviceCIDRs", (cluster.has_services && is_listed).then(|| json!([services])));
    let pods =
        if is_ipv6(choices, position) { format!("fd00:3:{position}::/48") } else { format!("10.{position}.0.0/16") };
    insert(&mut value, "egress", (cluster.ranges == 1).then(|| json!([format!("198.51.100.{}/32", position + 1)])));
    insert(&mut value, "apiServerEgress", (cluster.ranges == 0).then(|| json!([format!("203.0.113.{position}/32")])));
    insert(&mut value, "podCIDRs", (cluster.ranges == 2).then(|| json!([pods])));
    let nodes = (0..cluster.nodes).map(|index| node(choices, position, index));
    insert(&mut value, "nodes", (cluster.nodes > 0).then(|| nodes.collect()));
    insert(&mut value, "eastWestGateway", gateway(choices, shape, position));
    let mut certificates = Map::new();
    let later = cluster.issued_later.filter(|days| *days < choices.root_days);
    insert(&mut certificates, "issuedOn", later.map(|days| json!(day_after(days))));
    insert(&mut certificates, "generation", cluster.generation.map(|generation| json!(generation)));
    let ahead = choices.next_root().and_then(|next| PHASES.get(next.phase + 1)).filter(|_| cluster.is_ahead);
    insert(&mut certificates, "nextRootPhase", ahead.map(|phase| json!(phase)));
    insert(
        &mut value,
        "certificates",
        (!certificates.is_empty() && !choices.intermediates.is_absent).then(|| certificates.into()),
    );
    let own = match choices.form() {
        "sops" if position.is_multiple_of(2) => Some(json!({ "ageRecipients": [RECIPIENTS[1 + position / 2 % 2]] })),
        "sealedSecrets" => Some(json!({ "sealingCertificate": "seal/cluster1.pem" })),
        _ => None,
    };
    insert(&mut value, "secrets", own);
    insert(&mut value, "kubernetes", cluster.kubernetes.map(|choice| kubernetes(choices, choice)));
    insert(&mut value, "istio", own_istio(choices, shape, position));
    insert(&mut value, "allow", allow(&cluster.allowed));
    value.into()
}

/// Nodes of a network stand in one subnet, as next hops have to.
fn node(choices: &Choices, position: usize, index: usize) -> Value {
    let cluster = &choices.clusters[position];
    let network = cluster.network;
    if is_ipv6(choices, position) {
        let address = format!("fd00:2:{network}::{position}:{}", index + 1);
        json!({ "address": address, "podCIDR": format!("fd00:3:{position}:{index}::/64") })
    } else {
        let address = format!("172.16.{network}.{}", position * 8 + index + 1);
        if cluster.ranges == 3 {
            let blocks = [0, 64].map(|block| format!("10.{position}.{index}.{block}/26"));
            return json!({ "address": address, "podCIDRs": blocks });
        }
        json!({ "address": address, "podCIDR": format!("10.{position}.{index}.0/24") })
    }
}

fn gateway(choices: &Choices, shape: &Shape, position: usize) -> Option<Value> {
    let cluster = &choices.clusters[position];
    if !shape.needs_gateway[position] && cluster.gateway.is_none() {
        return None;
    }
    let mut gateway = Map::new();
    let address = match cluster.address {
        0 if !shape.needs_address[position] => return Some(json!({})),
        1 if !(shape.has_remotes[position] && shape.is_old) => Some(format!("gateway-{position}.example.com")),
        2 if !shape.has_remotes[position] || shape.takes_ipv6 => Some(format!("fd00:4::{}", position + 1)),
        _ => None,
    };
    if address.is_none() || cluster.gateway == Some(true) {
        let external =
            (0..cluster.external_ips).map(|index| json!(format!("198.51.100.{}", index * 10 + position + 1)));
        gateway.insert("externalIPs".to_owned(), external.collect());
        let kind = ["LoadBalancer", "NodePort", "ClusterIP"][cluster.service_type];
        insert(&mut gateway, "serviceType", (cluster.service_type > 0).then(|| json!(kind)));
    } else if cluster.is_node_port_selected {
        gateway.insert("serviceType".to_owned(), json!("NodePort"));
    }
    let mut annotations = Map::new();
    insert(&mut annotations, "example.com/kind", cluster.annotated.then(|| json!("no")));
    // istiod then hands out the addresses of these nodes: the gateway needs no other.
    let selector = r#"{"kubernetes.io/os": "linux"}"#;
    insert(&mut annotations, "traffic.istio.io/nodeSelector", cluster.is_node_port_selected.then(|| json!(selector)));
    let has_address = address.is_some() || gateway.contains_key("externalIPs");
    let takes_address =
        has_address && !(shape.is_old && address.as_ref().is_some_and(|name| name.starts_with("gateway")));
    insert(&mut gateway, "discovery", (cluster.service.is_told && takes_address).then(|| json!("static")));
    insert(&mut gateway, "port", cluster.service.port.map(|port| json!([443, 8443, 15443][port])));
    insert(&mut gateway, "address", address.map(|address| json!(address)));
    insert(&mut gateway, "serviceAnnotations", (!annotations.is_empty()).then(|| annotations.into()));
    let kind = gateway.get("serviceType").cloned();
    // Kubernetes has classes from 1.22 on.
    let states_kubernetes = choices.kubernetes.or(cluster.kubernetes).is_some();
    let takes_class = kind.is_none() && !(shape.is_old && states_kubernetes);
    let class = json!(["example.com/internal", "no"][position % 2]);
    insert(&mut gateway, "loadBalancerClass", (cluster.service.has_class && takes_class).then_some(class));
    if kind.is_none_or(|kind| kind != "ClusterIP") {
        let policy = cluster.service.policy.map(|policy| json!(["Local", "Cluster"][policy]));
        insert(&mut gateway, "externalTrafficPolicy", policy);
        let ports = json!({ "tls": 31000 + position * 4, "tls-istiod": 31001 + position * 4, "tls-webhook": 31003 + position * 4,
                           "status-port": 31002 + position * 4 });
        insert(&mut gateway, "nodePorts", cluster.service.has_node_ports.then_some(ports));
    }
    let replicas = cluster.replicas.map(|replicas| {
        let (min, max) = REPLICAS[replicas];
        let limits = [("min", min), ("max", max)];
        limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), json!(limit?)))).collect()
    });
    insert(&mut gateway, "replicas", replicas);
    insert(&mut gateway, "pod", free_form::fields(&free_form::POD, &cluster.pod));
    Some(gateway.into())
}

fn own_istio(choices: &Choices, shape: &Shape, position: usize) -> Option<Value> {
    let cluster = &choices.clusters[position];
    let mut istio = Map::new();
    let revision = choices.revision().filter(|_| choices.own_revisions);
    insert(&mut istio, "revision", revision.map(|revision| json!(REVISIONS[revision])));
    insert(&mut istio, "values", free_form::fields(&free_form::VALUES, &cluster.values));
    let takes_config = shape.primaries[position] == position || !shape.is_thin;
    let mut config = free_form::fields(&free_form::MESH_CONFIG, &cluster.mesh_config).filter(|_| takes_config);
    let overrides = choices.tracing.as_ref().is_some_and(|tracing| tracing.own_override)
        && shape.collector == Some(position)
        && takes_config
        && (shape.is_old || !shape.has_remotes[position]);
    if overrides {
        free_form::set(
            config.get_or_insert_with(|| json!({})),
            "defaultConfig.tracing.zipkin.address",
            json!("zipkin.istio-system:9411"),
        );
    }
    insert(&mut istio, "meshConfig", config);
    (!istio.is_empty()).then(|| istio.into())
}

fn day_after(days: u32) -> String {
    let first = time::Date::from_calendar_date(2026, time::Month::November, 1).unwrap();
    let day = first + time::Duration::days(i64::from(days));
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

/// One controller for all clusters, or one in each.
fn gitops(choice: usize) -> Value {
    let path = ["out", "."][choice % 2];
    json!({
        "controller": CONTROLLERS[choice / 2],
        "hub": choice.is_multiple_of(2),
        "repository": "https://git.example.com/platform/mesh.git",
        "path": path,
    })
}
