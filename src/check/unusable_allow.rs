use crate::diagnostic::{Certainty, Diagnostic, nearest};
use crate::rule::Rule;

use super::{Check, Context, allowances, allowed_kinds, every_rule};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("unusable-allow", include_str!("../../docs/rules/unusable-allow.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (place, _, allow) in allowances(context.topology) {
        let rule = allow.rule.as_str();
        if allowed_kinds().any(|known| known == rule) {
            continue;
        }
        let place = place.child("rule");
        findings.push(if every_rule().any(|known| known.name == rule) {
            RULE.at(place, format!("`{rule}` is an error, and errors cannot be allowed"))
                .help("fix the error that it names; `meshgen explain` says what it means")
        } else {
            let finding = RULE.at(place, format!("no such rule: `{rule}`"));
            match nearest(rule, allowed_kinds()) {
                Some(meant) => finding
                    .help(format!("did you mean `{meant}`?"))
                    .patch_as(Certainty::of_word(rule, meant, allowed_kinds()), meant),
                None => finding.help("`meshgen explain` lists the rules"),
            }
        });
    }
}
