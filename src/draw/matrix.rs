//! How each cluster reaches each other: callers are rows, the called are columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::{self, Matrix, Way};

use super::svg::{LINE, MARGIN, Point, Rect, Svg, width};

/// A mesh of more clusters is drawn network by network.
const CLUSTERS_DRAWN: usize = 200;
const CELL: i32 = 22;
const GAP: i32 = 8;

/// What a cell shows, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    /// Nobody asks: a cluster and itself, or a pair that is not there.
    None,
    Direct,
    Gateway,
    Fails,
}

impl Cell {
    fn of(cell: path::Cell) -> Self {
        match (cell.failure, cell.way) {
            (Some(_), _) => Self::Fails,
            (None, Way::Gateway) => Self::Gateway,
            (None, Way::Direct | Way::Inside) => Self::Direct,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Direct => "direct",
            Self::Gateway => "gateway",
            Self::Fails => "fails",
        }
    }

    fn letter(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Direct => "d",
            Self::Gateway => "g",
            Self::Fails => "X",
        }
    }
}

/// The names of rows and columns, and the cells that are there.
struct Table<'m> {
    names: Vec<&'m str>,
    cells: BTreeMap<(&'m str, &'m str), Cell>,
}

fn table<'m>(matrix: &'m Matrix, is_large: bool) -> Table<'m> {
    let networks: BTreeMap<&'m str, &'m str> =
        matrix.clusters.iter().map(String::as_str).zip(matrix.networks.iter().map(String::as_str)).collect();
    let place = |cluster: &'m str| if is_large { networks[cluster] } else { cluster };
    let mut names: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    names.extend(matrix.clusters.iter().map(|cluster| place(cluster)).filter(|name| seen.insert(*name)));
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for (from, to) in matrix.pairs() {
        let cell = cells.entry((place(&matrix.clusters[from]), place(&matrix.clusters[to]))).or_insert(Cell::None);
        *cell = Cell::of(matrix.cell(from, to)).max(*cell);
    }
    Table { names, cells }
}

pub(super) fn draw(before: Option<&Matrix>, after: &Matrix) -> Svg {
    let is_large = before.into_iter().chain([after]).any(|matrix| matrix.clusters.len() > CLUSTERS_DRAWN);
    let what = if is_large { "networks" } else { "clusters" };
    let mut svg = Svg::new(format!("Ways between {what}: rows call columns"));
    let (old, new) = (before.map(|matrix| table(matrix, is_large)), table(after, is_large));
    let mut names = new.names.clone();
    if let Some(old) = &old {
        names.extend(old.names.iter().filter(|name| !new.names.contains(name)));
    }
    for cell in [Cell::None, Cell::Direct, Cell::Gateway, Cell::Fails] {
        svg.define(cell.class(), CELL - 2, cell.letter());
    }
    let longest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    let title = svg.title.clone();
    svg.text(Point { x: MARGIN, y: MARGIN + LINE }, "name", &title);
    let (left, top) = (MARGIN + longest + GAP, MARGIN + LINE + GAP + longest + GAP);
    let step = |number: usize| i32::try_from(number).unwrap_or_default() * CELL;
    svg.open("labels", "");
    for (number, name) in names.iter().enumerate() {
        svg.text(Point { x: MARGIN, y: top + step(number) + CELL - 6 }, "", name);
        svg.upright(Point { x: left + step(number) + CELL - 6, y: top - GAP }, name);
    }
    svg.close();
    for (row, from) in names.iter().enumerate() {
        for (column, to) in names.iter().enumerate() {
            let find = |table: &Table<'_>| table.cells.get(&(*from, *to)).copied().unwrap_or(Cell::None);
            let cell = find(&new);
            let was = old.as_ref().map_or(cell, find);
            let at = Point { x: left + step(column), y: top + step(row) };
            let shown = if cell == Cell::None { was } else { cell };
            svg.copy(at, shown.class());
            let class = match (was == cell, was, cell) {
                (true, ..) => continue,
                (_, Cell::None, _) => "comes",
                (_, _, Cell::None) => "goes",
                _ => "changes",
            };
            svg.open(class, "");
            svg.rect(Rect { x: at.x, y: at.y, width: CELL - 2, height: CELL - 2 }, "frame");
            svg.close();
        }
    }
    svg.reach(Rect { x: left, y: top, width: step(names.len()), height: step(names.len()) });
    let mut words = "d: pod to pod, g: through a gateway, X: fails".to_owned();
    if before.is_some() {
        words.push_str("; with a frame: comes or changes, dashed: goes");
    }
    svg.open("legend", "");
    svg.text(Point { x: MARGIN, y: top + step(names.len()) + LINE + GAP }, "soft", &words);
    svg.close();
    svg
}
