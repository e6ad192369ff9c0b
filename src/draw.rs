//! Pictures of a mesh, or of what changes between two: the mesh itself, the ways between its clusters, and its certificates on a time line.
//!
//! The layout is sums of sizes, so the same mesh gives the same bytes. Letters have one width (a monospaced font), so every text is known to
//! fit its box.

use crate::mesh::Mesh;
use crate::path::{Matrix, Objects, Paths};
use crate::topology::Date;

use self::scene::Scene;

pub use self::html::page;
pub use self::svg::{LETTER, SIZE};

mod certificates;
mod html;
mod matrix;
mod mesh;
mod scene;
mod svg;

/// What is drawn of a mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    scene: Scene,
    /// None where no view shows it.
    matrix: Option<Matrix>,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// Networks with their clusters, control planes, gateways and traces.
    Mesh,
    /// How each cluster reaches each other.
    Matrix,
    /// Certificates on a time line.
    Certificates,
}

impl View {
    /// Every view, in the order of a page.
    pub const ALL: [Self; 3] = [Self::Mesh, Self::Matrix, Self::Certificates];

    /// What it shows, as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mesh => "Mesh",
            Self::Matrix => "Ways between clusters",
            Self::Certificates => "Certificates",
        }
    }
}

impl Facts {
    /// What some views show of a mesh.
    pub fn of(mesh: &Mesh<'_>, views: &[View]) -> Self {
        let matrix = || Matrix::of(&Paths::of(mesh, &Objects::default()), None);
        Self { scene: Scene::of(mesh), matrix: views.contains(&View::Matrix).then(matrix) }
    }
}

/// A picture as SVG: of one mesh, or with one before, of what comes, goes and changes.
pub fn svg(before: Option<&Facts>, facts: &Facts, view: View, today: Date) -> String {
    picture(before, facts, view, today).standalone()
}

/// The ways between clusters as SVG.
pub fn ways(matrix: &Matrix) -> String {
    matrix::draw(None, matrix).standalone()
}

/// The picture of a mesh for its tree, which does not depend on the day.
pub(crate) fn of_tree(mesh: &Mesh<'_>) -> String {
    mesh::draw(&scene::compared(None, &Scene::of(mesh))).standalone()
}

fn picture(before: Option<&Facts>, facts: &Facts, view: View, today: Date) -> svg::Svg {
    let old = before.map(|facts| &facts.scene);
    match view {
        View::Mesh => mesh::draw(&scene::compared(old, &facts.scene)),
        View::Matrix => {
            let matrix = |facts: &'_ Facts| facts.matrix.clone().unwrap_or_default();
            matrix::draw(before.map(matrix).as_ref(), &matrix(facts))
        }
        View::Certificates => certificates::draw(old, &facts.scene, today),
    }
}
