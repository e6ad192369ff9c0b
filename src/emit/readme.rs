use serde::Serialize;

use crate::artifact::{DIRECTORIES, Directory, SCRIPTS};
use crate::command::{self, Command, IDENTITIES, Place};
use crate::layout::{EASTWEST_GATEWAY, ISTIO_SYSTEM, REMOTE_SECRETS};
use crate::mesh::{Cluster, Mesh};
use crate::plan::waiting::{self, Awaited};
use crate::plan::{self, Plan, StageName, What, Who};
use crate::release::{RELEASES, Release, RemoteShape, SAIL};
use crate::template;
use crate::topology::{
    CertificateAuthority, Controller, Install, Picture, PodRouting, RootPhase, SERVICES_PORT, SecretForm, Via,
};
use crate::words::{fence, joined};

use super::install_script::store;

use self::controlled::Controlled;

mod controlled;
mod picture;

/// Meshes of more clusters have a picture with numbers instead of names.
const CLUSTERS_DRAWN: usize = 12;

/// More clusters with the same commands have them once, in a loop.
const CLUSTERS_TOLD: usize = 3;

/// How long the lines are on which a loop has its clusters.
const WIDTH: usize = 100;

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a part of the page is there")]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    clusters: Vec<Row<'m>>,
    networks: Vec<&'m str>,
    /// The last day of the root; empty where meshgen makes no certificates.
    root_valid_until: String,
    picture: String,
    is_summary: bool,
    /// Whether there is `mesh.svg`.
    has_svg: bool,
    responsibilities: Vec<Responsibility>,
    has_operator: bool,
    /// The directories that are no kustomizations, and for whom they are.
    apart: Vec<Apart>,
    has_gateways: bool,
    has_helm: bool,
    /// The commands that install the Sail operator, where it installs Istio.
    operator: Option<Operator>,
    /// Whether the profile's own gateways are installed anywhere.
    has_profile_gateways: bool,
    /// Whether remotes without an istiod have egress gateways.
    has_egress_gateways: bool,
    has_remote_secrets: bool,
    /// What has to be there before private keys reach their clusters from Git; none where they are not in Git.
    keys: Option<String>,
    is_sops: bool,
    /// The Secret that Flux decrypts with.
    identities: &'static str,
    /// Where tokens are pushed to and got from; empty where a person fetches them.
    store: String,
    has_external_authority: bool,
    has_static_networks: bool,
    /// Whether workloads trust several roots.
    is_changing_root: bool,
    /// The phase that comes next, of a root that meshgen makes; empty where none comes.
    next_phase: &'static str,
    reloads_authority: bool,
    /// Whether there are remotes without an istiod.
    has_thin_remotes: bool,
    /// The next minor version that meshgen knows, if a mesh cannot be upgraded to it in place.
    distant: Option<String>,
    revision: &'m str,
    routed: Vec<&'m str>,
    /// Around commands: no context ends it.
    fence: String,
    controlled: Option<Controlled<'m>>,
    stages: Vec<Stage>,
    has_loops: bool,
    restarts: Vec<Block>,
    collector: Option<Collector<'m>>,
    awaited: Vec<Awaited<'m>>,
    /// Where the addresses are read for which something waits.
    awaited_block: Option<Block>,
    missing: Option<Block>,
    forwarded: Vec<Forwarded<'m>>,
}

/// A gateway that others dial at an address which its Service does not have.
#[derive(Serialize)]
struct Forwarded<'m> {
    cluster: &'m str,
    address: &'m str,
    /// The port that others dial, the port of the gateway's Service, and what it is for.
    ports: Vec<(u16, u16, &'static str)>,
}

/// The Sail operator.
#[derive(Serialize)]
struct Operator {
    version: &'static str,
    clusters: String,
    commands: String,
    /// Whether it installs the way to another cluster's control plane anywhere.
    has_remotes: bool,
}

/// A row of the table of clusters.
#[derive(Serialize)]
struct Row<'m> {
    name: &'m str,
    network: &'m str,
    control_plane: String,
    api_server: String,
    gateway: String,
    valid_until: String,
}

/// A directory or a script, and who can apply it.
#[derive(Serialize)]
struct Responsibility {
    name: &'static str,
    what: String,
    who: &'static str,
}

/// Directories that a program alone reads.
#[derive(Serialize)]
struct Apart {
    who: &'static str,
    directories: Vec<&'static str>,
}

/// A stage of the installation.
#[derive(Serialize)]
struct Stage {
    title: &'static str,
    blocks: Vec<Block>,
}

/// Clusters, and the commands for them.
#[derive(Serialize)]
struct Block {
    clusters: String,
    is_loop: bool,
    commands: String,
}

#[derive(Serialize)]
struct Collector<'m> {
    cluster: &'m str,
    command: String,
    sampling: String,
    /// Whether proxies report to it like to any other service.
    is_in_mesh: bool,
    /// The port of its cluster's gateway through which proxies report to it otherwise.
    port: Option<u16>,
}

/// The README of the tree: the mesh, who can apply which directory, every step in order, and what later days bring.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let release = mesh.release;
    let is_summary = mesh.clusters.len() > CLUSTERS_DRAWN;
    let (stages, restarts): (Vec<&plan::Stage<'_, '_>>, Vec<&plan::Stage<'_, '_>>) =
        plan.installation().partition(|stage| stage.name != StageName::Restart);
    let told = |stage: &plan::Stage<'_, '_>| Stage { title: plan.title(stage.name), blocks: told(mesh, stage) };
    let stages: Vec<Stage> = stages.into_iter().map(told).collect();
    let contexts: Vec<&str> = mesh.clusters.iter().map(|cluster| cluster.context).collect();
    let is_missing = |cluster: &&Cluster<'_>| cluster.gateway.as_ref().is_some_and(|gateway| gateway.address.is_none());
    let (awaited, missing): (Vec<&Cluster<'_>>, Vec<&Cluster<'_>>) =
        mesh.clusters.iter().filter(is_missing).partition(|cluster| waiting::needed_by(mesh, cluster).is_some());
    let addresses = |clusters: &Vec<&Cluster<'_>>| {
        (!clusters.is_empty()).then(|| block(clusters, |place| vec![command::gateway_address(place)]))
    };
    let has_next = RELEASES.iter().any(|next| next.minor == release.minor + 1);
    // Nobody should go to a release with bugs that none of its patches fixes.
    let is_target =
        |other: &&Release| other.minor > release.minor && other.bugs.iter().all(|bug| bug.fixed_in.is_some());
    let distant = RELEASES.iter().find(is_target).filter(|_| !has_next);
    let values = Values {
        mesh: mesh.id,
        version: mesh.version.to_string(),
        clusters: mesh.clusters.iter().map(|cluster| row(mesh, cluster)).collect(),
        networks: mesh.networks.iter().map(|network| network.name).collect(),
        is_changing_root: mesh.changes_root(),
        next_phase: mesh.next_phase().map_or("", RootPhase::as_str),
        root_valid_until: mesh.roots_end().map_or_else(String::new, |day| day.to_string()),
        picture: if is_summary { picture::summary(mesh) } else { picture::clusters(mesh) },
        is_summary,
        has_svg: mesh.picture == Picture::Svg,
        responsibilities: responsibilities(plan),
        has_operator: release.has_in_cluster_operator,
        apart: apart(plan),
        has_gateways: plan.has(EASTWEST_GATEWAY),
        has_helm: mesh.has_install(Install::Helm),
        operator: operator(mesh),
        has_profile_gateways: mesh.primaries().any(|cluster| cluster.install != Install::Sail),
        has_egress_gateways: mesh.egress_gateway == Some(true)
            && mesh.remotes().any(|cluster| cluster.install != Install::Sail),
        has_remote_secrets: plan.has(REMOTE_SECRETS),
        keys: keys(mesh),
        is_sops: mesh.secrets.form == SecretForm::Sops,
        identities: IDENTITIES,
        store: store(plan),
        has_external_authority: mesh.authority == CertificateAuthority::External,
        has_static_networks: mesh.networks.iter().any(|network| network.pod_routing == PodRouting::Static),
        reloads_authority: release.reloads_authority,
        has_thin_remotes: release.remotes == RemoteShape::Thin && mesh.remotes().next().is_some(),
        distant: distant.map(|distant| format!("1.{}", distant.minor)),
        revision: mesh.clusters.iter().find_map(|cluster| cluster.revision).unwrap_or_default(),
        routed: plan.routed(),
        fence: fence(&contexts.join("\n")),
        controlled: controlled::of(plan),
        has_loops: stages.iter().flat_map(|stage| &stage.blocks).any(|block| block.is_loop),
        stages,
        restarts: restarts.into_iter().flat_map(|stage| self::told(mesh, stage)).collect(),
        collector: collector(mesh),
        awaited: waiting::awaited(mesh),
        awaited_block: addresses(&awaited),
        missing: addresses(&missing),
        forwarded: mesh.clusters.iter().filter_map(|cluster| forwarded(mesh, cluster)).collect(),
    };
    template::render("README.md", values)
}

/// What has to be there before private keys reach their clusters from Git.
fn keys(mesh: &Mesh<'_>) -> Option<String> {
    match mesh.secrets.form {
        SecretForm::Files => None,
        SecretForm::Sops => Some(
            "The private keys of `20-cacerts` are encrypted with SOPS. Whoever applies them needs `sops`, and an age identity for each \
             cluster whose recipient the topology names."
                .to_owned(),
        ),
        SecretForm::SealedSecrets => Some(
            "The Sealed Secrets controller has to run in each cluster first, with the key of the certificate that the topology names: it \
             makes the Secret `cacerts` of what `20-cacerts` holds."
                .to_owned(),
        ),
        SecretForm::ExternalSecrets => {
            let store = mesh.secrets.store.as_ref().expect("missing-store holds");
            Some(format!(
                "The External Secrets Operator has to run in each cluster first, with the {} `{}`: it makes the Secret `cacerts` of what \
                 `20-cacerts` holds and of the private key in the store. Put the key of each cluster there with `meshgen ca export`, \
                 which says under what name.",
                store.kind.as_str(),
                store.name
            ))
        }
    }
}

/// Remotes dial ports 15012 and 15017, which no value of Istio changes
/// (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-endpointslices.yaml`).
fn forwarded<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Option<Forwarded<'m>> {
    let gateway = cluster.gateway.as_ref().filter(|gateway| gateway.written.is_static())?;
    let mut ports = vec![(gateway.written.port_for_services(), SERVICES_PORT, "services")];
    if !cluster.remotes.is_empty() {
        ports.push((15012, 15012, "the control plane of remotes"));
        ports.push((15017, 15017, "the injection webhooks of remotes"));
    }
    let collector = mesh.collector.as_ref().filter(|collector| collector.cluster == cluster.position);
    if let Some(port) = collector.filter(|collector| collector.is_exposed).map(|collector| collector.gateway_port) {
        ports.push((port, port, "traces"));
    }
    Some(Forwarded { cluster: cluster.name, address: gateway.address.as_deref()?, ports })
}

fn operator(mesh: &Mesh<'_>) -> Option<Operator> {
    let clusters: Vec<&Cluster<'_>> = mesh.clusters.iter().filter(|cluster| cluster.install == Install::Sail).collect();
    let names: Vec<String> = clusters.iter().map(|cluster| format!("`{}`", cluster.name)).collect();
    let commands: Vec<String> = clusters.iter().map(|cluster| command::operator(cluster.context).to_string()).collect();
    let has_remotes = clusters.iter().any(|cluster| !cluster.runs_istiod);
    (!clusters.is_empty()).then(|| Operator {
        version: SAIL,
        clusters: joined(&names, "and"),
        commands: commands.join("\n"),
        has_remotes,
    })
}

fn collector<'m>(mesh: &'m Mesh<'_>) -> Option<Collector<'m>> {
    let collector = mesh.collector.as_ref()?;
    let cluster = &mesh.clusters[collector.cluster];
    let forward = ["-n", ISTIO_SYSTEM, "port-forward", "service/zipkin", "9411:9411"];
    Some(Collector {
        cluster: cluster.name,
        command: Command::kubectl(cluster.context).words(forward).to_string(),
        sampling: collector.sampling_percent.0.to_string(),
        is_in_mesh: collector.via == Via::Mesh,
        port: collector.is_exposed.then_some(collector.gateway_port),
    })
}

/// Who can apply each directory and script.
fn responsibilities(plan: &Plan<'_, '_>) -> Vec<Responsibility> {
    let who = |what: What| match what.who() {
        Who::Applier | Who::Helm if plan.mesh.gitops.is_some() => {
            plan.mesh.gitops.map(|gitops| gitops.controller.title()).unwrap_or_default()
        }
        Who::Applier => "kubectl, Argo CD, Flux",
        Who::KeyHolder => "a person who has the private keys: they are not in Git",
        Who::Istioctl if plan.mesh.release.has_in_cluster_operator => {
            "istioctl, or Argo CD and Flux if the in-cluster operator of Istio runs"
        }
        Who::Istioctl => "istioctl",
        Who::Helm => "helm",
        Who::Operator => "a person with a context for each cluster",
        Who::Root => "root, on each node",
    };
    let directories = DIRECTORIES.iter().flat_map(|row| {
        let of_row = plan.units().map(|unit| unit.what).filter(|what| what.artifact() == row.name);
        let mut told: Vec<(String, &'static str)> = of_row.map(|what| (described(row, what), who(what))).collect();
        told.sort_unstable();
        told.dedup();
        told.into_iter().map(|(what, who)| (row.name, what, who))
    });
    let scripts = SCRIPTS.iter().map(|row| (row.file, row.what.to_owned(), who(What::of_script(row))));
    let rows = directories.chain(scripts).filter(|(name, ..)| plan.has(name));
    rows.map(|(name, what, who)| Responsibility { name, what, who }).collect()
}

/// Files for istioctl are kustomizations where the in-cluster operator reads them.
fn apart(plan: &Plan<'_, '_>) -> Vec<Apart> {
    let helm = plan.mesh.gitops.map_or("helm", |gitops| gitops.controller.title());
    let programs = [(Who::Istioctl, "istioctl"), (Who::Helm, helm)];
    let programs = programs.into_iter().filter(|(who, _)| match who {
        // For Flux, releases stand beside the values.
        Who::Helm => !plan.mesh.has_controller(Controller::Flux),
        _ => !plan.mesh.release.has_in_cluster_operator,
    });
    let apart = programs.map(|(who, name)| {
        let is_its =
            |row: &&Directory| plan.units().any(|unit| unit.what.artifact() == row.name && unit.what.who() == who);
        Apart { who: name, directories: DIRECTORIES.iter().filter(is_its).map(|row| row.name).collect() }
    });
    apart.filter(|apart| !apart.directories.is_empty()).collect()
}

fn described(row: &Directory, what: What) -> String {
    match what {
        What::Istio(_) | What::ThinRemote(_) | What::Gateway(_) => format!("{}, as an IstioOperator", row.what),
        What::IstioCharts(..) => format!("{}, as values of Helm charts", row.what),
        What::IstioResources(..) => format!("{}, as resources of the Sail operator", row.what),
        _ => row.what.to_owned(),
    }
}

fn row<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Row<'m> {
    let primary = mesh.primary_of(cluster).name;
    Row {
        name: cluster.name,
        network: cluster.network,
        control_plane: if cluster.is_primary() { "its own".to_owned() } else { primary.to_owned() },
        api_server: match cluster.proxy_url {
            Some(proxy) => format!("{} through {proxy}", cluster.api_server),
            None => cluster.api_server.to_owned(),
        },
        gateway: match &cluster.gateway {
            Some(gateway) => {
                let address = gateway.address.clone().unwrap_or_else(|| "address not known yet".to_owned());
                match gateway.written.port_for_services() {
                    SERVICES_PORT => address,
                    port => format!("{address}, port {port} for services"),
                }
            }
            None => "none".to_owned(),
        },
        valid_until: match &cluster.intermediate {
            Some(intermediate) => intermediate.not_after.to_string(),
            None => "none: its primary signs".to_owned(),
        },
    }
}

/// The commands of a stage. Clusters with the same ones are together: each block has the whole of a cluster's part.
fn told(mesh: &Mesh<'_>, stage: &plan::Stage<'_, '_>) -> Vec<Block> {
    let units = stage.units.chunk_by(|unit, next| unit.cluster.position == next.cluster.position);
    let mut groups: Vec<(Vec<What>, Vec<&Cluster<'_>>)> = Vec::new();
    for units in units {
        let whats: Vec<What> = units.iter().map(|unit| unit.what).collect();
        let cluster = units[0].cluster;
        let is_same = |group: &&mut (Vec<What>, Vec<&Cluster<'_>>)| {
            group.0 == whats && group.1[0].istiod_service() == cluster.istiod_service()
        };
        match groups.iter_mut().find(is_same) {
            Some((_, clusters)) => clusters.push(cluster),
            None => groups.push((whats, vec![cluster])),
        }
    }
    groups.iter().map(|(whats, clusters)| block(clusters, |place| commands(mesh, whats, place))).collect()
}

fn commands(mesh: &Mesh<'_>, whats: &[What], place: Place<'_>) -> Vec<Command> {
    let version = mesh.version.to_string();
    let charts = command::Charts { repository: mesh.istio.charts.as_str(), version: &version };
    let commands = whats.iter().map(|what| match what {
        What::Restart => command::restarts(&mesh.workload_namespaces, place),
        what => command::commands(*what, place, charts),
    });
    commands.flatten().collect()
}

/// The same commands for each of some clusters.
fn block(clusters: &[&Cluster<'_>], commands: impl Fn(Place<'_>) -> Vec<Command>) -> Block {
    let istiod = clusters[0].istiod_service();
    if clusters.len() > CLUSTERS_TOLD {
        let text = looped(clusters, &commands(Place::Loop { istiod: &istiod }));
        return Block { clusters: format!("these {} clusters", clusters.len()), is_loop: true, commands: text };
    }
    let of_cluster = |cluster: &&Cluster<'_>| {
        commands(Place::Terminal { cluster: cluster.name, context: cluster.context, istiod: &istiod })
    };
    let of_clusters: Vec<Vec<Command>> = clusters.iter().map(of_cluster).collect();
    let separator = if of_clusters.iter().any(|commands| commands.len() > 1) { "\n\n" } else { "\n" };
    let texts: Vec<String> = of_clusters.iter().map(|commands| lines(commands, "")).collect();
    let names: Vec<String> = clusters.iter().map(|cluster| format!("`{}`", cluster.name)).collect();
    Block { clusters: joined(&names, "and"), is_loop: false, commands: texts.join(separator) }
}

/// A loop over clusters and their contexts, in parentheses: `set -e` ends the loop and not the terminal.
fn looped(clusters: &[&Cluster<'_>], body: &[Command]) -> String {
    let mut pairs: Vec<String> = Vec::new();
    for cluster in clusters {
        let pair = format!("  {} {}", cluster.name, template::quote(cluster.context));
        match pairs.last_mut().filter(|line| line.len() + pair.len() <= WIDTH) {
            Some(line) => line.push_str(&pair),
            None => pairs.push(pair),
        }
    }
    let (pairs, body) = (pairs.join(" \\\n"), lines(body, "  "));
    format!(
        "(\nset -e\nset -- \\\n{pairs}\nwhile [ $# -gt 0 ]; do\n  cluster=$1 context=$2\n  shift 2\n  printf '%s\\n' \"$cluster\"\n{body}\ndone\n)"
    )
}

fn lines(commands: &[Command], indentation: &str) -> String {
    let lines: Vec<String> = commands.iter().map(|command| format!("{indentation}{command}")).collect();
    lines.join("\n")
}
