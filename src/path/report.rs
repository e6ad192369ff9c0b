use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::schema;
use crate::terminal::{BOLD, GREEN, RED, YELLOW, styled, wrap};
use crate::words::plain_json;

use super::{Answer, Call, Check, Endpoint, Name, Paths, Verdict, Way};

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
pub struct Matrix {
    /// `meshgen-paths-1`.
    pub format: &'static str,
    /// The clusters, in the order of the topology.
    pub clusters: Vec<String>,
    /// The networks of the clusters, in the same order.
    pub networks: Vec<String>,
    /// Every ordered pair of two clusters: callers in the order of the clusters, and of each, the called in that order.
    pub pairs: Vec<Pair>,
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

impl Matrix {
    /// The ways between all clusters of a mesh.
    pub fn of(paths: &Paths<'_, '_>, service: Option<super::Service<'_>>) -> Self {
        let clusters: Vec<&str> = paths.clusters().collect();
        let mut pairs = Vec::with_capacity(clusters.len() * clusters.len().saturating_sub(1));
        for from in &clusters {
            for to in clusters.iter().filter(|to| *to != from) {
                let call = Call { from, from_namespace: None, to, service };
                let Some(answer) = paths.decide(&call) else { continue };
                let failure = answer.failure();
                pairs.push(Pair {
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    way: answer.way,
                    fails_at: failure.map(|check| check.check),
                    because: failure.map(|check| check.because.clone()),
                });
            }
        }
        Self {
            format: MATRIX_FORMAT,
            networks: paths.networks().map(str::to_owned).collect(),
            clusters: clusters.into_iter().map(str::to_owned).collect(),
            pairs,
        }
    }

    /// Whether every way is there.
    pub fn is_whole(&self) -> bool {
        self.pairs.iter().all(|pair| pair.fails_at.is_none())
    }

    /// The JSON Schema of the matrix.
    pub fn schema() -> Value {
        schema::of_output::<Self>("paths.schema.json")
    }
}

/// One call for programs.
pub fn json(answer: &Answer) -> String {
    printed(&Report {
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
    printed(matrix)
}

fn printed(report: &impl Serialize) -> String {
    let mut text = plain_json(&serde_json::to_string_pretty(report).expect("ways are plain data"));
    text.push('\n');
    text
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
    let pairs: BTreeMap<(&str, &str), &Pair> =
        matrix.pairs.iter().map(|pair| ((pair.from.as_str(), pair.to.as_str()), pair)).collect();
    let digits = matrix.clusters.len().to_string().len();
    let mut out = format!("{:digits$}  {:longest$} ", "", "from \\ to");
    for number in 1..=matrix.clusters.len() {
        write!(out, " {number:>digits$}").expect("a String takes everything");
    }
    out.push('\n');
    for (number, from) in (1..).zip(&matrix.clusters) {
        write!(out, "{number:>digits$}  {from:longest$} ").expect("a String takes everything");
        for _ in from.len().max(longest).."from \\ to".len() {
            out.push(' ');
        }
        for to in &matrix.clusters {
            let (mark, style) = match pairs.get(&(from.as_str(), to.as_str())) {
                None => (".", None),
                Some(Pair { fails_at: Some(_), .. }) => ("X", Some(RED)),
                Some(Pair { way: Way::Gateway, .. }) => ("g", Some(GREEN)),
                Some(_) => ("d", Some(GREEN)),
            };
            let cell = format!("{mark:>digits$}");
            out.push(' ');
            out.push_str(&style.map_or(cell.clone(), |style| styled(&cell, style, is_coloured)));
        }
        out.push('\n');
    }
    out.push_str("\nd: pod to pod, g: through a gateway, X: fails\n");
    let mut reasons: BTreeMap<(Name, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for pair in &matrix.pairs {
        if let (Some(name), Some(because)) = (pair.fails_at, &pair.because) {
            reasons.entry((name, because)).or_default().push((&pair.from, &pair.to));
        }
    }
    for ((name, because), pairs) in reasons {
        let pairs: Vec<String> = pairs.iter().map(|(from, to)| format!("{from} to {to}")).collect();
        let pairs = crate::words::bare_names(pairs.iter().map(String::as_str));
        writeln!(out, "\n{pairs}: fails at `{}`\n  {because}", name.word()).expect("a String takes everything");
    }
    out
}
