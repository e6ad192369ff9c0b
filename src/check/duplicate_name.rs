use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check);

const RULE: Rule = Rule::error("duplicate-name", include_str!("../../docs/rules/duplicate-name.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    find(context, "networks", topology.networks.iter().map(|network| network.name.as_str()), findings);
    find(context, "clusters", topology.clusters.iter().map(|cluster| cluster.name.as_str()), findings);
}

fn find<'t>(
    context: &Context<'_>,
    list: &'static str,
    names: impl Iterator<Item = &'t str>,
    findings: &mut Vec<Diagnostic>,
) {
    const SHOWN: usize = 4;
    let path = |index: usize| FieldPath::root().child(list).index(index).child("name");
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, name) in names.enumerate().filter(|(index, _)| context.is_known(&path(*index))) {
        places.entry(name).or_default().push(index);
    }
    for (name, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        let message = format!("{} {list} are named `{name}`", places.len());
        let finding = RULE.at(path(places[1]), message).label("again here").and(path(places[0]), "first here");
        let finding =
            places[2..].iter().take(SHOWN - 2).fold(finding, |finding, index| finding.and(path(*index), "and here"));
        findings.push(finding.help("give each its own name"));
    }
}
