//! The table of what Istio is told because of the topology: for who writes it, who refuses it, and who explains its change.
//!
//! Nothing here knows the mesh: the rules look at topologies from which none can be made.
#![allow(clippy::unnecessary_wraps, reason = "a row of the table may have nothing to tell")]

use serde_json::{Value, json};

use crate::topology::{FreeForm, SamplingPercent, Topology};

pub(crate) use self::signer::{has_socket, is_no_authority, other_signer, signer_of_cluster};

mod signer;

/// What istiod reads a variable as that is on or off (Go's `strconv.ParseBool`).
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A field of Istio whose value follows from the topology.
pub(crate) struct Fact {
    /// Where Istio is told: `values` or `meshConfig`, and the keys.
    pub(crate) path: &'static str,
    /// The field of the topology that it follows from.
    pub(crate) origin: Origin,
    /// Whether an author may say nothing else; otherwise what is written is a default, or joins the author's.
    pub(crate) is_owned: bool,
    /// Whether the east-west gateway is told it too.
    pub(crate) is_for_gateways: bool,
    /// What meshgen writes.
    pub(crate) write: Write,
    /// What an author may repeat; nothing of what meshgen alone decides.
    pub(crate) repeat: Option<Told>,
    /// What its change means, and why; none where that is what any change of the values or of the mesh config means.
    pub(crate) impact: Option<(Impact, &'static str)>,
}

/// What is told where this much is known; none where nothing is.
type Told = fn(&Known<'_>) -> Option<Value>;

/// What meshgen writes, and when: later fields are laid over earlier ones.
#[derive(Clone, Copy)]
pub(crate) enum Write {
    /// Nothing: what Istio does without being told is right.
    Never,
    /// This, before the author's fields.
    First(Told),
    /// This, after the author's fields; a list joins the author's list, in front.
    Last(Told),
}

/// A field of the topology.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// A field whose fact holds in all clusters.
    Topology(&'static str),
    /// A field of each cluster.
    Cluster(&'static str),
    /// A field that is there where the topology has a collector. One cluster's mesh config may say something else.
    Collector(&'static str),
}

impl Origin {
    /// The field's path, from the topology or from the cluster on.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Topology(field) | Self::Cluster(field) | Self::Collector(field) => field,
        }
    }
}

/// What a change means for a running mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impact {
    /// A running cluster cannot become this.
    Interrupts,
    /// Applying it is all.
    Reapply,
}

/// What is known of a mesh and one of its clusters. A rule knows the first fields only.
#[derive(Default)]
pub(crate) struct Known<'k> {
    /// The mesh ID.
    pub(crate) mesh_id: &'k str,
    /// The trust domain.
    pub(crate) trust_domain: &'k str,
    /// The DNS domain of every cluster's Services.
    pub(crate) cluster_domain: &'k str,
    /// The share of requests that is traced, where there is a collector.
    pub(crate) sampling: Option<&'k SamplingPercent>,
    /// The cluster's name.
    pub(crate) cluster: &'k str,
    /// The name of its network.
    pub(crate) network: &'k str,
    /// Where a primary is told that the gateways of networks are dialled, by network.
    pub(crate) mesh_networks: Option<&'k FreeForm>,
    /// What Istio has to be told of the Kubernetes there.
    pub(crate) platform: Option<&'static str>,
    /// What a remote dials its primary by, where somebody knows it.
    pub(crate) control_plane: Option<String>,
    /// Whether no istiod runs there.
    pub(crate) is_thin: bool,
    /// Whether its istiod serves clusters in which none runs.
    pub(crate) serves_thin: bool,
    /// Whether somebody reads the trust domain there.
    pub(crate) states_trust_domain: bool,
    /// The variables of istiod that fix bugs.
    pub(crate) switches: Vec<(&'static str, &'static str)>,
    /// The name of istiod's Service, where its certificate lacks it.
    pub(crate) uncertified: Option<String>,
    /// The same share, where the bootstrap of proxies says it.
    pub(crate) sampling_at_start: Option<&'k SamplingPercent>,
    /// Where proxies report traces, as `host:port`, if their bootstrap says so.
    pub(crate) collector: Option<String>,
    /// The service and the port to which istiod makes proxies report.
    pub(crate) provider: Option<(&'k str, u16)>,
}

impl<'k> Known<'k> {
    /// What a topology says of its mesh.
    pub(crate) fn of(topology: &'k Topology) -> Self {
        Self {
            mesh_id: topology.mesh.id.as_str(),
            trust_domain: topology.mesh.trust_domain.as_str(),
            cluster_domain: topology.mesh.cluster_domain.as_str(),
            sampling: topology.tracing.as_ref().map(|tracing| &tracing.zipkin.sampling_percent),
            ..Self::default()
        }
    }
}

/// The name of the extension provider through which istiod sends traces.
pub(crate) const TRACING_PROVIDER: &str = "zipkin";

/// Where istiods are told how networks are dialled.
pub(crate) const MESH_NETWORKS: &str = "values.global.meshNetworks";

/// Where a proxy's bootstrap is told the collector.
pub(crate) const COLLECTOR: &str = "meshConfig.defaultConfig.tracing.zipkin.address";

const OWNED: Fact = Fact {
    path: "",
    origin: Origin::Topology(""),
    is_owned: true,
    is_for_gateways: false,
    write: Write::Never,
    repeat: None,
    impact: None,
};

/// Every fact, in the order in which it is written.
pub(crate) const FACTS: &[Fact] = &[
    Fact {
        path: "values.global.meshID",
        origin: Origin::Topology("mesh.id"),
        is_for_gateways: true,
        write: Write::First(mesh_id),
        repeat: Some(mesh_id),
        impact: Some((
            Impact::Interrupts,
            "the mesh ID is part of every proxy's identity and of the root certificate's name: clusters with another one are another mesh",
        )),
        ..OWNED
    },
    Fact {
        path: "values.global.multiCluster.clusterName",
        origin: Origin::Cluster("name"),
        is_for_gateways: true,
        write: Write::First(cluster),
        repeat: Some(cluster),
        ..OWNED
    },
    Fact {
        path: "values.global.network",
        origin: Origin::Cluster("network"),
        is_for_gateways: true,
        write: Write::First(network),
        repeat: Some(network),
        impact: Some((
            Impact::Interrupts,
            "istiod takes the network of every running pod from what was injected into it: until the last pod was restarted, calls go to addresses that lead nowhere",
        )),
        ..OWNED
    },
    // The profile says it of istiod alone; the gateway's chart asks for a user that OpenShift refuses
    // (`1.30.3:manifests/charts/gateways/istio-ingress/templates/injected-deployment.yaml`).
    Fact {
        path: "values.global.platform",
        origin: Origin::Topology("istio.profile"),
        is_owned: false,
        is_for_gateways: true,
        write: Write::First(|known| known.platform.map(Value::from)),
        ..OWNED
    },
    // The author may tell of other networks: `owned-field` knows the difference.
    Fact {
        path: MESH_NETWORKS,
        origin: Origin::Cluster("eastWestGateway.discovery"),
        is_owned: false,
        write: Write::First(|known| Some(Value::Object(known.mesh_networks.filter(|told| !told.is_empty())?.clone()))),
        impact: Some((
            Impact::Reapply,
            "istiod tells running proxies where the gateways of networks are dialled, and nothing restarts",
        )),
        ..OWNED
    },
    Fact {
        path: "values.global.remotePilotAddress",
        origin: Origin::Cluster("controlPlane"),
        write: Write::First(control_plane),
        repeat: Some(control_plane),
        impact: Some((
            Impact::Reapply,
            "the control plane's Service leads to another address; proxies connect again by themselves",
        )),
        ..OWNED
    },
    Fact {
        path: "values.pilot.env",
        origin: Origin::Topology("istio.version"),
        is_owned: false,
        write: Write::First(switches),
        ..OWNED
    },
    // Webhooks and proxies call the istiod of a remote by this name.
    Fact {
        path: "values.pilot.env.ISTIOD_CUSTOM_HOST",
        origin: Origin::Topology("istio.revision"),
        is_owned: false,
        write: Write::First(|known| known.uncertified.as_deref().map(Value::from)),
        ..OWNED
    },
    Fact {
        path: "values.istiodRemote.injectionPath",
        origin: Origin::Topology("clusters"),
        write: Write::Last(injection_path),
        ..OWNED
    },
    // The ConfigMap from which istiods read the mesh config and, from 1.29 on, the trust domain of a remote.
    Fact {
        path: "values.pilot.configMap",
        origin: Origin::Topology("mesh"),
        write: Write::Last(|known| (known.is_thin && known.states_trust_domain).then_some(Value::Bool(true))),
        repeat: Some(|_| Some(Value::Bool(true))),
        ..OWNED
    },
    Fact {
        path: "values.global.externalIstiod",
        origin: Origin::Topology("clusters"),
        write: Write::Last(|known| known.serves_thin.then_some(Value::Bool(true))),
        ..OWNED
    },
    Fact {
        path: "values.global.trustDomain",
        origin: Origin::Topology("mesh.trustDomain"),
        repeat: Some(trust_domain),
        ..OWNED
    },
    Fact {
        path: "values.global.proxy.clusterDomain",
        origin: Origin::Topology("mesh.clusterDomain"),
        is_for_gateways: true,
        write: Write::First(|known| cluster_domain(known).filter(|domain| domain != "cluster.local")),
        repeat: Some(cluster_domain),
        impact: Some((
            Impact::Interrupts,
            "calls to another network ask for a Service by its full name: while one istiod writes the old domain and another the new one, gateways refuse them",
        )),
        ..OWNED
    },
    // istioctl lays these over what it makes of the component, and installs no plugin for them (`1.30.3:operator/pkg/render/manifest.go`).
    Fact { path: "values.pilot.cni.enabled", origin: Origin::Topology("istio.cni"), ..OWNED },
    Fact { path: "values.istio_cni.enabled", origin: Origin::Topology("istio.cni"), ..OWNED },
    Fact { path: "values.meshConfig", origin: Origin::Topology("istio.meshConfig"), ..OWNED },
    Fact {
        path: "values.global.istioNamespace",
        origin: Origin::Topology("mesh"),
        repeat: Some(istio_system),
        ..OWNED
    },
    Fact { path: "values.revision", origin: Origin::Topology("istio"), ..OWNED },
    Fact { path: "values.profile", origin: Origin::Topology("istio.profile"), ..OWNED },
    Fact { path: "values.istiodRemote.injectionURL", origin: Origin::Topology("clusters"), ..OWNED },
    // The same as `externalIstiod`, before there was that (`1.11.2:pilot/pkg/features/pilot.go`): at 1.11 it makes an istiod act on
    // the clusters of its peers (`1.11.2:pilot/pkg/serviceregistry/kube/controller/multicluster.go`).
    Fact { path: "values.pilot.env.EXTERNAL_ISTIOD", origin: Origin::Topology("clusters"), ..OWNED },
    Fact {
        path: "meshConfig.trustDomain",
        origin: Origin::Topology("mesh.trustDomain"),
        write: Write::First(|known| trust_domain(known).filter(|_| known.states_trust_domain)),
        repeat: Some(trust_domain),
        impact: Some((
            Impact::Interrupts,
            "the trust domain is in every certificate's SPIFFE name: while proxies of both run, they refuse each other (istiod takes the old one as an alias only where `trustDomainAliases` names it)",
        )),
        ..OWNED
    },
    Fact { path: "meshConfig.rootNamespace", origin: Origin::Topology("mesh"), repeat: Some(istio_system), ..OWNED },
    Fact {
        path: "meshConfig.defaultConfig.meshId",
        origin: Origin::Topology("mesh.id"),
        repeat: Some(mesh_id),
        ..OWNED
    },
    Fact { path: "meshConfig.defaultConfig.discoveryAddress", origin: Origin::Topology("clusters"), ..OWNED },
    Fact {
        path: "meshConfig.defaultConfig.tracing.sampling",
        origin: Origin::Collector("tracing.zipkin"),
        write: Write::First(|known| known.sampling_at_start.map(share)),
        repeat: Some(sampling),
        ..OWNED
    },
    Fact {
        path: COLLECTOR,
        origin: Origin::Collector("tracing.zipkin.cluster"),
        write: Write::First(|known| known.collector.as_deref().map(Value::from)),
        ..OWNED
    },
    Fact {
        path: "meshConfig.enableTracing",
        origin: Origin::Collector("tracing.zipkin"),
        repeat: Some(|_| Some(Value::Bool(true))),
        ..OWNED
    },
    Fact {
        path: "meshConfig.extensionProviders",
        origin: Origin::Collector("tracing.zipkin"),
        is_owned: false,
        write: Write::Last(extension_providers),
        impact: Some((Impact::Reapply, "istiod hands extension providers to running proxies, and nothing restarts")),
        ..OWNED
    },
];

/// Values that choose the release of an image: a tag, or an image whose name ends with one. What is installed, how proxies are
/// configured and when they restart follows from `istio.version`.
pub(crate) const RELEASES_OF_IMAGES: &[&str] = &[
    "values.global.tag",
    "values.global.proxy.image",
    "values.global.proxy_init.image",
    "values.pilot.tag",
    "values.pilot.image",
    "values.cni.tag",
    "values.cni.image",
];

fn mesh_id(known: &Known<'_>) -> Option<Value> {
    Some(Value::from(known.mesh_id))
}

fn trust_domain(known: &Known<'_>) -> Option<Value> {
    Some(Value::from(known.trust_domain))
}

fn cluster_domain(known: &Known<'_>) -> Option<Value> {
    Some(Value::from(known.cluster_domain))
}

fn cluster(known: &Known<'_>) -> Option<Value> {
    Some(Value::from(known.cluster))
}

fn network(known: &Known<'_>) -> Option<Value> {
    Some(Value::from(known.network))
}

fn control_plane(known: &Known<'_>) -> Option<Value> {
    known.control_plane.as_deref().map(Value::from)
}

/// The istiod of a remote reads no remote secrets, which is what the bugs are about.
fn switches(known: &Known<'_>) -> Option<Value> {
    let is_needed = known.control_plane.is_none() && !known.switches.is_empty();
    is_needed.then(|| known.switches.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect())
}

/// The primary's istiod reads it; it becomes the pods' cluster ID and network (`1.30.3:pkg/kube/inject/webhook.go`).
fn injection_path(known: &Known<'_>) -> Option<Value> {
    known.is_thin.then(|| Value::from(format!("/inject/cluster/{}/net/{}", known.cluster, known.network)))
}

fn istio_system(_: &Known<'_>) -> Option<Value> {
    Some(Value::from("istio-system"))
}

fn sampling(known: &Known<'_>) -> Option<Value> {
    known.sampling.map(share)
}

fn share(sampling: &SamplingPercent) -> Value {
    Value::Number(sampling.0.clone())
}

fn extension_providers(known: &Known<'_>) -> Option<Value> {
    let (service, port) = known.provider?;
    Some(json!([{ "name": TRACING_PROVIDER, "zipkin": { "service": service, "port": port } }]))
}

/// What fields that `list` names hold at a path, or in the place of a mapping on the way there, and where that stands.
pub(crate) fn held<'v, 'p>(fields: &'v FreeForm, list: &str, path: &'p str) -> Option<(&'v Value, &'p str)> {
    let mut keys = path.strip_prefix(list)?.strip_prefix('.')?.split('.');
    let first = keys.next()?;
    let mut value = fields.get(first)?;
    let mut length = list.len() + 1 + first.len();
    for key in keys {
        let Value::Object(fields) = value else { break };
        value = fields.get(key)?;
        length += 1 + key.len();
    }
    Some((value, &path[..length]))
}

/// What of the mesh config a proxy knows from its injection or its start alone: `defaultConfig` becomes its bootstrap
/// (`1.30.3:pilot/cmd/pilot-agent/config/config.go`), the others are in the injection template and in the charts' gateways
/// (`1.30.3:manifests/charts/istio-control/istio-discovery/files/injection-template.yaml`,
/// `manifests/charts/gateways/istio-ingress/templates/deployment.yaml`; the same at 1.11.2). istiod hands all else to running proxies.
pub(crate) const MESH_CONFIG_AT_START: &[&str] =
    &["defaultConfig", "enablePrometheusMerge", "proxyInboundListenPort", "proxyListenPort", "trustDomain"];

/// The same of the values: what injection templates and the charts' gateways read (the same files).
pub(crate) const VALUES_AT_START: &[&str] = &["global", "istio_cni", "pilot.cni", "sidecarInjectorWebhook"];

/// What of `values.global` only istiod and istioctl read, and the network, which each proxy is told for its own cluster.
pub(crate) const NOT_AT_START: &[&str] =
    &["configValidation", "externalIstiod", "meshNetworks", "network", "operatorManageWebhooks", "remotePilotAddress"];
