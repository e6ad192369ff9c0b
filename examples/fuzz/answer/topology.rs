//! A topology is answered by findings, each of them once, or by a mesh.

use std::str::FromStr;

use meshgen::diagnostic::{Diagnostic, Findings};
use meshgen::report::{self, Style};
use meshgen::source::Source;
use meshgen::topology::Date;

use super::Answer;

/// What every file contains that a topology names.
const AUTHORITY: &[u8] = include_bytes!("../../../tests/ca/cluster1.pem");
const SEALING: &[u8] = include_bytes!("../../../tests/seal/cluster1.pem");

/// Reads, checks and reports an input, and resolves what is right.
pub(super) fn answer(bytes: &[u8], emits: bool) -> Answer {
    let read = |file: &str| Ok(if file.starts_with("seal") { SEALING } else { AUTHORITY }.to_vec());
    let source = meshgen::with_files(Source::new("input.yaml", bytes), read);
    let today = Date::from_str("2026-12-01").unwrap();
    let findings = meshgen::check_on(&source, today, Vec::new());
    let Findings { list, unchecked } = &findings;
    let has_errors = meshgen::has_errors(list);
    assert!(has_errors || unchecked.is_empty(), "a rule is left out without a mistake");
    let report = report::text(&source, &findings, Style { is_coloured: false, width: 100 });
    assert_eq!(report.is_empty(), findings.is_empty(), "a report of nothing, or nothing of a report");
    for finding in list {
        assert!(!finding.message.is_empty() && !finding.help.is_empty(), "{} says too little", finding.rule);
    }
    if let Some(rule) = twice(list) {
        panic!("{rule} says the same of one place twice");
    }
    if emits && !has_errors {
        let is_emitted =
            meshgen::outline(&source, None).is_ok() || meshgen::ExternalFiles::of_source(&source).is_some();
        assert!(is_emitted, "what is right is not emitted");
    }
    Answer { findings: list.len(), has_errors }
}

/// A rule that says the same of one place twice.
fn twice(findings: &[Diagnostic]) -> Option<&'static str> {
    let mut said: Vec<(&str, &str, String)> = findings
        .iter()
        .filter_map(|finding| {
            Some((finding.rule, finding.message.as_str(), format!("{:?}", finding.labels.first()?.place)))
        })
        .collect();
    said.sort_unstable();
    let pair = said.windows(2).find(|pair| pair[0] == pair[1])?;
    findings.iter().map(|finding| finding.rule).find(|rule| *rule == pair[0].0)
}
