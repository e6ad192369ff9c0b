//! The commands that remove a cluster from a running mesh. A later build does not know the cluster.

use crate::artifact::{DIRECTORIES, Directory, Means};
use crate::command::{self, Command, OURS};
use crate::layout::{ISTIO_SYSTEM, NAMESPACE, REMOTE_SECRETS, ROUTES};

use super::facts::{Known, Member};

/// The commands in order. Like `uninstall.sh`, they keep objects that are not from meshgen. `neighbours` are the
/// clusters whose nodes have routes to this one, itself included.
pub(super) fn commands(
    before: &Known<'_>,
    after: &Known<'_>,
    name: &str,
    member: &Member,
    neighbours: &[&str],
) -> Vec<String> {
    let kubectl = |words: &[&str]| Command::kubectl(&member.context).words(words.iter().copied());
    let in_namespace = |words: &[&str]| kubectl(&["-n", ISTIO_SYSTEM]).words(words.iter().copied());
    let mut commands = credentials(after);
    commands.extend(neighbours.iter().map(|neighbour| routes(after, name, neighbour)));
    let directories = plain_directories(before, name);
    let delete = |directory| kubectl(&["delete", "--ignore-not-found", "-k", &format!("OLD/{name}/{directory}")]);
    commands.extend(directories.into_iter().map(delete));
    let revision = format!("istio.io/rev={}", before.revision(name).as_deref().unwrap_or("default"));
    let webhooks = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    commands.extend([
        in_namespace(&["delete", "secrets", "-l", OURS]),
        command::delete_owned(&member.context, "istio,eastwest-gateway"),
        kubectl(&["delete", webhooks, "-l", &revision]),
        in_namespace(&["get", "all,secrets,configmaps,persistentvolumeclaims"])
            .remark("does anyone else need any of it?"),
    ]);
    let last = kubectl(&["delete", "namespace", ISTIO_SYSTEM]);
    commands.iter().map(ToString::to_string).chain([format!("# if not: {last}")]).collect()
}

/// Takes the cluster's credentials from every primary that stays.
fn credentials(after: &Known<'_>) -> Vec<Command> {
    let primaries = after.members.iter().filter(|(primary, member)| member.primary == **primary);
    let remove = |(primary, member): (&&str, &Member)| {
        let script = format!("{primary}/{REMOTE_SECRETS}");
        if after.files_of(primary).contains_key(script.as_str()) {
            return Command::script(&format!("NEW/{script}"));
        }
        // If only one cluster stays, it needs no credentials and has no script for them.
        let selector = format!("istio/multiCluster=true,{OURS}");
        Command::kubectl(&member.context).words(["-n", ISTIO_SYSTEM, "delete", "secrets", "-l", &selector])
    };
    primaries.map(remove).collect()
}

fn routes(after: &Known<'_>, name: &str, neighbour: &str) -> Command {
    let script = format!("{neighbour}/{ROUTES}");
    let is_needed = neighbour != name && after.files_of(neighbour).contains_key(script.as_str());
    let remove = Command::script(&format!("OLD/{script}")).words(["remove"]);
    let whole = if is_needed { remove.shell(&format!("&& NEW/{script} add")) } else { remove };
    whole.remark(&format!("as root, on each node of {neighbour}"))
}

/// The directories of a cluster with plain objects, in reverse order. Other commands remove what istioctl installed, the namespace
/// and the Secrets.
fn plain_directories(before: &Known<'_>, name: &str) -> Vec<&'static str> {
    let files = before.files_of(name);
    let is_there = |directory: &&Directory| {
        let prefix = format!("{name}/{}/", directory.name);
        files.range(prefix.as_str()..).next().is_some_and(|(path, _)| path.starts_with(&prefix))
    };
    let is_plain = |directory: &&Directory| {
        directory.name != NAMESPACE && matches!(directory.means, Means::Objects | Means::Collector)
    };
    DIRECTORIES.iter().rev().filter(is_plain).filter(is_there).map(|directory| directory.name).collect()
}
