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
        .map(|stage| Stage { title: stage.title, steps: stage.steps.iter().map(call).collect() })
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

fn call<'m>(step: &Step<'m, '_>) -> Call<'m> {
    let function = match step.action {
        Action::Apply(directory) => format!("apply {directory}"),
        Action::ApplySecret(directory) => format!("apply_secret {directory}"),
        Action::ApplyCollector(directory) => format!("apply_collector {directory}"),
        Action::InstallIstio => "install_istio".to_owned(),
        Action::InstallGateway => "install_gateway".to_owned(),
        Action::RemoteSecrets => "remote_secrets".to_owned(),
        Action::Restart => "restart".to_owned(),
    };
    Call { name: step.name(), context: step.cluster.context, function }
}
