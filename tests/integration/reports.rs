//! One check in every format: `tests/reports/<case>/` holds topologies and, beside them, what is said of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::LazyLock;

use meshgen::diagnostic::{Findings, Severity};
use meshgen::report::{self, File, Style};
use meshgen::source::Source;
use proptest::prelude::*;
use serde_json::Value;

use crate::common::{self, mutation};

/// The formats, which are the names of their snapshots too.
const FORMATS: [&str; 5] = ["text", "json", "sarif", "github", "junit"];

/// The case whose last topology is not there.
const SEVERAL: &str = "several";

fn cases() -> Vec<PathBuf> {
    common::entries(&common::repository().join("tests/reports"))
}

fn check(case: &Path, format: &str, options: &[&str]) -> Output {
    let mut topologies = common::entries(case);
    topologies.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut command = common::meshgen();
    command.current_dir(case).stdin(Stdio::null());
    command.args(["check", "--now", "2026-11-24", "--format", format]).args(options);
    command.args(topologies.iter().map(|path| path.file_name().unwrap()));
    if case.ends_with(SEVERAL) {
        command.arg("4-missing.yaml");
    }
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// SARIF's own schema, from the OASIS (see `tests/sarif-schema-2.1.0.md`).
fn sarif_schema() -> &'static jsonschema::Validator {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(read_sarif_schema);
    &VALIDATOR
}

fn read_sarif_schema() -> jsonschema::Validator {
    let text = fs::read_to_string(common::repository().join("tests/sarif-schema-2.1.0.json")).unwrap();
    // The pattern of languages, which no log here states, is no regular expression: it closes a bracket that it never opens.
    let text = text.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn faults(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_case_is_reported_as_written_down_in_every_format() {
    assert!(!cases().is_empty());
    for case in cases() {
        let mut codes = Vec::new();
        for format in FORMATS {
            let output = check(&case, format, &[]);
            codes.push(output.status.code().unwrap());
            let report = if format == "sarif" { without_rules(&stdout(&output)) } else { stdout(&output) };
            common::snapshots(&case).bind(|| insta::assert_snapshot!(format, report));
            let wanted = match case.file_name().unwrap().to_str().unwrap() {
                SEVERAL => "error: 4-missing.yaml: there is no such file or directory: check its path\n",
                "clean" if format == "text" => "mesh.yaml: no findings\n",
                _ => "",
            };
            assert_eq!(stderr(&output), wanted, "{} {format}", case.display());
        }
        codes.dedup();
        let wanted = match case.file_name().unwrap().to_str().unwrap() {
            "clean" | "warnings" => 0,
            SEVERAL => 2,
            _ => 1,
        };
        assert_eq!(codes, [wanted], "{}", case.display());
    }
}

/// A log without what it says of rules, which is the same for every topology.
fn without_rules(log: &str) -> String {
    let mut log: Value = serde_json::from_str(log).unwrap();
    let run = &mut log["runs"][0];
    run["tool"]["driver"].as_object_mut().unwrap().remove("rules").unwrap();
    for result in run["results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("ruleIndex").unwrap();
    }
    format!("{log:#}\n")
}

#[test]
fn a_sarif_log_says_what_every_rule_is() {
    let log: Value = serde_json::from_str(&report::sarif(&[])).unwrap();
    assert_eq!(faults(sarif_schema(), &log), [""; 0]);
    let run = &log["runs"][0];
    assert_eq!((&run["results"], &run["artifacts"]), (&serde_json::json!([]), &serde_json::json!([])));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let known: Vec<&str> = meshgen::check::every_rule().map(|rule| rule.name).collect();
    assert_eq!(rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect::<Vec<&str>>(), known);
    for rule in rules {
        for text in ["/shortDescription/text", "/fullDescription/text", "/help/text", "/help/markdown"] {
            let text = rule.pointer(text).unwrap().as_str().unwrap();
            assert!(!text.is_empty() && !text.contains("\n\n\n"), "{rule:#}");
        }
        let short = rule["shortDescription"]["text"].as_str().unwrap();
        assert!(!short.contains('\n') && !short.starts_with('#') && short.ends_with('.'), "{short}");
    }
}

#[test]
fn the_page_about_reports_shows_what_is_said() {
    let page = fs::read_to_string(common::repository().join("docs/reports.md")).unwrap();
    let case = common::repository().join("tests/reports/example");
    let shows = |language: &str, text: &str| {
        assert!(page.contains(&format!("```{language}\n{text}```\n")), "docs/reports.md does not show:\n{text}");
    };
    for (format, language) in [("text", "text"), ("json", "json"), ("github", "text"), ("junit", "xml")] {
        shows(language, &stdout(&check(&case, format, &[])));
    }
    let log: Value = serde_json::from_str(&without_rules(&stdout(&check(&case, "sarif", &[])))).unwrap();
    shows("json", &format!("{:#}\n", log["runs"][0]["results"][0]));
    for format in FORMATS {
        assert!(page.contains(&format!("| `{format}` |")) && page.contains(&format!("\n## {format}\n")), "{format}");
    }
}

#[test]
fn the_pipelines_of_the_page_check_and_keep_what_is_said() {
    let page = fs::read_to_string(common::repository().join("docs/reports.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut commands = Vec::new();
    for block in blocks {
        serde_yaml::from_str::<Value>(block).unwrap();
        assert!(block.contains("meshgen check"), "{block}");
        commands.extend(block.lines().filter_map(|line| line.find("meshgen check").map(|at| line[at..].to_owned())));
    }
    assert!(!commands.is_empty());
    for command in commands {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(common::repository().join("tests/reports/example/mesh.yaml"), directory.path().join("mesh.yaml"))
            .unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshgen"), directory.path().join("meshgen")).unwrap();
        let output =
            common::program("bash").args(["-c", &format!("./{command}")]).current_dir(directory.path()).output();
        let output = output.unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""), "{command}");
        let kept =
            command.split('>').nth(1).map_or(output.stdout, |file| fs::read(directory.path().join(file)).unwrap());
        assert!(String::from_utf8(kept).unwrap().contains("unknown-network"), "{command}");
    }
}

/// A name, a value or a remark of somebody does nothing to the terminal, the log or the page that shows a report of it.
#[test]
fn no_format_repeats_characters_that_do_something_to_the_text_around_them() {
    let text = "apiVersion: meshgen/v1\nkind: Topology\n\"un\\e[31mknown\": {x: 1}\nmesh: {id: mesh1, \u{202e}dlrow: 2}\n\
                istio: {version: \"1\\u009b.30.3\"} # \u{2066}remark\u{2069}\ncertificates: {issuedOn: 2026-11-01}\n\
                networks: [{name: \"l\\u2028an\"}, {name: lan}]\nclusters:\n  - name: ea\u{202e}st\n    network: \"w\\u202ean\"\n    \
                context: \"a\\nb\"\n    apiServer: \"https://\\u200fx\\a\"\n";
    let directory = tempfile::tempdir().unwrap();
    for name in ["mesh.yaml", "re\u{202e}versed\u{1b}[2J.yaml"] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    for format in FORMATS {
        let output = check(directory.path(), format, &[]);
        assert_eq!(output.status.code(), Some(1), "{format}: {}", stderr(&output));
        for said in [stdout(&output), stderr(&output)] {
            assert_eq!(common::deceptive(&said), None, "{format}: {said:?}");
        }
    }
    let name = "mesh\u{202e}\u{1b}[31m\n.yaml";
    let text = "apiVersion: meshgen/v1\nkind: Topology\nmesh: {id: mesh1}\nistio: {version: 1.30.3, profil: demo}\n\
                certificates: {issuedOn: 2026-11-01}\nnetworks: [{name: lan}]\nclusters:\n  - {name: east, network: lan, apiServer: \"https://10.0.0.1:6443\"}\n";
    fs::write(directory.path().join(name), text).unwrap();
    for (options, wanted) in [(&["--fix"][..], ": fixed unknown-field: "), (&[], ": no findings\n")] {
        let mut command = common::meshgen();
        let output = command.args(["check", name]).args(options).current_dir(directory.path()).output().unwrap();
        let said = stderr(&output);
        assert!(said.contains(wanted) && said.starts_with("mesh\u{fffd}\u{fffd}[31m\u{fffd}.yaml:"), "{said:?}");
        assert_eq!(common::deceptive(&(said + &stdout(&output))), None);
    }
    let missing = common::meshgen().args(["check", "no\u{202e}\u{1b}[31m.yaml"]).output().unwrap();
    assert_eq!((missing.status.code(), common::deceptive(&stderr(&missing))), (Some(2), None));
}

#[test]
fn with_strict_a_warning_is_a_failure() {
    let case = common::repository().join("tests/reports/warnings");
    for format in FORMATS {
        let output = check(&case, format, &["--strict"]);
        assert_eq!(output.status.code(), Some(1), "{format}");
    }
    let failures = |options: &[&str]| {
        let text = stdout(&check(&case, "junit", options));
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = document.descendants().filter(|node| node.has_tag_name("failure")).count();
        assert_eq!(document.root_element().attribute("failures"), Some(count.to_string().as_str()));
        count
    };
    assert_eq!(failures(&[]), 0);
    assert!(failures(&["--strict"]) > 0);
}

#[test]
fn a_file_that_a_topology_names_and_nobody_may_read_hides_nothing() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("inside");
    // No file can be read there.
    fs::create_dir_all(inside.join("pki/east/root-cert.pem")).unwrap();
    let example = fs::read_to_string(common::repository().join("tests/reports/example/mesh.yaml")).unwrap();
    let external =
        example.replace("lna", "lan").replace("issuedOn: 2026-11-01", "{authority: external, directory: pki}");
    let external = external.replace("certificates:\n  ", "certificates: ");
    fs::write(inside.join("1.yaml"), external).unwrap();
    fs::write(inside.join("2.yaml"), example).unwrap();
    for format in FORMATS {
        let output = check(&inside, format, &[]);
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(stdout(&output).contains("unknown-network"), "{format}: {}", stdout(&output));
        assert!(
            stderr(&output).contains("pki/east/root-cert.pem: is a directory, and a regular file is needed"),
            "{format}: {}",
            stderr(&output)
        );
        if format != "text" {
            let Counts { errors, unread, .. } = counted(format, &stdout(&output));
            assert_eq!((errors, unread), (1, 1), "{format}");
        }
    }
}

#[test]
fn ranges_name_the_bytes_and_characters_of_the_file() {
    for case in cases() {
        let report: Value = common::obeys_schema(&stdout(&check(&case, "json", &[])));
        let findings = report["findings"].as_array().unwrap();
        for finding in findings {
            let locations = [&finding["location"]].into_iter().chain(finding["related"].as_array().unwrap());
            let patch = finding["patch"]["range"].as_object().map(|range| (finding["location"]["file"].clone(), range));
            let ranges = locations
                .filter_map(|location| Some((location["file"].clone(), location["range"].as_object()?)))
                .chain(patch);
            for (file, range) in ranges {
                let bytes = fs::read(case.join(file.as_str().unwrap())).unwrap();
                for end in ["start", "end"] {
                    let number = |name: &str| usize::try_from(range[end][name].as_u64().unwrap()).unwrap();
                    let before = &bytes[..number("offset")];
                    let text = String::from_utf8_lossy(before.strip_prefix(b"\xef\xbb\xbf").unwrap_or(before));
                    let line = text.rsplit('\n').next().unwrap();
                    let place = (text.matches('\n').count() + 1, line.chars().count() + 1);
                    assert_eq!((number("line"), number("column")), place, "{file}: {finding:#}");
                }
            }
        }
    }
}

#[test]
fn fingerprints_outlive_lines_and_items_that_come_before() {
    let text = fs::read_to_string(common::repository().join("tests/reports/mistakes/mesh.yaml")).unwrap();
    let prints = |text: &str| {
        let log: Value = serde_json::from_str(&report::sarif(&[looked_at("mesh.yaml", text)])).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect::<Vec<String>>()
    };
    let first = "clusters:\n  - {name: first, network: lan, apiServer: 'https://10.9.2.99:6443', nodes: [{address: 10.9.2.99, podCIDR: 172.20.9.0/24}]}\n";
    let moved = format!("# one line more\n{}", text.replacen("clusters:\n", first, 1));
    assert_eq!(prints(&text), prints(&moved));
    let mut distinct = prints(&text);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), prints(&text).len());
}

fn looked_at(name: &str, text: &str) -> File {
    let source = Source::new(name, text);
    let mut findings = Findings::default();
    meshgen::examine(&source, &mut findings);
    File { source, findings, refusal: None }
}

/// What a format says of how much was found, by an independent reader of that format.
fn counted(format: &str, text: &str) -> Counts {
    match format {
        "json" => {
            let report = common::obeys_schema(text);
            let of = |severity: &str| {
                report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == severity).count()
            };
            let length = |list: &str| report[list].as_array().unwrap().len();
            let (unread, unchecked) = (length("unread"), length("unchecked"));
            Counts { errors: of("error"), warnings: of("warning"), unread, unchecked }
        }
        "sarif" => {
            let log: Value = serde_json::from_str(text).unwrap();
            assert_eq!(faults(sarif_schema(), &log), [""; 0]);
            let run = &log["runs"][0];
            for result in run["results"].as_array().unwrap() {
                let rule =
                    &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
                assert_eq!(
                    (&rule["id"], &rule["defaultConfiguration"]["level"]),
                    (&result["ruleId"], &result["level"])
                );
            }
            let of = |level: &str| {
                run["results"].as_array().unwrap().iter().filter(|result| result["level"] == level).count()
            };
            let invocation = &run["invocations"][0];
            let notified = |level: &str| {
                let all = invocation["toolExecutionNotifications"].as_array().unwrap();
                all.iter().filter(|notification| notification["level"] == level).count()
            };
            let (unread, unchecked) = (notified("error"), notified("note"));
            assert_eq!(invocation["executionSuccessful"], unread == 0);
            Counts { errors: of("error"), warnings: of("warning"), unread, unchecked }
        }
        "github" => {
            let command = regex::Regex::new(
                "^::(error|warning|notice) file=[^:,\r\n]+(,line=[0-9]+,endLine=[0-9]+(,col=[0-9]+,endColumn=[0-9]+)?)?,title=[^:,]+::[^\r\n]+$",
            )
            .unwrap();
            let mut counts = Counts::default();
            for line in text.split_terminator('\n') {
                let found = command.captures(line).unwrap_or_else(|| panic!("{line}"));
                match &found[1] {
                    _ if line.contains(",title=unreadable::") => counts.unread += 1,
                    "error" => counts.errors += 1,
                    "notice" => counts.unchecked += 1,
                    _ => counts.warnings += 1,
                }
            }
            counts
        }
        "junit" => {
            let document = roxmltree::Document::parse(text).unwrap();
            let of = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
            for suite in document.root_element().children().filter(roxmltree::Node::is_element) {
                let cases = suite.children().filter(|node| node.has_tag_name("testcase"));
                let mut names: Vec<&str> = cases.map(|case| case.attribute("name").unwrap()).collect();
                assert_eq!(suite.attribute("tests"), Some(names.len().to_string().as_str()));
                let skipped = suite.descendants().filter(|node| node.has_tag_name("skipped")).count();
                assert_eq!(suite.attribute("skipped"), Some(skipped.to_string().as_str()));
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert!(count > 0 && names.len() == count, "{names:?}");
            }
            Counts { errors: of("failure"), warnings: of("system-out"), unread: of("error"), unchecked: of("skipped") }
        }
        _ => unreachable!("{format}"),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    errors: usize,
    warnings: usize,
    unread: usize,
    unchecked: usize,
}

#[test]
fn every_format_of_every_case_says_the_same() {
    for case in cases() {
        let report = |format: &str| counted(format, &stdout(&check(&case, format, &[])));
        let wanted = report("json");
        for format in ["sarif", "github", "junit"] {
            assert_eq!(report(format), wanted, "{} {format}", case.display());
        }
    }
}

#[test]
fn signs_are_escaped_where_a_format_gives_them_a_meaning() {
    let name = "dir,1/a:b%20<&\"'>\u{1}\r\nc.yaml";
    let file = looked_at(name, "mesh: {id: \"\\u0001]]>&amp;%0A\\u{10ffff}\"}\n");
    let refused = File { refusal: Some("no,\r\n::error::such file: {0} 100%".to_owned()), ..looked_at(name, "") };
    for file in [file, refused] {
        let files = [file];
        let wanted = counted("json", &report::json(&files));
        assert_eq!(counted("sarif", &report::sarif(&files)), wanted);
        assert_eq!(counted("github", &report::github(&files)), wanted);
        let junit = report::junit(&files, false);
        assert_eq!(counted("junit", &junit), wanted);
        let document = roxmltree::Document::parse(&junit).unwrap();
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        assert_eq!(suite.attribute("name"), Some(name.replace('\u{1}', "\u{fffd}").as_str()));
        assert!(!report::texts(&files, STYLE, true).contains(['\u{1}', '\r']));
    }
    let log: Value = serde_json::from_str(&report::sarif(&[looked_at(name, "")])).unwrap();
    let uri = &log["runs"][0]["artifacts"][0]["location"]["uri"];
    assert_eq!(uri, "dir%2C1/a%3Ab%2520%3C%26%22%27%3E%01%0D%0Ac.yaml");
    let log: Value = serde_json::from_str(&report::sarif(&[looked_at("/tmp/a b", ""), looked_at(".//c", "")])).unwrap();
    let uris: Vec<&Value> =
        log["runs"][0]["artifacts"].as_array().unwrap().iter().map(|artifact| &artifact["location"]["uri"]).collect();
    assert_eq!(uris, ["file:///tmp/a%20b", "c"]);
}

const STYLE: Style = Style { is_coloured: false, width: 80 };

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(96), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is wrong, every format can be read, and they agree on how much it is.
    #[test]
    fn formats_agree_on_every_topology(one in mutation::broken(), other in mutation::broken()) {
        let files = [looked_at("one.yaml", &one), looked_at("other.yaml", &other)];
        let of = |severity: Severity| {
            files.iter().flat_map(|file| &file.findings.list).filter(|finding| finding.severity == severity).count()
        };
        let unchecked = files.iter().map(|file| file.findings.unchecked.len()).sum();
        let wanted = Counts { errors: of(Severity::Error), warnings: of(Severity::Warning), unread: 0, unchecked };
        prop_assert_eq!(&counted("json", &report::json(&files)), &wanted);
        prop_assert_eq!(&counted("sarif", &report::sarif(&files)), &wanted);
        prop_assert_eq!(&counted("github", &report::github(&files)), &wanted);
        prop_assert_eq!(&counted("junit", &report::junit(&files, false)), &wanted);
        let drawn = report::texts(&files, STYLE, true);
        let titles = drawn.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
        prop_assert_eq!(titles.count(), wanted.errors + wanted.warnings);
        prop_assert_eq!(drawn.lines().filter(|line| line.starts_with("note: not checked")).count(), unchecked);
    }
}

#[test]
fn of_very_many_findings_the_first_are_drawn_and_a_thousand_named() {
    let fields: Vec<String> = (0..1200).map(|index| format!("colour{index}: red")).collect();
    let text = format!(
        "{{apiVersion: meshgen/v1, kind: Topology, mesh: {{id: mesh1}}, istio: {{version: 1.30.3, meshConfig: {{{}}}}}, \
         certificates: {{issuedOn: 2026-11-01}}, networks: [{{name: network1}}], \
         clusters: [{{name: cluster1, network: network1, apiServer: 'https://192.168.229.128:6443'}}]}}\n",
        fields.join(", ")
    );
    let source = Source::new("long.yaml", text);
    let report = common::report(&source, &meshgen::check(&source));
    assert_eq!(report.matches("warning[").count(), 1000);
    assert!(
        report.ends_with("\n\n200 more findings of long.yaml are not shown\n\n1200 warnings\n"),
        "{}",
        &report[report.len() - 200..]
    );
    let drawn = report.matches("silently ignores it").count();
    assert!((10..200).contains(&drawn), "{drawn} are drawn");
    assert!(report.contains("\n\nwarning[ignored-istio-field]: Istio has no field `colour900` here\n--> long.yaml:1:"));
}

#[test]
fn after_very_many_mistakes_a_topology_is_not_looked_at() {
    let source = Source::new("long.yaml", format!("clusters: [{}]\n", "{}, ".repeat(16_000)));
    let findings = meshgen::check(&source);
    assert!((500..510).contains(&findings.len()), "{} findings", findings.len());
    let report = common::report(&source, &findings);
    assert!(
        report.contains("\n\nerror[syntax]: the rest of the file was not checked after 501 mistakes\n--> long.yaml:1:"),
        "{}",
        &report[report.len() - 400..]
    );
    // A mistake that aliases repeat is one.
    let source = Source::new("long.yaml", format!("clusters: [&c {{colour: red}}{}]\n", ", *c".repeat(3_000)));
    assert!(meshgen::check(&source).iter().all(|finding| finding.rule != "syntax"));
}
