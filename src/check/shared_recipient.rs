use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::SecretForm;

use super::controller::GITOPS;
use super::reads::NAMES;
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.secrets.form == SecretForm::Sops))
    .reads(&[GITOPS, NAMES, &["gitops.hub", "secrets.form", "clusters[].secrets.ageRecipients[]"]]);

const RULE: Rule = Rule::warning("shared-recipient", include_str!("../../docs/rules/shared-recipient.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    // One controller for all clusters decrypts for all.
    let is_apart = topology.gitops.as_ref().is_some_and(|gitops| !gitops.hub);
    if topology.secrets.form != SecretForm::Sops || !is_apart || topology.clusters.len() < 2 {
        return;
    }
    let list = |owner: FieldPath, index: usize| owner.child("secrets").child("ageRecipients").index(index);
    let finding = |place, message: String| {
        RULE.at(place, message)
            .label("whoever has its identity can sign for several clusters")
            .and(FieldPath::root().child("secrets").child("form"), "what SOPS encrypts")
            .help("give each cluster an identity of its own, or allow this if it is kept out of the clusters")
    };
    for index in 0..topology.secrets.age_recipients.len() {
        let place = list(FieldPath::root(), index);
        findings.push(finding(place, "one recipient reads the private keys of all clusters".to_owned()));
    }
    let mut first: BTreeMap<&str, (FieldPath, &str)> = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        for (index, recipient) in cluster.secrets.age_recipients.iter().enumerate() {
            let (place, name) = (list(path.clone(), index), cluster.name.as_str());
            if !context.is_known(&place) {
                continue;
            }
            match first.get(recipient.as_str()) {
                Some((other, of)) if *of != name => {
                    let message = format!("one recipient reads the private keys of `{of}` and `{name}`");
                    findings.push(finding(place, message).and(other.clone(), "the same"));
                }
                Some(_) => {}
                None => drop(first.insert(recipient.as_str(), (place, name))),
            }
        }
    }
}
