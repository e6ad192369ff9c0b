//! Pairs of topologies and what `diff` says of them: `tests/diff/<case>/before.yaml`, `after.yaml`, `text.snap`, `markdown.snap`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use meshgen::diff::report::{self, Style};
use meshgen::diff::{self, Diff, Kind, Side};
use meshgen::source::Source;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::{common, generator};

fn requested(name: &str, source: &Source) -> Side {
    let outline = meshgen::outline(source, None);
    Side::requested(name, outline.unwrap_or_else(|findings| panic!("{}", common::report(source, &findings.list))))
}

fn compared(before: &Source, after: &Source) -> Diff {
    diff::compare(&requested("before.yaml", before), &requested("after.yaml", after))
}

/// A topology's tree as it would stand in a directory, private keys included.
fn standing(source: &Source) -> Side {
    of_tree(&common::compile(source))
}

fn of_tree(tree: &meshgen::tree::Tree) -> Side {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lock = text(&tree.get("meshgen.lock").unwrap().bytes);
    Side::standing("tree", lock.parse().unwrap(), tree.iter().map(|(path, file)| (path.to_owned(), text(&file.bytes))))
}

fn cases() -> Vec<PathBuf> {
    common::entries(&common::repository().join("tests/diff"))
}

fn pair(case: &Path) -> (Source, Source) {
    (common::read(&case.join("before.yaml")), common::read(&case.join("after.yaml")))
}

fn plain(diff: &Diff) -> String {
    report::text(diff, Style::default())
}

#[test]
fn every_pair_is_reported_as_written_down() {
    assert!(!cases().is_empty());
    for case in cases() {
        let (before, after) = pair(&case);
        let diff = compared(&before, &after);
        common::snapshots(&case).bind(|| {
            insta::assert_snapshot!("text", plain(&diff));
            insta::assert_snapshot!("markdown", report::markdown(&diff));
        });
    }
}

#[test]
fn the_page_on_changes_shows_reports_as_they_are() {
    let page = std::fs::read_to_string(common::repository().join("docs/changes.md")).unwrap();
    for case in ["upgrade-one-minor", "leaves"] {
        let (before, after) = pair(&common::repository().join("tests/diff").join(case));
        let report = plain(&compared(&before, &after));
        assert!(page.contains(&format!("```text\n{report}```\n")), "docs/changes.md does not show:\n{report}");
    }
    let rotation = std::fs::read_to_string(common::repository().join("docs/rotation.md")).unwrap();
    for case in ["root-trust", "root-sign", "root-drop"] {
        let (before, after) = pair(&common::repository().join("tests/diff").join(case));
        let report = plain(&compared(&before, &after));
        assert!(rotation.contains(&format!("```text\n{report}```\n")), "docs/rotation.md does not show:\n{report}");
    }
    for kind in [
        Kind::NotInPlace,
        Kind::Interrupts,
        Kind::GatewayAddress,
        Kind::Routes,
        Kind::PrivateKeys,
        Kind::Certificates,
        Kind::RestartIstiod,
    ] {
        assert!(page.contains(&format!("| {} |", kind.words())), "{kind:?}");
    }
}

#[test]
fn sentences_fit_a_terminal_and_commands_are_left_whole() {
    let (before, after) = pair(&common::repository().join("tests/diff/leaves"));
    let diff = compared(&before, &after);
    let (free, narrow) = (plain(&diff), report::text(&diff, Style { width: Some(60), ..Style::default() }));
    let commands: Vec<&String> = diff.runbook.iter().flat_map(|phase| &phase.commands).collect();
    let is_whole = |line: &str| commands.iter().any(|command| line.trim_start() == command.as_str());
    let meaning = narrow.lines().skip_while(|line| *line != "What it means");
    for line in meaning.filter(|line| !is_whole(line)) {
        assert!(line.chars().count() <= 60, "{line}");
    }
    assert!(commands.iter().all(|command| narrow.contains(command.as_str())));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&free), words(&narrow));
}

#[test]
fn every_consequence_occurs() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let (before, after) = pair(&case);
        for cluster in compared(&before, &after).clusters {
            seen.insert(cluster.worst());
            seen.extend(cluster.consequences.iter().map(|consequence| consequence.kind));
        }
    }
    let all = [
        Kind::NotInPlace,
        Kind::Interrupts,
        Kind::Leaves,
        Kind::Joins,
        Kind::GatewayAddress,
        Kind::Routes,
        Kind::PrivateKeys,
        Kind::Certificates,
        Kind::RestartIstiod,
        Kind::RestartProxies,
        Kind::Reapply,
        Kind::Nothing,
    ];
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn a_topology_does_not_differ_from_itself_nor_from_its_tree() {
    for path in common::topologies() {
        let source = common::read(&path);
        assert!(compared(&source, &source).is_empty(), "{}", path.display());
        let diff = diff::compare(&requested("topology", &source), &standing(&source));
        assert!(diff.is_empty(), "{}\n{}", path.display(), plain(&diff));
        assert!(diff::compare(&standing(&source), &standing(&source)).is_empty(), "{}", path.display());
        let diff = diff::compare(&standing(&source), &requested("topology", &source));
        assert!(diff.is_empty(), "{}\n{}", path.display(), plain(&diff));
    }
}

#[test]
fn a_reordered_tree_and_a_remark_are_no_difference() {
    for case in ["reordered", "comments"] {
        let (before, after) = pair(&common::repository().join("tests/diff").join(case));
        assert!(compared(&before, &after).is_empty(), "{case}");
    }
}

#[test]
fn another_seed_is_another_root() {
    let source = common::read(&common::topologies()[0]);
    let other = common::compile_with(&source, meshgen::pki::Seed::new([7; 32]));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lock = text(&other.get("meshgen.lock").unwrap().bytes);
    let after = Side::standing(
        "other",
        lock.parse().unwrap(),
        other.iter().map(|(path, file)| (path.to_owned(), text(&file.bytes))),
    );
    let diff = diff::compare(&standing(&source), &after);
    assert!(diff.authorities.len() == 1 && diff.authorities[0].is_everywhere);
    assert!(diff.clusters.iter().all(|cluster| cluster.worst() == Kind::Interrupts));
    let request = diff::compare(&requested("topology", &source), &after);
    assert!(request.is_empty(), "without the seed nobody can tell");
}

#[test]
fn a_hand_that_broke_a_manifest_is_shown_as_text() {
    let source = common::read(&common::topologies()[0]);
    let broken = |text: &str| {
        let tree = common::compile(&source);
        let files = tree.iter().map(|(path, file)| {
            let standing = String::from_utf8(file.bytes.clone()).unwrap();
            (path.to_owned(), if path == "cluster1/30-istio/istio.yaml" { text.to_owned() } else { standing })
        });
        let lock = String::from_utf8(tree.get("meshgen.lock").unwrap().bytes.clone()).unwrap();
        Side::standing("tree", lock.parse().unwrap(), files.collect::<Vec<_>>())
    };
    let report = plain(&diff::compare(&standing(&source), &broken("spec: [")));
    assert!(report.contains("+ spec: ["), "{report}");
    let hostile = broken("\u{1b}[2J # \u{7}");
    assert!(!plain(&diff::compare(&standing(&source), &hostile)).contains('\u{1b}'));
    let leaked = broken("-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n");
    let diff = diff::compare(&standing(&source), &leaked);
    for report in [plain(&diff), report::markdown(&diff), report::json(&diff)] {
        assert!(!report.contains("c2VjcmV0"), "{report}");
    }
    assert!(plain(&diff).contains("not shown"));
}

/// What somebody wrote into a tree stays a part of a line, in every format and on either side.
#[test]
fn no_report_repeats_characters_that_do_something_to_the_text_around_them() {
    let tree = common::compile(&common::read(&common::topologies()[0]));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lock = text(&tree.get("meshgen.lock").unwrap().bytes);
    let hostile = "name: \"ist\\u202Eio\\e[31m`\\n```\\n# Approved\\x9b\\n\" # \u{202e}\n";
    let files = tree.iter().map(|(path, file)| {
        let standing = text(&file.bytes);
        let is_manifest = path.ends_with("/istio.yaml") || path.ends_with("/namespace.yaml");
        let changed = standing.replacen("  name: istio-system\n", &format!("  {hostile}"), 1);
        (
            path.to_owned(),
            if is_manifest { changed.replacen("  name: istio\n", &format!("  {hostile}"), 1) } else { standing },
        )
    });
    let edited = Side::standing("tree", lock.parse().unwrap(), files.collect::<Vec<_>>());
    let whole = of_tree(&tree);
    for diff in [diff::compare(&edited, &whole), diff::compare(&whole, &edited)] {
        for report in [plain(&diff), report::markdown(&diff), report::json(&diff)] {
            assert!(report.contains("[31m"), "{report}");
            assert_eq!(common::deceptive(&report), None, "{report:?}");
            assert!(!report.contains("\n# Approved"), "{report}");
        }
    }
}

#[test]
fn markdown_never_outgrows_a_comment() {
    let mesh = |clusters: usize, sampling: u32| {
        let mut text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}]\n\
             tracing: {{zipkin: {{cluster: c0, samplingPercent: {sampling}}}}}\nclusters:\n"
        );
        for cluster in 0..clusters {
            let (high, low) = (cluster / 250, cluster % 250 + 1);
            write!(text, "  - {{name: c{cluster}, network: lan, apiServer: 'https://10.1.{high}.{low}:644{sampling}'")
                .unwrap();
            text += if cluster == 0 { ", eastWestGateway: {externalIPs: [10.2.0.1]}}\n" } else { "}\n" };
        }
        Source::new("mesh.yaml", text)
    };
    let (few, many, sampled) = (mesh(2, 1), mesh(80, 1), mesh(80, 2));
    let [few, many, sampled] = [few, many, sampled].map(|source| requested("mesh.yaml", &source));
    let reports = [(&few, &many), (&many, &few), (&many, &sampled)]
        .map(|(before, after)| report::markdown(&diff::compare(before, after)));
    for report in &reports {
        assert!(report.chars().count() <= report::LIMIT, "{}", report.chars().count());
        let opened = report.matches("<details>").count();
        assert_eq!(opened, report.matches("</details>").count());
    }
    assert!(reports[2].contains("not fit here"), "what was left out is counted");
}

#[test]
fn json_reports_are_what_their_schema_says() {
    for case in cases() {
        let (before, after) = pair(&case);
        common::obeys_schema(&report::json(&compared(&before, &after)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(64), failure_persistence: None, ..ProptestConfig::default() })]

    /// What the JSON report lists, applied to one tree, gives the other.
    #[test]
    fn a_difference_turns_one_tree_into_the_other(one in generator::topologies(), other in generator::topologies()) {
        let one = common::of_tests(Source::new("one.yaml", one.text.as_bytes()));
        let other = common::of_tests(Source::new("other.yaml", other.text.as_bytes()));
        prop_assert!(compared(&one, &one).is_empty());
        let report: Value = serde_json::from_str(&report::json(&compared(&one, &other))).unwrap();
        let mut tree = Parsed::of(&one);
        tree.apply(&report);
        let wanted = Parsed::of(&other);
        prop_assert_eq!(tree.texts, wanted.texts);
        prop_assert_eq!(canonical_all(&tree.objects), canonical_all(&wanted.objects));
    }

    #[test]
    fn no_report_holds_a_key(one in generator::topologies(), other in generator::topologies()) {
        let one = common::of_tests(Source::new("one.yaml", one.text.as_bytes()));
        let other = common::of_tests(Source::new("other.yaml", other.text.as_bytes()));
        let trees = [&one, &other].map(common::compile);
        let diff = diff::compare(&of_tree(&trees[0]), &of_tree(&trees[1]));
        let style = Style { is_coloured: true, is_full: true, width: None };
        let reports = [report::text(&diff, style), report::markdown(&diff), report::json(&diff)];
        for tree in &trees {
            for (_, file) in tree.iter().filter(|(path, _)| path.ends_with("ca-key.pem")) {
                let key = String::from_utf8(file.bytes.clone()).unwrap();
                for line in key.lines().filter(|line| !line.starts_with('-')) {
                    prop_assert!(reports.iter().all(|report| !report.contains(line)));
                }
            }
        }
    }
}

/// An object's place and identity: file, kind, namespace, name.
type Identity = (String, String, Option<String>, Option<String>);

/// A tree as data, by an independent reader.
struct Parsed {
    objects: BTreeMap<Identity, Value>,
    texts: BTreeMap<String, String>,
}

impl Parsed {
    fn of(source: &Source) -> Self {
        let tree = meshgen::outline(source, None).unwrap().tree;
        let mut parsed = Self { objects: BTreeMap::new(), texts: BTreeMap::new() };
        for (path, text) in tree.into_texts() {
            // What a controller is told is reported by its lines.
            let is_told = ["argocd/", "flux/"].iter().any(|directory| path.starts_with(directory));
            if is_told || Path::new(&path).extension().is_none_or(|extension| extension != "yaml") {
                parsed.texts.insert(path, text);
                continue;
            }
            for document in serde_yaml::Deserializer::from_str(&text) {
                let object = Value::deserialize(document).unwrap();
                let name = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
                let file = Path::new(&path).file_name().unwrap().to_str().unwrap();
                let (kind, namespace, name) = match file.strip_suffix(".values.yaml") {
                    Some(values) => ("Values".to_owned(), None, Some(values.to_owned())),
                    None => (name("/kind").unwrap_or_default(), name("/metadata/namespace"), name("/metadata/name")),
                };
                let identity = (path.clone(), kind, namespace, name);
                parsed.objects.insert(identity, object);
            }
        }
        parsed
    }

    fn apply(&mut self, report: &Value) {
        let clusters = report["clusters"].as_array().unwrap();
        for change in clusters.iter().flat_map(|cluster| cluster["objects"].as_array().unwrap()) {
            self.apply_object(change);
        }
        let pages = report["pages"].as_array().unwrap();
        let files = clusters.iter().flat_map(|cluster| cluster["files"].as_array().unwrap());
        for change in files.chain(pages) {
            let file = change["file"].as_str().unwrap();
            let before = self.texts.remove(file).unwrap_or_default();
            if change["what"] != "removed" {
                self.texts.insert(file.to_owned(), patched(&before, change["hunks"].as_array().unwrap()));
            }
        }
    }

    fn apply_object(&mut self, change: &Value) {
        let text = |field: &str| change[field].as_str().map(str::to_owned);
        let now = (text("file").unwrap(), text("kind").unwrap(), text("namespace"), text("name"));
        let mut was = now.clone();
        match text("what").unwrap().as_str() {
            "added" => {
                self.objects.insert(now, change["value"].clone());
                return;
            }
            "removed" => {
                assert_eq!(self.objects.remove(&now).as_ref(), Some(&change["value"]));
                return;
            }
            "moved" => was.0 = text("from").unwrap(),
            "renamed" => was.3 = text("from"),
            what => assert_eq!(what, "changed"),
        }
        let found = self
            .objects
            .keys()
            .find(|key| (&key.1, &key.2, &key.3) == (&was.1, &was.2, &was.3) && (key.0 == was.0 || was.3 != now.3));
        let key = found.unwrap().clone();
        let mut object = self.objects.remove(&key).unwrap();
        // Positions are those of the first side: what comes later in a list is removed first.
        for field in change["fields"].as_array().unwrap().iter().rev() {
            set(&mut object, &steps(field["path"].as_str().unwrap()), &field["before"], &field["after"]);
        }
        self.objects.insert(now, object);
    }
}

/// A step of a field's path, as the documentation of the report says.
#[derive(Debug)]
enum Step {
    Key(String),
    Named(String, String),
    Value(Value),
    Position(usize),
    New,
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix("[\"") {
            let text = format!("\"{inside}");
            let mut read = serde_json::Deserializer::from_str(&text).into_iter::<String>();
            let key = read.next().unwrap().unwrap();
            rest = &inside[read.byte_offset()..];
            steps.push(Step::Key(key));
        } else if let Some(inside) = rest.strip_prefix("[=") {
            let mut read = serde_json::Deserializer::from_str(inside).into_iter::<Value>();
            steps.push(Step::Value(read.next().unwrap().unwrap()));
            rest = &inside[read.byte_offset() + 1..];
        } else if let Some(inside) = rest.strip_prefix('[') {
            let (item, after) = inside.split_once(']').unwrap();
            steps.push(match item.split_once('=') {
                Some((field, value)) => Step::Named(field.to_owned(), value.to_owned()),
                None if item == "+" => Step::New,
                None => Step::Position(item.parse().unwrap()),
            });
            rest = after;
        } else {
            let word = rest.trim_start_matches('.');
            let end = word.find(['.', '[']).unwrap_or(word.len());
            steps.push(Step::Key(word[..end].to_owned()));
            rest = &word[end..];
        }
    }
    steps
}

fn set(value: &mut Value, steps: &[Step], before: &Value, after: &Value) {
    let [step, rest @ ..] = steps else {
        assert_eq!(value, before);
        *value = after.clone();
        return;
    };
    let position = |items: &[Value]| match step {
        Step::Named(field, wanted) => items.iter().position(|item| {
            let value = item[field].get("number").unwrap_or(&item[field]);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned) == *wanted
        }),
        Step::Value(wanted) => items.iter().position(|item| item == wanted),
        Step::Position(position) => Some(*position),
        Step::New => None,
        Step::Key(key) => panic!("{key} is no item"),
    };
    match (value, step) {
        (Value::Object(fields), Step::Key(key)) if rest.is_empty() => {
            assert_eq!(fields.get(key).unwrap_or(&Value::Null), before);
            if after.is_null() {
                fields.shift_remove(key);
            } else {
                fields.insert(key.clone(), after.clone());
            }
        }
        (Value::Object(fields), Step::Key(key)) => set(fields.get_mut(key).unwrap(), rest, before, after),
        (Value::Array(items), _) => match position(items) {
            Some(found) if rest.is_empty() && after.is_null() => {
                assert_eq!(items.remove(found), *before);
            }
            Some(found) => set(&mut items[found], rest, before, after),
            None => items.push(after.clone()),
        },
        (value, step) => panic!("{value} has no {step:?}"),
    }
}

fn patched(before: &str, hunks: &[Value]) -> String {
    let lines: Vec<&str> = before.split_inclusive('\n').collect();
    let mut out = String::new();
    let mut at = 0;
    for hunk in hunks {
        let start = usize::try_from(hunk["lineBefore"].as_u64().unwrap().saturating_sub(1)).unwrap();
        out.extend(lines[at..start].iter().copied());
        at = start;
        for line in hunk["lines"].as_array().unwrap() {
            let (sign, text) = line.as_str().unwrap().split_at(1);
            if sign != "+" {
                assert_eq!(lines[at], text);
                at += 1;
            }
            if sign != "-" {
                out.push_str(text);
            }
        }
    }
    out.extend(lines[at..].iter().copied());
    out
}

/// Values in which the order of items does not matter.
fn canonical_all(objects: &BTreeMap<Identity, Value>) -> BTreeMap<&Identity, Value> {
    objects.iter().map(|(identity, value)| (identity, canonical(value))).collect()
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), canonical(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(sorted_text);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// A text of a value that does not depend on the order of its fields.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, String> =
                fields.iter().map(|(key, value)| (key, sorted_text(value))).collect();
            format!("{sorted:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted_text).collect::<Vec<String>>()),
        other => other.to_string(),
    }
}

/// A cluster that stays under its name is not renamed, whoever had its context before.
#[test]
fn a_cluster_with_the_context_of_one_that_left_keeps_its_name() {
    let case = common::repository().join("tests/diff/flux-leaves");
    let (before, after) = pair(&case);
    let after = after.text().replace("- name: fra\n", "- name: fra\n    context: lon\n");
    let diff = compared(&before, &Source::new("after.yaml", after));
    assert!(!diff.runbook.is_empty(), "{}", plain(&diff));
}
