//! A difference as people and programs read it.

use std::collections::{BTreeMap, BTreeSet};

use super::consequence::Consequence;
use super::impact::Kind;
use super::manifest::VALUES;
use super::reach::Path;
use super::{
    AuthorityChange, CertificateChange, ClusterChange, Diff, FieldChange, Hunk, Membership, ObjectChange, Phase,
    TextChange, What, one_line,
};
use crate::artifact::SCRIPTS;
use crate::flows::{self, Change, NamedPort, Port, Row};
use crate::pki::inventory::{Entry, Role};
use crate::words::{bare_names, plural, report_json};
use crate::yaml;

mod markdown;
mod text;

pub use self::markdown::{LIMIT, markdown};
pub use self::text::{Style, text};

/// The difference as JSON; its schema is `schemas/diff.schema.json`.
pub fn json(diff: &Diff) -> String {
    report_json(diff)
}

/// A line of the details: its tone, and the text after its sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    tone: Tone,
    indent: usize,
    text: String,
    /// Whether it may be broken between words: a line of a file is not.
    is_prose: bool,
}

impl Line {
    fn prose(tone: Tone, indent: usize, text: String) -> Self {
        Self { tone, indent, text, is_prose: true }
    }

    fn verbatim(tone: Tone, indent: usize, text: String) -> Self {
        Self { tone, indent, text, is_prose: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tone {
    Plain,
    Added,
    Removed,
    Changed,
}

/// Clusters with the same details.
struct Group<'d> {
    clusters: Vec<&'d str>,
    lines: Vec<Line>,
}

fn groups(diff: &Diff, is_full: bool) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cluster in &diff.clusters {
        let lines = details(cluster, is_full);
        if lines.is_empty() {
            continue;
        }
        match groups.iter_mut().find(|group| group.lines == lines) {
            Some(group) => group.clusters.push(&cluster.name),
            None => groups.push(Group { clusters: vec![&cluster.name], lines }),
        }
    }
    groups
}

/// The differences in a cluster without its certificate, with paths relative to the directory of the cluster. The lines around those
/// of a script that differ are shown only with all.
fn details(cluster: &ClusterChange, is_full: bool) -> Vec<Line> {
    let relative = |path: &str| path.strip_prefix(&format!("{}/", cluster.name)).unwrap_or(path).to_owned();
    let mut lines = Vec::new();
    for object in &cluster.objects {
        object_lines(object, &relative(&object.file), object.from.as_deref().map(relative), &mut lines);
    }
    for file in &cluster.files {
        let is_whole = cluster.membership != Membership::Stays;
        let is_script = SCRIPTS.iter().any(|script| file.file.ends_with(script.file));
        let is_shown = |line: &Line| is_full || !is_script || line.tone != Tone::Plain;
        let mut told = Vec::new();
        text_lines(file, &relative(&file.file), is_whole, &mut told);
        lines.extend(told.into_iter().filter(is_shown));
    }
    lines
}

fn object_lines(object: &ObjectChange, file: &str, from: Option<String>, lines: &mut Vec<Line>) {
    let identity = match (&object.namespace, &object.name) {
        _ if object.kind == VALUES => file.to_owned(),
        (Some(namespace), Some(name)) => format!("{file}  {} {namespace}/{name}", object.kind),
        (None, Some(name)) => format!("{file}  {} {name}", object.kind),
        _ => file.to_owned(),
    };
    let (tone, text) = match (object.what, from) {
        (What::Added, None) => (Tone::Added, identity),
        (What::Added, Some(from)) => (Tone::Added, format!("{identity}  (moved here from {from})")),
        (What::Removed, _) => (Tone::Removed, identity),
        (What::Changed, _) => (Tone::Changed, identity),
        (What::Moved, from) => (Tone::Changed, format!("{identity}  (moved from {})", from.unwrap_or_default())),
        (What::Renamed, from) => (Tone::Changed, format!("{identity}  (was {})", from.unwrap_or_default())),
    };
    lines.push(Line::prose(tone, 0, text));
    for field in &object.fields {
        field_lines(field, lines);
    }
}

fn field_lines(field: &FieldChange, lines: &mut Vec<Line>) {
    let is_compound = |value: &serde_json::Value| value.is_object() || value.is_array();
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => {
            let text = format!("{}: {} → {}", field.path, one_line(before), one_line(after));
            lines.push(Line::prose(Tone::Changed, 1, text));
        }
        (before, after) => {
            let (tone, value) = match (before, after) {
                (Some(value), _) => (Tone::Removed, value),
                (_, Some(value)) => (Tone::Added, value),
                _ => return,
            };
            if is_compound(value) {
                lines.push(Line::prose(tone, 1, format!("{}:", field.path)));
                lines.extend(yaml::print(value).lines().map(|line| Line::verbatim(tone, 2, line.to_owned())));
            } else {
                lines.push(Line::prose(tone, 1, format!("{}: {}", field.path, one_line(value))));
            }
        }
    }
}

/// The lines of a text; if the text was added or removed, only their number.
fn text_lines(change: &TextChange, file: &str, is_whole: bool, lines: &mut Vec<Line>) {
    let tone = match change.what {
        What::Added => Tone::Added,
        What::Removed => Tone::Removed,
        _ => Tone::Changed,
    };
    let is_folded = is_whole || change.what != What::Changed || change.hunks.is_empty();
    let text = if is_folded { format!("{file}  {}", counted(change)) } else { file.to_owned() };
    lines.push(Line::prose(tone, 0, text));
    for hunk in change.hunks.iter().filter(|_| !is_folded) {
        lines.extend(hunk_lines(hunk));
    }
}

fn hunk_lines(hunk: &Hunk) -> impl Iterator<Item = Line> {
    let heading = Line::verbatim(Tone::Plain, 1, format!("@@ line {} @@", hunk.line_after));
    let lines = hunk.lines.iter().map(|line| {
        let (sign, text) = line.split_at(1);
        let tone = match sign {
            "+" => Tone::Added,
            "-" => Tone::Removed,
            _ => Tone::Plain,
        };
        Line::verbatim(tone, 1, text.trim_end_matches(['\n', '\r']).to_owned())
    });
    [heading].into_iter().chain(lines)
}

fn counted(change: &TextChange) -> String {
    match change.count() {
        (0, 0) => "differs, and contains a private key, so it is not shown".to_owned(),
        (added, removed) => format!("+{added} −{removed} lines"),
    }
}

/// The clusters of each consequence, the worst first. Clusters with the same consequences are merged.
fn meanings(diff: &Diff) -> Vec<(Vec<&str>, &[Consequence])> {
    let mut meanings: Vec<(Vec<&str>, &[Consequence])> = Vec::new();
    for cluster in diff.changed() {
        let same = meanings.iter_mut().find(|(_, consequences)| *consequences == cluster.consequences.as_slice());
        match same {
            Some((clusters, _)) => clusters.push(&cluster.name),
            None => meanings.push((vec![&cluster.name], &cluster.consequences)),
        }
    }
    meanings.sort_by_key(|(_, consequences)| consequences.first().map(|consequence| consequence.kind));
    meanings
}

/// The steps of a phase, a line for clusters that take the same ones after each other.
fn steps(phase: &Phase) -> Vec<String> {
    let mut runs: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (cluster, artifact) in phase.steps.iter().filter_map(|step| step.split_once('/')) {
        match runs.last_mut() {
            Some((clusters, artifacts)) if clusters[..] == [cluster] => artifacts.push(artifact),
            _ => runs.push((vec![cluster], vec![artifact])),
        }
    }
    runs.dedup_by(|next, last| {
        let is_same = next.1 == last.1;
        if is_same {
            last.0.append(&mut next.0);
        }
        is_same
    });
    runs.iter().map(|(clusters, artifacts)| format!("{}: {}", clusters.join(", "), artifacts.join(", "))).collect()
}

/// The kinds among consequences, each once.
fn kinds(consequences: &[Consequence]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = consequences.iter().map(|consequence| consequence.kind).collect();
    kinds.dedup();
    kinds
}

/// The summary in one line.
fn summary(diff: &Diff) -> String {
    if diff.is_empty() {
        return "no difference".to_owned();
    }
    let summary = diff.summary;
    if summary.clusters == 0 && diff.authorities.is_empty() {
        return "no cluster changes, but files of the whole mesh do".to_owned();
    }
    let mut text = format!(
        "{}, {} changed, {} added, {} removed",
        plural(summary.clusters, "cluster"),
        plural(summary.objects_changed, "object"),
        summary.objects_added,
        summary.objects_removed
    );
    let mut kinds: Vec<(Kind, Vec<&str>)> = Vec::new();
    for cluster in diff.changed() {
        match kinds.iter_mut().find(|(kind, _)| *kind == cluster.worst()) {
            Some((_, clusters)) => clusters.push(&cluster.name),
            None => kinds.push((cluster.worst(), vec![&cluster.name])),
        }
    }
    kinds.sort();
    for (kind, clusters) in kinds {
        text.extend(["; ", kind.words(), " in ", &bare_names(clusters)]);
    }
    text
}

fn certificate_facts(change: &CertificateChange) -> String {
    let valid = |entry: &Entry| {
        let generation = entry.generation.map_or(String::new(), |generation| format!("generation {generation}, "));
        let fingerprint = entry
            .fingerprint
            .as_ref()
            .map_or(String::new(), |print| format!(", sha256:{}…", &print[..16.min(print.len())]));
        format!("{generation}valid {} to {}{fingerprint}", entry.not_before, entry.not_after)
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let key = if change.is_key_reissued { "key re-issued" } else { "same key" };
            format!("{} → {}; {key}", valid(before), valid(after))
        }
        (None, Some(after)) => format!("new: {}", valid(after)),
        (Some(before), None) => format!("gone: {}", valid(before)),
        (None, None) => String::new(),
    }
}

/// The certificates that differ.
fn certificates(diff: &Diff) -> Vec<(String, String)> {
    let authorities = diff.authorities.iter().map(|change| (authority(change), certificate_facts(&change.certificate)));
    let others = diff.clusters.iter().filter_map(|cluster| {
        cluster.certificate.as_ref().map(|change| (cluster.name.clone(), certificate_facts(change)))
    });
    authorities.chain(others).chain(diff.clusters.iter().filter_map(private_key)).collect()
}

/// How a private key reaches its cluster, where that differs.
fn private_key(cluster: &ClusterChange) -> Option<(String, String)> {
    let change = cluster.private_key.as_ref()?;
    let form = if change.before == change.after {
        format!("private key by {}", change.after.words())
    } else {
        format!("private key by {} → {}", change.before.words(), change.after.words())
    };
    let readers = [("+", &change.added), ("-", &change.removed)];
    let readers = readers.iter().flat_map(|(sign, list)| list.iter().map(move |reader| format!(", {sign} {reader}")));
    let unexplained = change.is_unexplained.then(|| ", another ciphertext of the same key".to_owned());
    Some((cluster.name.clone(), [form].into_iter().chain(readers).chain(unexplained).collect()))
}

/// A sentence about the facts that one side does not record.
fn unrecorded(diff: &Diff) -> Option<String> {
    let what = diff.unrecorded.join(", ");
    (!what.is_empty()).then(|| {
        format!(
            "One side was built by an older meshgen and does not record {what}, so a change of these is not reported."
        )
    })
}

/// An authority in words, without a list of clusters if all clusters replace it.
fn authority(change: &AuthorityChange) -> String {
    let is_replaced = change.certificate.before.is_some() && change.certificate.after.is_some();
    let what = match (change.role, is_replaced && change.is_everywhere) {
        (Role::Root, true) => return "the root".to_owned(),
        (Role::Root, false) => "a root",
        _ => "an issuer",
    };
    format!("{what} in {}", bare_names(change.clusters.iter().map(String::as_str)))
}

fn way(path: Path) -> &'static str {
    match path {
        Path::None => "none",
        Path::Gateway => "through gateway",
        Path::Direct => "direct",
    }
}

/// The changed routes between clusters, one line each.
fn ways(diff: &Diff) -> Vec<String> {
    let list = |clusters: &[String]| bare_names(clusters.iter().map(String::as_str));
    let lines = diff.paths.iter();
    lines
        .map(|path| format!("{} to {}: {} → {}", list(&path.from), list(&path.to), way(path.before), way(path.after)))
        .collect()
}

/// What decides for all clusters, one line each.
fn mesh(diff: &Diff) -> Vec<String> {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let lines = diff.mesh.iter();
    lines.map(|change| format!("{}: {} → {}", change.fact, shown(&change.before), shown(&change.after))).collect()
}

/// What firewalls have to let through, and what no longer, one line each. The pods of one network are together.
fn firewall(diff: &Diff) -> Vec<String> {
    let is_together = |one: &Row, other: &Row| {
        let is_to_pods = |row: &Row| row.destination.role == flows::Role::Pods;
        is_to_pods(one)
            && is_to_pods(other)
            && (one.change, &one.source.text, &one.why) == (other.change, &other.source.text, &other.why)
    };
    let all = diff.flows.as_deref().unwrap_or_default();
    let mut networks = BTreeMap::<&str, BTreeSet<Option<&str>>>::new();
    for Row { source, .. } in all {
        networks.entry(&source.text).or_default().insert(source.network.as_deref());
    }
    let line = |rows: &[Row]| {
        let row = &rows[0];
        // What moves to another network goes and comes by the same words.
        let network = row.source.network.as_ref().filter(|_| networks[row.source.text.as_str()].len() > 1);
        let network = network.map_or(String::new(), |network| format!(" on network {network}"));
        let what = if row.change == Some(Change::Removed) { "goes" } else { "comes" };
        let ids = bare_names(rows.iter().map(|row| row.id.as_str()));
        let addresses = bare_names(row.destination.addresses.iter().map(String::as_str));
        let destination = match rows {
            [_] if addresses.is_empty() => row.destination.text.clone(),
            [_] => format!("{addresses} ({})", row.destination.text),
            rows => {
                let clusters = rows.iter().filter_map(|row| row.destination.cluster.as_deref());
                format!("pods of {}", bare_names(clusters))
            }
        };
        let port = match row.port {
            Port::Number(number) => format!("port {number}"),
            Port::Named(NamedPort::Any) => "any port".to_owned(),
            Port::Named(NamedPort::NodePort) => "its node port".to_owned(),
        };
        format!("{what} {ids}: {}{network} → {destination}, {port}: {}", row.source.text, row.why)
    };
    all.chunk_by(is_together).map(line).collect()
}

/// The changed credentials, one line each. Control planes with the same change are merged.
fn credentials(diff: &Diff) -> Vec<String> {
    let mut changes: Vec<(Vec<&str>, [&[String]; 3])> = Vec::new();
    for change in &diff.credentials {
        let lists = [change.added.as_slice(), &change.revoked, &change.renewed];
        match changes.iter_mut().find(|(_, known)| *known == lists) {
            Some((primaries, _)) => primaries.push(&change.primary),
            None => changes.push((vec![&change.primary], lists)),
        }
    }
    let line = |(primaries, lists): (Vec<&str>, [&[String]; 3])| {
        let verbs = if primaries.len() == 1 { ["gets", "loses", "renews"] } else { ["get", "lose", "renew"] };
        let parts = verbs.iter().zip(lists).filter(|(_, clusters)| !clusters.is_empty());
        let parts: Vec<String> = parts
            .map(|(verb, clusters)| format!("{verb} {}", bare_names(clusters.iter().map(String::as_str))))
            .collect();
        format!("{} {}", bare_names(primaries), parts.join(", "))
    };
    changes.into_iter().map(line).collect()
}
