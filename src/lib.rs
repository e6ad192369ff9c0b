//! meshgen compiles one topology file into the files that make several Kubernetes clusters one Istio mesh.

use std::collections::BTreeSet;

use crate::check::{Beside, Checked, Examined};
use crate::diagnostic::{Cause, Diagnostic, FieldPath, Findings, Severity};
use crate::emit::Outline;
use crate::flows::Flows;
use crate::lock::Lock;
use crate::mesh::Mesh;
use crate::part::Part;
use crate::pki::Authority;
use crate::plan::Plan;
use crate::rule::{
    END_OF_LIFE, EXTERNAL_CERTIFICATE, LOST_GATEWAY_ADDRESS, ROTATION_UNFINISHED, Rule, SEALING_CERTIFICATE, Stage,
    UNUSABLE_ROOTS,
};
use crate::source::Source;
use crate::topology::{CertificateAuthority, Date};
use crate::tree::Tree;
use crate::words::names;

mod artifact;
pub mod check;
pub mod cli;
mod command;
pub mod diagnostic;
pub mod diff;
pub mod disk;
pub mod draw;
pub mod emit;
mod fact;
pub mod fix;
pub mod flows;
mod istio;
pub mod layout;
pub mod load;
pub mod lock;
pub mod mesh;
pub mod modeline;
mod parallel;
pub mod part;
pub mod path;
pub mod pki;
pub mod plan;
pub mod release;
pub mod report;
pub mod rule;
pub mod schema;
mod secrets;
pub mod shape;
pub mod source;
pub mod starter;
pub mod syntax;
mod template;
mod terminal;
pub mod topology;
pub mod tree;
mod words;
pub mod written;
pub mod yaml;

/// A compiled topology.
#[derive(Debug)]
pub struct Compiled {
    /// The files that realise it.
    pub tree: Tree,
    /// Its warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles a topology into the tree of files that realises it.
///
/// # Errors
/// Every mistake in the topology, warnings included, in the order of their places.
pub fn compile(source: &Source, authority: &Authority) -> Result<Compiled, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let Some(checked) = read(source, &mut findings) else { return Err(findings.list) };
    Ok(Compiled { tree: compile_checked(&checked, authority, None)?, warnings: findings.list })
}

/// A source with the files that its fields `apiServerCA`, `rootCertificates`, `alsoTrust` and `sealingCertificate` name, as `read`
/// gives them.
pub fn with_files(source: Source, read: impl Fn(&str) -> source::Beside) -> Source {
    // Nearly every topology names none, and is read once. A name with escapes has a backslash.
    let text = source.text();
    if !FILE_FIELDS.iter().any(|field| text.contains(field)) && !text.contains('\\') {
        return source;
    }
    let Ok(loaded) = load::load(&source, &mut Vec::new()) else { return source };
    let clusters = loaded.topology.clusters.iter();
    let named = clusters.flat_map(|cluster| cluster.api_server_ca.iter().chain(&cluster.secrets.sealing_certificate));
    let certificates = &loaded.topology.certificates;
    let files = named.chain(&certificates.root_certificates).chain(&certificates.also_trust);
    let files = files.map(|file| (file.as_str().to_owned(), read(file.as_str()))).collect();
    Source { files, ..source }
}

const FILE_FIELDS: [&str; 4] = ["apiServerCA", "rootCertificates", "alsoTrust", "sealingCertificate"];

/// Reads a topology and applies every rule; `None` where there is an error among the findings.
pub fn read(source: &Source, findings: &mut Findings) -> Option<Checked> {
    examine(source, findings)?.checked()
}

/// Reads a topology and applies every rule that can speak of it; `None` where it cannot be read.
pub fn examine(source: &Source, findings: &mut Findings) -> Option<Examined> {
    match load::load(source, &mut findings.list) {
        Ok(loaded) => {
            let mut examined = check::check(loaded, findings);
            let (authorities, mut errors) = pki::authorities::read(examined.topology(), &source.files);
            let certificates = &examined.topology().certificates;
            let names_roots = certificates.root_certificates.is_some() || !certificates.also_trust.is_empty();
            let (sealing, others) = pki::sealing::read(examined.topology(), &source.files);
            errors.extend(others);
            for (rule, fields, is_about) in [
                (UNUSABLE_ROOTS, pki::authorities::FIELDS, names_roots),
                (SEALING_CERTIFICATE, pki::sealing::FIELDS, pki::sealing::is_about(&examined)),
            ] {
                if let Some(cause) = examined.hides(fields) {
                    errors.retain(|error| error.rule != rule.name);
                    if is_about {
                        findings.leave_out(rule.name, cause);
                    }
                }
            }
            examined.take(Beside { authorities, sealing }, errors, findings);
            Some(examined)
        }
        Err(fatal) => {
            let cause = Cause::Unreadable(fatal.labels[0].place.clone());
            let others = check::every_rule().filter(|rule| rule.stage != Stage::Beside && rule.name != fatal.rule);
            others.for_each(|rule| findings.leave_out(rule.name, &cause));
            findings.list.push(fatal);
            None
        }
    }
}

/// Compiles a topology that obeys every rule, or only the directories of some of its clusters: byte for byte what the whole
/// would hold there.
///
/// # Errors
/// The authority cannot issue a certificate, or there is no such cluster.
pub fn compile_checked(
    checked: &Checked,
    authority: &Authority,
    part: Option<&Part<'_>>,
) -> Result<Tree, Vec<Diagnostic>> {
    let mut mesh = Mesh::resolve(checked);
    let Some(part) = part else {
        let mut trust = authority.answer(&mesh)?;
        secrets::seal(&mesh, &mut trust, authority.standing())?;
        trust.tell(&mut mesh);
        return Ok(emit::emit(&mesh, trust));
    };
    part.refuse_unknown(&mesh)?;
    let mut trust = authority.answer_for(&mesh, |cluster| part.has(cluster.name))?;
    secrets::seal(&mesh, &mut trust, authority.standing())?;
    trust.tell(&mut mesh);
    Ok(emit::emit_part(&mesh, trust, part))
}

/// Who has to reach whom in the mesh of a topology that obeys every rule.
pub fn flows_of(checked: &Checked) -> Flows {
    Flows::of(&Mesh::resolve(checked))
}

/// Answers questions about calls in the mesh of a topology that obeys every rule, of whose clusters `objects` are known.
pub fn ask<A>(checked: &Checked, objects: &path::Objects, question: impl FnOnce(&path::Paths<'_, '_>) -> A) -> A {
    question(&path::Paths::of(&Mesh::resolve(checked), objects))
}

/// What some views show of the mesh of a topology that obeys every rule.
pub fn drawn(checked: &Checked, views: &[draw::View]) -> draw::Facts {
    draw::Facts::of(&Mesh::resolve(checked), views)
}

/// What a secret store has to have of a cluster: the name, and the certificate with its private key; none if no istiod runs there.
///
/// # Errors
/// The authority cannot issue the certificate, or there is no such cluster.
pub fn export(
    checked: &Checked,
    authority: &Authority,
    cluster: &str,
) -> Result<Option<(String, pki::Bundle)>, Vec<Diagnostic>> {
    let mesh = Mesh::resolve(checked);
    Part { clusters: &[cluster.to_owned()], lock: &Lock::default() }.refuse_unknown(&mesh)?;
    let trust = authority.answer_for(&mesh, |other| other.name == cluster)?;
    let bundle = trust.bundles.into_iter().flatten().next();
    Ok(bundle.map(|bundle| (secrets::store_key(mesh.id, cluster, &bundle.facts), bundle)))
}

/// All errors and warnings of a topology.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    examine(source, &mut findings);
    findings.list
}

/// All errors and warnings of a topology on a day. `beside` are warnings about files beside it, which it may
/// allow like any other.
pub fn check_on(source: &Source, today: Date, beside: Vec<Diagnostic>) -> Findings {
    let mut findings = Findings::default();
    if let Some(examined) = examine(source, &mut findings) {
        doubt(&examined, source, today, beside, &mut findings);
    }
    findings
}

/// Reports the warnings of a topology on a day. `beside` are warnings about files beside it.
pub fn doubt(examined: &Examined, source: &Source, today: Date, beside: Vec<Diagnostic>, findings: &mut Findings) {
    let mut doubtful = beside;
    match examined.hides(&["istio.version"]) {
        None => doubtful.extend(check::end_of_life(examined.topology(), today)),
        Some(cause) => findings.leave_out(END_OF_LIFE.name, cause),
    }
    match examined.hides(pki::warnings::FIELDS) {
        None => doubtful.extend(pki::warnings::warnings(examined.topology(), today)),
        Some(cause) => {
            let has_next = examined.topology().certificates.next_root.is_some();
            let is_about = |rule: &&Rule| has_next || rule.name != ROTATION_UNFINISHED.name;
            pki::warnings::RULES.iter().filter(is_about).for_each(|rule| findings.leave_out(rule.name, cause));
        }
    }
    doubtful.extend(pki::authorities::warnings(examined.topology(), &source.files, today));
    doubtful.extend(pki::sealing::warnings(examined.topology(), &source.files, today));
    examined.warn(doubtful, findings);
    let is_external = examined.topology().certificates.authority == CertificateAuthority::External;
    if let Some(cause) = examined.first_cause().filter(|_| is_external) {
        findings.leave_out(EXTERNAL_CERTIFICATE.name, cause);
    }
}

/// What a topology would take from a standing tree because the address of a gateway is missing: `gone` are the paths that the tree
/// has and `record`, the lock of the new tree, has not.
pub fn lost_addresses<'p>(checked: &Checked, record: &Lock, gone: impl Iterator<Item = &'p str>) -> Vec<Diagnostic> {
    let clusters = &checked.topology().clusters;
    let finding = |(gateway, lost): (String, BTreeSet<String>)| {
        let position = clusters.iter().position(|cluster| cluster.name.as_str() == gateway);
        let path = FieldPath::root().child("clusters").index(position.unwrap_or_default());
        LOST_GATEWAY_ADDRESS
            .at(path.child("name"), format!("the east-west gateway of `{gateway}` has no address any more"))
            .label("its address was known when the tree was built")
            .help(format!("the tree has what needs it: {}", names(lost.iter().map(String::as_str))))
            .help("write the address again: a running mesh is not taken apart because an address is missing")
    };
    plan::waiting::lost(record, gone).into_iter().map(finding).collect()
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
        Some(Self { directory: certificates.directory.as_ref()?.as_str().to_owned(), clusters })
    }

    /// The same of a topology that was not read yet; none if it has errors.
    pub fn of_source(source: &Source) -> Option<Self> {
        Self::of(&read(source, &mut Findings::default())?)
    }
}

/// The errors and warnings of the files of an external authority, on a day.
pub fn check_external(checked: &Checked, external: &pki::External, today: Date) -> Vec<Diagnostic> {
    let mesh = Mesh::resolve(checked);
    match external.answer(&mesh, |_| true) {
        Ok(trust) => external.warnings(&trust, &mesh, today),
        Err(findings) => findings,
    }
}

/// The certificates that a topology asks for, or those of the external authority that it names.
///
/// # Errors
/// Every mistake in the topology, or in the files of the authority.
pub fn certificates(source: &Source, external: Option<&pki::External>) -> Result<Vec<pki::inventory::Entry>, Findings> {
    let mut findings = Findings::default();
    let Some(checked) = read(source, &mut findings) else { return Err(findings) };
    let mesh = Mesh::resolve(&checked);
    match external {
        None => Ok(pki::inventory::requested(&mesh)),
        Some(external) => {
            let trust = external.answer(&mesh, |_| true).map_err(Findings::of)?;
            Ok(pki::inventory::answered(&mesh, &trust))
        }
    }
}

/// Compiles the files of a topology that need no secret.
///
/// # Errors
/// Every mistake in the topology, or in the files of the external authority that it names.
pub fn outline(source: &Source, external: Option<&pki::External>) -> Result<Outline, Findings> {
    let mut findings = Findings::default();
    let Some(checked) = read(source, &mut findings) else { return Err(findings) };
    let mut mesh = Mesh::resolve(&checked);
    let certificates = match external {
        None => pki::inventory::requested(&mesh),
        Some(external) => {
            let trust = external.answer(&mesh, |_| true).map_err(Findings::of)?;
            trust.tell(&mut mesh);
            pki::inventory::answered(&mesh, &trust)
        }
    };
    let flows = Flows::of(&mesh);
    let mut plan = Plan::of(&mesh);
    let record = emit::record::of_plan(&plan);
    Ok(Outline { tree: emit::without_secrets(&mut plan), record, certificates, flows })
}

/// Whether there is a mistake among the findings that stops a build.
pub fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
