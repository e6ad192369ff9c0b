use std::borrow::Cow;

use serde::Serialize;

use crate::istio;
use crate::layout::ROUTES;
use crate::mesh::{Cluster, Gateway, Mesh};
use crate::plan::{Contents, Plan, waiting};
use crate::template;
use crate::topology::{Install, SecretForm};

use super::install_script::store;

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a part of the script is there")]
struct Values<'m> {
    mesh: &'m str,
    version: String,
    lists_remote_clusters: bool,
    /// Whether the tree has the certificates that istiods sign with.
    has_authority: bool,
    /// Whether another authority signs for any cluster.
    has_other_authority: bool,
    /// Whether istiod reads them only when it starts.
    istiod_restarts: bool,
    /// Whether proxies read the roots of their istiod only when they start.
    reads_roots_at_start: bool,
    /// Whether there is another phase to come in which workloads trust other roots.
    is_changing_root: bool,
    /// The kinds of what meshgen states, as kubectl lists them.
    our_kinds: String,
    /// Where remote secrets come from; empty where a person fetches them.
    store: String,
    /// Whether the Sail operator installs Istio anywhere.
    has_sail: bool,
    /// Whether anything waits for the address of a gateway.
    has_awaited: bool,
    /// Whether istiods are told where gateways are dialled.
    has_told: bool,
    clusters: Vec<Checked<'m>>,
}

/// The checks of a cluster.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each says whether a check is there")]
struct Checked<'m> {
    name: &'m str,
    context: &'m str,
    /// The Deployment of its control plane, if one runs there.
    istiod: String,
    /// Whether the Sail operator installs Istio there.
    is_by_sail: bool,
    has_gateway: bool,
    /// Whether it has an egress gateway although no istiod runs there.
    has_egress_gateway: bool,
    address: &'m str,
    /// What others dial where istiods are told it: words for the shell, an address and a port.
    is_told: String,
    /// Who waits for that address, in words.
    needed_by: String,
    /// The cluster for whose gateway's address it waits.
    waits_for: &'m str,
    /// On a primary, where its istiod is told that gateways are dialled: words for the shell, a network, an address and a port each.
    told: String,
    /// Its `ConfigMap` of that.
    networks: String,
    /// On a primary, every other cluster: words for the shell.
    known: String,
    /// Whether it pushes the token by which others read it.
    is_pushed: bool,
    /// Where its gateway's proxy reports traces, as its bootstrap says.
    reports_to: Cow<'m, str>,
    /// Where its primary's istiod sends the traces of its gateway's proxy.
    provider: Option<Provided<'m>>,
    has_collector: bool,
    /// The cluster whose root it trusts.
    root: &'m str,
    /// Whether its istiod signs with the certificates of this tree.
    is_signed: bool,
    /// Whether it signs those of workloads, too.
    signs_workloads: bool,
    /// After how many hours all of its proxies have other roots, or certificates under another; 0 where none come.
    settles_in: u32,
    /// The revision that its webhooks are labelled with.
    revision: &'m str,
    /// The addresses of its nodes, where they need routes: words for the shell.
    nodes: String,
    /// What its proxies know from their start alone.
    at_start: &'m str,
    /// The objects that meshgen states there, as `Kind/name`, and `remote-secrets` on a primary: words for the shell.
    objects: String,
}

/// A service that proxies have to know, and the address behind it where it is none of a cluster's.
#[derive(Serialize)]
struct Provided<'m> {
    host: &'m str,
    address: &'m str,
    port: u16,
}

/// The kinds of namespaced objects that meshgen states, Istio's own after those that each cluster has.
const OUR_KINDS: &str = "deployments,services,secrets,\
                         gateways.networking.istio.io,virtualservices.networking.istio.io,\
                         serviceentries.networking.istio.io,telemetries.telemetry.istio.io";

/// The kinds of the External Secrets Operator.
const STORED_KINDS: &str = ",externalsecrets.external-secrets.io,pushsecrets.external-secrets.io";

/// `verify.sh`: checks whether the mesh is up.
pub(super) fn text(plan: &Plan<'_, '_>) -> String {
    let mesh = plan.mesh;
    let clusters = mesh.clusters.iter().zip(&plan.contents).zip(&plan.starts);
    let clusters: Vec<Checked<'_>> =
        clusters.map(|((cluster, contents), start)| checked(mesh, cluster, contents, start)).collect();
    let has_authority = clusters.iter().any(|cluster| cluster.is_signed);
    let store = store(plan);
    template::render(
        "verify.sh",
        Values {
            mesh: mesh.id,
            version: mesh.version.to_string(),
            lists_remote_clusters: mesh.release.lists_remote_clusters,
            has_authority,
            has_other_authority: !clusters.iter().all(|cluster| cluster.is_signed),
            istiod_restarts: has_authority && !mesh.release.reloads_authority,
            reads_roots_at_start: !mesh.release.reloads_authority,
            is_changing_root: mesh.changes_root(),
            our_kinds: [OUR_KINDS, if store.is_empty() { "" } else { STORED_KINDS }].concat(),
            store,
            has_sail: mesh.has_install(Install::Sail),
            has_awaited: !waiting::awaited(mesh).is_empty(),
            has_told: mesh
                .clusters
                .iter()
                .any(|cluster| cluster.gateway.as_ref().is_some_and(|gateway| gateway.written.is_static())),
            clusters,
        },
    )
}

/// Where others dial a gateway for services.
fn dialled(gateway: &Gateway<'_>) -> String {
    let address = gateway.address.clone().unwrap_or_default();
    template::words([address, gateway.written.port_for_services().to_string()])
}

/// Where istiods are told that the gateways of networks are dialled.
fn told(mesh: &Mesh<'_>) -> String {
    let told = mesh.clusters.iter().filter_map(|cluster| {
        let gateway =
            cluster.gateway.as_ref().filter(|gateway| gateway.written.is_static() && gateway.address.is_some())?;
        Some(template::words([cluster.network]) + &dialled(gateway))
    });
    told.collect()
}

fn checked<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>, contents: &'m Contents, at_start: &'m str) -> Checked<'m> {
    let gateway = cluster.gateway.as_ref();
    let istiod = mesh.istiod_of(cluster);
    let is_signed = mesh.roots.is_some() && istio::signs(mesh, istiod);
    let is_fetched = cluster.intermediate.is_some() && mesh.secrets.form == SecretForm::ExternalSecrets;
    let signs_workloads = is_signed && istio::signs_workloads(mesh, istiod);
    let reports_to = gateway.and_then(|_| mesh.bootstrap_collector_of(cluster));
    let provider = mesh.primary_of(cluster).provider.as_ref().filter(|_| gateway.is_some());
    Checked {
        name: cluster.name,
        context: cluster.context,
        istiod: if cluster.runs_istiod { cluster.istiod_service() } else { String::new() },
        is_by_sail: cluster.install == Install::Sail,
        has_gateway: gateway.is_some(),
        has_egress_gateway: mesh.egress_gateway == Some(true)
            && !cluster.runs_istiod
            && cluster.install != Install::Sail,
        address: gateway.and_then(|gateway| gateway.address.as_deref()).unwrap_or_default(),
        needed_by: waiting::needed_by(mesh, cluster).unwrap_or_default(),
        waits_for: if cluster.is_waiting { mesh.primary_of(cluster).name } else { "" },
        is_told: gateway.filter(|gateway| gateway.written.is_static()).map(dialled).unwrap_or_default(),
        told: if cluster.is_primary() { told(mesh) } else { String::new() },
        networks: cluster.istiod_service().replacen("istiod", "istio", 1),
        known: template::words(mesh.read_by(cluster).map(|other| other.name)),
        is_pushed: mesh.remote_access.is_some() && mesh.is_read(cluster),
        reports_to: reports_to.unwrap_or_default(),
        provider: provider.map(|provider| Provided {
            host: provider.service.split_once('/').map_or(provider.service.as_str(), |(_, host)| host),
            address: provider.external.as_ref().map_or("", |external| external.address.as_str()),
            port: provider.port,
        }),
        has_collector: mesh.collector.as_ref().is_some_and(|collector| collector.cluster == cluster.position),
        root: if cluster.runs_istiod { cluster.name } else { mesh.primary_of(cluster).name },
        is_signed,
        signs_workloads,
        settles_in: if mesh.is_changing_root(cluster) && signs_workloads {
            istio::certificate_hours(mesh, cluster)
        } else {
            0
        },
        // istioctl calls an installation without a revision `default`.
        revision: cluster.revision.unwrap_or("default"),
        nodes: if contents.scripts.iter().any(|(script, _)| *script == ROUTES) {
            template::words(cluster.written.nodes.iter().map(|node| node.address.to_string()))
        } else {
            String::new()
        },
        at_start,
        objects: template::words(
            contents
                .objects
                .iter()
                .map(String::as_str)
                .chain(cluster.intermediate.is_some().then_some("Secret/cacerts"))
                .chain(is_fetched.then_some("ExternalSecret/cacerts"))
                .chain(cluster.is_primary().then_some("remote-secrets")),
        ),
    }
}
