use std::cmp::Ordering;

use camino::Utf8Path;

use crate::diff::private_key::is_unexplained;
use crate::lock::{self, Certificate, Lock};
use crate::plan::rotation;

use super::git::Git;
use super::{Refusal, directory_of, say};

/// The root of an authority that meshgen does not know.
pub(super) const UNKNOWN_ROOT: &str = "one that meshgen does not know";

/// Says how to keep certificates that are in use no more from being made again.
pub(super) fn say_gone(before: &Lock, after: &Lock) {
    let gone: Vec<String> = generations(before)
        .filter(|(name, generation)| {
            generation_of(after, name) != Some(*generation) && !is_retired(after, name, *generation)
        })
        .map(|(name, generation)| format!("    - {{cluster: {name}, generation: {generation}}}"))
        .collect();
    if !gone.is_empty() {
        say(&format!(
            "note: these certificates are in use no more; so that nothing makes them again, write in the topology:\n\
             certificates:\n  retired:\n{}",
            gone.join("\n")
        ));
    }
}

/// What a commit records of a tree's certificates and a change takes back, a line for each.
///
/// # Errors
/// The commit cannot be read.
pub(super) fn taken_back(output: &Utf8Path, reference: &str, after: &Lock) -> Result<Vec<String>, Refusal> {
    let place = output.file_name().map_or(format!("./{}", lock::FILE), |name| format!("./{name}/{}", lock::FILE));
    // A link there would lead past the lock.
    let directory = output.file_name().map_or("./".to_owned(), |name| format!("./{name}"));
    let git = Git::at(&directory_of(output), reference)?;
    if git.has_file(&directory)? {
        return Err(Refusal(format!(
            "git:{reference}:{directory}: is no directory, so nothing says which roots its tree has: compare with a commit in which it is one"
        )));
    }
    let Some(bytes) = git.read(&place)? else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&bytes);
    let refused = |why| Refusal(format!("git:{reference}:{place}: {why}"));
    let before: Lock = text.parse().map_err(refused)?;
    let told = |lock: &Lock| roots(&lock.roots, lock.is_without_root);
    let mut lines = Vec::new();
    // A root that is trusted no more is nobody's gain, as long as no cluster is cut off.
    let is_known = |root: &Certificate| before.roots.iter().any(|known| known.fingerprint == root.fingerprint);
    let is_other = !after.roots.iter().all(is_known) || before.is_without_root != after.is_without_root;
    if is_other || rotation::cut(&before, after).is_some() {
        lines.push(format!("another root than in {reference}  {} → {}", told(&before), told(after)));
    }
    for (name, now) in &after.clusters {
        let was = before.clusters.get(name);
        let certificates = was.and_then(|was| was.certificate.as_ref()).zip(now.certificate.as_ref());
        if let Some(change) = certificates.and_then(|(was, now)| earlier(was, now)) {
            lines.push(format!("an earlier key than in {reference}  {name}: {change}"));
        }
        if now.told_roots.is_some() && now.told_roots != was.and_then(|was| was.told_roots) {
            lines.push(format!("other roots in the configuration of Istio than in {reference}  {name}: `caCertificates` and what does the same"));
        }
    }
    for (name, generation) in before.retired.iter().filter(|(name, generation)| !is_retired(after, name, *generation)) {
        lines.push(format!("retired in {reference}, and listed no more  {name}: generation {generation}"));
    }
    for name in after.clusters.keys().filter(|name| is_unexplained(&before, after, name)) {
        lines.push(format!(
            "another ciphertext than in {reference}, of the same key for the same readers  {name}: build with the seed, which makes the right one"
        ));
    }
    Ok(lines)
}

/// Roots in words, and that of an authority that meshgen does not know.
pub(super) fn roots(known: &[Certificate], has_unknown: bool) -> String {
    let mut roots: Vec<String> = known.iter().map(|root| format!("sha256:{}", root.fingerprint)).collect();
    roots.sort();
    roots.extend(has_unknown.then(|| UNKNOWN_ROOT.to_owned()));
    roots.join(", ")
}

/// How a cluster's certificate may be an earlier one of it: its key depends on the generation and on the days, and only a later first day
/// is a renewal.
fn earlier(was: &(u32, Certificate), now: &(u32, Certificate)) -> Option<String> {
    let days = |(_, certificate): &(u32, Certificate)| (certificate.not_before, certificate.not_after);
    match now.0.cmp(&was.0) {
        Ordering::Less => Some(format!("generation {} → {}", was.0, now.0)),
        Ordering::Equal if days(now) != days(was) && days(now).0 <= days(was).0 => {
            let ((first, last), (now_first, now_last)) = (days(was), days(now));
            Some(format!("valid {first} to {last} → {now_first} to {now_last}"))
        }
        _ => None,
    }
}

fn generations(lock: &Lock) -> impl Iterator<Item = (&str, u32)> {
    let certified = lock.clusters.iter().filter_map(|(name, cluster)| Some((name, cluster.certificate.as_ref()?)));
    certified.map(|(name, (generation, _))| (name.as_str(), *generation))
}

fn generation_of(lock: &Lock, cluster: &str) -> Option<u32> {
    lock.clusters.get(cluster)?.certificate.as_ref().map(|(generation, _)| *generation)
}

fn is_retired(lock: &Lock, cluster: &str, generation: u32) -> bool {
    lock.retired.iter().any(|(name, retired)| name == cluster && *retired == generation)
}
