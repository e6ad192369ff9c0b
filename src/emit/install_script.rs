use serde::Serialize;

use crate::command::{self, Command, Place};
use crate::istio;
use crate::layout::{CACERTS, EASTWEST_GATEWAY, EGRESS_GATEWAY, ISTIO, REMOTE_ACCESS, REMOTE_SECRETS};
use crate::mesh::Mesh;
use crate::plan::waiting::{Awaited, awaited};
use crate::plan::{Plan, StageName, Unit, What};
use crate::release::{RemoteShape, WayToPrimary};
use crate::template;
use crate::topology::{Install, SecretForm};

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a part of the script is there")]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    clusters: Vec<Known<'m>>,
    primaries: Vec<&'m str>,
    has_remote_secrets: bool,
    /// Where tokens are pushed to and got from; empty where a person fetches them.
    store: String,
    /// Whether the tree has the certificates that istiods sign with.
    has_authority: bool,
    /// The object that brings the Secret `cacerts`; empty where files do.
    secret_file: &'static str,
    /// Who makes the Secret of it.
    maker: Option<Maker>,
    /// Whether istiod reads them only when it starts.
    istiod_restarts: bool,
    /// The clusters whose istiod is no authority, with spaces between them.
    silent: String,
    /// Whether proxies read the roots of their istiod only when they start.
    reads_roots_at_start: bool,
    /// Whether proxies trust further roots, and know them from their start alone.
    knows_roots_at_start: bool,
    /// Whether remotes have no istiod.
    is_thin: bool,
    /// The number of the stage after which a primary becomes such a remote.
    credentials: Option<usize>,
    /// The kind of the object that leads a thin remote to its primary.
    way: &'static str,
    routed: Vec<&'m str>,
    /// The clusters that wait for an address, with spaces between them.
    waiting: String,
    awaited: Vec<Awaited<'m>>,
    workload_namespaces: &'m [&'m str],
    functions: Functions,
    stages: Vec<Stage>,
}

/// What the script's functions run, a line each.
#[derive(Serialize)]
struct Functions {
    objects: Vec<String>,
    secret: Vec<String>,
    collector: Vec<String>,
    istio: Vec<String>,
    thin_remote: Vec<String>,
    gateway: Vec<String>,
    /// Nothing where no remote has one.
    egress_gateway: Vec<String>,
    /// Nothing where istioctl installs all gateways.
    gateway_objects: Vec<String>,
    /// What Helm installs, where it installs anything.
    charts: Option<Charts>,
    /// What the Sail operator is told, where it installs anything.
    sail: Option<Sail>,
}

/// The functions for Helm.
#[derive(Serialize)]
struct Charts {
    base: Vec<String>,
    cni: Vec<String>,
    istiod: Vec<String>,
    thin_remote: Vec<String>,
    ingress: Vec<String>,
    egress: Vec<String>,
}

/// The functions for the Sail operator.
#[derive(Serialize)]
struct Sail {
    resources: Vec<String>,
    cni: Vec<String>,
    istiod: Vec<String>,
    thin_remote: Vec<String>,
}

/// How a cluster is reached, and who serves it.
#[derive(Serialize)]
struct Known<'m> {
    name: &'m str,
    context: &'m str,
    primary: &'m str,
    service: String,
    at_start: &'m str,
}

#[derive(Serialize)]
struct Stage {
    title: &'static str,
    steps: Vec<Call>,
}

/// A step as the script calls it.
#[derive(Serialize)]
struct Call {
    name: String,
    function: String,
}

/// `install.sh`: the whole mesh in order.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let stages: Vec<Stage> = plan
        .installation()
        .map(|stage| Stage {
            title: plan.title(stage.name),
            steps: stage.units.iter().map(|unit| call(mesh, unit)).collect(),
        })
        .collect();
    let is_thin = mesh.release.remotes == RemoteShape::Thin;
    let credentials = plan.installation().position(|stage| stage.name == StageName::Credentials);
    let credentials = credentials.filter(|_| is_thin).map(|position| position + 1);
    let clusters = mesh.clusters.iter().zip(&plan.starts).map(|(cluster, at_start)| Known {
        name: cluster.name,
        context: cluster.context,
        primary: mesh.primary_of(cluster).name,
        service: cluster.istiod_service(),
        at_start,
    });
    let silent: Vec<&str> = mesh
        .clusters
        .iter()
        .filter(|cluster| cluster.runs_istiod && !istio::signs(mesh, cluster))
        .map(|cluster| cluster.name)
        .collect();
    let waiting: Vec<&str> =
        mesh.clusters.iter().filter(|cluster| cluster.is_waiting).map(|cluster| cluster.name).collect();
    template::render(
        "install.sh",
        Values {
            mesh: mesh.id,
            version: mesh.version.to_string(),
            clusters: clusters.collect(),
            primaries: mesh.primaries().map(|primary| primary.name).collect(),
            has_remote_secrets: plan.has(REMOTE_SECRETS),
            store: store(plan),
            has_authority: plan.has(CACERTS),
            secret_file: mesh.secrets.form.file().unwrap_or_default(),
            maker: maker(mesh.secrets.form),
            istiod_restarts: plan.has(CACERTS) && !mesh.release.reloads_authority,
            silent: silent.join(" "),
            reads_roots_at_start: !mesh.release.reloads_authority,
            knows_roots_at_start: mesh.clusters.iter().any(|cluster| istio::roots_at_start(mesh, cluster).is_some()),
            is_thin,
            credentials,
            way: match mesh.release.way_to_primary {
                WayToPrimary::Endpoints => "Endpoints",
                WayToPrimary::EndpointSlice => "EndpointSlice",
            },
            routed: plan.routed(),
            waiting: waiting.join(" "),
            awaited: awaited(mesh),
            workload_namespaces: &mesh.workload_namespaces,
            functions: functions(plan),
            stages,
        },
    )
}

/// Where tokens are pushed to and got from, in words; empty where that does not happen.
pub(super) fn store(plan: &Plan<'_, '_>) -> String {
    let store = plan.mesh.remote_access.filter(|_| plan.has(REMOTE_ACCESS));
    store.map(|store| format!("{} {}", store.kind.as_str(), store.name)).unwrap_or_default()
}

/// A controller that makes Secrets of objects of its own.
#[derive(Serialize)]
struct Maker {
    definition: &'static str,
    name: &'static str,
}

fn maker(form: SecretForm) -> Option<Maker> {
    match form {
        SecretForm::Files | SecretForm::Sops => None,
        SecretForm::SealedSecrets => {
            Some(Maker { definition: "sealedsecrets.bitnami.com", name: "Sealed Secrets controller" })
        }
        SecretForm::ExternalSecrets => {
            Some(Maker { definition: "externalsecrets.external-secrets.io", name: "External Secrets Operator" })
        }
    }
}

fn functions(plan: &Plan<'_, '_>) -> Functions {
    let mesh = plan.mesh;
    let version = mesh.version.to_string();
    let charts = command::Charts { repository: mesh.istio.charts.as_str(), version: &version };
    let lines = |what| texts(command::commands(what, Place::Script, charts));
    // Their third parameter is the directory.
    Functions {
        objects: lines(What::Objects("$3")),
        secret: lines(What::Secret("$3", mesh.secrets.form)),
        collector: lines(What::Collector("$3")),
        istio: lines(What::Istio(ISTIO)),
        thin_remote: lines(What::ThinRemote(ISTIO)),
        gateway: lines(What::Gateway(EASTWEST_GATEWAY)),
        gateway_objects: if mesh.clusters.iter().any(|cluster| cluster.install.states_gateways()) {
            lines(What::GatewayObjects(EASTWEST_GATEWAY))
        } else {
            Vec::new()
        },
        sail: mesh.has_install(Install::Sail).then(|| Sail {
            resources: texts([command::resources(Place::Script, ISTIO)]),
            // Its fourth parameter is the namespace.
            cni: texts(command::wait_for_cni(Place::Script, "\"$4\"")),
            istiod: texts(command::wait_for_operator(Place::Script, true)),
            thin_remote: texts(command::wait_for_operator(Place::Script, false)),
        }),
        charts: mesh.has_install(Install::Helm).then(|| Charts {
            base: texts([command::base_chart(Place::Script, charts)]),
            // Its fourth parameter is the namespace.
            cni: texts(command::cni_chart(Place::Script, charts, "\"$4\"")),
            istiod: texts(command::istiod_chart(Place::Script, charts, true)),
            thin_remote: texts(command::istiod_chart(Place::Script, charts, false)),
            ingress: texts(command::gateway_chart(Place::Script, charts, "ingress")),
            egress: texts(command::gateway_chart(Place::Script, charts, "egress")),
        }),
        egress_gateway: if plan.has(EGRESS_GATEWAY) { lines(What::Gateway(EGRESS_GATEWAY)) } else { Vec::new() },
    }
}

fn texts(commands: impl IntoIterator<Item = Command>) -> Vec<String> {
    commands.into_iter().map(|command| command.to_string()).collect()
}

fn call(mesh: &Mesh<'_>, unit: &Unit<'_, '_>) -> Call {
    let service = unit.cluster.istiod_service();
    let function = match unit.what {
        What::Objects(directory) => format!("apply {directory}"),
        What::Secret(directory, _) => format!("apply_secret {directory}"),
        What::Collector(directory) => format!("apply_collector {directory}"),
        What::Istio(_) => format!("install_istio {service}"),
        What::ThinRemote(_) => format!("install_remote {service}"),
        What::Gateway(EGRESS_GATEWAY) => "install_egress_gateway".to_owned(),
        What::Gateway(_) => "install_gateway".to_owned(),
        What::IstioCharts(_, charts) | What::IstioResources(_, charts) => {
            let means = if matches!(unit.what, What::IstioCharts(..)) { "charts" } else { "resources" };
            let function = [if charts.runs_istiod { "install_istio_" } else { "install_remote_" }, means].concat();
            let cni = charts.cni.map(|namespace| [" ", namespace].concat()).unwrap_or_default();
            format!("{function} {service}{cni}")
        }
        What::GatewayObjects(_) => "apply_gateway".to_owned(),
        What::GatewayCharts(_, charts) => {
            let gateways = [(charts.ingress, " ingress"), (charts.egress, " egress")];
            let names = gateways.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name);
            ["install_gateways"].into_iter().chain(names).collect()
        }
        What::Pushed(directory) => format!("push {directory}"),
        What::Fetched(directory) => {
            let others = mesh.read_by(unit.cluster).map(|other| [" ", other.name].concat());
            ["get ", directory].into_iter().map(str::to_owned).chain(others).collect()
        }
        What::Script(_) => "remote_secrets".to_owned(),
        What::NodeScript(script) => unreachable!("{script} is run on nodes"),
        What::Restart => "restart".to_owned(),
    };
    Call { name: unit.to_string(), function }
}
