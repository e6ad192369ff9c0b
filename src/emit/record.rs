use crate::istio;
use crate::layout::{KEY, bundle_path, cluster_of};
use crate::lock::{self, Digest, Gateway, Istio, Lock};
use crate::mesh::{Cluster, Collector, Mesh};
use crate::parallel;
use crate::part::Part;
use crate::pki::Trust;
use crate::pki::verify::Facts;
use crate::plan::Plan;
use crate::secrets;
use crate::topology::Install;
use crate::tree::{File, Tree};

/// The record of a mesh, without the certificates and files that need a secret.
pub(crate) fn of_plan(plan: &Plan<'_, '_>) -> Lock {
    let mesh = plan.mesh;
    let clusters = mesh.clusters.iter().zip(&plan.starts);
    let clusters = clusters.map(|(cluster, start)| (cluster.name.to_owned(), of_cluster(mesh, cluster, start)));
    let collector = mesh.collector.as_ref();
    let name = |collector: &Collector| mesh.clusters[collector.cluster].name.to_owned();
    Lock {
        istio: Some(Istio { version: mesh.version, installer: installers(mesh) }),
        charts: mesh.has_install(Install::Helm).then(|| mesh.istio.charts.as_str().to_owned()),
        is_without_root: mesh.roots.is_none(),
        workloads: mesh.workload_namespaces.iter().map(|namespace| (*namespace).to_owned()).collect(),
        retired: mesh.retired.iter().map(|(cluster, generation)| ((*cluster).to_owned(), *generation)).collect(),
        traces_to: collector.map(name),
        traces_wait_for: collector.filter(|collector| collector.is_waiting).map(name),
        steps: plan.units().map(ToString::to_string).collect(),
        clusters: clusters.collect(),
        ..Lock::default()
    }
}

/// The programs that install Istio, with commas between them.
fn installers(mesh: &Mesh<'_>) -> String {
    let used: Vec<&str> =
        Install::ALL.iter().filter(|(way, _)| mesh.has_install(*way)).map(|(_, program)| *program).collect();
    used.join(",")
}

/// The record of a whole tree.
pub(super) fn of_tree(plan: &Plan<'_, '_>, trust: &Trust, tree: &Tree) -> Lock {
    let mut lock = Lock { files: digests(plan.mesh, trust, tree), ..with_certificates(plan, trust) };
    leave_out_trust(&mut lock);
    lock.files.sort();
    lock
}

/// The record of a tree of some clusters. It keeps the other lines of the existing lock.
pub(super) fn of_part(plan: &Plan<'_, '_>, trust: &Trust, tree: &Tree, part: &Part<'_>) -> Lock {
    let mut lock = with_certificates(plan, trust);
    let is_other = |path: &str| !part.has(cluster_of(path).unwrap_or_default());
    let standing = part.lock;
    lock.clusters.retain(|cluster, _| part.has(cluster));
    let others = standing.clusters.iter().filter(|(cluster, _)| !part.has(cluster));
    lock.clusters.extend(others.map(|(name, cluster)| (name.clone(), with_trust(cluster, standing))));
    lock.steps.retain(|step| !is_other(step) || standing.steps.contains(step));
    let left = standing.steps.iter().filter(|step| is_other(step) && !lock.steps.contains(step));
    let left: Vec<String> = left.cloned().collect();
    lock.steps.extend(left);
    let is_kept = |path: &str| is_other(path) && tree.get(path).is_none();
    lock.files = standing.files.iter().filter(|(path, _)| is_kept(path)).cloned().collect();
    lock.files.extend(digests(plan.mesh, trust, tree));
    lock.files.sort();
    // The other clusters still have the roots of before.
    let is_known = |root: &&lock::Certificate| trust.roots.iter().any(|own| own.fingerprint == root.fingerprint);
    let mut roots: Vec<lock::Certificate> = lock.roots.clone();
    roots.extend(standing.roots.iter().filter(|root| !is_known(root)).cloned());
    let is_trusted = |root: &lock::Certificate| {
        let mut clusters = lock.clusters.values();
        clusters.any(|cluster| cluster.roots.contains(&root.fingerprint))
    };
    roots.retain(is_trusted);
    if !roots.is_empty() {
        lock.roots = roots;
    }
    leave_out_trust(&mut lock);
    lock.is_without_root |= standing.is_without_root && standing.clusters.keys().any(|cluster| !part.has(cluster));
    lock
}

fn of_cluster(mesh: &Mesh<'_>, cluster: &Cluster<'_>, at_start: &str) -> lock::Cluster {
    lock::Cluster {
        network: Some(cluster.network.to_owned()),
        primary: Some(mesh.primary_of(cluster).name.to_owned()),
        is_waiting: cluster.is_waiting,
        api_server: Some(cluster.api_server.to_owned()),
        api_server_ca: cluster.api_server_ca.map(|authorities| Digest::of(authorities.as_bytes())),
        proxy_url: cluster.proxy_url.map(str::to_owned),
        context: Some(cluster.context.to_owned()),
        at_start: Some(at_start.to_owned()),
        gateway: Some(match &cluster.gateway {
            None => Gateway::Absent,
            Some(gateway) => gateway.address.clone().map_or(Gateway::Unaddressed, Gateway::At),
        }),
        routes: mesh.routes_to(cluster).into_iter().map(|route| (route.destination, route.via)).collect(),
        certificate: None,
        issuers: Vec::new(),
        roots: Vec::new(),
        anchor: None,
        told_roots: istio::told_roots(mesh, cluster).map(|roots| Digest::of(roots.as_bytes())),
        key: None,
        readers: if cluster.intermediate.is_some() { secrets::readers(mesh, cluster) } else { Vec::new() },
    }
}

fn with_certificates(plan: &Plan<'_, '_>, trust: &Trust) -> Lock {
    let mesh = plan.mesh;
    let mut lock = Lock { roots: trust.roots.iter().map(certificate).collect(), ..of_plan(plan) };
    for cluster in &mesh.clusters {
        let (Some(request), Some(bundle)) = (&cluster.intermediate, &trust.bundles[cluster.position]) else { continue };
        let record = lock.clusters.get_mut(cluster.name).expect("each cluster was just recorded");
        record.certificate = Some((request.generation, certificate(&bundle.facts)));
        record.issuers = bundle.issuers.iter().map(certificate).collect();
        record.roots.clone_from(&bundle.trusted);
        record.anchor = Some(bundle.anchor.clone());
        record.key = bundle.object.as_ref().and_then(|_| bundle.key_digest());
    }
    lock
}

/// A cluster of a standing lock, with what it trusts also where the mesh had one root.
fn with_trust(cluster: &lock::Cluster, standing: &Lock) -> lock::Cluster {
    let [root] = standing.roots.as_slice() else { return cluster.clone() };
    if cluster.certificate.is_none() {
        return cluster.clone();
    }
    let root = root.fingerprint.clone();
    lock::Cluster { roots: vec![root.clone()], anchor: Some(root), ..cluster.clone() }
}

/// Where the mesh has one root, nothing is to be said of each cluster.
fn leave_out_trust(lock: &mut Lock) {
    if lock.roots.len() < 2 {
        for cluster in lock.clusters.values_mut() {
            cluster.roots.clear();
            cluster.anchor = None;
        }
    }
}

fn certificate(facts: &Facts) -> lock::Certificate {
    lock::Certificate {
        fingerprint: facts.fingerprint.clone(),
        serial: facts.serial.clone(),
        not_before: facts.not_before,
        not_after: facts.not_after,
    }
}

/// The digests of a tree's files and of missing keys, which stay pinned.
fn digests(mesh: &Mesh<'_>, trust: &Trust, tree: &Tree) -> Vec<(String, Digest)> {
    const FILES_WORTH_A_THREAD: usize = 256;
    let files: Vec<(&str, &File)> = tree.iter().collect();
    let files =
        parallel::map(&files, FILES_WORTH_A_THREAD, |(path, file)| ((*path).to_owned(), Digest::of(&file.bytes)));
    let keys = mesh.clusters.iter().filter_map(|cluster| {
        let bundle = trust.bundles[cluster.position].as_ref().filter(|bundle| bundle.object.is_none())?;
        let digest = bundle.key_digest?;
        Some((bundle_path(cluster.name, KEY), digest))
    });
    files.into_iter().chain(keys).collect()
}
