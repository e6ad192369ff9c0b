use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{CertificateAuthority, Cluster, ClusterSecrets, SecretForm};

use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| {
        let secrets = &topology.secrets;
        let says_more = |cluster: &Cluster| cluster.secrets != ClusterSecrets::default();
        secrets.form != SecretForm::Files
            || !secrets.age_recipients.is_empty()
            || topology.clusters.iter().any(says_more)
    }))
    .reads(&[&["secrets.form", "certificates.authority"]]);

const RULE: Rule = Rule::warning("unused-secrets", include_str!("../../docs/rules/unused-secrets.md"));

/// Fields that say how a private key reaches its cluster, each for one form.
fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let form = &topology.secrets.form;
    let has_keys = topology.certificates.authority != CertificateAuthority::None;
    let is_unused = |is_there: bool, of: SecretForm| is_there && !(has_keys && *form == of);
    if is_unused(!topology.secrets.age_recipients.is_empty(), SecretForm::Sops) {
        findings.push(unused(&FieldPath::root(), "ageRecipients", "sops"));
    }
    if !has_keys && *form != SecretForm::Files {
        findings.push(
            RULE.at(FieldPath::root().child("secrets").child("form"), "`form` changes nothing")
                .label("the tree has no private keys, because somebody else signs")
                .help("remove this field"),
        );
    }
    for (path, cluster) in context.clusters() {
        let secrets = &cluster.secrets;
        if is_unused(!secrets.age_recipients.is_empty(), SecretForm::Sops) {
            findings.push(unused(&path, "ageRecipients", "sops"));
        }
        if is_unused(secrets.sealing_certificate.is_some(), SecretForm::SealedSecrets) {
            findings.push(unused(&path, "sealingCertificate", "sealedSecrets"));
        }
    }
}

fn unused(owner: &FieldPath, field: &'static str, form: &str) -> Diagnostic {
    RULE.at(owner.child("secrets").child(field), format!("`{field}` changes nothing"))
        .label(format!("it is for `form: {form}`, with certificates that meshgen knows"))
        .help(format!("remove this field, or write `secrets: {{form: {form}}}` at the top"))
}
