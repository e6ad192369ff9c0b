use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&["cluster.name"]]);

const RULE: Rule = Rule::error("unusable-api-server", include_str!("../../docs/rules/unusable-api-server.md"));

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        let place = path.child("apiServer");
        if !context.is_known(&place) {
            continue;
        }
        let server = &cluster.api_server;
        let name = cluster.name.as_str();
        let (message, label, help) = if server.has_credentials() {
            (
                format!("the URL of the API server of `{name}` holds credentials"),
                "everyone who reads this file can read them",
                "remove everything before the `@`, and revoke these credentials: the file may be in Git",
            )
        } else if server.scheme() != "https" {
            (
                format!("the API server of `{name}` is dialled without TLS"),
                "control planes send a token there",
                "write `https://` and the port that speaks TLS, often 6443",
            )
        } else if !matches!(server.path(), "" | "/") {
            (
                format!("the URL of the API server of `{name}` has a path"),
                "the API is not at this path",
                "write scheme, host and port only; if a proxy needs the path, write the address of the API server itself",
            )
        } else {
            let Some(first) = seen.insert((server.host().to_string(), server.port()), place.clone()) else { continue };
            if context.cluster_path(cluster.name.as_str()) == path {
                findings.push(
                    RULE.at(place, "two clusters have the same API server")
                        .label("the same host and port")
                        .and(first, "also here")
                        .help("write each cluster's own: `kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'`"),
                );
            }
            continue;
        };
        findings.push(RULE.at(place, message).label(label).help(help));
    }
}
