use crate::diagnostic::Diagnostic;
use crate::layout::CONTROLLERS;
use crate::rule::Rule;
use crate::topology::{Controller, Name};

use super::controller::{ABOUT, GITOPS, place};
use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).about(ABOUT).reads(&[
    GITOPS,
    &["gitops.repository", "gitops.revision", "gitops.path", "clusters[].gitops.name", "clusters[].name"],
]);

const RULE: Rule = Rule::error("gitops-address", include_str!("../../docs/rules/gitops-address.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(gitops) = &context.topology.gitops else { return };
    if !is_repository(gitops.repository.as_str()) {
        findings.push(
            RULE.at(place("repository"), format!("`{}` is not the URL of a repository", gitops.repository.as_str()))
                .help("write it as the controller reads it: `https://git.example.com/platform/mesh.git` or `ssh://git@git.example.com/platform/mesh.git`, without credentials"),
        );
    }
    if !is_reference(gitops.revision.as_str()) {
        findings.push(
            RULE.at(place("revision"), format!("`{}` is not the name of a branch", gitops.revision.as_str()))
                .help("write a branch like `main`"),
        );
    }
    if !is_path(gitops.path.as_str()) {
        findings.push(
            RULE.at(place("path"), format!("`{}` is not a directory inside the repository", gitops.path.as_str()))
                .help("write it from the repository's top on, like `meshes/out`, or `.` if the tree is the repository"),
        );
    }
    for (path, cluster) in context.clusters() {
        let name = cluster.name.as_str();
        if CONTROLLERS.contains(&name) {
            findings.push(
                RULE.at(path.child("name"), format!("the tree has a directory `{name}` for the controller"))
                    .help("give the cluster another name"),
            );
        }
        let known = cluster.gitops.name.as_ref().filter(|_| gitops.controller == Controller::Flux);
        if let Some(secret) = known.filter(|secret| secret.as_str().parse::<Name>().is_err()) {
            findings.push(
                RULE.at(
                    path.child("gitops").child("name"),
                    format!("`{}` is not the name of a Secret", secret.as_str()),
                )
                .help("write lower-case letters, digits and `-`, like `west-kubeconfig`"),
            );
        }
    }
}

fn is_repository(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("ssh://"));
    rest.is_some_and(|rest| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%+@:".contains(&byte);
        let user = host.rsplit_once('@').map_or("", |(user, _)| user);
        let has_secret = user.contains(':') || text.starts_with("https://") && !user.is_empty();
        !host.is_empty() && !path.is_empty() && rest.bytes().all(is_plain) && !has_secret
    })
}

fn is_reference(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    !text.is_empty()
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with('/')
        && !text.contains("..")
        && text.bytes().all(is_plain)
}

fn is_path(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_plain)
    };
    text == "." || text.split('/').all(is_part)
}
