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
    (GATEWAYS, "the ordinary gateways have values of their own in `45-gateways`, and the east-west gateway has fields"),
    ("values.global.arch", "write `affinity` of the gateway and of `values.pilot`"),
    ("values.defaultRevision", "it follows from the revision"),
    ("values.ownerName", "it is for istioctl"),
    ("values.ztunnel", "meshgen installs no ztunnel"),
    ("values.global.operatorManageWebhooks", "it is for istioctl"),
];

/// What an IstioOperator takes and the schema of the Sail operator's resources does not have
/// (istio-ecosystem/sail-operator 1.30.3, `chart/crds/sailoperator.io_istios.yaml`, `sailoperator.io_istiocnis.yaml`).
const REFUSED: [(&str, &str); 12] = [
    (GATEWAYS, "the operator installs no gateways, and the east-west gateway has fields"),
    ("values.base.enableCRDTemplates", "the definitions of Istio's kinds come with the operator"),
    ("values.base.enableIstioConfigCRDs", "the definitions of Istio's kinds come with the operator"),
    ("values.base.validateGateway", "no chart of this version reads it"),
    ("values.cni.enabled", "write `cni: {enabled: true}` under `istio`"),
    ("values.cni.logLevel", "write `values.cni.logging.level`"),
    ("values.defaultRevision", "it follows from the name of the resource"),
    ("values.istio_cni.chained", "write `values.cni.chained`"),
    ("values.ownerName", "it is for istioctl"),
    ("values.pilot.cni.chained", "write `values.cni.chained`"),
    ("values.revisionTags", "meshgen makes no revision for the operator"),
    ("values.ztunnel", "meshgen installs no ztunnel"),
];

const GATEWAYS: &str = "values.gateways";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let istio = FieldPath::root().child("istio");
    let ways = |install| topology.clusters.iter().any(|cluster| topology.install(cluster) == install);
    let has_helm = ways(Install::Helm);
    find(&topology.istio.values, &istio.child("values"), &ways, findings);
    if !has_helm && topology.istio.charts != ChartRepository::default() {
        findings.push(
            RULE.at(istio.child("charts"), "Helm installs nothing in this mesh".to_owned())
                .label("nothing reads it")
                .help("remove it, or write `install: helm`"),
        );
    }
    if release(topology.istio.version).is_some_and(|release| release.has_charts) {
        find_long_revisions(context, findings);
    }
    for (path, cluster) in context.clusters() {
        let is_by = |install| topology.install(cluster) == install;
        find(&cluster.istio.values, &path.child("istio").child("values"), &is_by, findings);
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

fn find(values: &FreeForm, field: &FieldPath, is_by: &dyn Fn(Install) -> bool, findings: &mut Vec<Diagnostic>) {
    let unread = UNREAD.iter().filter(|_| is_by(Install::Helm)).map(|row| (row, Install::Helm));
    let is_unread = |known: &str| is_by(Install::Helm) && UNREAD.iter().any(|(other, _)| *other == known);
    let refused = REFUSED.iter().filter(|(known, _)| is_by(Install::Sail) && !is_unread(known));
    for ((known, help), by) in unread.chain(refused.map(|row| (row, Install::Sail))) {
        if held(values, "values", known).is_none_or(|(_, path)| path != *known) {
            continue;
        }
        let place = known.split('.').skip(1).fold(field.clone(), |place, key| place.child(key));
        let finding = if by == Install::Helm {
            RULE.at(place, format!("no chart that Helm installs reads `{known}`")).label("has no effect")
        } else {
            RULE.at(place, format!("the Sail operator does not take `{known}`")).label("refused")
        };
        findings.push(finding.help(format!("remove it: {help}; or install with istioctl")));
    }
}
