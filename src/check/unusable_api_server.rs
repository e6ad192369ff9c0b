use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, ProxyUrl};

use super::{Check, Context};

pub(super) const CHECK: Check = Check::of(RULE, check).reads(&[&["cluster.name"]]);

const RULE: Rule = Rule::error("unusable-api-server", include_str!("../../docs/rules/unusable-api-server.md"));

const CREDENTIALS: &str = "everyone who reads this file can read them";

const REVOKE: &str = "remove everything before the `@`, and revoke these credentials: the file may be in Git";

fn check(context: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for (path, cluster) in context.clusters() {
        let way = path.child("proxyURL");
        let is_way_known = context.is_known(&way);
        let proxy = cluster.proxy_url.as_ref().filter(|_| is_way_known);
        if let Some(proxy) = proxy {
            judge_proxy(cluster, proxy, &way, findings);
        }
        if let Some(file) = cluster.api_server_ca.as_ref().filter(|file| Utf8Path::new(file.as_str()).is_absolute()) {
            findings.push(
                RULE.at(path.child("apiServerCA"), format!("`{}` is an absolute path", file.as_str()))
                    .label("other machines do not have it")
                    .help("write it relative to this file"),
            );
        }
        let place = path.child("apiServer");
        if !context.is_known(&place) {
            continue;
        }
        let server = &cluster.api_server;
        let name = cluster.name.as_str();
        let (message, label, help) = if server.has_credentials() {
            (format!("the URL of the API server of `{name}` holds credentials"), CREDENTIALS, REVOKE)
        } else if server.scheme() != "https" {
            (
                format!("the API server of `{name}` is dialled without TLS"),
                "control planes send a token there",
                "write `https://` and the port that speaks TLS, often 6443",
            )
        } else if let Some(prefix) = server.path() {
            // Behind different proxies, different machines may have the same address.
            let way = proxy.map(|proxy| proxy.url().as_str().trim_end_matches('/'));
            let key = (server.host().to_string(), server.port(), prefix, way);
            if !is_way_known {
                continue;
            }
            let Some(first) = seen.insert(key, place.clone()) else { continue };
            if context.cluster_path(cluster.name.as_str()) == path {
                findings.push(
                    RULE.at(place, "two clusters have the same API server")
                        .label(if prefix.is_empty() { "the same host and port" } else { "the same host, port and path" })
                        .and(first, "also here")
                        .help("write each cluster's own: `kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'`"),
                );
            }
            continue;
        } else {
            (
                format!("the URL of the API server of `{name}` has a query or a fragment"),
                "no request would keep it",
                "remove everything from the `?` or the `#` on",
            )
        };
        findings.push(RULE.at(place, message).label(label).help(help));
    }
}

fn judge_proxy(cluster: &Cluster, proxy: &ProxyUrl, place: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let what = format!("the URL of the proxy to the API server of `{}`", cluster.name);
    let finding = |message, label, help| RULE.at(place.clone(), message).label(label).help(help);
    if proxy.url().has_credentials() {
        findings.push(finding(format!("{what} holds credentials"), CREDENTIALS, REVOKE));
    } else if !proxy.url().is_bare() {
        let label = "a proxy is reached at a host and a port";
        findings.push(finding(format!("{what} has a path"), label, "write scheme, host and port only"));
    }
}
