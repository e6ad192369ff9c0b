//! Flows as people read them: a table for each source.

use std::borrow::Cow;
use std::fmt::Write;

use crate::parallel;
use crate::terminal::{BOLD, GREEN, PLAIN, RED, styled};
use crate::words::bare_names;

use super::words::{push_destination, source, why};
use super::{Change, Flow, Flows, Scope, Security, What};

/// Flows for a terminal: a table for each source.
pub fn text(what: &What, is_coloured: bool) -> String {
    tables(what, is_coloured).concat()
}

/// The same, table by table: those of a large mesh are long.
pub fn tables(what: &What, is_coloured: bool) -> Vec<String> {
    let mut tables = Vec::new();
    for (change, flows) in what.each() {
        let (sign, style) = match change {
            None => ("  ", PLAIN),
            Some(Change::Added) => ("+ ", GREEN),
            Some(Change::Removed) => ("- ", RED),
        };
        let is_styled = is_coloured && change.is_some();
        tables.extend(parallel::map(&sources(flows), SOURCES_WORTH_A_THREAD, |rows| {
            let block = block(flows, rows);
            let widths = block.widths();
            let mut out = String::with_capacity(block.text.len() * 5 / 4 + block.title.len() + 2);
            out.push_str(&styled(&block.title, BOLD, is_coloured));
            out.push('\n');
            for cells in block.rows() {
                let begun = out.len();
                out.push_str(sign);
                for (cell, width) in cells.into_iter().zip(widths) {
                    out.push_str(cell);
                    out.extend(std::iter::repeat_n(' ', width - cell.len() + 2));
                }
                out.truncate(out.trim_end().len());
                if is_styled {
                    let line = out.split_off(begun);
                    out.push_str(&styled(&line, style, true));
                }
                out.push('\n');
            }
            out
        }));
    }
    // An empty line stands between them.
    let last = tables.len().saturating_sub(1);
    tables[..last].iter_mut().for_each(|table| table.push('\n'));
    tables
}

/// The tables of fewer sources are written sooner than a thread starts.
const SOURCES_WORTH_A_THREAD: usize = 32;

/// Flows for a page: a table for each source.
pub fn markdown(what: &What) -> String {
    let mut out = String::new();
    for (change, flows) in what.each() {
        let sign = match change {
            None => "",
            Some(Change::Added) => "comes: ",
            Some(Change::Removed) => "goes: ",
        };
        for rows in sources(flows) {
            let block = block(flows, rows);
            if !out.is_empty() {
                out.push('\n');
            }
            writeln!(out, "**{sign}{}**\n", escaped(&block.title)).expect("a String takes everything");
            out.push_str("| id | address | port | destination | why | file |\n|---|---|---|---|---|---|\n");
            for cells in block.rows() {
                let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
                writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes everything");
            }
        }
    }
    out
}

/// Names have none of these; a host of a URL may.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '|' | '*' | '_' | '[' | ']' | '\\' | '`') {
            out.push('\\');
        }
        out.push(character);
    }
    out.replace('<', "&lt;")
}

/// The flows of one source. Their cells stand in one text, one after the other.
struct Block {
    title: String,
    text: String,
    /// Where name, address, port, destination, reason and file of each flow end.
    ends: Vec<[usize; COLUMNS]>,
}

const COLUMNS: usize = 6;

impl Block {
    /// The cells of each flow.
    fn rows(&self) -> impl Iterator<Item = [&str; COLUMNS]> {
        let mut begin = 0;
        self.ends.iter().map(move |ends| {
            ends.map(|end| {
                let cell = &self.text[begin..end];
                begin = end;
                cell
            })
        })
    }

    fn widths(&self) -> [usize; COLUMNS] {
        let mut widths = [0; COLUMNS];
        for cells in self.rows() {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.len());
            }
        }
        widths
    }
}

/// The rows of each source.
fn sources(flows: &Flows) -> Vec<&[Flow]> {
    let is_same = |one: &Flow, other: &Flow| {
        let has_same_clusters = !flows.is_expanded || one.source.clusters == other.source.clusters;
        let (one, other) = (&one.source, &other.source);
        one.role == other.role && one.network == other.network && one.scope == other.scope && has_same_clusters
    };
    flows.rows.chunk_by(is_same).collect()
}

fn block(flows: &Flows, rows: &[Flow]) -> Block {
    const WIDTH: usize = 128;
    let mut all: Vec<usize> = rows.iter().flat_map(|row| row.source.clusters.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    let mut text = String::with_capacity(rows.len() * WIDTH);
    let mut end = |cell: &dyn Fn(&mut String)| {
        cell(&mut text);
        text.len()
    };
    let ends = rows.iter().map(|row| {
        let others = all.iter().filter(|cluster| row.destination.cluster != Some(**cluster)).count();
        let is_part = row.source.clusters.len() < others;
        [
            end(&|text| text.push_str(&flows.id(row))),
            end(&|text| text.push_str(&short_address(row))),
            end(&|text| write!(text, "{}", row.port).expect("a String takes everything")),
            end(&|text| push_destination(text, flows, row)),
            end(&|text| {
                text.push_str(&why(flows, row));
                if is_part {
                    let names = row.source.clusters.iter().map(|cluster| &*flows.clusters[*cluster].name);
                    text.extend([", from ", &bare_names(names), " only"]);
                }
                if row.security == Security::Plaintext {
                    text.push_str(", in plain text");
                }
            }),
            end(&|text| push_file(text, flows, row)),
        ]
    });
    let ends = ends.collect();
    Block { title: title(flows, &rows[0], &all), text, ends }
}

/// The file, or the name that files of several clusters have in common.
fn push_file(text: &mut String, flows: &Flows, row: &Flow) {
    let (mut clusters, mut name) = (Vec::new(), "");
    flows.each_file(row, |[cluster, slash, file]| {
        if clusters.is_empty() || !clusters.contains(&cluster) {
            if clusters.is_empty() {
                text.extend([cluster, slash, file]);
            }
            name = file;
            clusters.push(cluster);
        }
    });
    if let [first, _, ..] = clusters.as_slice() {
        text.truncate(text.len() - first.len() - 1 - name.len());
        text.extend([name, " of ", &bare_names(clusters)]);
    }
}

/// The same above a table, with the network.
fn title(flows: &Flows, row: &Flow, clusters: &[usize]) -> String {
    let source = source(flows, row, clusters);
    let Some(network) = row.source.network.map(|network| &flows.networks[network]) else { return source };
    match row.source.scope {
        Scope::Mesh => format!("{network}: {source}"),
        Scope::Network => format!("inside {network}: {source}"),
        Scope::Cluster => format!("inside each cluster of {network}: {source}"),
    }
}

/// The same in a table that names the destination beside it.
fn short_address(row: &Flow) -> Cow<'_, str> {
    match (&*row.destination.addresses, row.source.scope) {
        ([], Scope::Cluster) => Cow::Borrowed("the same cluster"),
        ([], _) => Cow::Borrowed("not stated"),
        ([address], _) => Cow::Borrowed(address),
        (addresses, _) => Cow::Owned(bare_names(addresses.iter().map(|address| &**address))),
    }
}
