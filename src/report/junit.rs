//! Findings as test results, which most pipelines can show.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::diagnostic::{Place, Severity};
use crate::written::Written;

use crate::words::{is_deceptive, without_commands};

use super::text::{Artist, Style};
use super::{File, Located, locate, omissions, word};

/// Findings as JUnit's XML: a suite for each topology, a case for each finding, and one that passes where there is none.
///
/// A warning passes with its text as output, so that the results are red when the exit code is 1 and only then; with `is_strict`
/// it fails too.
pub fn junit(files: &[File], is_strict: bool) -> String {
    let suites: Vec<Suite> = files.iter().map(|file| suite(file, is_strict)).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    writeln!(
        out,
        "<testsuites name=\"meshgen check\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.errors)
    )
    .expect("a String takes everything");
    for (suite, file) in suites.iter().zip(files) {
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{}  </testsuite>",
            escaped(&file.source.name),
            suite.tests,
            suite.failures,
            suite.errors,
            suite.skipped,
            suite.cases
        )
        .expect("a String takes everything");
    }
    out + "</testsuites>\n"
}

#[derive(Default)]
struct Suite {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    cases: String,
}

fn suite(file: &File, is_strict: bool) -> Suite {
    let mut suite = Suite::default();
    let name = &file.source.name;
    if let Some(refusal) = &file.refusal {
        suite.errors += 1;
        let body = element("error", &[("message", refusal), ("type", "unreadable")], refusal);
        suite.add(name, "unreadable", None, &body);
    }
    if !file.findings.is_empty() {
        let written = Written::new(&file.source);
        let mut artist = Artist::new(&written, Style { is_coloured: false, width: 100 });
        let mut names = BTreeMap::new();
        for located in locate(&written, &file.findings.list) {
            let name = unique(&mut names, name_of(&written, &located));
            suite.finding(&written, &located, &artist.draw(&written, &located), &name, is_strict);
        }
        for omission in omissions(&written, &file.findings) {
            suite.skipped += 1;
            let message = omission.unchecked.message();
            let line = omission.range.map(|range| written.position(range.start).line);
            let name = match &omission.place {
                Place::Field(field) | Place::Key(field) => format!("not checked: {}", written.named(field)),
                Place::Whole | Place::Range(_) | Place::File(_) => "not checked".to_owned(),
            };
            let name = unique(&mut names, name);
            suite.add(written.name(), &name, line, &element("skipped", &[("message", &message)], &message));
        }
    }
    if file.is_clean() {
        suite.add(name, "no findings", None, "");
    }
    suite
}

impl Suite {
    fn finding(&mut self, written: &Written<'_>, located: &Located<'_>, drawn: &str, name: &str, is_strict: bool) {
        let finding = located.finding;
        let body = if finding.severity == Severity::Error || is_strict {
            self.failures += 1;
            let attributes = [("message", finding.message.as_str()), ("type", word(finding.severity))];
            element("failure", &attributes, drawn)
        } else {
            element("system-out", &[], drawn)
        };
        let range = located.labels.first().and_then(|spot| spot.range.clone());
        let line = range.map(|range| written.position(range.start).line);
        self.add(written.name(), name, line, &body);
    }

    fn add(&mut self, file: &str, name: &str, line: Option<usize>, body: &str) {
        self.tests += 1;
        let line = line.map_or(String::new(), |line| format!(" line=\"{line}\""));
        let (file, name) = (escaped(file), escaped(name));
        let case = format!("    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\"{line}");
        let end = if body.is_empty() { "/>\n".to_owned() } else { format!(">\n{body}    </testcase>\n") };
        self.cases += &(case + &end);
    }
}

/// A name that does not depend on line numbers, so that a pipeline recognises an old fault.
fn name_of(written: &Written<'_>, located: &Located<'_>) -> String {
    match located.labels.first().and_then(|spot| spot.field()) {
        Some(field) if !field.segments().is_empty() => format!("{}: {}", located.finding.rule, written.named(field)),
        _ => located.finding.rule.to_owned(),
    }
}

/// The name, told from those before it that are the same.
fn unique(names: &mut BTreeMap<String, usize>, name: String) -> String {
    let count = names.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
    if *count == 1 { name } else { format!("{name} ({count})") }
}

fn element(name: &str, attributes: &[(&str, &str)], text: &str) -> String {
    let mut out = format!("      <{name}");
    for (attribute, value) in attributes {
        write!(out, " {attribute}=\"{}\"", escaped(value)).expect("a String takes everything");
    }
    out + &format!(">{}</{name}>\n", text.split('\n').map(escaped).collect::<Vec<String>>().join("\n"))
}

/// Text for XML, without the characters that XML 1.0 has no way to write (section 2.2).
fn escaped(text: &str) -> String {
    let text = &without_commands(text.to_owned());
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => write!(out, "&#{};", u32::from(character)).expect("a String takes everything"),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            _ if is_deceptive(character) => {
                write!(out, "&#{};", u32::from(character)).expect("a String takes everything");
            }
            _ => out.push(character),
        }
    }
    out
}
