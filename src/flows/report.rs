//! Flows as people and programs read them.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::parallel;
use crate::schema;
use crate::words::report_json;

use super::words::{destination, noun, source, why};
use super::{Change, Flow, Flows, Port, Purpose, Role, Scope, Security, What};

/// The format of the JSON report.
pub const FORMAT: &str = "meshgen-flows-1";

/// The firewall table of a mesh.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Flows")]
pub struct Report {
    /// `meshgen-flows-1`.
    pub format: &'static str,
    /// The mesh ID.
    pub mesh: String,
    /// The flows. With `--since`, only those that come or go.
    pub flows: Vec<Row>,
}

impl Report {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("flows.schema.json")
    }
}

/// A flow of TCP connections.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What a ticket calls it. It stays the same as long as source, destination and port do.
    pub id: String,
    /// With `--since`: whether it comes or goes; otherwise null.
    pub change: Option<Change>,
    /// Who opens connections.
    pub source: SourceEnd,
    /// To whom.
    pub destination: DestinationEnd,
    /// The port that is dialled: a number, `any` port of the workloads, or the `nodePort` that Kubernetes chooses.
    pub port: Port,
    /// `TCP`.
    pub protocol: &'static str,
    /// What is said there: `passthrough` is TLS that a firewall must not open.
    pub tls: Security,
    /// Why, in words.
    pub why: String,
    /// What stops without it.
    pub needed_by: Vec<Purpose>,
    /// The files of the tree that make it so.
    pub files: Vec<String>,
}

/// Who opens connections.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceEnd {
    /// What it is.
    pub role: Role,
    /// Its network; null for what is in no network of the mesh.
    pub network: Option<String>,
    /// Where it is.
    pub clusters: Vec<SourceCluster>,
    /// What it is, where, and by which addresses it is seen, in words; of many, the first.
    pub text: String,
}

/// A cluster in which connections are opened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceCluster {
    /// The cluster; null for what is in no cluster.
    pub name: Option<String>,
    /// The ranges by which it is seen; empty where nobody stated them.
    pub addresses: Vec<String>,
}

/// To whom connections are opened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestinationEnd {
    /// What it is.
    pub role: Role,
    /// Its cluster; null for what is in no cluster.
    pub cluster: Option<String>,
    /// The address, the name or the ranges; empty where nobody stated them.
    pub addresses: Vec<String>,
    /// What it is and where, in words.
    pub text: String,
}

/// Flows for programs.
pub fn json(what: &What) -> String {
    let parts = what.each();
    let mesh = parts.last().map_or(String::new(), |(_, flows)| flows.mesh.clone());
    let report = Report { format: FORMAT, mesh, flows: rows(what) };
    report_json(&report)
}

/// Every flow as a row.
pub fn rows(what: &What) -> Vec<Row> {
    let parts = what.each();
    let rows = parts.iter().flat_map(|(change, flows)| flows.rows.iter().map(|flow| row(flows, flow, *change)));
    rows.collect()
}

fn row(flows: &Flows, row: &Flow, change: Option<Change>) -> Row {
    let cluster = |(position, name, addresses): (Option<usize>, &str, &[String])| SourceCluster {
        name: position.map(|_| name.to_owned()),
        addresses: addresses.to_vec(),
    };
    Row {
        id: flows.id(row),
        change,
        source: SourceEnd {
            role: row.source.role,
            network: row.source.network.map(|network| flows.networks[network].to_string()),
            clusters: flows.ends(row).map(cluster).collect(),
            text: source(flows, row, &row.source.clusters),
        },
        destination: DestinationEnd {
            role: row.destination.role,
            cluster: row.destination.cluster.map(|cluster| flows.clusters[cluster].name.to_string()),
            addresses: row.destination.addresses.iter().map(ToString::to_string).collect(),
            text: destination(flows, row),
        },
        port: row.port,
        protocol: PROTOCOL,
        tls: row.security,
        why: why(flows, row).into_owned(),
        needed_by: row.purposes.to_vec(),
        files: flows.files(row),
    }
}

/// All that a mesh says to itself is TCP; QUIC and the DNS of clusters stay inside them.
const PROTOCOL: &str = "TCP";

/// Flows for a spreadsheet (RFC 4180, with line feeds). Names that belong together have a space between them.
pub fn csv(what: &What) -> String {
    let parts = what.each();
    let mut out = String::new();
    if parts.iter().any(|(change, _)| change.is_some()) {
        out.push_str("change,");
    }
    out.push_str(COLUMNS);
    out.push('\n');
    for (change, flows) in parts {
        let shares = parallel::by_share(&flows.rows, ROWS_WORTH_A_THREAD, |rows| {
            let mut lines = String::new();
            for row in rows {
                line(&mut lines, flows, row, change);
            }
            lines
        });
        for lines in &shares {
            out.push_str(lines);
        }
    }
    out
}

/// Fewer rows are written sooner than a thread starts.
const ROWS_WORTH_A_THREAD: usize = 500;

fn line(out: &mut String, flows: &Flows, row: &Flow, change: Option<Change>) {
    if let Some(change) = change {
        cell(out, if change == Change::Added { "added" } else { "removed" });
    }
    let names = flows.ends(row).filter(|(position, ..)| position.is_some()).map(|(_, name, _)| name);
    let purposes = row.purposes.iter().map(|purpose| purpose.word());
    cell(out, &flows.id(row));
    cell(out, &joined(names));
    cell(out, row.source.role.word());
    cell(out, &seen(flows, row));
    cell(out, row.destination.cluster.map_or("", |cluster| &flows.clusters[cluster].name));
    cell(out, row.destination.role.word());
    cell(out, &address(flows, row));
    cell(out, &row.port.to_string());
    cell(out, PROTOCOL);
    cell(out, security(row.security));
    cell(out, &why(flows, row));
    cell(out, &joined(purposes));
    cell(out, &joined(flows.files(row).iter().map(String::as_str)));
    out.pop();
    out.push('\n');
}

const COLUMNS: &str = "id,source_cluster,source_role,source_cidrs,destination_cluster,destination_role,destination,port,protocol,tls,why,needed_by,file";

fn cell(out: &mut String, text: &str) {
    if text.contains([',', '"', '\n']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
    out.push(',');
}

fn joined<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<&str>>().join(" ")
}

fn security(security: Security) -> &'static str {
    match security {
        Security::Passthrough => "passthrough: do not inspect",
        Security::Plaintext => "plain text",
    }
}

/// Where connections come from: ranges, or words where nobody stated any.
fn seen(flows: &Flows, row: &Flow) -> String {
    let role = row.source.role;
    let seen = flows.ends(row).map(|(position, name, addresses)| match (addresses, position) {
        ([], None) => noun(flows, role, 1).to_owned(),
        ([], Some(_)) => {
            let where_from = match role {
                Role::Pods if row.source.scope == Scope::Mesh => ", as they leave the cluster",
                Role::Istiod if row.source.scope == Scope::Mesh => ", as it leaves the cluster",
                Role::ApiServer if row.source.scope == Scope::Mesh => ", as it calls out",
                _ => "",
            };
            format!("{} of {name}{where_from}", noun(flows, role, 1))
        }
        (addresses, _) => addresses.join(" "),
    });
    seen.collect::<Vec<String>>().join("; ")
}

/// What is dialled: addresses, or words where nobody stated any.
fn address<'f>(flows: &'f Flows, row: &'f Flow) -> Cow<'f, str> {
    match &*row.destination.addresses {
        [] => Cow::Owned(destination(flows, row)),
        [address] => Cow::Borrowed(address),
        addresses => Cow::Owned(joined(addresses.iter().map(|address| &**address))),
    }
}
