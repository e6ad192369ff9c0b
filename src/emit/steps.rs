//! What is done in which order, over all clusters: the one source of scripts and prose.

use crate::layout::{CACERTS, EASTWEST_GATEWAY, EXPOSURE, ISTIO, NAMESPACE, REMOTE_SECRETS, ROUTES, TELEMETRY, ZIPKIN};
use crate::mesh::{Cluster, Mesh};
use crate::release::RemoteShape;

use super::MANIFESTS;

/// Steps that belong together: a later stage begins when all of an earlier one is done.
pub(super) struct Stage<'m, 't> {
    /// What the stage brings about, as a heading.
    pub(super) title: &'static str,
    pub(super) steps: Vec<Step<'m, 't>>,
}

/// One thing done in one cluster.
pub(super) struct Step<'m, 't> {
    pub(super) cluster: &'m Cluster<'t>,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// `kubectl apply -k` of a numbered directory.
    Apply(&'static str),
    /// The same, server-side: client-side apply would copy a private key into an annotation.
    ApplySecret(&'static str),
    /// The same for the trace collector, and a wait until it answers.
    ApplyCollector(&'static str),
    /// `istioctl install -f istio.yaml -f mesh-config.yaml`.
    InstallIstio,
    /// `istioctl install -f istio.yaml` where no istiod and no mesh config of its own go with it.
    InstallRemote,
    /// `istioctl install -f eastwest-gateway.yaml`, in a command of its own: together with `istio.yaml` it would lose istiod.
    InstallGateway,
    /// `remote-secrets.sh`.
    RemoteSecrets,
    /// Restart what runs with an older mesh config.
    Restart,
}

impl Action {
    /// The directory or script that the step uses.
    pub(super) fn artifact(self) -> &'static str {
        match self {
            Self::Apply(directory) | Self::ApplySecret(directory) | Self::ApplyCollector(directory) => directory,
            Self::InstallIstio | Self::InstallRemote => ISTIO,
            Self::InstallGateway => EASTWEST_GATEWAY,
            Self::RemoteSecrets => REMOTE_SECRETS,
            Self::Restart => "restart",
        }
    }
}

impl Step<'_, '_> {
    /// The step's name, for people and for `install.sh --from`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.cluster.name, self.action.artifact())
    }
}

/// The stages of an installation, in an order that depends on the shape of remotes.
///
/// With local istiods the remote secrets come before the remotes, whose gateways never get ready without
/// (`1.11.2:pkg/test/framework/components/istio/operator.go`). With thin remotes the annotated namespace and the webhook come
/// first: the primary reads the annotation once, when it gets the secret
/// (`1.30.3:pilot/pkg/serviceregistry/kube/controller/multicluster.go`); then the remotes' gateways, which it injects.
pub(super) fn stages<'m, 't>(mesh: &'m Mesh<'t>) -> Vec<Stage<'m, 't>> {
    let stage = |title, clusters: Vec<&'m Cluster<'t>>, actions: &dyn Fn(&Cluster<'_>) -> Vec<Action>| {
        let steps = clusters
            .into_iter()
            .flat_map(|cluster| actions(cluster).into_iter().map(move |action| Step { cluster, action }));
        Stage { title, steps: steps.collect() }
    };
    let all: Vec<&Cluster<'_>> = mesh.clusters.iter().collect();
    let primaries: Vec<&Cluster<'_>> = mesh.primaries().collect();
    let remotes: Vec<&Cluster<'_>> = mesh.remotes().collect();
    let istio =
        |cluster: &Cluster<'_>| vec![if cluster.runs_istiod { Action::InstallIstio } else { Action::InstallRemote }];
    let gateway = |cluster: &Cluster<'_>| {
        let gateway = cluster.gateway.is_some().then_some(Action::InstallGateway);
        let is_exposing = has_manifests(mesh, cluster, EXPOSURE);
        let exposure = is_exposing.then_some(Action::Apply(EXPOSURE));
        let telemetry = has_manifests(mesh, cluster, TELEMETRY).then_some(Action::Apply(TELEMETRY));
        [gateway, exposure, telemetry].into_iter().flatten().collect()
    };
    let whole = |cluster: &Cluster<'_>| [istio(cluster), gateway(cluster)].concat();
    let secrets = |_: &Cluster<'_>| (mesh.clusters.len() > 1).then_some(Action::RemoteSecrets).into_iter().collect();
    let prepared = |cluster: &Cluster<'_>| {
        let authority = cluster.intermediate.is_some().then_some(Action::ApplySecret(CACERTS));
        [Some(Action::Apply(NAMESPACE)), authority].into_iter().flatten().collect()
    };
    let collector = |cluster: &Cluster<'_>| {
        has_manifests(mesh, cluster, ZIPKIN).then_some(Action::ApplyCollector(ZIPKIN)).into_iter().collect()
    };
    let mut stages = vec![
        stage("Namespaces and certificate authorities", all.clone(), &prepared),
        stage("Primaries: Istio, east-west gateway, exposure", primaries.clone(), &whole),
    ];
    match mesh.release.remotes {
        RemoteShape::LocalIstiod => {
            stages.push(stage("Remote secrets", primaries, &secrets));
            stages.push(stage("Remotes: Istio, east-west gateway, exposure", remotes, &whole));
        }
        RemoteShape::Thin => {
            stages.push(stage("Remotes: webhook and the way to their primary", remotes.clone(), &istio));
            stages.push(stage("Remote secrets", primaries, &secrets));
            stages.push(stage("Remotes: east-west gateway", remotes, &gateway));
        }
    }
    stages.push(stage("Trace collector", all.clone(), &collector));
    stages.push(stage("Restart of what runs with an older mesh config", all, &|_| vec![Action::Restart]));
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}

/// Every step by name, node routes first.
pub(super) fn all(mesh: &Mesh<'_>) -> Vec<String> {
    let routes = routed(mesh).into_iter().map(|name| format!("{name}/{ROUTES}"));
    let stages = stages(mesh);
    let steps = stages.iter().flat_map(|stage| &stage.steps).map(Step::name);
    routes.chain(steps).collect()
}

fn has_manifests(mesh: &Mesh<'_>, cluster: &Cluster<'_>, directory: &str) -> bool {
    let mut manifests = MANIFESTS.iter().filter(|manifest| manifest.directory == directory);
    manifests.any(|manifest| !(manifest.documents)(mesh, cluster).is_empty())
}

/// The clusters whose nodes need routes.
pub(super) fn routed<'m>(mesh: &'m Mesh<'_>) -> Vec<&'m str> {
    mesh.clusters.iter().filter(|cluster| mesh.has_routes(cluster)).map(|cluster| cluster.name).collect()
}
