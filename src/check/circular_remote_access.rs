use crate::diagnostic::{Diagnostic, FieldPath};
use crate::release::{RemoteShape, release};
use crate::rule::Rule;
use crate::topology::RemoteAccess;

use super::reads::{REMOTES, VERSION};
use super::{About, Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check)
    .about(About::Mesh(|topology| topology.remote_access == RemoteAccess::ExternalSecrets))
    .reads(&[VERSION, REMOTES]);

const RULE: Rule = Rule::error("circular-remote-access", include_str!("../../docs/rules/circular-remote-access.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let topology = context.topology;
    let version = topology.istio.version;
    let has_local_istiods = release(version).is_some_and(|release| release.remotes == RemoteShape::LocalIstiod);
    if topology.remote_access != RemoteAccess::ExternalSecrets || !has_local_istiods {
        return;
    }
    // Other rules speak of a control plane that is none.
    let is_primary = |name: &str| context.cluster(name).is_some_and(|primary| primary.primary().is_none());
    let mut remotes = context.clusters().filter(|(_, cluster)| cluster.primary().is_some_and(is_primary));
    let Some((path, cluster)) = remotes.next() else { return };
    findings.push(
        RULE.at(
            FieldPath::root().child("remoteAccess"),
            format!("Istio {version} needs the credentials of a remote before it is installed there, and the remote has none before"),
        )
        .label("comes from what Istio installs in the remote")
        .and(path.child("controlPlane"), format!("makes `{}` a remote", cluster.name))
        .help("write `remoteAccess: script`, whose `istioctl` makes the account itself, or let every cluster have a control plane of its own"),
    );
}
