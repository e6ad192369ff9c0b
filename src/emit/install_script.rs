use serde::Serialize;

use crate::command;
use crate::layout::{EASTWEST_GATEWAY, ISTIO};
use crate::mesh::Mesh;
use crate::plan::{Plan, Unit, What};
use crate::template;

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    total: usize,
    clusters: Vec<Context<'m>>,
    routed: Vec<&'m str>,
    workload_namespaces: &'m [&'m str],
    functions: Functions,
    stages: Vec<Stage<'m>>,
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
}

/// How a cluster is reached.
#[derive(Serialize)]
pub(super) struct Context<'m> {
    pub(super) name: &'m str,
    pub(super) context: &'m str,
}

#[derive(Serialize)]
struct Stage<'m> {
    title: &'m str,
    steps: Vec<Call<'m>>,
}

/// A step as the script calls it.
#[derive(Serialize)]
struct Call<'m> {
    name: String,
    context: &'m str,
    function: String,
}

/// `install.sh`: the whole mesh in order.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let stages: Vec<Stage<'_>> = plan
        .installation()
        .map(|stage| Stage {
            title: stage.name.title(),
            steps: stage.units.iter().map(|unit| call(mesh, unit)).collect(),
        })
        .collect();
    let clusters = mesh.clusters.iter().map(|cluster| Context { name: cluster.name, context: cluster.context });
    template::render(
        "install.sh",
        Values {
            mesh: mesh.id,
            version: mesh.version.to_string(),
            total: stages.iter().map(|stage| stage.steps.len()).sum(),
            clusters: clusters.collect(),
            routed: plan.routed(),
            workload_namespaces: &mesh.workload_namespaces,
            functions: functions(),
            stages,
        },
    )
}

fn functions() -> Functions {
    let lines = |what| {
        let commands = command::commands(what, command::Place::Script);
        commands.iter().map(ToString::to_string).collect()
    };
    // Their third parameter is the directory.
    Functions {
        objects: lines(What::Objects("$3")),
        secret: lines(What::Secret("$3")),
        collector: lines(What::Collector("$3")),
        istio: lines(What::Istio(ISTIO)),
        thin_remote: lines(What::ThinRemote(ISTIO)),
        gateway: lines(What::Gateway(EASTWEST_GATEWAY)),
    }
}

fn call<'m>(mesh: &'m Mesh<'_>, unit: &Unit<'m, '_>) -> Call<'m> {
    let service = unit.cluster.istiod_service();
    let function = match unit.what {
        What::Objects(directory) => format!("apply {directory}"),
        What::Secret(directory) => format!("apply_secret {directory}"),
        What::Collector(directory) => format!("apply_collector {directory}"),
        What::Istio(_) => format!("install_istio {service}"),
        What::ThinRemote(_) => format!("install_remote {service}"),
        What::Gateway(_) => "install_gateway".to_owned(),
        What::Script(_) => "remote_secrets".to_owned(),
        What::NodeScript(script) => unreachable!("{script} is run on nodes"),
        What::Restart => {
            // Proxies of a cluster without an istiod start with their primary's mesh config.
            let config = if unit.cluster.runs_istiod { unit.cluster } else { mesh.primary_of(unit.cluster) };
            let config_map = config.revision.map_or_else(|| "istio".to_owned(), |revision| format!("istio-{revision}"));
            format!("restart {config_map} {}", template::quote(config.context))
        }
    };
    Call { name: unit.to_string(), context: unit.cluster.context, function }
}
