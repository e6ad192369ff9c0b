//! What is done in which order, over all clusters: the one source of scripts and prose.

use crate::mesh::{Cluster, Mesh};

use super::{
    CACERTS, EASTWEST_GATEWAY, EXPOSURE, ISTIO, NAMESPACE, REMOTE_SECRETS, ZIPKIN, expose_istiod, expose_services,
    expose_zipkin, zipkin,
};

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
            Self::InstallIstio => ISTIO,
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

/// The stages of an installation with Istio 1.11: the remote secrets come before the remotes, whose gateways never get ready
/// without (1.11.2, pkg/test/framework/components/istio/operator.go).
pub(super) fn stages<'m, 't>(mesh: &'m Mesh<'t>) -> Vec<Stage<'m, 't>> {
    let stage = |title, clusters: Vec<&'m Cluster<'t>>, actions: &dyn Fn(&Cluster<'_>) -> Vec<Action>| {
        let steps = clusters
            .into_iter()
            .flat_map(|cluster| actions(cluster).into_iter().map(move |action| Step { cluster, action }));
        Stage { title, steps: steps.collect() }
    };
    let all: Vec<&Cluster<'_>> = mesh.clusters.iter().collect();
    let bring_up = |cluster: &Cluster<'_>| {
        let gateway = cluster.gateway.is_some().then_some(Action::InstallGateway);
        let exposure = is_exposing(mesh, cluster).then_some(Action::Apply(EXPOSURE));
        [Some(Action::InstallIstio), gateway, exposure].into_iter().flatten().collect()
    };
    let stages = [
        stage("Namespaces and certificate authorities", all.clone(), &|_| {
            vec![Action::Apply(NAMESPACE), Action::ApplySecret(CACERTS)]
        }),
        stage("Primaries: Istio, east-west gateway, exposure", mesh.primaries().collect(), &bring_up),
        stage("Remote secrets", mesh.primaries().collect(), &|_| {
            (mesh.clusters.len() > 1).then_some(Action::RemoteSecrets).into_iter().collect()
        }),
        stage("Remotes: Istio, east-west gateway, exposure", mesh.remotes().collect(), &bring_up),
        stage("Trace collector", all.clone(), &|cluster| {
            (!zipkin::documents(mesh, cluster).is_empty())
                .then_some(Action::ApplyCollector(ZIPKIN))
                .into_iter()
                .collect()
        }),
        stage("Restart of what runs with an older mesh config", all, &|_| vec![Action::Restart]),
    ];
    stages.into_iter().filter(|stage| !stage.steps.is_empty()).collect()
}

fn is_exposing(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> bool {
    [expose_istiod::documents, expose_services::documents, expose_zipkin::documents]
        .into_iter()
        .any(|documents| !documents(mesh, cluster).is_empty())
}

/// The clusters whose nodes need routes.
pub(super) fn routed<'m>(mesh: &'m Mesh<'_>) -> Vec<&'m str> {
    mesh.clusters.iter().filter(|cluster| !mesh.routes(cluster).is_empty()).map(|cluster| cluster.name).collect()
}
