use crate::diagnostic::{Certainty, Diagnostic, nearest};

use super::{Rule, Subject, allowances, allowed_kinds, every_rule};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "unusable-allow";

const EXPLAIN: &str = include_str!("../../docs/rules/unusable-allow.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (place, _, allow) in allowances(subject.topology) {
        let rule = allow.rule.as_str();
        if allowed_kinds().any(|known| known == rule) {
            continue;
        }
        let place = place.child("rule");
        findings.push(if every_rule().any(|known| known.name == rule) {
            Diagnostic::error(NAME, place, format!("`{rule}` is an error, and errors cannot be allowed"))
                .help("mend what it speaks of; `meshgen explain` says what it means")
        } else {
            let finding = Diagnostic::error(NAME, place, format!("there is no rule `{rule}`"));
            match nearest(rule, allowed_kinds()) {
                Some(meant) => finding
                    .help(format!("did you mean `{meant}`?"))
                    .patch_as(Certainty::of_word(rule, meant, allowed_kinds()), meant),
                None => finding.help("`meshgen explain` lists the rules"),
            }
        });
    }
}
