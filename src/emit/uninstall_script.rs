use serde::Serialize;

use crate::artifact::{Role, helm_releases};
use crate::command::{OF_SAIL, OURS};
use crate::layout::{CACERTS, EGRESS_GATEWAY, ISTIO_SYSTEM, NAMESPACE, REMOTE_ACCESS};
use crate::mesh::{Cluster, Mesh};
use crate::plan::{Contents, Manifest, Plan};
use crate::template;
use crate::topology::{Controller, GitOps, Install, SecretForm};
use crate::words::short_name;

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a part of the script is there")]
struct Values<'m> {
    mesh: &'m str,
    clusters: Vec<Installed<'m>>,
    routed: Vec<&'m str>,
    has_remote_secrets: bool,
    /// Whether clusters push the tokens by which others read them.
    has_store: bool,
    has_helm: bool,
    /// The clusters in which the Sail operator installed Istio; they stand in no list of releases.
    sail: Vec<&'m str>,
    /// The kinds of its resources.
    kinds_of_sail: &'static str,
    has_egress_gateways: bool,
}

/// A cluster and what was applied there besides Istio.
#[derive(Serialize)]
struct Installed<'m> {
    name: &'m str,
    context: &'m str,
    revision: &'m str,
    service: String,
    directories: Vec<&'static str>,
    /// The releases of Helm with their namespaces, last installed first, with spaces between them.
    releases: String,
}

/// `uninstall.sh`: the mesh's clusters without the mesh, remotes before their primaries.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    if let Some(gitops) = mesh.gitops {
        return by_git(plan, gitops);
    }
    let clusters = mesh.remotes().chain(mesh.primaries());
    let clusters = clusters.map(|cluster| Installed {
        name: cluster.name,
        context: cluster.context,
        // istioctl calls an installation without a revision `default`.
        revision: cluster.revision.unwrap_or("default"),
        service: cluster.istiod_service(),
        directories: directories(mesh, cluster, &plan.contents[cluster.position]),
        releases: releases(cluster, &plan.contents[cluster.position]),
    });
    let by_sail = mesh.clusters.iter().filter(|cluster| cluster.install == Install::Sail);
    template::render(
        "uninstall.sh",
        Values {
            mesh: mesh.id,
            clusters: clusters.collect(),
            routed: plan.routed(),
            has_remote_secrets: mesh.clusters.len() > 1,
            has_store: plan.has(REMOTE_ACCESS),
            has_helm: mesh.has_install(Install::Helm),
            sail: by_sail.map(|cluster| cluster.name).collect(),
            kinds_of_sail: OF_SAIL,
            has_egress_gateways: plan.has(EGRESS_GATEWAY),
        },
    )
}

/// The directories of plain objects, last applied first; the namespace goes last, by itself.
fn directories(mesh: &Mesh<'_>, cluster: &Cluster<'_>, contents: &Contents) -> Vec<&'static str> {
    let is_plain = |manifests: &[Manifest]| manifests.iter().all(|manifest| manifest.role == Role::Resource);
    let directories = contents.directories.iter().rev();
    let directories = directories.filter(|(directory, manifests)| *directory != NAMESPACE && is_plain(manifests));
    // What makes the Secret `cacerts` would make it again.
    let is_made = matches!(mesh.secrets.form, SecretForm::SealedSecrets | SecretForm::ExternalSecrets);
    let maker = (is_made && cluster.intermediate.is_some()).then_some(CACERTS);
    directories.map(|(directory, _)| *directory).chain(maker).collect()
}

fn releases(cluster: &Cluster<'_>, contents: &Contents) -> String {
    if cluster.install != Install::Helm {
        return String::new();
    }
    let files = contents.directories.iter().flat_map(|(_, manifests)| manifests);
    let files = files.filter(|manifest| manifest.role == Role::Values).rev();
    let release = |manifest: &Manifest| match manifest.file {
        "base.values.yaml" => Some((helm_releases::BASE.to_owned(), ISTIO_SYSTEM)),
        "cni.values.yaml" => Some((helm_releases::CNI.to_owned(), cluster.cni_namespace())),
        "istiod.values.yaml" => Some((cluster.istiod_service(), ISTIO_SYSTEM)),
        "ingress.values.yaml" => Some((helm_releases::of_gateway("ingress"), ISTIO_SYSTEM)),
        "egress.values.yaml" => Some((helm_releases::of_gateway("egress"), ISTIO_SYSTEM)),
        _ => None,
    };
    let releases: Vec<String> =
        files.filter_map(release).map(|(name, namespace)| format!("{name} {namespace}")).collect();
    releases.join(" ")
}

#[derive(Serialize)]
struct ByGit<'m> {
    mesh: &'m str,
    controller: &'static str,
    is_flux: bool,
    is_hub: bool,
    /// The name of what applies everything.
    root: String,
    namespace: &'m str,
    /// The labels of all that the controller is told.
    ours: String,
    clusters: Vec<Reached<'m>>,
    has_store: bool,
    routed: Vec<&'m str>,
}

#[derive(Serialize)]
struct Reached<'m> {
    name: &'m str,
    context: &'m str,
}

/// The same for a mesh that a controller applies: the script says what to remove, and removes nothing.
fn by_git(plan: &Plan<'_, '_>, gitops: &GitOps) -> String {
    let mesh = plan.mesh;
    template::render(
        "uninstall-by-git.sh",
        ByGit {
            mesh: mesh.id,
            controller: gitops.controller.title(),
            is_flux: gitops.controller == Controller::Flux,
            is_hub: gitops.hub,
            root: short_name(&[mesh.id, "mesh"]),
            namespace: gitops.namespace(),
            ours: format!("{OURS},app.kubernetes.io/part-of={}", mesh.id),
            clusters: mesh
                .clusters
                .iter()
                .map(|cluster| Reached { name: cluster.name, context: cluster.context })
                .collect(),
            has_store: plan.has(REMOTE_ACCESS),
            routed: plan.routed(),
        },
    )
}
