use serde::Serialize;

use crate::mesh::Mesh;
use crate::template;

use super::steps::{self, Action, Step};

#[derive(Serialize)]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    total: usize,
    clusters: Vec<Context<'m>>,
    routed: Vec<&'m str>,
    workload_namespaces: &'m [&'m str],
    stages: Vec<Stage<'m>>,
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
pub(super) fn text(mesh: &Mesh<'_>) -> String {
    let stages: Vec<Stage<'_>> = steps::stages(mesh)
        .into_iter()
        .map(|stage| Stage { title: stage.title, steps: stage.steps.iter().map(|step| call(mesh, step)).collect() })
        .collect();
    let clusters = mesh.clusters.iter().map(|cluster| Context { name: cluster.name, context: cluster.context });
    template::render(
        "install.sh",
        Values {
            mesh: mesh.id,
            version: mesh.version.to_string(),
            total: stages.iter().map(|stage| stage.steps.len()).sum(),
            clusters: clusters.collect(),
            routed: steps::routed(mesh),
            workload_namespaces: &mesh.workload_namespaces,
            stages,
        },
    )
}

fn call<'m>(mesh: &'m Mesh<'_>, step: &Step<'m, '_>) -> Call<'m> {
    let service = step.cluster.istiod_service();
    let function = match step.action {
        Action::Apply(directory) => format!("apply {directory}"),
        Action::ApplySecret(directory) => format!("apply_secret {directory}"),
        Action::ApplyCollector(directory) => format!("apply_collector {directory}"),
        Action::InstallIstio => format!("install_istio {service}"),
        Action::InstallRemote => format!("install_remote {service}"),
        Action::InstallGateway => "install_gateway".to_owned(),
        Action::RemoteSecrets => "remote_secrets".to_owned(),
        Action::Restart => {
            // Proxies of a cluster without an istiod start with their primary's mesh config.
            let config = if step.cluster.runs_istiod { step.cluster } else { mesh.primary_of(step.cluster) };
            let config_map = config.revision.map_or_else(|| "istio".to_owned(), |revision| format!("istio-{revision}"));
            format!("restart {config_map} {}", template::quote(config.context))
        }
    };
    Call { name: step.name(), context: step.cluster.context, function }
}
