//! Findings in the Static Analysis Results Interchange Format, 2.1.0, as code scanning and editors read them.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::check::every_rule;
use crate::diagnostic::Certainty;
use crate::rule::Rule;
use crate::words::{hex, plain_json};
use crate::written::Written;

use super::{File, Located, Omission, Spot, locate, omissions, word};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Findings as one SARIF log with one run, which names every rule whether it found something or not.
pub fn sarif(files: &[File]) -> String {
    let rules: Vec<Rule> = every_rule().collect();
    let mut results = Vec::new();
    let mut seen = BTreeMap::new();
    let mut notifications = unread(files);
    for (index, file) in files.iter().enumerate().filter(|(_, file)| !file.findings.is_empty()) {
        let written = Written::new(&file.source);
        let artifact = Artifact { written: &written, index };
        results.extend(locate(&written, &file.findings.list).iter().map(|located| {
            let rule = rules.iter().position(|rule| rule.name == located.finding.rule);
            artifact.result(located, rule, &mut seen)
        }));
        notifications
            .extend(omissions(&written, &file.findings).iter().map(|omission| artifact.notification(omission)));
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "meshgen",
                    "version": env!("CARGO_PKG_VERSION"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(descriptor).collect::<Value>(),
                },
            },
            "invocations": [{
                "executionSuccessful": files.iter().all(|file| file.refusal.is_none()),
                "toolExecutionNotifications": notifications,
            }],
            "artifacts": files.iter().map(artifact).collect::<Value>(),
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    plain_json(&format!("{log:#}\n"))
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "shortDescription": { "text": rule.first_sentence() },
        "fullDescription": { "text": rule.summary() },
        "help": { "text": rule.page, "markdown": rule.page },
        "defaultConfiguration": { "level": word(rule.severity) },
    })
}

fn unread(files: &[File]) -> Vec<Value> {
    let unread = files.iter().enumerate().filter_map(|(index, file)| Some((index, file, file.refusal.as_ref()?)));
    unread
        .map(|(index, file, refusal)| {
            json!({
                "level": "error",
                "message": message(refusal),
                "locations": [{ "physicalLocation": { "artifactLocation": at(&file.source.name, Some(index)) } }],
            })
        })
        .collect()
}

fn artifact(file: &File) -> Value {
    let is_stream = file.source.name == "<stdin>";
    let roles = if is_stream { json!(["analysisTarget", "standardStream"]) } else { json!(["analysisTarget"]) };
    json!({ "location": at(&file.source.name, None), "roles": roles })
}

struct Artifact<'a> {
    written: &'a Written<'a>,
    index: usize,
}

impl Artifact<'_> {
    fn result(&self, located: &Located<'_>, rule: Option<usize>, seen: &mut BTreeMap<String, usize>) -> Value {
        let finding = located.finding;
        let (first, others) = located.labels.split_first().expect("a finding has a place");
        let mut result = json!({
            "ruleId": finding.rule,
            "level": word(finding.severity),
            "message": message(&text(located, others)),
            "locations": [self.location(first)],
            "partialFingerprints": { "meshgenFinding/v1": self.fingerprint(located, seen) },
        });
        if let Some(rule) = rule {
            result["ruleIndex"] = json!(rule);
        }
        if !others.is_empty() {
            let related = others.iter().zip(1..).map(|(spot, id)| {
                let mut location = self.location(spot);
                location["id"] = json!(id);
                location
            });
            result["relatedLocations"] = related.collect();
        }
        if let Some(edit) = &located.edit {
            let description = match edit.certainty {
                Certainty::Certain => "Certain: nothing else can be meant.",
                Certainty::Likely => "A guess: check it before you apply it.",
            };
            result["fixes"] = json!([{
                "description": { "text": description },
                "artifactChanges": [{
                    "artifactLocation": at(self.written.name(), Some(self.index)),
                    "replacements": [{
                        "deletedRegion": self.region(&edit.range),
                        "insertedContent": { "text": edit.replacement },
                    }],
                }],
            }]);
        }
        result
    }

    fn notification(&self, omission: &Omission<'_>) -> Value {
        json!({
            "level": "note",
            "message": message(&omission.unchecked.message()),
            "locations": [self.location(&Spot { place: &omission.place, text: "", range: omission.range.clone() })],
        })
    }

    fn location(&self, spot: &Spot<'_>) -> Value {
        let mut location = match spot.other_file() {
            Some(path) => json!({ "physicalLocation": { "artifactLocation": at(path.as_str(), None) } }),
            None => {
                json!({ "physicalLocation": { "artifactLocation": at(self.written.name(), Some(self.index)) } })
            }
        };
        if let Some(range) = &spot.range {
            location["physicalLocation"]["region"] = self.region(range);
        }
        if !spot.text.is_empty() {
            location["message"] = message(spot.text);
        }
        if let Some(field) = spot.field().filter(|field| !field.segments().is_empty()) {
            location["logicalLocations"] = json!([{ "fullyQualifiedName": field.to_string(), "kind": "property" }]);
        }
        location
    }

    fn region(&self, range: &Range<usize>) -> Value {
        let (start, end) = (self.written.position(range.start), self.written.position(range.end));
        json!({
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        })
    }

    /// What a finding is known by when lines and items before it have come or gone.
    fn fingerprint(&self, located: &Located<'_>, seen: &mut BTreeMap<String, usize>) -> String {
        let field = located.labels.first().and_then(|spot| spot.field());
        let field = field.map(|field| self.written.named(field)).unwrap_or_default();
        let mut digest = Sha256::new();
        for part in [self.written.name(), located.finding.rule, &field, &located.finding.message] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let print = hex(&digest.finalize()[..16]);
        let count = seen.entry(print.clone()).and_modify(|count| *count += 1).or_insert(1);
        format!("{print}:{count}")
    }
}

/// What is wrong, links to the other places (section 3.11.6), and what to do.
fn text(located: &Located<'_>, others: &[Spot<'_>]) -> String {
    let mut text = located.finding.message.clone();
    for (spot, id) in others.iter().zip(1..) {
        let label = if spot.text.is_empty() { "also here" } else { spot.text };
        let label = label.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
        write!(text, "\n[{label}]({id})").expect("a String takes everything");
    }
    for help in &located.finding.help {
        write!(text, "\nhelp: {help}").expect("a String takes everything");
    }
    text
}

/// A message of a log: section 3.11.5 has braces doubled, since they could hold a placeholder.
fn message(text: &str) -> Value {
    json!({ "text": text.replace('{', "{{").replace('}', "}}") })
}

/// A file's place; relative paths start at the directory that the program ran in.
fn at(path: &str, index: Option<usize>) -> Value {
    let mut location = json!({ "uri": uri(path) });
    if let Some(index) = index {
        location["index"] = json!(index);
    }
    location
}

/// A path as a reference to it (RFC 3986).
fn uri(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let mut out = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes everything");
        }
    }
    out
}
