//! What several tests need.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use meshgen::diagnostic::Findings;
use meshgen::pki::{Authority, Seed, Seeds, Standing};
use meshgen::source::Source;
use meshgen::tree::Tree;
use serde_json::Value;

#[path = "../../simulator/base64.rs"]
#[allow(dead_code, reason = "the simulator also encodes")]
pub(crate) mod base64;
pub(crate) mod controllers;
pub(crate) mod mutation;
pub(crate) mod simulator;
pub(crate) mod trees;

/// The checkout.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The topologies of the repository, by name.
pub(crate) fn topologies() -> Vec<PathBuf> {
    let mut paths = entries(&repository().join("topologies"));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths
}

/// What stands in a directory, by name.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A topology's file, under the name that a user in the checkout would give it.
pub(crate) fn read(path: &Path) -> Source {
    let name = path.strip_prefix(repository()).unwrap_or(path).to_str().unwrap();
    beside(Source::new(name, fs::read(path).unwrap()), path.parent().unwrap())
}

/// A topology with the files that it names, in a directory.
pub(crate) fn beside(source: Source, directory: &Path) -> Source {
    meshgen::with_files(source, |file| fs::read(directory.join(file)).map_err(|_| "does not exist".to_owned()))
}

/// The same of a topology that is in no directory: it names files of `tests/`.
pub(crate) fn of_tests(source: Source) -> Source {
    beside(source, &repository().join("tests"))
}

/// The public demonstration seed.
pub(crate) fn seed() -> Seed {
    Seed::parse(&fs::read_to_string(repository().join("topologies/ca.seed")).unwrap()).unwrap()
}

/// The tree of a topology that is right.
pub(crate) fn compile(source: &Source) -> Tree {
    compile_with(source, seed())
}

/// The same with another seed.
pub(crate) fn compile_with(source: &Source, seed: Seed) -> Tree {
    let seeds = Seeds { present: Some(seed), next: Some(Seed::new([9; 32])) };
    match meshgen::compile(source, &Authority::Seeds(seeds, Standing::default())) {
        Ok(compiled) => compiled.tree,
        Err(findings) => panic!("{}", report(source, &findings)),
    }
}

/// Findings as a terminal of 100 columns without colours shows them.
pub(crate) fn report(source: &Source, findings: &[meshgen::diagnostic::Diagnostic]) -> String {
    report_of(source, &Findings::of(findings.to_vec()))
}

/// The same, with what was not looked for.
pub(crate) fn report_of(source: &Source, findings: &Findings) -> String {
    meshgen::report::text(source, findings, meshgen::report::Style { is_coloured: false, width: 100 })
}

/// Snapshots stand in a directory under names of their own, beside what they are about.
pub(crate) fn snapshots(directory: &Path) -> insta::Settings {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Every report for programs: its format, the file of its schema, and the schema.
pub(crate) fn report_schemas() -> &'static [(&'static str, &'static str, Value)] {
    static SCHEMAS: LazyLock<Vec<(&str, &str, Value)>> = LazyLock::new(|| {
        vec![
            (meshgen::report::FORMAT, "check", meshgen::report::Report::schema()),
            (meshgen::diff::FORMAT, "diff", meshgen::diff::Diff::schema()),
            (meshgen::flows::FORMAT, "flows", meshgen::flows::Report::schema()),
            (meshgen::path::FORMAT, "path", meshgen::path::Report::schema()),
            (meshgen::path::MATRIX_FORMAT, "paths", meshgen::path::MatrixReport::schema()),
            (meshgen::pki::inventory::FORMAT, "ca-show", meshgen::pki::inventory::Report::schema()),
            (meshgen::report::RULES_FORMAT, "explain", meshgen::report::Rules::schema()),
        ]
    });
    &SCHEMAS
}

/// A report for programs, which names its format and obeys the schema of that.
pub(crate) fn obeys_schema(text: &str) -> Value {
    static VALIDATORS: LazyLock<BTreeMap<&str, jsonschema::Validator>> = LazyLock::new(|| {
        let validator = |schema: &Value| jsonschema::validator_for(schema).unwrap();
        report_schemas().iter().map(|(format, _, schema)| (*format, validator(schema))).collect()
    });
    let report: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let format = report["format"].as_str().unwrap_or_else(|| panic!("no format: {text}"));
    let errors: Vec<String> = VALIDATORS[format].iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    report
}

/// Whether a file that others read as it is, and so is no snapshot, is to become what the code gives now.
pub(crate) fn is_accepting() -> bool {
    std::env::var("GOLDEN").is_ok_and(|value| value == "accept")
}

/// Compares a file of the repository with what it should hold, or rewrites it.
pub(crate) fn expect_file(path: &Path, wanted: &str) {
    if is_accepting() {
        fs::write(path, wanted).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(&found, wanted).unified_diff().to_string();
    assert!(found == wanted, "`make golden` accepts this for {}:\n{difference}", path.display());
}

/// The first character that does something to the text around it, other than a line feed.
pub(crate) fn deceptive(text: &str) -> Option<char> {
    const MARKS: &str = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
    text.chars().find(|character| MARKS.contains(*character) || character.is_control() && *character != '\n')
}

/// A program that knows nothing of where the tests run: no CI, no seed, no width, no repository.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for variable in ["CI", "COLUMNS", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "MESHGEN_CA_SEED_FILE"] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn meshgen() -> Command {
    program(env!("CARGO_BIN_EXE_meshgen"))
}

/// Whether the test that asks is alone in its process. If not, it has been run in one of its own, and is done.
///
/// What another test starts holds every open file until it has become another program, and so the claim of a directory:
/// `CLOEXEC` is too late, and a claim that was dropped would still be held.
pub(crate) fn is_alone() -> bool {
    const ALONE: &str = "MESHGEN_TEST_IS_ALONE";
    let thread = thread::current();
    // Where tests are to run one after another, the main thread runs them, and nothing else runs meanwhile.
    let name = thread.name().filter(|name| *name != "main");
    let (Some(name), None) = (name, std::env::var_os(ALONE)) else { return true };
    let mut itself = Command::new(std::env::current_exe().unwrap());
    let output = itself.args(["--exact", name]).env(ALONE, "yes").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// How many of something are tried: all under `make`, and few where `cargo test` runs alone, others each time.
pub(crate) fn share(all: usize, few: usize) -> usize {
    if std::env::var_os("MESHGEN_THOROUGH").is_some() { all } else { few }
}

/// How many random cases a property is tried with.
pub(crate) fn cases(all: u32) -> u32 {
    if share(1, 0) == 1 { all } else { all.div_ceil(4) }
}

/// A number in the environment: how much is tried.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}
