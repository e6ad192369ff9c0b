//! Flows as people read them: a table for each source.

use std::fmt::Write;

use crate::terminal::{BOLD, GREEN, PLAIN, RED, styled};
use crate::words::bare_names;

use super::words::{destination, source, why};
use super::{Change, Flow, Flows, Scope, Security, What};

/// Flows for a terminal: a table for each source.
pub fn text(what: &What, is_coloured: bool) -> String {
    let mut out = String::new();
    for (change, flows) in what.each() {
        let (sign, style) = match change {
            None => ("  ", PLAIN),
            Some(Change::Added) => ("+ ", GREEN),
            Some(Change::Removed) => ("- ", RED),
        };
        for block in blocks(flows) {
            if !out.is_empty() {
                out.push('\n');
            }
            writeln!(out, "{}", styled(&block.title, BOLD, is_coloured)).expect("a String takes everything");
            let widths = block.widths();
            for cells in &block.rows {
                let mut line = sign.to_owned();
                for (cell, width) in cells.iter().zip(widths) {
                    write!(line, "{cell:width$}  ").expect("a String takes everything");
                }
                writeln!(out, "{}", styled(line.trim_end(), style, is_coloured && change.is_some()))
                    .expect("a String takes everything");
            }
        }
    }
    out
}

/// Flows for a page: a table for each source.
pub fn markdown(what: &What) -> String {
    let mut out = String::new();
    for (change, flows) in what.each() {
        let sign = match change {
            None => "",
            Some(Change::Added) => "comes: ",
            Some(Change::Removed) => "goes: ",
        };
        for block in blocks(flows) {
            if !out.is_empty() {
                out.push('\n');
            }
            writeln!(out, "**{sign}{}**\n", escaped(&block.title)).expect("a String takes everything");
            out.push_str("| id | address | port | destination | why | file |\n|---|---|---|---|---|---|\n");
            for cells in &block.rows {
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

/// The flows of one source.
struct Block {
    title: String,
    /// Name, address, port, destination, reason and file of each.
    rows: Vec<[String; 6]>,
}

impl Block {
    fn widths(&self) -> [usize; 6] {
        let mut widths = [0; 6];
        for cells in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.len());
            }
        }
        widths
    }
}

fn blocks(flows: &Flows) -> Vec<Block> {
    let is_same = |one: &Flow, other: &Flow| {
        let has_same_clusters = !flows.is_expanded || one.source.clusters == other.source.clusters;
        let (one, other) = (&one.source, &other.source);
        one.role == other.role && one.network == other.network && one.scope == other.scope && has_same_clusters
    };
    flows.rows.chunk_by(is_same).map(|rows| block(flows, rows)).collect()
}

fn block(flows: &Flows, rows: &[Flow]) -> Block {
    let mut all: Vec<usize> = rows.iter().flat_map(|row| row.source.clusters.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    let cells = |row: &Flow| {
        let others = all.iter().filter(|cluster| row.destination.cluster != Some(**cluster)).count();
        let is_part = row.source.clusters.len() < others;
        let mut why = why(flows, row);
        if is_part {
            let names = row.source.clusters.iter().map(|cluster| &*flows.clusters[*cluster].name);
            write!(why, ", from {} only", bare_names(names)).expect("a String takes everything");
        }
        if row.security == Security::Plaintext {
            why.push_str(", in plain text");
        }
        [flows.id(row), short_address(row), row.port.to_string(), destination(flows, row), why, file(&flows.files(row))]
    };
    Block { title: title(flows, &rows[0], &all), rows: rows.iter().map(cells).collect() }
}

/// Files of the same name in several clusters as a shell writes them.
fn file(files: &[String]) -> String {
    match files {
        [] => String::new(),
        [file] => file.clone(),
        [first, ..] => {
            let clusters = files.iter().filter_map(|file| file.split_once('/')).map(|(cluster, _)| cluster);
            let rest = first.split_once('/').map_or("", |(_, rest)| rest);
            format!("{} of {}", rest, bare_names(clusters))
        }
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
fn short_address(row: &Flow) -> String {
    match (row.destination.addresses.as_slice(), row.source.scope) {
        ([], Scope::Cluster) => "the same cluster".to_owned(),
        ([], _) => "not stated".to_owned(),
        (addresses, _) => bare_names(addresses.iter().map(|address| &**address)),
    }
}
