//! `check --fix`: `tests/fix/<case>/` holds a topology, what it becomes, and what is said of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use meshgen::diagnostic::{Certainty, Diagnostic, Severity};
use meshgen::fix::fix;
use meshgen::source::Source;
use meshgen::topology::Date;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::{self, mutation};
use crate::generator;

fn check(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = common::meshgen();
    command.current_dir(directory).stdin(Stdio::null());
    command.args(["check", "--now", "2026-11-24"]).args(arguments);
    command
}

fn piped(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = command(directory, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn cases() -> Vec<PathBuf> {
    common::entries(&common::repository().join("tests/fix"))
}

fn today() -> Date {
    "2026-11-24".parse().unwrap()
}

fn examined(source: &Source) -> Vec<Diagnostic> {
    meshgen::check_on(&common::of_tests(source.clone()), today(), Vec::new()).list
}

fn fixed(source: &Source) -> Source {
    fix(source, examined, |_| true).source
}

fn errors(findings: &[Diagnostic]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

#[test]
fn every_case_is_fixed_as_written_down() {
    assert!(!cases().is_empty());
    for case in cases() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mesh.yaml");
        fs::copy(case.join("mesh.yaml"), &path).unwrap();
        let authority = common::repository().join("tests/ca/cluster1.pem");
        fs::copy(authority, directory.path().join("proxy.pem")).unwrap();
        let dry = check(directory.path(), &["--fix", "--dry-run", "mesh.yaml"]);
        assert_eq!(fs::read(&path).unwrap(), fs::read(case.join("mesh.yaml")).unwrap());
        let output = check(directory.path(), &["--fix", "mesh.yaml"]);
        let said = format!(
            "$ meshgen check --fix --dry-run mesh.yaml\n{}[{}]\n\n$ meshgen check --fix mesh.yaml\n{}{}[{}]\n",
            text(&dry.stdout),
            dry.status.code().unwrap(),
            text(&output.stderr),
            text(&output.stdout),
            output.status.code().unwrap()
        );
        common::snapshots(&case).bind(|| insta::assert_snapshot!("said", said));
        common::expect_file(&case.join("mended.yaml"), &text(&fs::read(&path).unwrap()));
        // The difference is what `patch` makes of the one the other.
        let mut patch = Command::new("patch");
        patch.args(["-p0", "--quiet", "--binary"]).current_dir(directory.path()).stdin(Stdio::piped());
        fs::copy(case.join("mesh.yaml"), &path).unwrap();
        let mut child = patch.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&dry.stdout).unwrap();
        assert!(child.wait().unwrap().success() || dry.stdout.is_empty(), "{}", case.display());
        assert_eq!(text(&fs::read(&path).unwrap()), text(&fs::read(case.join("mended.yaml")).unwrap()));
        // Standard input gives the same on standard output, and the report beside it.
        let streamed = piped(directory.path(), &["--fix", "-"], &fs::read(case.join("mesh.yaml")).unwrap());
        assert_eq!(text(&streamed.stdout), text(&fs::read(case.join("mended.yaml")).unwrap()));
        assert_eq!(streamed.status.code(), output.status.code());
    }
}

const BROKEN: &str = "\
# a comment
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: v1.30.3}  # a version
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan}]
clusters: [{name: east, network: lna, apiServer: 'https://192.0.2.10:6443'}]
";

#[test]
fn a_file_keeps_its_permissions_and_a_link_leads_on() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::create_dir(place("real")).unwrap();
    fs::write(place("real/mesh.yaml"), BROKEN).unwrap();
    fs::set_permissions(place("real/mesh.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/mesh.yaml", place("link.yaml")).unwrap();
    let before = place("real/mesh.yaml").metadata().unwrap();
    let output = check(directory.path(), &["--fix", "link.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(place("link.yaml").symlink_metadata().unwrap().is_symlink());
    let after = place("real/mesh.yaml").metadata().unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    let repaired = BROKEN.replace("v1.30.3", "1.30.3").replace("lna", "lan");
    assert_eq!(fs::read_to_string(place("real/mesh.yaml")).unwrap(), repaired);
    assert_eq!(common::entries(&place("real")).len(), 1, "something was left behind");
    // If nothing is fixed, nothing is written.
    let before = place("real/mesh.yaml").metadata().unwrap();
    assert_eq!(check(directory.path(), &["--fix", "link.yaml"]).status.code(), Some(0));
    let after = place("real/mesh.yaml").metadata().unwrap();
    assert_eq!((after.ino(), after.modified().unwrap()), (before.ino(), before.modified().unwrap()));
}

#[test]
fn what_cannot_be_written_is_said_and_reported_as_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("good.yaml"), BROKEN).unwrap();
    let script = "mkfifo pipe.yaml; \"$0\" check --fix pipe.yaml good.yaml missing.yaml";
    let mut shell = common::program("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_meshgen")]).current_dir(directory.path());
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("error: pipe.yaml: is a pipe, and a regular file is needed"), "{said}");
    assert!(said.contains("error: missing.yaml: there is no such file or directory"), "{said}");
    assert!(said.contains("good.yaml:5:18: fixed invalid-value"), "{said}");
    assert!(fs::read_to_string(directory.path().join("good.yaml")).unwrap().contains("version: 1.30.3"));
}

#[test]
fn a_file_that_somebody_else_writes_meanwhile_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mesh.yaml");
    fs::write(&path, "theirs").unwrap();
    let path = camino::Utf8Path::from_path(&path).unwrap();
    for read in ["what was read", "their", "theirs\n"] {
        let error = meshgen::disk::rewrite(path, read.as_bytes(), b"ours").unwrap_err();
        assert!(error.to_string().contains("changed in the meantime"), "{error}");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "theirs");
    assert_eq!(common::entries(directory.path()).len(), 1);
    meshgen::disk::rewrite(path, b"theirs", b"ours").unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "ours");
}

#[test]
fn standard_output_is_for_one_thing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mesh.yaml"), BROKEN).unwrap();
    for (arguments, why) in [
        (&["--fix", "--dry-run", "--format", "json", "mesh.yaml"][..], "remove `--format`"),
        (&["--fix", "--format", "sarif", "-"], "remove `--format`"),
        (&["--fix", "-", "mesh.yaml"], "`-` cannot be combined with files"),
        (&["--dry-run", "mesh.yaml"], "--fix"),
    ] {
        let output = check(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(fs::read_to_string(directory.path().join("mesh.yaml")).unwrap(), BROKEN);
    let output = check(directory.path(), &["--fix", "--format", "json", "mesh.yaml"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["summary"]["errors"].as_u64(), output.status.code()), (Some(0), Some(0)));
    // What is no text goes out as it came in.
    let bytes = b"mesh: \xff\r\n";
    let output = piped(directory.path(), &["--fix", "-"], bytes);
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&bytes[..], Some(1)));
}

#[test]
fn one_patch_that_does_harm_keeps_no_other_from_being_made() {
    let cluster = |number: usize| {
        let key = if number.is_multiple_of(7) { "netwrok" } else { "network" };
        format!("  - {{name: c{number}, {key}: lan, apiserver: 'https://10.0.{number}.1:6443'}}\n")
    };
    let clusters: String = (0..100).fold(String::new(), |text, number| text + &cluster(number));
    let text = format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3}}\n\
         certificates: {{issuedOn: 2026-11-01}}\nnetwroks: [{}]\nclusters:\n{clusters}",
        ["{}"; 300].join(", ")
    );
    let looks = std::cell::Cell::new(0);
    let source = Source::new("mesh.yaml", text.as_str());
    let examine = |source: &Source| {
        looks.set(looks.get() + 1);
        meshgen::check_on(source, today(), Vec::new()).list
    };
    let fixed = fix(&source, examine, |_| true);
    let slips = clusters.matches("netwrok").count() + clusters.matches("apiserver").count();
    assert_eq!(fixed.fixes.len(), slips);
    assert_eq!(
        fixed.left.iter().map(|fault| fault.message.as_str()).collect::<Vec<&str>>(),
        ["unknown field `netwroks` in the topology"]
    );
    assert!(looks.get() < slips / 2, "{} looks for {slips} slips: each is looked at alone", looks.get());
    let wanted = text.replace("netwrok:", "network:").replace("apiserver", "apiServer");
    assert_eq!(String::from_utf8(fixed.source.bytes).unwrap(), wanted);
}

#[test]
fn what_an_alias_repeats_is_left_alone() {
    let text = "apiVersion: meshgen/v1\nkind: Topology\nmesh: {id: mesh1}\nistio: {version: 1.30.3}\n\
                certificates: {issuedOn: 2026-11-01}\nnetworks: [{name: lan}]\nclusters:\n  \
                - {name: east, network: &n lna, apiServer: 'https://192.0.2.10:6443'}\n  \
                - {name: west, network: *n, apiServer: 'https://192.0.2.20:6443'}\n";
    let source = Source::new("mesh.yaml", text);
    assert_eq!(fixed(&source).bytes, source.bytes);
    let findings = meshgen::check(&source);
    let patch = findings[0].patch.as_ref().unwrap();
    assert_eq!(patch.certainty, Certainty::Certain);
    assert_eq!(meshgen::written::Written::new(&source).edit(patch), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(128), failure_persistence: None, ..ProptestConfig::default() })]

    /// A topology never has more errors afterwards, fixing it again changes nothing, and where no change is certain nothing changes.
    #[test]
    fn fixing_does_no_harm(text in mutation::broken()) {
        let source = Source::new("mesh.yaml", text.as_bytes());
        let before = examined(&source);
        let once = fixed(&source);
        let after = examined(&once);
        prop_assert!(errors(&after) <= errors(&before), "{}\n{}", common::report(&source, &before), common::report(&once, &after));
        prop_assert_eq!(&fixed(&once).bytes, &once.bytes);
        let is_certain = |finding: &Diagnostic| {
            finding.patch.as_ref().is_some_and(|patch| patch.certainty == Certainty::Certain)
        };
        if !before.iter().any(is_certain) {
            prop_assert_eq!(&once.bytes, &source.bytes);
        }
    }

    /// A field whose case is wrong, or in which two letters changed places, becomes what it was, and every other byte stays.
    #[test]
    fn a_slip_in_a_field_is_undone(
        topology in generator::topologies(),
        place in any::<Index>(),
        letter in any::<Index>(),
        is_case in any::<bool>(),
        crlf in any::<bool>(),
        mark in any::<bool>(),
    ) {
        let key = regex::Regex::new("(?m)^ *(?:- )?([A-Za-z]{6,}):").unwrap();
        let text = format!("# Öst 東京\n{}", topology.text);
        let fields: Vec<_> = key
            .captures_iter(&text)
            .map(|captures| captures.get(1).unwrap())
            .filter(|field| is_schema_field(&text, field.start()) && !OF_OTHERS.contains(&field.as_str()))
            .collect();
        let field = fields[place.index(fields.len())];
        let mut letters: Vec<char> = field.as_str().chars().collect();
        if is_case {
            let at = letter.index(letters.len());
            letters[at] =
                if letters[at].is_ascii_uppercase() { letters[at].to_ascii_lowercase() } else { letters[at].to_ascii_uppercase() };
        } else {
            let at = letter.index(letters.len() - 1);
            letters.swap(at, at + 1);
        }
        let slip: String = letters.into_iter().collect();
        // As near to the list of ranges as to the one range: nobody knows which was meant.
        prop_assume!(!slip.ends_with("CIDsR"));
        let finished = |text: String| {
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            if mark { format!("\u{feff}{text}") } else { text }
        };
        let broken = finished(format!("{}{slip}{}", &text[..field.start()], &text[field.end()..]));
        let repaired = fixed(&Source::new("mesh.yaml", broken.as_bytes()));
        prop_assert_eq!(String::from_utf8(repaired.bytes).unwrap(), finished(text.clone()), "{}", slip);
    }
}

/// What holds fields of Istio and of Kubernetes.
const OF_OTHERS: [&str; 8] =
    ["meshConfig", "values", "serviceAnnotations", "nodeSelector", "affinity", "labelSelector", "limits", "requests"];

/// Whether a key is the format's: not one inside of fields of others.
fn is_schema_field(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut indent = at - line;
    for line in text[..line].lines().rev().filter(|line| !line.trim().is_empty()) {
        let here = line.len() - line.trim_start_matches([' ', '-']).len();
        if here < indent {
            indent = here;
            let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap();
            if OF_OTHERS.contains(&key) {
                return false;
            }
        }
    }
    true
}
