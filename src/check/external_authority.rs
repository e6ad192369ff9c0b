use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, Certificates};

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&[
    "certificates.authority",
    "certificates.directory",
    "certificates.rootCertificates",
]]);

const RULE: Rule = Rule::error("external-authority", include_str!("../../docs/rules/external-authority.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let certificates = &context.topology.certificates;
    let path = FieldPath::root().child("certificates");
    match (certificates.authority, &certificates.directory) {
        (CertificateAuthority::Seed | CertificateAuthority::None, Some(_)) => findings.push(
            RULE.at(path.child("directory"), "`directory` has no effect without `authority: external`")
                .help("add `authority: external`, or remove the line"),
        ),
        (CertificateAuthority::Seed | CertificateAuthority::None, None) => {}
        (CertificateAuthority::External, None) => findings.push(
            RULE.at(path.child("authority"), "an external authority needs a `directory`").label("no `directory` here").help(
                "add `directory:`, relative to this file; each cluster's files are in a directory of its name there",
            ),
        ),
        (CertificateAuthority::External, Some(directory)) => {
            if Utf8Path::new(directory.as_str()).is_absolute() {
                findings.push(absolute(path.child("directory"), "directory"));
            }
        }
    }
    for (index, file) in certificates.also_trust.iter().enumerate() {
        if Utf8Path::new(file.as_str()).is_absolute() {
            findings.push(absolute(path.child("alsoTrust").index(index), "alsoTrust"));
        }
    }
    if let Some(file) = &certificates.root_certificates {
        let place = path.child("rootCertificates");
        if Utf8Path::new(file.as_str()).is_absolute() {
            findings.push(absolute(place, "rootCertificates"));
        } else if certificates.authority != CertificateAuthority::None {
            findings.push(
                RULE.at(place, "`rootCertificates` has no effect without `authority: none`")
                    .help("remove the line: the tree has the root of this authority"),
            );
        }
    }
    let (why, help) = match (certificates.authority, &certificates.directory) {
        (CertificateAuthority::External, Some(_)) => {
            ("with an external authority, which decides it", "remove the line")
        }
        (CertificateAuthority::None, _) => (
            "with `authority: none`: the tree has no certificates",
            "remove the line, or write `authority: seed` if meshgen is to make the certificates",
        ),
        _ => return,
    };
    for (place, name) in without_use(context, certificates) {
        findings.push(RULE.at(place, format!("`{name}` has no effect {why}")).help(help));
    }
}

fn absolute(place: FieldPath, name: &str) -> Diagnostic {
    RULE.at(place, format!("`{name}` is an absolute path"))
        .label("other machines do not have it")
        .help("write it relative to this file")
}

/// The fields that ask a seed for something.
fn without_use(context: &Context<'_>, certificates: &Certificates) -> Vec<(FieldPath, &'static str)> {
    let path = FieldPath::root().child("certificates");
    // The files of an external authority have a root and a generation too.
    let is_none = certificates.authority == CertificateAuthority::None;
    let mesh = [
        ("issuedOn", certificates.issued_on.is_some()),
        ("naming", certificates.names_seed()),
        ("intermediatesIssuedOn", certificates.intermediates_issued_on.is_some()),
        ("intermediateValidityDays", certificates.intermediate_validity_days.is_some()),
        ("retired", !certificates.retired.is_empty()),
        ("nextRoot", certificates.next_root.is_some()),
        ("alsoTrust", !certificates.also_trust.is_empty()),
        ("rootValidityDays", is_none && certificates.has_root_validity()),
        ("generation", is_none && certificates.has_generation()),
    ];
    let mut found: Vec<(FieldPath, &str)> =
        mesh.into_iter().filter(|(_, is_written)| *is_written).map(|(name, _)| (path.child(name), name)).collect();
    for (place, cluster) in context.clusters() {
        let Some(own) = &cluster.certificates else { continue };
        let fields = [
            ("issuedOn", own.issued_on.is_some()),
            ("generation", own.generation.is_some()),
            ("nextRootPhase", own.next_root_phase.is_some()),
        ];
        let written = fields.into_iter().filter(|(_, is_written)| *is_written);
        found.extend(written.map(|(name, _)| (place.child("certificates").child(name), name)));
    }
    found
}
