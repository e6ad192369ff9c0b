use crate::diagnostic::Diagnostic;
use crate::rule::Rule;

use crate::topology::Cluster;

use super::{About, Check, Context};

pub(super) const CHECK: Check =
    Check::of(RULE, check).about(About::Clusters(is_proxied)).reads(&[&["cluster.name", "cluster.apiServerCA"]]);

const RULE: Rule = Rule::warning("proxied-api-server", include_str!("../../docs/rules/proxied-api-server.md"));

/// A URL with a path is that of a proxy that ends TLS: no API server serves its API below a path.
fn is_proxied(cluster: &Cluster) -> bool {
    cluster.api_server.path().is_some_and(|prefix| !prefix.is_empty())
}

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    for (path, cluster) in context.clusters() {
        let place = path.child("apiServer");
        if !is_proxied(cluster) || !context.is_known(&place) {
            continue;
        }
        let name = cluster.name.as_str();
        let tokens = "let the proxy take the tokens of service accounts (Rancher: \"JWT Authentication\"), then allow this with a reason";
        let finding = if cluster.api_server_ca.is_some() {
            RULE.at(
                place,
                format!("the proxy in front of the API server of `{name}` may refuse the token of the remote secret"),
            )
            .label("the path of a proxy")
        } else {
            RULE.at(
                place,
                format!("istiods trust the CA of `{name}` here, and may meet a proxy with another certificate"),
            )
            .label("the path of a proxy")
            .help("write the file of the proxy's CA in `apiServerCA`")
        };
        findings.push(finding.help(tokens).help("or write the address of the API server itself"));
    }
}
