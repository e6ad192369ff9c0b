//! meshgen compiles one topology file into everything that makes several Kubernetes clusters one Istio mesh.

use crate::diagnostic::{Diagnostic, Severity};
use crate::mesh::Mesh;
use crate::pki::Authority;
use crate::source::Source;
use crate::topology::Date;
use crate::tree::Tree;

pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod disk;
pub mod emit;
pub mod load;
pub mod lock;
pub mod mesh;
pub mod pki;
pub mod release;
pub mod report;
pub mod schema;
pub mod shape;
pub mod source;
pub mod syntax;
mod template;
pub mod topology;
pub mod tree;
pub mod yaml;

/// A compiled topology.
#[derive(Debug)]
pub struct Compiled {
    /// The files that realise it.
    pub tree: Tree,
    /// What is doubtful about it.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles a topology into the tree of files that realises it.
///
/// # Errors
/// Every mistake in the topology, warnings included, in the order of their places.
pub fn compile(source: &Source, authority: &Authority) -> Result<Compiled, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let loaded = match load::load(source, &mut findings) {
        Ok(loaded) => loaded,
        Err(fatal) => {
            findings.push(fatal);
            return Err(findings);
        }
    };
    match check::check(&loaded, &mut findings) {
        Some(checked) => {
            let mesh = Mesh::resolve(&checked);
            let trust = authority.answer(&mesh)?;
            Ok(Compiled { tree: emit::emit(&mesh, &trust), warnings: findings })
        }
        None => Err(findings),
    }
}

/// Everything that is wrong or doubtful with a topology.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    match load::load(source, &mut findings) {
        Ok(loaded) => {
            check::check(&loaded, &mut findings);
        }
        Err(fatal) => findings.push(fatal),
    }
    findings
}

/// Everything that is wrong or doubtful with a topology, on a day.
pub fn check_on(source: &Source, today: Date) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    match load::load(source, &mut findings) {
        Ok(loaded) => {
            if let Some(checked) = check::check(&loaded, &mut findings) {
                findings.extend(pki::inventory::warnings(&Mesh::resolve(&checked), today));
            }
        }
        Err(fatal) => findings.push(fatal),
    }
    findings
}

/// The certificates that a topology asks for.
///
/// # Errors
/// Every mistake in the topology.
pub fn certificates(source: &Source) -> Result<Vec<pki::inventory::Entry>, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let loaded = load::load(source, &mut findings).map_err(|fatal| vec![fatal])?;
    match check::check(&loaded, &mut findings) {
        Some(checked) => Ok(pki::inventory::requested(&Mesh::resolve(&checked))),
        None => Err(findings),
    }
}

/// Whether there is a mistake among the findings that stops a build.
pub fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
