use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, SecretForm};

use super::reads::VERSION;
use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::Mesh(|topology| topology.secrets.form == SecretForm::Sops)).reads(&[
        VERSION,
        &[
            "secrets.form",
            "secrets.ageRecipients",
            "certificates.authority",
            "clusters[].name",
            "clusters[].controlPlane",
            "clusters[].secrets.ageRecipients",
        ],
    ]);

const RULE: Rule = Rule::error("missing-recipient", include_str!("../../docs/rules/missing-recipient.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let secrets = &topology.secrets;
    let is_encrypted =
        secrets.form == SecretForm::Sops && topology.certificates.authority != CertificateAuthority::None;
    if !is_encrypted || !secrets.age_recipients.is_empty() {
        return;
    }
    for (path, cluster) in context.istiods().filter(|(_, cluster)| cluster.secrets.age_recipients.is_empty()) {
        findings.push(
            RULE.at(path.child("name"), format!("nobody can decrypt the private key of `{}`", cluster.name))
                .label("no age recipient for this cluster")
                .and(FieldPath::root().child("secrets").child("form"), "SOPS encrypts it")
                .help("write `secrets: {ageRecipients: [age1…]}` in this cluster, or for all clusters at the top"),
        );
    }
}
