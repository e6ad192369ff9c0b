use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{AgeRecipient, Line};

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("bad-recipient", include_str!("../../docs/rules/bad-recipient.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    judge(context, &FieldPath::root(), &topology.secrets.age_recipients, findings);
    for (path, cluster) in context.clusters() {
        judge(context, &path, &cluster.secrets.age_recipients, findings);
    }
}

fn judge(context: &Context<'_>, owner: &FieldPath, recipients: &[Line], findings: &mut Vec<Diagnostic>) {
    let list = owner.child("secrets").child("ageRecipients");
    let mut known = BTreeSet::new();
    for (index, recipient) in recipients.iter().enumerate() {
        let (place, text) = (list.index(index), recipient.as_str());
        if !context.is_known(&place) {
            continue;
        }
        let finding = match text.parse::<AgeRecipient>() {
            Ok(_) if known.insert(text) => continue,
            Ok(_) => RULE.at(place, "this recipient is listed twice").help("remove one of the two"),
            Err(_) if text.to_uppercase().starts_with("AGE-SECRET-KEY-") => {
                RULE.at(place, "this is an age identity, which is secret").label("whoever reads it can decrypt").help(
                    "write its recipient, which `age-keygen -y` prints, and use another identity: the file may be in Git",
                )
            }
            Err(reason) => RULE
                .at(place, format!("`{text}` {reason}"))
                .help("write an X25519 recipient, as `age-keygen` prints it: `age1` and 58 letters and digits"),
        };
        findings.push(finding);
    }
}
