use crate::diagnostic::Diagnostic;

use super::{Rule, Subject, primary_of};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "revision-mismatch";

const EXPLAIN: &str = include_str!("../../docs/rules/revision-mismatch.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in subject.clusters() {
        let Some(primary) = primary_of(cluster).and_then(|name| subject.cluster(name)) else { continue };
        let (own, others) = (subject.revision(cluster), subject.revision(primary));
        if own == others {
            continue;
        }
        let shown = |revision: Option<&str>| match revision {
            Some(revision) => format!("its revision is `{revision}`"),
            None => "it has no revision".to_owned(),
        };
        let place = match cluster.istio.revision {
            Some(_) => path.child("istio").child("revision"),
            None => path.child("controlPlane"),
        };
        let message = format!("`{}` and its control plane `{}` have different revisions", cluster.name, primary.name);
        findings.push(
            Diagnostic::error(NAME, place, message)
                .label(shown(own))
                .and(subject.cluster_path(primary.name.as_str()).child("name"), shown(others))
                .help("write one revision for both, best as `istio.revision` for the whole mesh"),
        );
    }
}
