//! The names of a tree's directories and files, and of what stands in the clusters, in one place.

/// The namespace of Istio, in every cluster.
pub const ISTIO_SYSTEM: &str = "istio-system";

/// The namespace itself.
pub const NAMESPACE: &str = "10-namespace";
/// The Secret `cacerts`.
pub const CACERTS: &str = "20-cacerts";
/// The roots of whoever signs instead of istiod.
pub const ROOTS: &str = "20-roots";
/// Istio itself.
pub const ISTIO: &str = "30-istio";
/// The east-west gateway.
pub const EASTWEST_GATEWAY: &str = "40-eastwest-gateway";
/// The gateways of the profile.
pub const GATEWAYS: &str = "45-gateways";
/// The egress gateway of a remote without an istiod.
pub const EGRESS_GATEWAY: &str = "45-egress-gateway";
/// What gateways let through.
pub const EXPOSURE: &str = "50-exposure";
/// How much is traced, and where it goes.
pub const TELEMETRY: &str = "55-telemetry";
/// The trace collector.
pub const ZIPKIN: &str = "60-zipkin";
/// The token by which other control planes read the cluster, and what pushes it to a store.
pub const REMOTE_ACCESS: &str = "70-remote-access";
/// What makes remote secrets of what is in a store.
pub const STORED_SECRETS: &str = "80-remote-secrets";

/// The directories of what Argo CD and Flux are told.
pub const CONTROLLERS: [&str; 2] = ["argocd", "flux"];

/// What keeps private keys out of Git.
pub const GITIGNORE: &str = ".gitignore";
/// The script that gives a control plane the credentials of the other clusters.
pub const REMOTE_SECRETS: &str = "remote-secrets.sh";
/// The script of the routes of a cluster's nodes.
pub const ROUTES: &str = "routes.sh";

/// istiod's four names of the files of a bundle (`1.30.3:pilot/pkg/bootstrap/istio_ca.go`).
pub const ROOT_CERTIFICATE: &str = "root-cert.pem";
/// The certificate that istiod signs with.
pub const CERTIFICATE: &str = "ca-cert.pem";
/// Its private key.
pub const KEY: &str = "ca-key.pem";
/// The certificate and its issuers.
pub const CHAIN: &str = "cert-chain.pem";

/// The path of a file of a cluster's bundle.
pub fn bundle_path(cluster: &str, file: &str) -> String {
    [cluster, "/", CACERTS, "/", file].concat()
}

/// The cluster whose directory holds a path.
pub fn cluster_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(cluster, _)| cluster)
}

/// Whether a file is of a bundle.
pub fn is_pem(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    [ROOT_CERTIFICATE, CERTIFICATE, KEY, CHAIN].contains(&file)
}

/// The files of the objects that bring the Secret `cacerts` to a cluster, of each form.
pub(crate) const SECRET_FILES: [&str; 3] = ["cacerts.sops.yaml", "cacerts.sealed.yaml", "cacerts.external.yaml"];

/// Whether a file is made of a bundle, so that nobody can emit it without the certificates.
pub fn is_of_bundle(path: &str) -> bool {
    is_pem(path) || SECRET_FILES.iter().any(|file| path.rsplit('/').next() == Some(file))
}

/// Whether a file may hold a private key.
pub fn is_private(path: &str) -> bool {
    path.strip_suffix(KEY).is_some_and(|directory| directory.ends_with('/'))
}

/// The number by which routes are known as ours (`rtm_protocol`, free for use by operators: linux/rtnetlink.h names 0 to 254).
pub(crate) const ROUTE_PROTOCOL: u8 = 77;
