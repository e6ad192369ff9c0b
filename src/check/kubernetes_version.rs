use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::release;

use super::{Rule, Subject};

pub(super) const RULE: Rule = Rule::error(NAME, EXPLAIN, None, check);

const NAME: &str = "kubernetes-version";

const EXPLAIN: &str = include_str!("../../docs/rules/kubernetes-version.md");

fn check(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    let istio = subject.topology.istio.version;
    let Some(release) = release(istio) else { return };
    let (oldest, newest) = release.kubernetes;
    let mesh = subject.topology.kubernetes.iter().map(|kubernetes| (FieldPath::root().child("kubernetes"), kubernetes));
    let own = subject.clusters().filter_map(|(path, cluster)| {
        cluster.kubernetes.as_ref().map(|kubernetes| (path.child("kubernetes"), kubernetes))
    });
    for (place, kubernetes) in mesh.chain(own) {
        let version = kubernetes.version;
        if version.major == 1 && (oldest..=newest).contains(&version.minor) {
            continue;
        }
        let message = format!("Istio {istio} does not run on Kubernetes {}.{}", version.major, version.minor);
        findings.push(
            Diagnostic::error(NAME, place.child("version"), message)
                .label(format!("it runs on 1.{oldest} to 1.{newest}"))
                .and(FieldPath::root().child("istio").child("version"), "this Istio")
                .help("choose an Istio that supports this Kubernetes, or upgrade the cluster first"),
        );
    }
}
