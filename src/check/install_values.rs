use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::held;
use crate::release::release;
use crate::rule::Rule;
use crate::topology::{ChartRepository, FreeForm, Install, Revision};

use super::reads::VERSION;
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[
    VERSION,
    &["istio.install", "clusters[].istio.install", "istio.charts"],
    &["istio.revision", "clusters[].istio.revision"],
]);

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
    if release(topology.istio.version).is_some_and(|release| release.has_charts) {
        find_long_revisions(context, findings);
    }
    for (path, cluster) in context.clusters().filter(|(_, cluster)| is_helm(topology.install(cluster))) {
        find(&cluster.istio.values, &path.child("istio").child("values"), findings);
    }
}

/// The longest name of a release (helm 4.3.1, `pkg/chart/v2/util/validate_name.go`).
const LONGEST_RELEASE: usize = 53;

/// The release of the control plane is called like its Service.
fn find_long_revisions(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let longest = LONGEST_RELEASE - "istiod-".len();
    let is_long =
        |revision: &Option<Revision>| revision.as_ref().is_some_and(|revision| revision.as_str().len() > longest);
    let by_helm = || context.clusters().filter(|(_, cluster)| topology.install(cluster) == Install::Helm);
    let is_inherited = by_helm().any(|(_, cluster)| cluster.istio.revision.is_none());
    let of_mesh = (is_inherited && is_long(&topology.istio.revision)).then(FieldPath::root);
    let of_clusters = by_helm().filter(|(_, cluster)| is_long(&cluster.istio.revision)).map(|(path, _)| path);
    for path in of_mesh.into_iter().chain(of_clusters) {
        findings.push(
            RULE.at(
                path.child("istio").child("revision"),
                format!(
                    "the name of Helm's release, `istiod-` and the revision, has more than {LONGEST_RELEASE} characters"
                ),
            )
            .label("Helm refuses it")
            .help(format!("choose a revision of at most {longest} characters")),
        );
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
