//! What removes a cluster from a running mesh: no later build knows of it any more.

use crate::layout::{CACERTS, EASTWEST_GATEWAY, ISTIO, ISTIO_SYSTEM, NAMESPACE};
use crate::template::quote;

use super::facts::{Known, Member};

/// The commands in order. As `uninstall.sh` does for a whole mesh, they keep what is somebody else's; `neighbours` are the
/// clusters whose nodes have routes to this one, itself included.
pub(super) fn commands(
    before: &Known<'_>,
    after: &Known<'_>,
    name: &str,
    member: &Member,
    neighbours: &[&str],
) -> Vec<String> {
    let mut commands = credentials(after);
    commands.extend(neighbours.iter().map(|neighbour| routes(after, name, neighbour)));
    let context = quote(&member.context);
    let directories = plain_directories(before, name).into_iter().rev();
    commands.extend(
        directories.map(|directory| {
            format!("kubectl --context={context} delete --ignore-not-found -k OLD/{name}/{directory}")
        }),
    );
    let revision = before.revision(name).unwrap_or_else(|| "default".to_owned());
    commands.extend([
        format!("kubectl --context={context} -n {ISTIO_SYSTEM} delete secrets -l {OURS}"),
        owned(&context, "istio,eastwest-gateway"),
        format!(
            "kubectl --context={context} delete mutatingwebhookconfigurations,validatingwebhookconfigurations -l istio.io/rev={revision}"
        ),
        format!(
            "kubectl --context={context} -n {ISTIO_SYSTEM} get all,secrets,configmaps,persistentvolumeclaims   # is any of it somebody else's?"
        ),
        format!("# if not: kubectl --context={context} delete namespace {ISTIO_SYSTEM}"),
    ]);
    commands
}

/// Deletes what istioctl made of IstioOperators with these names, on which it leaves its mark
/// (`1.30.3:operator/pkg/install/install.go`): all but CustomResourceDefinitions, which take everybody's objects with them.
pub(super) fn owned(context: &str, names: &str) -> String {
    const KINDS: &str = "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings,\
                         deployments,daemonsets,horizontalpodautoscalers,poddisruptionbudgets,services,endpoints,endpointslices,\
                         configmaps,secrets,serviceaccounts,roles,rolebindings,envoyfilters.networking.istio.io";
    let owner = "install.operator.istio.io/owning-resource";
    format!(
        "kubectl --context={context} -n {ISTIO_SYSTEM} delete {KINDS} -l '{owner} in ({names}),{owner}-namespace={ISTIO_SYSTEM}'"
    )
}

/// The label of what meshgen stated, and of what its scripts made.
const OURS: &str = "app.kubernetes.io/managed-by=meshgen";

/// Takes the cluster's credentials from every primary that stays.
fn credentials(after: &Known<'_>) -> Vec<String> {
    let primaries = after.members.iter().filter(|(primary, member)| member.primary == **primary);
    let remove = |(primary, member): (&&str, &Member)| {
        let script = format!("{primary}/remote-secrets.sh");
        if after.files_of(primary).contains_key(script.as_str()) {
            return format!("NEW/{script}");
        }
        // The only cluster that is left needs no credentials, and has no script for them.
        let context = quote(&member.context);
        format!("kubectl --context={context} -n {ISTIO_SYSTEM} delete secrets -l istio/multiCluster=true,{OURS}")
    };
    primaries.map(remove).collect()
}

fn routes(after: &Known<'_>, name: &str, neighbour: &str) -> String {
    let script = format!("{neighbour}/routes.sh");
    let is_needed = neighbour != name && after.files_of(neighbour).contains_key(script.as_str());
    let then = if is_needed { format!(" && NEW/{script} add") } else { String::new() };
    format!("OLD/{script} remove{then}   # as root, on each node of {neighbour}")
}

/// The directories of a cluster that hold plain objects, in the order of their application. What istioctl installed, the
/// namespace and the Secrets go by themselves.
fn plain_directories<'s>(before: &'s Known<'_>, name: &str) -> Vec<&'s str> {
    const OTHERS: [&str; 4] = [NAMESPACE, CACERTS, ISTIO, EASTWEST_GATEWAY];
    let directories = before.files_of(name).into_keys().filter_map(|path| path.split('/').nth(1));
    let mut directories: Vec<&str> = directories
        .filter(|directory| directory.starts_with(|first: char| first.is_ascii_digit()) && !OTHERS.contains(directory))
        .collect();
    directories.dedup();
    directories
}
