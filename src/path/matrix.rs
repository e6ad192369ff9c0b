use std::collections::BTreeMap;

use super::{Name, Paths, Service, Way};

/// The ways between all clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The clusters, in the order of the topology.
    pub clusters: Vec<String>,
    /// The networks of the clusters, in the same order.
    pub networks: Vec<String>,
    /// The checks that fail, and why.
    pub failures: Vec<(Name, String)>,
    /// A row for each cluster that calls, and a column for each that is called.
    cells: Vec<Cell>,
}

/// How one cluster reaches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The way.
    pub way: Way,
    /// The position of the first check that fails among the failures.
    pub failure: Option<usize>,
}

impl Matrix {
    /// The ways between all clusters of a mesh.
    pub fn of(paths: &Paths<'_, '_>, service: Option<Service<'_>>) -> Self {
        let clusters: Vec<&str> = paths.clusters().collect();
        let kinds = paths.kinds();
        let mut failures: Vec<(Name, String)> = Vec::new();
        let mut known: BTreeMap<(usize, usize, bool), Cell> = BTreeMap::new();
        let mut cells = Vec::with_capacity(clusters.len() * clusters.len());
        for row in 0..clusters.len() {
            for column in 0..clusters.len() {
                let kind = (kinds[row].0, kinds[column].1, row == column);
                let cell = *known.entry(kind).or_insert_with(|| {
                    let answer = paths.decide(row, column, service);
                    let failure = answer.failure().map(|check| (check.check, check.because.clone()));
                    let failure = failure.map(|failure| {
                        failures.iter().position(|other| *other == failure).unwrap_or_else(|| {
                            failures.push(failure);
                            failures.len() - 1
                        })
                    });
                    Cell { way: answer.way, failure }
                });
                cells.push(cell);
            }
        }
        Self {
            networks: paths.networks().map(str::to_owned).collect(),
            clusters: clusters.into_iter().map(str::to_owned).collect(),
            failures,
            cells,
        }
    }

    /// How the cluster at a position reaches that at another.
    pub fn cell(&self, from: usize, to: usize) -> Cell {
        self.cells[from * self.clusters.len() + to]
    }

    /// Every ordered pair of two clusters.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.clusters.len();
        (0..count).flat_map(move |from| (0..count).filter(move |to| *to != from).map(move |to| (from, to)))
    }

    /// Whether every way is there.
    pub fn is_whole(&self) -> bool {
        self.pairs().all(|(from, to)| self.cell(from, to).failure.is_none())
    }
}
