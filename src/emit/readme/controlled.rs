use serde::Serialize;

use crate::command::{Command, give_identities};
use crate::emit::gitops;
use crate::layout::NAMESPACE;
use crate::mesh::Cluster;
use crate::plan::{self, Plan, What, Who};
use crate::topology::{Controller, GitOps};

use super::{Block, told};

/// How a controller applies the tree, and what people do besides.
#[derive(Serialize)]
pub(super) struct Controlled<'m> {
    title: &'static str,
    directory: String,
    repository: &'m str,
    revision: &'m str,
    path: &'m str,
    namespace: &'m str,
    is_hub: bool,
    is_flux: bool,
    clusters: Vec<Named<'m>>,
    /// The commands that give it the age identities to decrypt with.
    identities: Vec<String>,
    /// What is applied before the controller begins.
    prepared: Vec<Block>,
    /// The commands that begin it.
    roots: Vec<String>,
    /// What it applies, in order.
    steps: Vec<String>,
    credentials: Vec<Block>,
}

/// A cluster, and how the controller knows it.
#[derive(Serialize)]
struct Named<'m> {
    name: &'m str,
    known_as: &'m str,
}

pub(super) fn of<'m>(plan: &Plan<'m, '_>) -> Option<Controlled<'m>> {
    let mesh = plan.mesh;
    let gitops = mesh.gitops?;
    let has_keys = plan.units().any(|unit| unit.what.who() == Who::KeyHolder);
    let is_prepared = |what: What| what.who() == Who::KeyHolder || has_keys && what == What::Objects(NAMESPACE);
    let is_by_hand = |what: What| matches!(what, What::Script(_));
    let blocks = |is_wanted: &dyn Fn(What) -> bool| -> Vec<Block> {
        let stages = plan.stages.iter().map(|stage| plan::Stage {
            name: stage.name,
            units: stage.units.iter().filter(|unit| is_wanted(unit.what)).cloned().collect(),
        });
        stages.filter(|stage| !stage.units.is_empty()).flat_map(|stage| told(mesh, &stage)).collect()
    };
    let clusters = mesh.clusters.iter();
    Some(Controlled {
        title: gitops.controller.title(),
        directory: gitops.controller.as_str().to_owned(),
        repository: gitops.repository.as_str(),
        revision: gitops.revision.as_str(),
        path: gitops.path.as_str(),
        namespace: gitops.namespace(),
        is_hub: gitops.hub,
        is_flux: gitops.controller == Controller::Flux,
        clusters: clusters.map(|cluster| Named { name: cluster.name, known_as: cluster.known_as() }).collect(),
        identities: identities(plan, gitops),
        prepared: blocks(&is_prepared),
        roots: gitops::parts(plan, gitops).iter().map(|part| begin(plan, gitops, part)).collect(),
        steps: plan.graph().iter().map(|(unit, _)| format!("`{unit}`")).collect(),
        credentials: blocks(&is_by_hand),
    })
}

/// The commands that give Flux its age identities, one for each cluster where it runs.
fn identities(plan: &Plan<'_, '_>, gitops: &GitOps) -> Vec<String> {
    if gitops.hub {
        return vec![give_identities(&Command::new("kubectl"), gitops.namespace(), None).to_string()];
    }
    let certified = plan.mesh.clusters.iter().filter(|cluster| cluster.intermediate.is_some());
    let command = |cluster: &Cluster<'_>| {
        give_identities(&Command::kubectl(cluster.context), gitops.namespace(), Some(cluster.name)).to_string()
    };
    certified.map(command).collect()
}

/// The command that begins a part.
fn begin(plan: &Plan<'_, '_>, gitops: &GitOps, part: &gitops::Part<'_>) -> String {
    let context = |cluster: &Cluster<'_>| format!("--context={} ", crate::template::quote(cluster.context));
    let here = plan.mesh.clusters.iter().find(|cluster| !gitops.hub && part.clusters == [cluster.name]);
    let kubectl = format!("kubectl {}apply", here.map(context).unwrap_or_default());
    match gitops.controller {
        Controller::ArgoCd => format!("{kubectl} -f {}/root.yaml", part.directory),
        Controller::Flux => format!("{kubectl} -f {0}/sources.yaml -f {0}/root.yaml", part.directory),
    }
}
