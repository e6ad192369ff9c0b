//! Credentials by way of a store: each cluster that is read pushes a token to it, and control planes get it from there. The External
//! Secrets Operator does both (external-secrets/external-secrets v2.9.0, `apis/externalsecrets`).

use serde_json::{Value, json};

use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Mesh};
use crate::pki::base64;
use crate::topology::SecretStore;
use crate::yaml;

use super::{labels, metadata};

/// The Secret with the token of the account that reads a cluster. It is the one that `istioctl create-remote-secret` makes, so that a mesh
/// goes over from the one to the other with the token that it has (`1.30.3:istioctl/pkg/multicluster/remote_secret.go`).
pub(crate) const TOKEN: &str = "istio-reader-service-account-istio-remote-secret-token";

/// The account that the token is of, which Istio's charts make.
const ACCOUNT: &str = "istio-reader-service-account";

/// What pushes the token.
const PUSH: &str = "istio-reader";

/// How often the operator looks whether anything differs. It is its default: each look at a store may cost money.
const INTERVAL: &str = "1h";

/// The remote secret of a cluster, and what makes it.
pub(crate) fn remote_secret(cluster: &str) -> String {
    ["istio-remote-secret-", cluster].concat()
}

/// Where a cluster's token is in the store.
fn place(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> String {
    [mesh.id, "/", cluster.name, "/istio-reader"].concat()
}

fn reference(store: &SecretStore) -> Value {
    json!({ "kind": store.kind.as_str(), "name": store.name.as_str() })
}

/// The store, where other control planes get a cluster's token from it.
fn store_for<'m>(mesh: &Mesh<'m>, cluster: &Cluster<'_>) -> Option<&'m SecretStore> {
    mesh.remote_access.filter(|_| mesh.is_read(cluster))
}

/// The Secret in which Kubernetes writes a token. It has no labels of ours: scripts leave it without any.
pub(super) fn token(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let token = |_| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": TOKEN,
                "namespace": ISTIO_SYSTEM,
                "annotations": { "kubernetes.io/service-account.name": ACCOUNT },
            },
            "type": "kubernetes.io/service-account-token",
        })
    };
    store_for(mesh, cluster).map(token).into_iter().collect()
}

/// What pushes the token to the store, and deletes it there when it goes.
pub(super) fn push(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let place = place(mesh, cluster);
    let push = |key: &str, property: &str| {
        let to = json!({ "remoteKey": place, "property": property });
        json!({ "match": { "secretKey": key, "remoteRef": to }, "conversionStrategy": "None" })
    };
    let document = |store| {
        json!({
            "apiVersion": "external-secrets.io/v1alpha1",
            "kind": "PushSecret",
            "metadata": metadata(mesh, PUSH),
            "spec": {
                "refreshInterval": INTERVAL,
                "updatePolicy": "Replace",
                "deletionPolicy": "Delete",
                "secretStoreRefs": [reference(store)],
                "selector": { "secret": { "name": TOKEN } },
                // Some stores read a dot in a property as a path.
                "data": [push("token", "token"), push("ca.crt", "ca")],
            },
        })
    };
    store_for(mesh, cluster).map(document).into_iter().collect()
}

/// What makes the remote secrets of a primary: one for each cluster that its control plane reads.
pub(super) fn remote_secrets(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(store) = mesh.remote_access else { return Vec::new() };
    mesh.read_by(cluster).map(|other| external_secret(mesh, store, other)).collect()
}

fn external_secret(mesh: &Mesh<'_>, store: &SecretStore, cluster: &Cluster<'_>) -> Value {
    let (name, place) = (remote_secret(cluster.name), place(mesh, cluster));
    // What the API server fills in is written too: otherwise Argo CD finds a difference for ever.
    let get = |property: &&str| {
        let from = json!({
            "key": place,
            "property": property,
            "conversionStrategy": "Default",
            "decodingStrategy": "None",
            "metadataPolicy": "None",
        });
        json!({ "secretKey": property, "remoteRef": from })
    };
    let properties: &[&str] = if cluster.api_server_ca.is_some() { &["token"] } else { &["token", "ca"] };
    let mut labels = labels(mesh);
    labels["istio/multiCluster"] = json!("true");
    json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": metadata(mesh, &name),
        "spec": {
            "refreshInterval": INTERVAL,
            "secretStoreRef": reference(store),
            "target": {
                "name": name,
                "creationPolicy": "Owner",
                // A store that loses the token, or does not answer, takes no cluster from a control plane.
                "deletionPolicy": "Retain",
                "template": {
                    "engineVersion": "v2",
                    "mergePolicy": "Replace",
                    "type": "Opaque",
                    "metadata": {
                        "labels": labels,
                        "annotations": { "networking.istio.io/cluster": cluster.name },
                    },
                    "data": { cluster.name: kubeconfig(cluster) },
                },
            },
            "data": properties.iter().map(get).collect::<Vec<Value>>(),
        },
    })
}

/// The kubeconfig of a cluster as a template of Go, which gives the bytes that `remote-secrets.sh` applies: istiod reads a cluster anew when
/// they change (`1.30.3:pkg/kube/multicluster/secretcontroller.go`).
///
/// A token that is none becomes empty, because with other characters it could say more than a token.
fn kubeconfig(cluster: &Cluster<'_>) -> String {
    let (name, server) = (scalar(cluster.name), scalar(cluster.api_server));
    let authorities = match cluster.api_server_ca {
        Some(authorities) => base64(authorities.as_bytes()),
        None => "{{ .ca | b64enc }}".to_owned(),
    };
    let proxy = cluster.proxy_url.map(|url| format!("    proxy-url: {}\n", quoted(url))).unwrap_or_default();
    format!(
        "apiVersion: v1\n\
         clusters:\n\
         - cluster:\n    certificate-authority-data: {authorities}\n{proxy}    server: {server}\n  name: {name}\n\
         contexts:\n\
         - context:\n    cluster: {name}\n    user: {name}\n  name: {name}\n\
         current-context: {name}\n\
         kind: Config\n\
         users:\n\
         - name: {name}\n  user:\n    token: {{{{ regexFind \"^[A-Za-z0-9._-]+$\" .token }}}}\n"
    )
}

/// A text as a scalar of YAML, in which no template of Go begins.
fn scalar(text: &str) -> String {
    without_braces(yaml::print(&json!(text)).trim_end())
}

/// The same, always in quotes.
fn quoted(text: &str) -> String {
    without_braces(&json!(text).to_string())
}

/// A brace is in quotes, because no plain scalar of ours has one, and there YAML has another way to write it.
fn without_braces(scalar: &str) -> String {
    scalar.replace('{', "\\u007b")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_a_template_and_each_is_read_back() {
        for hostile in [
            "https://192.0.2.1:6443",
            "https://a/{{ .token }}",
            "https://a/{{{{\"}}",
            "https://a/\\{{`}}\\",
            "https://a/\\\\{",
            "https://a/'{{-/**/-}}'",
            "{{",
            "no",
            "1e3",
            "a#b: c",
        ] {
            for written in [scalar(hostile), quoted(hostile)] {
                assert!(!written.contains('{') && !written.contains('\n'), "{written}");
                let read: String = serde_yaml::from_str(&written).unwrap();
                assert_eq!(read, hostile, "{written}");
            }
        }
    }
}
