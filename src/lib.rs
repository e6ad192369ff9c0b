//! meshgen compiles one topology file into everything that makes several Kubernetes clusters one Istio mesh.

use crate::check::Checked;
use crate::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use crate::mesh::Mesh;
use crate::pki::Authority;
use crate::source::Source;
use crate::topology::{CertificateAuthority, Date};
use crate::tree::Tree;

pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod diff;
pub mod disk;
pub mod emit;
pub mod fix;
mod istio;
pub mod load;
pub mod lock;
pub mod mesh;
pub mod modeline;
mod nearest;
mod parallel;
pub mod pki;
pub mod release;
pub mod report;
pub mod schema;
pub mod shape;
pub mod source;
pub mod starter;
pub mod syntax;
mod template;
pub mod topology;
pub mod tree;
pub mod written;
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
pub fn compile(source: &Source, authority: Authority) -> Result<Compiled, Vec<Diagnostic>> {
    let mut warnings = Vec::new();
    let Some(checked) = read(source, &mut warnings) else { return Err(warnings) };
    Ok(Compiled { tree: compile_checked(&checked, authority, None)?, warnings })
}

/// Reads a topology and applies every rule; `None` where there is an error among the findings.
pub fn read(source: &Source, findings: &mut Vec<Diagnostic>) -> Option<Checked> {
    match load::load(source, findings) {
        Ok(loaded) => check::check(loaded, findings),
        Err(fatal) => {
            findings.push(fatal);
            None
        }
    }
}

/// Compiles a topology that obeys every rule, or only the directories of some of its clusters: byte for byte what the whole
/// would hold there.
///
/// # Errors
/// What the authority cannot answer; or that there is no such cluster.
pub fn compile_checked(
    checked: &Checked,
    authority: Authority,
    part: Option<&Part<'_>>,
) -> Result<Tree, Vec<Diagnostic>> {
    let mut mesh = Mesh::resolve(checked);
    let Some(part) = part else {
        let trust = authority.answer(&mesh)?;
        mesh.adopt(&trust);
        return Ok(emit::emit(&mesh, trust));
    };
    part.refuse_unknown(&mesh)?;
    let trust = authority.answer_for(&mesh, |cluster| part.has(cluster.name))?;
    Ok(emit::emit_part(&mesh, trust, part))
}

/// Some clusters of a mesh, and the lock that pins what stands of the others.
#[derive(Debug)]
pub struct Part<'p> {
    /// The names of the clusters.
    pub clusters: &'p [String],
    /// The text of the lock that stands, empty where there is none.
    pub lock: &'p str,
}

impl Part<'_> {
    /// Whether a cluster belongs to it.
    pub(crate) fn has(&self, cluster: &str) -> bool {
        self.clusters.iter().any(|name| name == cluster)
    }

    fn refuse_unknown(&self, mesh: &Mesh<'_>) -> Result<(), Vec<Diagnostic>> {
        let known: Vec<&str> = mesh.clusters.iter().map(|cluster| cluster.name).collect();
        let unknown = self.clusters.iter().filter(|name| !known.contains(&name.as_str()));
        let findings: Vec<Diagnostic> = unknown
            .map(|name| {
                let message = format!("the topology has no cluster `{name}`");
                let finding =
                    Diagnostic::error("unknown-cluster", Place::Key(FieldPath::root().child("clusters")), message);
                match diagnostic::nearest(name, known.iter().copied()) {
                    Some(meant) => finding.help(format!("did you mean `--cluster {meant}`?")),
                    None => finding.help(format!("name one of its clusters: {}", check::names(known.iter().copied()))),
                }
            })
            .collect();
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }
}

/// Everything that is wrong or doubtful with a topology.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    read(source, &mut findings);
    findings
}

/// Everything that is wrong or doubtful with a topology, on a day; `beside` are warnings about what stands beside it, which it may
/// allow like any other.
pub fn check_on(source: &Source, today: Date, beside: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if let Some(checked) = read(source, &mut findings) {
        findings.extend(doubtful_on(&checked, today, beside));
    }
    findings
}

/// What is doubtful about a topology that obeys every rule, on a day.
pub fn doubtful_on(checked: &Checked, today: Date, beside: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut doubtful = beside;
    doubtful.extend(check::end_of_life(checked.topology(), today));
    doubtful.extend(pki::inventory::warnings(&Mesh::resolve(checked), today));
    check::forgive(checked.topology(), &mut doubtful);
    doubtful
}

/// Where a topology says that an external authority's files are, and for which clusters.
#[derive(Debug)]
pub struct ExternalFiles {
    /// The directory, as seen from the topology.
    pub directory: String,
    /// The names of the clusters.
    pub clusters: Vec<String>,
}

impl ExternalFiles {
    /// What a topology says, if it names an external authority.
    pub fn of(checked: &Checked) -> Option<Self> {
        let certificates = &checked.topology().certificates;
        if certificates.authority != CertificateAuthority::External {
            return None;
        }
        let mesh = Mesh::resolve(checked);
        let clusters = mesh.clusters.iter().filter(|cluster| cluster.intermediate.is_some());
        let clusters = clusters.map(|cluster| cluster.name.to_owned()).collect();
        Some(Self { directory: certificates.directory.clone()?, clusters })
    }

    /// The same of a topology that was not read yet; none where it is not right.
    pub fn of_source(source: &Source) -> Option<Self> {
        Self::of(&read(source, &mut Vec::new())?)
    }
}

/// What is wrong or doubtful with an external authority's files, on a day.
pub fn check_external(checked: &Checked, external: &pki::External, today: Date) -> Vec<Diagnostic> {
    let mesh = Mesh::resolve(checked);
    match external.answer(&mesh, |_| true) {
        Ok(trust) => external.expiring(&trust, &mesh, today),
        Err(findings) => findings,
    }
}

/// The certificates that a topology asks for.
///
/// # Errors
/// Every mistake in the topology.
pub fn certificates(source: &Source) -> Result<Vec<pki::inventory::Entry>, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    match read(source, &mut findings) {
        Some(checked) => Ok(pki::inventory::requested(&Mesh::resolve(&checked))),
        None => Err(findings),
    }
}

/// A topology's tree without its certificates, and what they are to be.
#[derive(Debug)]
pub struct Outline {
    /// Every file but the PEM files and the lock that pins them.
    pub tree: Tree,
    /// The root, then each cluster's certificate.
    pub certificates: Vec<pki::inventory::Entry>,
}

/// Compiles as much of a topology as needs no secret.
///
/// # Errors
/// Every mistake in the topology, or in the files of the external authority that it names.
pub fn outline(source: &Source, external: Option<&pki::External>) -> Result<Outline, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let Some(checked) = read(source, &mut findings) else { return Err(findings) };
    let mut mesh = Mesh::resolve(&checked);
    let certificates = match external {
        None => pki::inventory::requested(&mesh),
        Some(external) => {
            let trust = external.answer(&mesh, |_| true)?;
            mesh.adopt(&trust);
            pki::inventory::answered(&mesh, &trust)
        }
    };
    Ok(Outline { tree: emit::outline(&mesh), certificates })
}

/// Whether there is a mistake among the findings that stops a build.
pub fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
