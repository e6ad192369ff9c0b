use std::collections::BTreeSet;

use serde::Serialize;

use crate::command::{self, Command};

use crate::artifact::{DIRECTORIES, SCRIPTS};
use crate::layout::REMOTE_SECRETS;
use crate::mesh::{Cluster, Mesh};
use crate::plan::{self, Plan, Unit, What, Who};
use crate::template;

mod picture;

/// Meshes of more clusters have each step once for all clusters, and a picture with numbers instead of names.
const CLUSTERS_TOLD: usize = 12;

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a part of the page is there")]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    clusters: Vec<Row<'m>>,
    networks: Vec<&'m str>,
    root_valid_until: String,
    picture: String,
    is_summary: bool,
    has_operator: bool,
    responsibilities: Vec<Responsibility>,
    has_thin_remotes: bool,
    revision: &'m str,
    routed: Vec<&'m str>,
    stages: Vec<Stage<'m>>,
    collector: Option<Collector<'m>>,
    missing: Vec<Missing<'m>>,
}

/// A row of the table of clusters.
#[derive(Serialize)]
struct Row<'m> {
    name: &'m str,
    network: &'m str,
    control_plane: String,
    api_server: &'m str,
    gateway: String,
    valid_until: String,
}

/// Directories or a script, and who can apply them.
#[derive(Serialize)]
struct Responsibility {
    names: String,
    what: &'static str,
    who: &'static str,
}

/// A stage, told for each cluster or once for all.
#[derive(Serialize)]
struct Stage<'m> {
    title: &'m str,
    is_folded: bool,
    clusters: String,
    lines: Vec<String>,
    /// A sentence before the blocks.
    note: &'static str,
    blocks: Vec<Block<'m>>,
}

/// The commands for one cluster.
#[derive(Serialize)]
struct Block<'m> {
    cluster: &'m str,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Collector<'m> {
    cluster: &'m str,
    context: &'m str,
    sampling: String,
}

/// A gateway without an address.
#[derive(Serialize)]
struct Missing<'m> {
    name: &'m str,
    context: &'m str,
}

/// The README of the tree: the mesh, who can apply which directory, and every step in order.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let is_summary = mesh.clusters.len() > CLUSTERS_TOLD;
    let collector = mesh.collector.as_ref().map(|collector| Collector {
        cluster: mesh.clusters[collector.cluster].name,
        context: mesh.clusters[collector.cluster].context,
        sampling: collector.sampling_percent.0.to_string(),
    });
    let missing = mesh
        .clusters
        .iter()
        .filter(|cluster| cluster.gateway.as_ref().is_some_and(|gateway| gateway.address.is_none()));
    let values = Values {
        mesh: mesh.id,
        version: mesh.version.to_string(),
        clusters: mesh.clusters.iter().map(|cluster| row(mesh, cluster)).collect(),
        networks: mesh.networks.iter().map(|network| network.name).collect(),
        root_valid_until: mesh.root.not_after.to_string(),
        picture: if is_summary { picture::summary(mesh) } else { picture::clusters(mesh) },
        is_summary,
        has_operator: mesh.release.has_in_cluster_operator,
        responsibilities: responsibilities(plan),
        has_thin_remotes: mesh.clusters.iter().any(|cluster| !cluster.runs_istiod),
        revision: mesh.clusters.iter().find_map(|cluster| cluster.revision).unwrap_or_default(),
        routed: plan.routed(),
        stages: plan.installation().map(|stage| told(mesh, stage, is_summary)).collect(),
        collector,
        missing: missing.map(|cluster| Missing { name: cluster.name, context: cluster.context }).collect(),
    };
    template::render("README.md", values)
}

/// Who can apply each directory and script.
fn responsibilities(plan: &Plan<'_, '_>) -> Vec<Responsibility> {
    let who = |what: What| match what.who() {
        Who::Applier => "kubectl, Argo CD, Flux",
        Who::KeyHolder => "a person who has the private keys: they are not in Git",
        Who::Istioctl if plan.mesh.release.has_in_cluster_operator => {
            "istioctl, or Argo CD and Flux if the in-cluster operator of Istio runs"
        }
        Who::Istioctl => "istioctl",
        Who::Operator => "a person with a context for each cluster",
        Who::Root => "root, on each node",
    };
    let directories = DIRECTORIES.iter().map(|row| (row.name, row.what, who(What::of_directory(row, true))));
    let scripts = SCRIPTS.iter().map(|row| (row.file, row.what, who(What::of_script(row))));
    let mut rows: Vec<Responsibility> = Vec::new();
    for (name, what, who) in directories.chain(scripts).filter(|(name, ..)| plan.has(name)) {
        match rows.last_mut().filter(|row| row.what == what) {
            Some(row) => row.names.extend([", `", name, "`"]),
            None => rows.push(Responsibility { names: format!("`{name}`"), what, who }),
        }
    }
    rows
}

fn row<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Row<'m> {
    let primary = mesh.primary_of(cluster).name;
    Row {
        name: cluster.name,
        network: cluster.network,
        control_plane: if cluster.is_primary() { "its own".to_owned() } else { primary.to_owned() },
        api_server: cluster.api_server,
        gateway: match &cluster.gateway {
            Some(gateway) => gateway.address.clone().unwrap_or_else(|| "address not known yet".to_owned()),
            None => "none".to_owned(),
        },
        valid_until: match &cluster.intermediate {
            Some(intermediate) => intermediate.not_after.to_string(),
            None => "none: its primary signs".to_owned(),
        },
    }
}

/// A stage for people who have one terminal per cluster: commands without a context.
fn told<'m>(mesh: &'m Mesh<'_>, stage: &plan::Stage<'m, '_>, is_folded: bool) -> Stage<'m> {
    if is_folded {
        let mut actions: Vec<What> = Vec::new();
        for unit in &stage.units {
            if !actions.contains(&unit.what) {
                actions.push(unit.what);
            }
        }
        let every = stage.units.iter().map(|unit| unit.cluster.position).collect::<BTreeSet<usize>>().len();
        let clusters = if every == mesh.clusters.len() {
            "every cluster".to_owned()
        } else {
            format!("each of these {every} clusters, as far as it has the directory")
        };
        let istiods: BTreeSet<String> = stage.units.iter().map(|unit| unit.cluster.istiod_service()).collect();
        let istiod = istiods.first().filter(|_| istiods.len() == 1);
        let told = |what| commands(mesh, "$cluster", istiod.map(String::as_str), what);
        let lines = actions.into_iter().flat_map(told).collect();
        return Stage { title: stage.name.title(), is_folded, clusters, lines, note: "", blocks: Vec::new() };
    }
    if stage.units.iter().any(|unit| unit.what == What::Script(REMOTE_SECRETS)) {
        return carried_secrets(mesh, stage);
    }
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for Unit { cluster, what } in &stage.units {
        let mut lines = commands(mesh, cluster.name, Some(&cluster.istiod_service()), *what);
        match blocks.last_mut() {
            Some(block) if block.cluster == cluster.name => block.lines.append(&mut lines),
            _ => blocks.push(Block { cluster: cluster.name, lines }),
        }
    }
    Stage { title: stage.name.title(), is_folded, clusters: String::new(), lines: Vec::new(), note: "", blocks }
}

/// Remote secrets for people without a context for each cluster: they make each Secret in one terminal and carry it to the others.
fn carried_secrets<'m>(mesh: &'m Mesh<'_>, stage: &plan::Stage<'m, '_>) -> Stage<'m> {
    let needs = |primary: &Cluster<'_>, other: &Cluster<'_>| primary.is_primary() && primary.position != other.position;
    let file = |cluster: &Cluster<'_>| format!("remote-secret-{}.yaml", cluster.name);
    let made = mesh.clusters.iter().filter(|cluster| mesh.clusters.iter().any(|primary| needs(primary, cluster)));
    let made = made.map(|cluster| {
        let command = mesh.release.create_remote_secret;
        let server = template::quote(cluster.api_server);
        let line =
            format!("(umask 077; istioctl {command} --name={} --server={server} >{})", cluster.name, file(cluster));
        Block { cluster: cluster.name, lines: vec![line] }
    });
    let applied = stage.units.iter().map(|unit| {
        let others = mesh.clusters.iter().filter(|other| needs(unit.cluster, other));
        let lines =
            others.map(|other| format!("kubectl apply --server-side --field-manager=meshgen -f {}", file(other)));
        Block { cluster: unit.cluster.name, lines: lines.collect() }
    });
    Stage {
        title: stage.name.title(),
        is_folded: false,
        clusters: String::new(),
        lines: Vec::new(),
        note: "If you have a context for each cluster, run `remote-secrets.sh` of each primary. Otherwise make the Secrets, \
               carry each file to the terminals that apply it, and delete it everywhere afterwards: anyone who has it can read that cluster.",
        blocks: made.chain(applied).collect(),
    }
}

fn commands(mesh: &Mesh<'_>, directory: &str, istiod: Option<&str>, what: What) -> Vec<String> {
    let commands = match what {
        What::Script(script) => {
            vec![Command::script(&[directory, "/", script].concat()).remark("needs a context for each cluster")]
        }
        What::Restart => command::restarts(&mesh.workload_namespaces),
        what => command::commands(what, command::Place::Terminal { directory, istiod }),
    };
    commands.iter().map(ToString::to_string).collect()
}
