//! Writes a plan as the files of a tree.

use std::str::FromStr;

use crate::artifact::{MANIFESTS, SCRIPTS};
use crate::draw;
use crate::flows::Flows;
use crate::layout::{CACERTS, GITIGNORE, ROUTES};
use crate::lock::{self, Lock};
use crate::mesh::{Cluster, Mesh};
use crate::parallel;
use crate::part::Part;
use crate::pki::Trust;
use crate::pki::inventory;
use crate::plan::{Contents, Plan};
use crate::topology::{Controller, Name, Picture};
use crate::tree::{Mode, Tree};

mod argocd;
mod cacerts;
mod flux;
mod git_files;
mod gitops;
mod install_script;
mod kustomization;
mod readme;
pub(crate) mod record;
mod uninstall_script;
mod verify_script;

/// A file of the mesh as a whole.
struct Page {
    file: &'static str,
    mode: Mode,
    /// The text; `None` where the mesh does not need it.
    text: fn(&Plan<'_, '_>) -> Option<String>,
}

const PAGES: &[Page] = &[
    Page { file: ".gitattributes", mode: Mode::Public, text: |plan| Some(git_files::attributes(plan)) },
    Page { file: GITIGNORE, mode: Mode::Public, text: |plan| Some(git_files::ignored(plan)) },
    Page {
        file: "mesh.svg",
        mode: Mode::Public,
        text: |plan| (plan.mesh.picture == Picture::Svg).then(|| draw::of_tree(plan.mesh)),
    },
    Page { file: "README.md", mode: Mode::Public, text: |plan| Some(readme::text(plan)) },
    // What a controller applies, no script does.
    Page {
        file: "install.sh",
        mode: Mode::Executable,
        text: |plan| plan.mesh.gitops.is_none().then(|| install_script::text(plan)),
    },
    Page { file: "uninstall.sh", mode: Mode::Executable, text: |plan| Some(uninstall_script::text(plan)) },
    Page { file: "verify.sh", mode: Mode::Executable, text: |plan| Some(verify_script::text(plan)) },
];

/// The directories of some clusters, and a lock that pins them beside what it pinned before.
pub(crate) fn emit_part(mesh: &Mesh<'_>, mut trust: Trust, part: &Part<'_>) -> Tree {
    let mut plan = Plan::of(mesh);
    let mut tree = Tree::default();
    for page in PAGES.iter().filter(|page| page.file == GITIGNORE) {
        if let Some(text) = (page.text)(&plan) {
            tree.add(page.file, page.mode, text);
        }
    }
    add_clusters(&mut plan, &mut tree, |cluster| part.has(cluster.name));
    let mut tree = Tree::join([tree, bundles(mesh, &mut trust)]);
    tree.add_lock(record::of_part(&plan, &trust, &tree, part));
    tree
}

/// Whether a path is one that meshgen can emit for a mesh. Other files are never removed.
///
/// A file that is no longer emitted keeps its row here, so that the trees of earlier versions are known.
pub fn is_emitted(path: &str) -> bool {
    let is_cluster = |name: &str| Name::from_str(name).is_ok();
    let is_manifest = |directory: &str, file: &str| {
        let mut files = MANIFESTS.iter().filter(|manifest| manifest.directory == directory).peekable();
        files.peek().is_some() && (file == kustomization::FILE || files.any(|manifest| manifest.file == file))
    };
    let all: Vec<&str> = path.split('/').collect();
    if gitops::is_emitted(&all) {
        return true;
    }
    let mut parts = path.split('/');
    match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some(file), None, ..] => file == lock::FILE || PAGES.iter().any(|page| page.file == file),
        [Some(cluster), Some(file), None, _] => is_cluster(cluster) && SCRIPTS.iter().any(|script| script.file == file),
        [Some(cluster), Some(CACERTS), Some(file), None] => is_cluster(cluster) && cacerts::has_file(file),
        [Some(cluster), Some(directory), Some(file), None] => is_cluster(cluster) && is_manifest(directory, file),
        _ => false,
    }
}

/// Whether a file or directory of somebody else, below a cluster's directory, decides what other programs make of the tree's files:
/// Git, kustomize, Argo CD (`.argocd-source.yaml`, `Chart.yaml`) or Flux (`.sourceignore`).
pub(crate) fn is_obeyed(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    // Beside the clusters' directories stands whatever people keep there, but Flux takes this one for the whole tree.
    let Some((_, name)) = path.rsplit_once('/') else { return path.to_lowercase() == ".sourceignore" };
    let name = name.to_lowercase();
    let is_named = |known: &&str| name == *known;
    name.starts_with(".git") || name.starts_with(".argocd-") || OBEYED.iter().any(is_named)
}

const OBEYED: [&str; 5] = ["kustomization.yaml", "kustomization.yml", "kustomization", "chart.yaml", ".sourceignore"];

/// Whether a directory is one that a tree can have: of a cluster, or one in that.
pub(crate) fn is_directory(path: &str) -> bool {
    [ROUTES, kustomization::FILE].iter().any(|file| is_emitted(&[path, "/", file].concat()))
}

/// Why a lock cannot be used: it lists what meshgen never emits, or not what its own steps apply.
pub(crate) fn find_fault(lock: &Lock) -> Option<String> {
    let mut listed: Vec<&str> =
        lock.paths().filter_map(|path| path.rsplit_once('/')).map(|(directory, _)| directory).collect();
    listed.dedup();
    listed.extend(lock.paths());
    #[allow(
        clippy::stable_sort_primitive,
        reason = "it merges what is sorted, as both are unless branches were merged"
    )]
    listed.sort();
    let is_missing = |step: &str| {
        let is_of_files = !step.ends_with("/restart") && (is_emitted(step) || is_directory(step));
        is_of_files && listed.binary_search(&step).is_err()
    };
    let missing = lock.steps.iter().find(|step| is_missing(step));
    // Each cluster has files. Every pair of clusters is compared, so that facts of none would cost much.
    let is_without_files = |name: &&String| {
        let directory = [name.as_str(), "/"].concat();
        let at = listed.partition_point(|path| *path < directory.as_str());
        listed.get(at).is_none_or(|path| !path.starts_with(&directory))
    };
    let missing = missing.map(|step| format!("`{step}`"));
    let unlisted = || lock.clusters.keys().find(is_without_files).map(|name| format!("the cluster `{name}`"));
    find_other(lock.paths()).or_else(|| {
        let what = missing.or_else(unlisted)?;
        Some(format!("is cut short, because it lists no file of {what}: {}", lock::RESTORE))
    })
}

/// Why a list of a tree's files cannot be used: it names a file that meshgen never emits. Listed files are read, shown, written
/// over and removed.
pub(crate) fn find_other<'p>(mut paths: impl Iterator<Item = &'p str>) -> Option<String> {
    let other = paths.find(|path| !is_emitted(path))?;
    Some(format!(
        "lists `{}`, which is not a file of meshgen: restore it, or remove that line (if a newer meshgen wrote it, use that version)",
        other.escape_debug()
    ))
}

/// The whole tree.
pub(crate) fn emit(mesh: &Mesh<'_>, mut trust: Trust) -> Tree {
    let mut plan = Plan::of(mesh);
    let mut tree = Tree::join([without_secrets(&mut plan), bundles(mesh, &mut trust)]);
    tree.add_lock(record::of_tree(&plan, &trust, &tree));
    tree
}

/// The tree without PEM files and without the lock that pins them. It moves the texts out of the plan, so that
/// they are in memory only once.
pub(crate) fn without_secrets(plan: &mut Plan<'_, '_>) -> Tree {
    let least = if plan.contents.len() < CLUSTERS_WORTH_A_THREAD { PAGES.len() } else { 1 };
    let pages = parallel::map(PAGES, least, |page| (page.text)(plan));
    let mut tree = Tree::default();
    for (page, text) in PAGES.iter().zip(pages) {
        if let Some(text) = text {
            tree.add(page.file, page.mode, text);
        }
    }
    if let Some(gitops) = plan.mesh.gitops {
        let files = match gitops.controller {
            Controller::ArgoCd => argocd::files(plan, gitops),
            Controller::Flux => flux::files(plan, gitops),
        };
        files.each().for_each(|(path, text)| tree.add(path, Mode::Public, text));
    }
    add_clusters(plan, &mut tree, |_| true);
    tree
}

/// Writing the pages and kustomizations of fewer clusters takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 16;

fn bundles(mesh: &Mesh<'_>, trust: &mut Trust) -> Tree {
    let mut tree = Tree::default();
    for (cluster, bundle) in mesh.clusters.iter().zip(&mut trust.bundles) {
        if let Some(bundle) = bundle {
            cacerts::emit_files(mesh, cluster, bundle, &mut tree);
        }
    }
    tree
}

/// The tree of a topology without its certificates, and the requests for them.
#[derive(Debug)]
pub struct Outline {
    /// Every file but the PEM files and the lock.
    pub tree: Tree,
    /// The lock without certificates and files.
    pub record: Lock,
    /// The root, then each cluster's certificate.
    pub certificates: Vec<inventory::Entry>,
    /// Who has to reach whom.
    pub flows: Flows,
}

/// The files of some clusters in the plan, without their PEM files.
fn add_clusters(plan: &mut Plan<'_, '_>, tree: &mut Tree, is_wanted: impl Fn(&Cluster<'_>) -> bool) {
    let mesh = plan.mesh;
    let secret = cacerts::kustomization(mesh);
    let contents = std::mem::take(&mut plan.contents);
    let of_clusters: Vec<(&Cluster<'_>, &Contents)> = mesh.clusters.iter().zip(&contents).collect();
    let kustomizations = parallel::map(&of_clusters, CLUSTERS_WORTH_A_THREAD, |(cluster, contents)| {
        kustomization::texts(mesh, cluster, contents)
    });
    for ((cluster, contents), kustomizations) in mesh.clusters.iter().zip(contents).zip(kustomizations) {
        if !is_wanted(cluster) {
            continue;
        }
        let mut add = |directory: &str, file: &str, mode, text| {
            tree.add([cluster.name, directory, file].join("/"), mode, text);
        };
        for (directory, text) in kustomizations {
            add(directory, kustomization::FILE, Mode::Public, text);
        }
        if cluster.intermediate.is_some() {
            add(CACERTS, kustomization::FILE, Mode::Public, secret.clone());
            add(CACERTS, GITIGNORE, Mode::Public, cacerts::ignored());
        }
        for (directory, manifests) in contents.directories {
            for manifest in manifests {
                add(directory, manifest.file, Mode::Public, manifest.text);
            }
        }
        for (script, text) in contents.scripts {
            tree.add([cluster.name, "/", script].concat(), Mode::Executable, text);
        }
    }
}
