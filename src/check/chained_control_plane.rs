use crate::diagnostic::Diagnostic;

use super::{Rule, Subject, primary_of};

pub(super) const RULE: Rule = Rule { name: NAME, explain: EXPLAIN, is_about_names: true, check };

const NAME: &str = "chained-control-plane";

const EXPLAIN: &str = "A cluster's control plane is a remote cluster itself. An istiod serves its own cluster and the remotes \
    that name it; nothing pushes configuration through a remote to a third cluster.";

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in subject.clusters() {
        let Some(primary) = primary_of(cluster).and_then(|name| subject.cluster(name)) else { continue };
        let Some(grand) = primary_of(primary) else { continue };
        let (name, primary) = (&cluster.name, &primary.name);
        let message = format!("the control plane of `{name}` is `{primary}`, which has none of its own");
        let finding = Diagnostic::error(NAME, path.child("controlPlane"), message)
            .label(format!("`{primary}` is a remote of `{grand}`"))
            .and(subject.cluster_path(primary.as_str()).child("controlPlane"), "declared here");
        findings.push(finding.help(format!(
            "write `controlPlane: {grand}`, or remove the `controlPlane` of `{primary}` to make it a primary"
        )));
    }
}
