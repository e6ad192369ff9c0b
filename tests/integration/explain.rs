//! The pages of the rules: what `explain` prints has a summary, an example that breaks the rule, one that obeys it, and sources;
//! and the examples do what their headings say.

use meshgen::check::every_rule;
use meshgen::diagnostic::{Diagnostic, Severity};
use meshgen::release::RELEASES;
use meshgen::rule::{Rule, Stage};
use meshgen::source::Source;
use meshgen::topology::Date;
use regex::Regex;

use crate::common;

/// What an example leaves out.
const REST: [(&str, &str); 7] = [
    ("apiVersion", "apiVersion: meshgen/v1\n"),
    ("kind", "kind: Topology\n"),
    ("mesh", "mesh: {id: mesh1}\n"),
    ("istio", "istio: {version: 1.30.3}\n"),
    ("certificates", "certificates: {issuedOn: 2026-11-01}\n"),
    ("networks", "networks: [{name: lan}]\n"),
    ("clusters", "clusters:\n  - {name: east, network: lan, apiServer: https://10.0.1.10:6443}\n"),
];

/// One page, taken apart.
struct Page {
    rule: Rule,
    paragraphs: Vec<&'static str>,
    breaks: Example,
    obeys: Example,
    sources: Vec<&'static str>,
}

/// A block of code, and the day that it speaks of.
struct Example {
    now: Option<Date>,
    language: &'static str,
    code: &'static str,
}

fn pages() -> Vec<Page> {
    every_rule().map(page).collect()
}

fn page(rule: Rule) -> Page {
    let name = rule.name;
    let (head, rest) =
        rule.page.split_once("\n## Breaks the rule\n").unwrap_or_else(|| panic!("{name} has no breaking example"));
    let (breaks, rest) =
        rest.split_once("\n## Obeys the rule\n").unwrap_or_else(|| panic!("{name} has no obeying example"));
    let (obeys, sources) = rest.split_once("\n## Sources\n").unwrap_or_else(|| panic!("{name} has no sources"));
    let paragraphs = head.split("\n\n").skip(1).map(str::trim_end).collect();
    let sources = sources.trim().lines();
    let sources =
        sources.map(|line| line.strip_prefix("- ").unwrap_or_else(|| panic!("{name}: {line} is no item"))).collect();
    Page { rule, paragraphs, breaks: example(name, breaks), obeys: example(name, obeys), sources }
}

fn example(name: &str, text: &'static str) -> Example {
    let form = Regex::new(r"^\n(?:As of (\S+):\n\n)?```(yaml|console)\n((?s:.+?\n))```\n$").unwrap();
    let parts =
        form.captures(text).unwrap_or_else(|| panic!("{name}: an example is a day and a block of code: {text}"));
    Example {
        now: parts.get(1).map(|day| day.as_str().parse().unwrap()),
        language: parts.get(2).unwrap().as_str(),
        code: parts.get(3).unwrap().as_str(),
    }
}

/// A topology with an example's sections, and the rest as short as it can be.
/// What is found in an example. That the newest Istio that was read has bugs is said on one page alone.
fn findings(rule: Rule, example: &Example) -> (Source, Vec<Diagnostic>) {
    let is_there = |key: &str| example.code.lines().any(|line| line.starts_with(&format!("{key}:")));
    let rest = REST.iter().filter(|(key, _)| !is_there(key)).map(|(_, text)| *text);
    let text: String = rest.chain([example.code]).collect();
    let source = common::of_tests(Source::new("example.yaml", text));
    let mut findings = match example.now {
        Some(day) => meshgen::check_on(&source, day, Vec::new()).list,
        None => meshgen::check(&source),
    };
    findings.retain(|finding| finding.rule == rule.name || finding.rule != "known-bug");
    (source, findings)
}

/// Whether no topology alone can break a rule: its examples are what one types.
fn is_beyond(rule: Rule) -> bool {
    rule.stage == Stage::Beside
}

#[test]
fn every_page_has_a_summary_and_says_why() {
    for page in pages() {
        let name = page.rule.name;
        let summary = page.rule.summary();
        assert!(page.paragraphs[0] == summary, "{name} has no summary");
        assert!(summary.matches(". ").count() <= 1, "{name}: the summary is one sentence or two");
        assert!((2..=3).contains(&page.paragraphs.len()), "{name} says in one paragraph or two why it matters");
        let is_prose = |paragraph: &&str| paragraph.ends_with('.') && !paragraph.contains('\n');
        assert!(page.paragraphs.iter().all(is_prose), "{name}: {:?}", page.paragraphs);
        for line in page.breaks.code.lines().chain(page.obeys.code.lines()) {
            assert!(line.len() <= 80, "{name}: {line} is wider than a terminal");
        }
    }
}

#[test]
fn what_breaks_a_rule_is_found_by_it() {
    for page in pages().iter().filter(|page| !is_beyond(page.rule)) {
        let Rule { name, severity, .. } = page.rule;
        let (source, findings) = findings(page.rule, &page.breaks);
        let rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
        let shown = common::report(&source, &findings);
        match severity {
            Severity::Error => assert_eq!(rules, [name], "{shown}"),
            Severity::Warning => {
                assert!(rules.contains(&name) && !meshgen::has_errors(&findings), "{name}: {shown}");
            }
        }
    }
}

#[test]
fn what_obeys_a_rule_gives_no_finding() {
    for page in pages().iter().filter(|page| !is_beyond(page.rule)) {
        let (source, findings) = findings(page.rule, &page.obeys);
        assert!(findings.is_empty(), "{}: {}\n{}", page.rule.name, common::report(&source, &findings), source.text());
    }
}

#[test]
fn only_what_is_beyond_a_topology_is_shown_as_commands() {
    for page in pages() {
        let language = if is_beyond(page.rule) { "console" } else { "yaml" };
        for example in [&page.breaks, &page.obeys] {
            assert_eq!(example.language, language, "{}", page.rule.name);
        }
    }
}

#[test]
fn every_page_names_sources_that_can_be_opened() {
    let forms = [
        r"^https://github\.com/istio/istio/blob/\d+\.\d+\.\d+/[\w./-]+$",
        r"^https://github\.com/istio/istio(\.io)?/issues/\d+$",
        r"^https://github\.com/(FiloSottile/age|argoproj/argo-cd|bitnami-labs/sealed-secrets|cert-manager/istio-csr|cert-manager/trust-manager|external-secrets/external-secrets|getsops/sops|fluxcd/[a-z-]+|kubernetes/client-go)/blob/v\d+\.\d+\.\d+/[\w./-]+$",
        r"^https://github\.com/istio-ecosystem/sail-operator/blob/\d+\.\d+\.\d+/[\w./-]+$",
        r#"^(RFC \d+|KEP-\d+|YAML 1\.2\.2|((istio|kubernetes)\.io|Rancher), ".+"|istio/api: `.+`)[^(]*( \(`.+`\))? \(https://[\w.-]+/\S*\)$"#,
        r"^meshgen's own: .{20,}$",
    ];
    let forms: Vec<Regex> = forms.iter().map(|form| Regex::new(form).unwrap()).collect();
    for page in pages() {
        assert!(!page.sources.is_empty(), "{} has no source", page.rule.name);
        for source in page.sources {
            assert!(forms.iter().any(|form| form.is_match(source)), "{}: {source} is no source", page.rule.name);
        }
    }
    // Elsewhere too, a file or an issue of Istio is named by a URL.
    let short = Regex::new(r"`\d+\.\d+\.\d+:\w|\bistio/[\w.]+#\d").unwrap();
    for directory in ["docs", "docs/rules", "templates"] {
        for path in common::entries(&common::repository().join(directory)).iter().filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(short.find(&text).map(|found| found.as_str()), None, "{}", path.display());
        }
    }
    for bug in RELEASES.iter().flat_map(|release| release.bugs) {
        let url = bug.source.to_string();
        assert!(forms[..2].iter().any(|form| form.is_match(&url)), "{url}");
    }
}

#[test]
fn programs_read_the_same_pages() {
    let explain = |arguments: &[&str]| {
        let output = common::meshgen().arg("explain").args(arguments).args(["--format", "json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        common::obeys_schema(std::str::from_utf8(&output.stdout).unwrap())["rules"].as_array().unwrap().clone()
    };
    let all = explain(&[]);
    let mut names: Vec<&str> = every_rule().map(|rule| rule.name).collect();
    names.sort_unstable();
    assert_eq!(all.iter().map(|rule| rule["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    for rule in every_rule() {
        let one = explain(&[rule.name]);
        assert_eq!(one[0]["page"], rule.page);
        assert!(one.len() == 1 && all.contains(&one[0]), "{}", rule.name);
        let can_be_allowed = one[0]["canBeAllowed"] == true;
        assert!(can_be_allowed || rule.severity == Severity::Error, "{}", rule.name);
    }
}
