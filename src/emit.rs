//! The table of artifacts, in the order in which they are applied.

use std::str::FromStr;

use serde_json::{Value, json};

use crate::layout::{
    CACERTS, EASTWEST_GATEWAY, EXPOSURE, GITIGNORE, ISTIO, ISTIO_SYSTEM, NAMESPACE, REMOTE_SECRETS, ROUTES, TELEMETRY,
    ZIPKIN,
};
use crate::lock;
use crate::mesh::{Cluster, Mesh};
use crate::parallel;
use crate::part::Part;
use crate::pki::Trust;
use crate::topology::Name;
use crate::tree::{Mode, Tree};
use crate::yaml;

mod cacerts;
mod collector;
mod eastwest_gateway;
mod expose_istiod;
mod expose_services;
mod expose_zipkin;
mod git_files;
mod install_script;
mod istio;
mod kustomization;
mod mesh_config;
mod namespace;
mod readme;
pub(crate) mod record;
mod remote_secrets;
mod routes;
mod steps;
mod telemetry;
mod uninstall_script;
mod verify_script;
mod zipkin;

/// A file of objects that a cluster may need.
struct Manifest {
    /// The numbered directory, which never changes its meaning.
    directory: &'static str,
    file: &'static str,
    role: Role,
    /// The file's documents; none where the cluster does not need it.
    documents: fn(&Mesh<'_>, &Cluster<'_>) -> Vec<Value>,
}

/// What a file is to the kustomization of its directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Objects of their own.
    Resource,
    /// An IstioOperator: a resource where the in-cluster operator exists.
    Operator,
    /// A patch of the IstioOperator beside it.
    OperatorPatch,
}

/// A file of a cluster that is no manifest.
struct Script {
    file: &'static str,
    /// The text; `None` where the cluster does not need it.
    text: fn(&Mesh<'_>, &Cluster<'_>) -> Option<String>,
}

/// A file of the mesh as a whole.
struct Page {
    file: &'static str,
    mode: Mode,
    text: fn(&Mesh<'_>) -> String,
}

/// Every manifest, in the order in which a cluster takes them.
const MANIFESTS: &[Manifest] = &[
    Manifest { directory: NAMESPACE, file: "namespace.yaml", role: Role::Resource, documents: namespace::documents },
    Manifest { directory: ISTIO, file: "istio.yaml", role: Role::Operator, documents: istio::documents },
    Manifest {
        directory: ISTIO,
        file: "mesh-config.yaml",
        role: Role::OperatorPatch,
        documents: mesh_config::documents,
    },
    Manifest {
        directory: EASTWEST_GATEWAY,
        file: "eastwest-gateway.yaml",
        role: Role::Operator,
        documents: eastwest_gateway::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-istiod.yaml",
        role: Role::Resource,
        documents: expose_istiod::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-services.yaml",
        role: Role::Resource,
        documents: expose_services::documents,
    },
    Manifest {
        directory: EXPOSURE,
        file: "expose-zipkin.yaml",
        role: Role::Resource,
        documents: expose_zipkin::documents,
    },
    Manifest { directory: TELEMETRY, file: "telemetry.yaml", role: Role::Resource, documents: telemetry::documents },
    Manifest { directory: TELEMETRY, file: "collector.yaml", role: Role::Resource, documents: collector::documents },
    Manifest { directory: ZIPKIN, file: "zipkin.yaml", role: Role::Resource, documents: zipkin::documents },
];

const SCRIPTS: &[Script] =
    &[Script { file: REMOTE_SECRETS, text: remote_secrets::text }, Script { file: ROUTES, text: routes::text }];

const PAGES: &[Page] = &[
    Page { file: ".gitattributes", mode: Mode::Public, text: git_files::attributes },
    Page { file: GITIGNORE, mode: Mode::Public, text: git_files::ignored },
    Page { file: "README.md", mode: Mode::Public, text: readme::text },
    Page { file: "install.sh", mode: Mode::Executable, text: install_script::text },
    Page { file: "uninstall.sh", mode: Mode::Executable, text: uninstall_script::text },
    Page { file: "verify.sh", mode: Mode::Executable, text: verify_script::text },
];

/// Fewer are emitted before a thread has begun.
const CLUSTERS_WORTH_A_THREAD: usize = 8;

/// The directories of some clusters, what keeps their keys out of Git, and a lock that pins them beside what it pinned before.
pub(crate) fn emit_part(mesh: &Mesh<'_>, mut trust: Trust, part: &Part<'_>) -> Tree {
    let mut tree = Tree::default();
    for cluster in mesh.clusters.iter().filter(|cluster| part.has(cluster.name)) {
        emit_cluster(mesh, cluster, &mut tree);
    }
    for page in PAGES.iter().filter(|page| page.file == GITIGNORE) {
        tree.add(page.file, page.mode, (page.text)(mesh));
    }
    let mut tree = Tree::join([tree, emit_bundles(mesh, &mut trust)]);
    let lock = record::of_part(mesh, &trust, &tree, part);
    tree.add(lock::FILE, Mode::Public, lock.to_string());
    tree
}

/// Whether a path has the shape of those that are emitted, for whatever mesh: nothing else is ever removed.
///
/// A file that is no longer emitted keeps its row here, so that the trees of earlier versions are known.
pub fn is_emitted(path: &str) -> bool {
    let is_cluster = |name: &str| Name::from_str(name).is_ok();
    let is_manifest = |directory: &str, file: &str| {
        let mut files = MANIFESTS.iter().filter(|manifest| manifest.directory == directory).peekable();
        files.peek().is_some() && (file == kustomization::FILE || files.any(|manifest| manifest.file == file))
    };
    match path.split('/').collect::<Vec<&str>>()[..] {
        [file] => file == lock::FILE || PAGES.iter().any(|page| page.file == file),
        [cluster, file] => is_cluster(cluster) && SCRIPTS.iter().any(|script| script.file == file),
        [cluster, CACERTS, file] => is_cluster(cluster) && cacerts::FILES.contains(&file),
        [cluster, directory, file] => is_cluster(cluster) && is_manifest(directory, file),
        _ => false,
    }
}

/// Why a list of a tree's files cannot be used, where it names one that is never emitted: what is listed is read, shown, written
/// over and removed.
pub(crate) fn find_other<'p>(mut paths: impl Iterator<Item = &'p str>) -> Option<String> {
    let other = paths.find(|path| !is_emitted(path))?;
    Some(format!(
        "lists `{}`, which is no file of meshgen's: restore it, or take that line out (if a newer meshgen wrote it, use that one)",
        other.escape_debug()
    ))
}

/// The whole tree.
pub fn emit(mesh: &Mesh<'_>, mut trust: Trust) -> Tree {
    let mut tree = Tree::join([outline(mesh), emit_bundles(mesh, &mut trust)]);
    let lock = record::of_tree(mesh, &trust, &tree);
    tree.add(lock::FILE, Mode::Public, lock.to_string());
    tree
}

fn emit_bundles(mesh: &Mesh<'_>, trust: &mut Trust) -> Tree {
    let mut tree = Tree::default();
    for (cluster, bundle) in mesh.clusters.iter().zip(&mut trust.bundles) {
        if let Some(bundle) = bundle {
            cacerts::emit_files(cluster, bundle, &mut tree);
        }
    }
    tree
}

/// What one thread emits at a time.
enum Share<'m, 't> {
    Clusters(&'m [Cluster<'t>]),
    Page(&'static Page),
}

/// All that needs no certificate: the tree without PEM files and without the lock that pins them.
pub fn outline(mesh: &Mesh<'_>) -> Tree {
    // The pages of a large mesh take longest, so they come first.
    let pages = PAGES.iter().map(Share::Page);
    let shares: Vec<Share<'_, '_>> =
        pages.chain(mesh.clusters.chunks(CLUSTERS_WORTH_A_THREAD).map(Share::Clusters)).collect();
    let least = if mesh.clusters.len() <= CLUSTERS_WORTH_A_THREAD { shares.len() } else { 1 };
    Tree::join(parallel::map(&shares, least, |share| {
        let mut tree = Tree::default();
        match share {
            Share::Page(page) => tree.add(page.file, page.mode, (page.text)(mesh)),
            Share::Clusters(clusters) => {
                for cluster in *clusters {
                    emit_cluster(mesh, cluster, &mut tree);
                }
            }
        }
        tree
    }))
}

/// One cluster's part of the tree, less its PEM files.
fn emit_cluster(mesh: &Mesh<'_>, cluster: &Cluster<'_>, tree: &mut Tree) {
    let mut directories: Vec<(&str, Vec<(&str, Role)>)> = Vec::new();
    for manifest in MANIFESTS {
        let documents = (manifest.documents)(mesh, cluster);
        if documents.is_empty() {
            continue;
        }
        match directories.last_mut() {
            Some((directory, files)) if *directory == manifest.directory => files.push((manifest.file, manifest.role)),
            _ => directories.push((manifest.directory, vec![(manifest.file, manifest.role)])),
        }
        let path = format!("{}/{}/{}", cluster.name, manifest.directory, manifest.file);
        tree.add(path, Mode::Public, yaml::print_all(&documents));
    }
    if cluster.intermediate.is_some() {
        cacerts::emit(mesh, cluster, tree);
    }
    for (directory, files) in directories {
        kustomization::emit(mesh, cluster, directory, &files, tree);
    }
    for script in SCRIPTS {
        if let Some(text) = (script.text)(mesh, cluster) {
            tree.add(format!("{}/{}", cluster.name, script.file), Mode::Executable, text);
        }
    }
}

/// The metadata of an object in `istio-system`.
fn metadata(mesh: &Mesh<'_>, name: &str) -> Value {
    json!({ "name": name, "namespace": ISTIO_SYSTEM, "labels": labels(mesh) })
}

/// The labels of every object that we state or that our scripts make.
fn labels(mesh: &Mesh<'_>) -> Value {
    json!({ "app.kubernetes.io/managed-by": "meshgen", "app.kubernetes.io/part-of": mesh.id })
}
