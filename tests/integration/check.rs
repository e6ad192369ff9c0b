//! Broken topologies and their reports: `tests/check/<rule>/<case>.yaml` and, beside it, what `check` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use meshgen::check::every_rule;
use meshgen::diagnostic::{Diagnostic, Findings, Severity};
use meshgen::rule::Rule;
use meshgen::source::Source;
use regex::Regex;
use serde_json::Value;

use crate::common;

/// Cases in which several rules speak.
const SEVERAL: &str = "several";

fn cases() -> Vec<(String, PathBuf)> {
    let mut cases = Vec::new();
    for directory in common::entries(&common::repository().join("tests/check")) {
        let rule = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let topologies = common::entries(&directory);
        let topologies =
            topologies.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        cases.extend(topologies.map(|path| (rule.clone(), path)));
    }
    cases
}

/// What `check` says, on the day that the first line names: `# As of 2028-06-01.`
fn findings(source: &Source) -> Findings {
    let text = source.text();
    let day = text.lines().next().and_then(|line| line.strip_prefix("# As of ")?.strip_suffix('.'));
    let Some(day) = day else {
        let mut findings = Findings::default();
        meshgen::examine(source, &mut findings);
        return findings;
    };
    meshgen::check_on(source, day.parse().unwrap(), Vec::new())
}

fn is_passing(case: &std::path::Path) -> bool {
    case.file_stem().unwrap().to_str().unwrap().starts_with("pass")
}

#[test]
fn every_case_is_reported_as_written_down() {
    for (rule, case) in cases() {
        // The file's own name, so that no path of this machine is in the report.
        let source = Source::new(case.file_name().unwrap().to_str().unwrap(), fs::read(&case).unwrap());
        let source = common::beside(source, case.parent().unwrap());
        let all = findings(&source);
        let findings = &all.list;
        let shown = case.display();
        if is_passing(&case) {
            assert!(findings.iter().all(|finding| finding.rule != rule), "{shown}: {findings:#?}");
            assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{shown}: {findings:#?}");
            continue;
        }
        if rule != SEVERAL {
            // Beside an error, warnings are reported too.
            let (own, others): (Vec<&Diagnostic>, Vec<_>) = findings.iter().partition(|finding| finding.rule == rule);
            assert_eq!(own.len(), 1, "{shown}: {findings:#?}");
            let is_beside =
                |other: &&Diagnostic| own[0].severity == Severity::Error && other.severity != own[0].severity;
            assert!(others.iter().all(is_beside), "{shown}: {findings:#?}");
        }
        assert!(findings.iter().all(|finding| !finding.help.is_empty()), "{shown}: {findings:#?}");
        let name = case.file_stem().unwrap().to_str().unwrap();
        let report = common::report_of(&source, &all);
        common::snapshots(case.parent().unwrap()).bind(|| insta::assert_snapshot!(name, report));
    }
}

#[test]
fn nothing_is_said_twice_of_a_place_where_clusters_are_listed_again() {
    for (_, case) in cases() {
        let Ok(mut topology) = serde_yaml::from_slice::<Value>(&fs::read(&case).unwrap()) else { continue };
        let Some(clusters) = topology.get_mut("clusters").and_then(Value::as_array_mut) else { continue };
        let again = clusters.clone();
        clusters.extend(again);
        let source = Source::new("again.yaml", topology.to_string());
        let findings = findings(&common::beside(source, case.parent().unwrap()));
        let mut said = BTreeSet::new();
        for finding in &findings.list {
            let place = finding.labels.first().map(|label| format!("{:?}", label.place));
            assert!(said.insert((finding.rule, &finding.message, place)), "{}: {finding:#?}", case.display());
        }
    }
}

#[test]
fn every_case_belongs_to_a_rule() {
    for (rule, case) in cases() {
        let is_known = rule == SEVERAL || every_rule().any(|known| known.name == rule);
        assert!(is_known, "{} belongs to no rule", case.display());
    }
}

#[test]
fn every_report_belongs_to_a_case() {
    for directory in common::entries(&common::repository().join("tests/check")) {
        for report in common::entries(&directory).iter().filter(|path| path.extension().unwrap() != "yaml") {
            // What waits for a review is named `.snap.new`.
            let is_report = report.extension().unwrap() == "snap" && report.with_extension("yaml").exists();
            assert!(is_report || report.extension().unwrap() == "new", "{} belongs to no case", report.display());
        }
    }
}

fn word(severity: Severity) -> &'static str {
    if severity == Severity::Error { "error" } else { "warning" }
}

#[test]
fn every_rule_has_its_page_and_every_page_its_rule() {
    for rule in every_rule() {
        let heading = format!("# {} ({})\n\n", rule.name, word(rule.severity));
        assert!(rule.page.starts_with(&heading), "docs/rules/{}.md does not begin with {heading}", rule.name);
    }
    for page in common::entries(&common::repository().join("docs/rules")) {
        let name = page.file_stem().unwrap().to_str().unwrap();
        assert!(every_rule().any(|rule| rule.name == name), "{} belongs to no rule", page.display());
    }
}

#[test]
fn the_page_of_rules_is_fresh() {
    let mut page = "# Rules\n\n\
        What `meshgen check` can say, from the same text as `meshgen explain`, and [what cannot happen](#what-cannot-happen). Errors stop a build. Warnings do not, and can be allowed \
        with a reason, for the mesh or for one cluster:\n\n\
        ```yaml\n\
        mesh:\n  id: mesh1\n  allow:\n    - {rule: shared-gateway, reason: locality does not matter here}\n\
        ```\n\n\
        An entry that allows nothing is itself a warning. A rule that needs a value with a mistake is not applied, and the report names it.\n\n\
        | rule | | what it means |\n|---|---|---|\n"
        .to_owned();
    let mut rules: Vec<Rule> = every_rule().collect();
    rules.sort_unstable_by_key(|rule| (rule.severity, rule.name));
    for rule in rules {
        let (name, summary) = (rule.name, rule.summary());
        let row =
            format!("| [`{name}`](rules/{name}.md) | {} | {} |\n", word(rule.severity), summary.replace('|', "\\|"));
        page += &row;
    }
    page += "\n";
    page += TRAPS;
    common::expect_file(&common::repository().join("docs/rules.md"), &page);
}

/// The mistakes that are known, and what becomes of each.
const TRAPS: &str = include_str!("../../docs/traps.md");

#[test]
fn every_known_mistake_has_an_answer_that_is_there() {
    let rows: Vec<&str> =
        TRAPS.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| the mistake")).collect();
    assert!(!rows.is_empty());
    let link = Regex::new(r"\[`([^`]+)`\]\(([^)]+)\)").unwrap();
    let mut named = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [mistake, answer] = cells[..] else { panic!("{row} is no row") };
        assert!(mistake.trim().ends_with('.') && answer.trim().ends_with('.'), "{row}");
        let answers = ["**Derived**", "**Found**", "**Yours**", "**Stays so**"];
        assert!(answers.iter().any(|word| answer.contains(word)), "{row}");
        let rules: Vec<&str> = link
            .captures_iter(answer)
            .filter_map(|parts| {
                let (name, target) = (parts.get(1).unwrap().as_str(), parts.get(2).unwrap().as_str());
                assert!(common::repository().join("docs").join(target).exists(), "{target} is not there");
                target.starts_with("rules/").then(|| {
                    assert_eq!(target, format!("rules/{name}.md"));
                    name
                })
            })
            .collect();
        assert!(
            !rules.is_empty() || !answer.to_lowercase().contains("**find") && !answer.contains("ound**"),
            "{row} names no rule"
        );
        named.extend(rules);
    }
    for name in named {
        assert!(every_rule().any(|rule| rule.name == name), "{name} is no rule");
    }
}

#[test]
fn what_is_allowed_is_silent_and_nothing_else() {
    let check = |mesh: &str, cluster: &str| {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1{mesh}}}\nistio: {{version: 1.29.6}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nnetworks: [{{name: lan}}, {{name: unused}}]\nclusters:\n  \
             - {{name: east, network: lan, apiServer: 'https://10.0.2.10:6443', eastWestGateway: {{address: a.corp.internal}}}}\n  \
             - {{name: west, network: lan, apiServer: 'https://10.0.2.20:6443', controlPlane: east{cluster}}}\n"
        );
        let findings = meshgen::check(&Source::new("mesh.yaml", text));
        findings.iter().map(|finding| finding.rule).collect::<Vec<&str>>()
    };
    let allow = |rule: &str| format!(", allow: [{{rule: {rule}, reason: it is meant}}]");
    assert_eq!(check("", ""), ["host-name-control-plane", "unused-network"]);
    assert_eq!(check(&allow("unused-network"), ""), ["host-name-control-plane"]);
    assert_eq!(check(&allow("host-name-control-plane"), ""), ["unused-network"]);
    // The finding is about the primary: an entry of another cluster allows nothing.
    assert_eq!(
        check("", &allow("host-name-control-plane")),
        ["host-name-control-plane", "unused-network", "unused-allow"]
    );
    assert_eq!(check(", allow: [{rule: unused-network}]", ""), ["missing-field", "host-name-control-plane"]);
    // What the name was to be could allow every warning.
    assert_eq!(check(&allow("unusable-address"), ""), ["unusable-allow"]);
    // What depends on the day may not occur today.
    assert_eq!(check(&allow("end-of-life"), ""), ["host-name-control-plane", "unused-network"]);
}
