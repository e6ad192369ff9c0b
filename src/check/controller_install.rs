use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::Install;

use super::controller::{ABOUT, GITOPS, place};
use super::reads::{NAMES, VERSION};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[
    GITOPS,
    VERSION,
    NAMES,
    &["istio.install", "clusters[].istio.install"],
]);

const RULE: Rule = Rule::error("controller-install", include_str!("../../docs/rules/controller-install.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let Some(gitops) = &topology.gitops else { return };
    let by_istioctl =
        topology.clusters.iter().enumerate().find(|(_, cluster)| topology.install(cluster) == Install::Istioctl);
    let Some((index, cluster)) = by_istioctl else { return };
    let mut finding = RULE.at(
        place("controller"),
        format!(
            "{} applies no file that is for istioctl, and istioctl is to install Istio in `{}`",
            gitops.controller.title(),
            cluster.name
        ),
    );
    if cluster.istio.install.is_some() {
        let own = FieldPath::root().child("clusters").index(index).child("istio").child("install");
        finding = finding.and(own, "by istioctl");
    }
    findings.push(
        finding.help("write `install: helm` or `install: sail` under `istio`, from Istio 1.28 on, or remove `gitops`"),
    );
}
