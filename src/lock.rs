//! `meshgen.lock`: what a build wrote, so that the next one knows its own files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::Part;
use crate::emit::{CACERTS, KEY};
use crate::mesh::{Cluster, Mesh};
use crate::parallel;
use crate::pki::Trust;
use crate::pki::verify::Facts;
use crate::tree::{File, Tree};
use crate::words::hex;

/// The lock's path in a tree.
pub const FILE: &str = "meshgen.lock";

/// The first line of every lock that this meshgen reads and writes.
const FORMAT: &str = "meshgen-lock-1";

/// The lock of a tree.
///
/// Each directory's lines stand under a heading: two branches that change neighbouring clusters change no neighbouring lines.
pub(crate) fn text(mesh: &Mesh<'_>, trust: &Trust, tree: &Tree) -> String {
    let certificates = mesh.clusters.iter().filter_map(|cluster| certificate(cluster, trust)).collect();
    print(&trust.root, &certificates, &digests(mesh, trust, tree))
}

/// The lock of a tree that holds some clusters only: what the standing lock says of all else stays.
pub(crate) fn text_of_part(mesh: &Mesh<'_>, trust: &Trust, tree: &Tree, part: &Part<'_>) -> String {
    let is_other = |directory: &str| !part.has(directory);
    let mut certificates: BTreeMap<String, String> = part
        .lock
        .lines()
        .filter_map(|line| Some((line.strip_prefix("certificate of ")?.split(' ').next()?, line)))
        .filter(|(cluster, _)| is_other(cluster))
        .map(|(cluster, line)| (cluster.to_owned(), format!("{line}\n")))
        .collect();
    certificates.extend(mesh.clusters.iter().filter_map(|cluster| certificate(cluster, trust)));
    let standing =
        lines(part.lock).into_iter().filter(|(path, _)| is_other(path.split('/').next().unwrap_or_default()));
    let mut all: Digests<'_> = standing.map(|(path, digest)| (path.into(), digest.into())).collect();
    all.extend(digests(mesh, trust, tree));
    print(&trust.root, &certificates, &all)
}

/// Digests by path.
type Digests<'d> = BTreeMap<Cow<'d, str>, Cow<'d, str>>;

/// The digests of a tree's files, and of keys that are not at hand, which stay pinned.
fn digests<'d>(mesh: &Mesh<'_>, trust: &'d Trust, tree: &'d Tree) -> Digests<'d> {
    const FILES_WORTH_A_THREAD: usize = 256;
    let files: Vec<(&str, &File)> = tree.iter().collect();
    let files =
        parallel::map(&files, FILES_WORTH_A_THREAD, |(path, file)| ((*path).into(), digest(&file.bytes).into()));
    let keys = mesh.clusters.iter().filter_map(|cluster| {
        let digest = trust.bundles[cluster.position].as_ref()?.key_digest.as_deref()?;
        Some((format!("{}/{CACERTS}/{KEY}", cluster.name).into(), digest.into()))
    });
    files.into_iter().chain(keys).collect()
}

fn print(root: &Facts, certificates: &BTreeMap<String, String>, digests: &Digests<'_>) -> String {
    let mut text = format!("{FORMAT}\nmeshgen {}\n", env!("CARGO_PKG_VERSION"));
    let Facts { serial, fingerprint, not_before, not_after, .. } = root;
    writeln!(text, "root sha256:{fingerprint} serial {serial} valid {not_before} to {not_after}")
        .expect("a String takes everything");
    let mut heading = None;
    for (path, digest) in digests {
        let directory = path.split_once('/').map_or("", |(directory, _)| directory);
        if heading != Some(directory) {
            heading = Some(directory);
            let title = if directory.is_empty() { "the mesh" } else { directory };
            writeln!(text, "\n# {title}").expect("a String takes everything");
            text.push_str(certificates.get(directory).map_or("", String::as_str));
        }
        writeln!(text, "{digest} {path}").expect("a String takes everything");
    }
    text
}

/// What is public of a cluster's certificate, as a line that a review shows when it changes.
fn certificate(cluster: &Cluster<'_>, trust: &Trust) -> Option<(String, String)> {
    let request = cluster.intermediate.as_ref()?;
    let Facts { serial, fingerprint, not_before, not_after, .. } = &trust.bundles[cluster.position].as_ref()?.facts;
    let generation = request.generation;
    let line = format!(
        "certificate of {} generation {generation} valid {not_before} to {not_after} serial {serial} sha256:{fingerprint}\n",
        cluster.name
    );
    Some((cluster.name.to_owned(), line))
}

/// The paths that a lock lists, with their digests.
///
/// # Errors
/// Why the text is no lock that can be used, and what to do.
pub fn read(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
    let is_marker = |line: &str| ["<<<<<<< ", "=======", ">>>>>>> "].iter().any(|marker| line.starts_with(marker));
    if text.lines().any(is_marker) {
        return Err("holds a conflict that Git left open: take either side of it, then build again");
    }
    match text.lines().next() {
        Some(FORMAT) => Ok(lines(text)),
        Some(line) if line.starts_with("meshgen-lock-") => {
            Err("was written by a newer meshgen, whose output this one does not know: use that one")
        }
        _ => Err("is no lock of meshgen: restore it from Git, or remove it if the tree is not meshgen's"),
    }
}

/// The digest lines of a text, with other lines left out; a line that does not end is none.
pub(crate) fn lines(text: &str) -> Vec<(&str, &str)> {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole
        .filter_map(|line| line.strip_suffix('\r').unwrap_or(line).split_once(' '))
        .filter(|(digest, _)| is_digest(digest))
        .map(|(digest, path)| (path, digest))
        .collect()
}

/// The fingerprints of the roots that a lock names: one, but for a merge that nobody has finished.
pub fn roots(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("root sha256:")?.split(' ').next())
}

/// The generations of all clusters' keys, as a lock tells them.
pub fn generations(text: &str) -> BTreeMap<&str, u32> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("certificate of ")?.split_once(" generation "));
    lines.filter_map(|(cluster, rest)| Some((cluster, rest.split(' ').next()?.parse().ok()?))).collect()
}

/// The generation of a cluster's key, as a lock tells it.
pub fn generation(text: &str, cluster: &str) -> Option<u32> {
    let prefix = format!("certificate of {cluster} generation ");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
    line.split(' ').next()?.parse().ok()
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
