use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::schema;
use crate::terminal::{BOLD, GREEN, RED, YELLOW, styled, wrap};
use crate::words::{bare_names, report_json};

use super::matrix::{Cell, Matrix};
use super::{Answer, Check, Endpoint, Name, Verdict, Way};

/// The format of the JSON report on one call.
pub const FORMAT: &str = "meshgen-path-1";
/// The format of that on all pairs.
pub const MATRIX_FORMAT: &str = "meshgen-paths-1";

/// How a call gets from one cluster to another.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Path")]
pub struct Report {
    /// `meshgen-path-1`.
    pub format: &'static str,
    /// The cluster that calls.
    pub from: String,
    /// The cluster that is called.
    pub to: String,
    /// The service, as `NAMESPACE/NAME:PORT`; null where none is asked about.
    pub service: Option<String>,
    /// The way.
    pub way: Way,
    /// The gateways that are dialled; empty where pods are.
    pub endpoints: Vec<Endpoint>,
    /// The server name by which gateways know the service; null without a service or without gateways.
    pub sni: Option<String>,
    /// The names of the rows of `meshgen flows` that the call needs.
    pub flows: Vec<String>,
    /// The first check that fails; null where none does.
    pub fails_at: Option<Name>,
    /// The checks, in the order in which a call meets them.
    pub checks: Vec<Check>,
}

impl Report {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("path.schema.json")
    }
}

/// The ways between all clusters.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Paths")]
pub struct MatrixReport {
    /// `meshgen-paths-1`.
    pub format: &'static str,
    /// The clusters, in the order of the topology.
    pub clusters: Vec<String>,
    /// The networks of the clusters, in the same order.
    pub networks: Vec<String>,
    /// Every ordered pair of two clusters: callers in the order of the clusters, and of each, the called in that order.
    pub pairs: Vec<Pair>,
}

impl MatrixReport {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("paths.schema.json")
    }
}

/// A pair of clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The cluster that calls.
    pub from: String,
    /// The cluster that is called.
    pub to: String,
    /// The way.
    pub way: Way,
    /// The first check that fails; null where none does.
    pub fails_at: Option<Name>,
    /// Why it fails; null where nothing does.
    pub because: Option<String>,
}

/// One call for programs.
pub fn json(answer: &Answer) -> String {
    report_json(&Report {
        format: FORMAT,
        from: answer.from.clone(),
        to: answer.to.clone(),
        service: answer.service.clone(),
        way: answer.way,
        endpoints: answer.endpoints.clone(),
        sni: answer.sni.clone(),
        flows: answer.flows.clone(),
        fails_at: answer.failure().map(|check| check.check),
        checks: answer.checks.clone(),
    })
}

/// All pairs for programs.
pub fn matrix_json(matrix: &Matrix) -> String {
    let pair = |(from, to): (usize, usize)| {
        let cell = matrix.cell(from, to);
        let failure = cell.failure.map(|failure| &matrix.failures[failure]);
        Pair {
            from: matrix.clusters[from].clone(),
            to: matrix.clusters[to].clone(),
            way: cell.way,
            fails_at: failure.map(|(name, _)| *name),
            because: failure.map(|(_, because)| because.clone()),
        }
    };
    report_json(&MatrixReport {
        format: MATRIX_FORMAT,
        clusters: matrix.clusters.clone(),
        networks: matrix.networks.clone(),
        pairs: matrix.pairs().map(pair).collect(),
    })
}

/// One call for a terminal: a line for each check, and what to do under it.
pub fn text(answer: &Answer, width: Option<usize>, is_coloured: bool) -> String {
    let Answer { from, to, .. } = answer;
    let service = answer.service.as_ref().map_or(String::new(), |service| format!(", {service}"));
    let result = match answer.failure() {
        Some(check) => format!("fails at `{}`", check.check.word()),
        None => "nothing that the topology knows is in the way".to_owned(),
    };
    let mut out = styled(&format!("{from} to {to}{service}: {result}"), BOLD, is_coloured);
    out.push('\n');
    for check in &answer.checks {
        let (mark, style) = match check.verdict {
            Verdict::Holds => ("ok   ", GREEN),
            Verdict::Unseen => ("?    ", YELLOW),
            Verdict::Fails => ("FAILS", RED),
        };
        let first = format!("  {} {:<8} ", styled(mark, style, is_coloured), check.check.word());
        let mut lines = told(&check.because, width);
        if !check.files.is_empty() {
            lines.extend(told(&format!("by {}", check.files.join(", ")), width));
        }
        lines.extend(check.help.iter().flat_map(|help| {
            let word = if check.verdict == Verdict::Fails { "help" } else { "see" };
            // A command is copied as it stands.
            told(&format!("{word}: {help}"), width.filter(|_| check.verdict == Verdict::Fails))
        }));
        for (number, line) in lines.iter().enumerate() {
            let begin = if number == 0 { first.as_str() } else { INDENT };
            writeln!(out, "{}", format!("{begin}{line}").trim_end()).expect("a String takes everything");
        }
    }
    out
}

const INDENT: &str = "                 ";

fn told(text: &str, width: Option<usize>) -> Vec<String> {
    match width {
        Some(width) => wrap(text, width.saturating_sub(INDENT.len()).max(30), "", ""),
        None => vec![text.to_owned()],
    }
}

/// All pairs for a terminal: callers are lines, the called are columns.
pub fn matrix_text(matrix: &Matrix, is_coloured: bool) -> String {
    let longest = matrix.clusters.iter().map(String::len).max().unwrap_or_default();
    let digits = matrix.clusters.len().to_string().len();
    let mut out = format!("{:digits$}  {:longest$} ", "", "from \\ to");
    for number in 1..=matrix.clusters.len() {
        write!(out, " {number:>digits$}").expect("a String takes everything");
    }
    out.push('\n');
    for (row, from) in matrix.clusters.iter().enumerate() {
        write!(out, "{:>digits$}  {from:longest$} ", row + 1).expect("a String takes everything");
        for _ in from.len().max(longest).."from \\ to".len() {
            out.push(' ');
        }
        for column in 0..matrix.clusters.len() {
            let (mark, style) = match matrix.cell(row, column) {
                _ if row == column => (".", None),
                Cell { failure: Some(_), .. } => ("X", Some(RED)),
                Cell { way: Way::Gateway, .. } => ("g", Some(GREEN)),
                Cell { .. } => ("d", Some(GREEN)),
            };
            let cell = format!("{mark:>digits$}");
            out.push(' ');
            out.push_str(&style.map_or(cell.clone(), |style| styled(&cell, style, is_coloured)));
        }
        out.push('\n');
    }
    out.push_str("\nd: pod to pod, g: through a gateway, X: fails\n");
    let mut failing: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (from, to) in matrix.pairs() {
        if let Some(failure) = matrix.cell(from, to).failure {
            let pair = format!("{} to {}", matrix.clusters[from], matrix.clusters[to]);
            failing.entry(failure).or_default().push(pair);
        }
    }
    for (failure, pairs) in failing {
        let (name, because) = &matrix.failures[failure];
        let pairs = bare_names(pairs.iter().map(String::as_str));
        writeln!(out, "\n{pairs}: fails at `{}`\n  {because}", name.word()).expect("a String takes everything");
    }
    out
}
