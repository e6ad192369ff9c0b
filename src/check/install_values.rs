use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::held;
use crate::rule::Rule;
use crate::topology::{ChartRepository, FreeForm, Install};

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).reads(&[VERSION, &["istio.install", "clusters[].istio.install", "istio.charts"]]);

const RULE: Rule = Rule::error("install-values", include_str!("../../docs/rules/install-values.md"));

/// What an IstioOperator takes and none of the charts reads that meshgen has Helm install; they accept anything.
const UNREAD: [(&str, &str); 6] = [
    (
        "values.gateways",
        "the ordinary gateways have values of their own in `45-gateways`, and the east-west gateway has fields",
    ),
    ("values.global.arch", "write `affinity` of the gateway and of `values.pilot`"),
    ("values.defaultRevision", "it follows from the revision"),
    ("values.ownerName", "it is for istioctl"),
    ("values.ztunnel", "meshgen installs no ztunnel"),
    ("values.global.operatorManageWebhooks", "it is for istioctl"),
];

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let istio = FieldPath::root().child("istio");
    let is_helm = |install: Install| install == Install::Helm;
    let has_helm = topology.clusters.iter().any(|cluster| is_helm(topology.install(cluster)));
    if has_helm {
        find(&topology.istio.values, &istio.child("values"), findings);
    } else if topology.istio.charts != ChartRepository::default() {
        findings.push(
            RULE.at(istio.child("charts"), "Helm installs nothing in this mesh".to_owned())
                .label("nothing reads it")
                .help("remove it, or write `install: helm`"),
        );
    }
    for (path, cluster) in context.clusters().filter(|(_, cluster)| is_helm(topology.install(cluster))) {
        find(&cluster.istio.values, &path.child("istio").child("values"), findings);
    }
}

fn find(values: &FreeForm, field: &FieldPath, findings: &mut Vec<Diagnostic>) {
    for (known, help) in UNREAD {
        if held(values, "values", known).is_none_or(|(_, path)| path != known) {
            continue;
        }
        let place = known.split('.').skip(1).fold(field.clone(), |place, key| place.child(key));
        findings.push(
            RULE.at(place, format!("no chart that Helm installs reads `{known}`"))
                .label("has no effect")
                .help(format!("remove it: {help}; or install with istioctl")),
        );
    }
}
