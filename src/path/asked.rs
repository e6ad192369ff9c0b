//! A call between two clusters, and what its checks have in common.

use serde_json::Value;

use crate::layout::{ISTIO_SYSTEM, REMOTE_SECRETS};
use crate::mesh::Cluster;
use crate::topology::FreeForm;

use super::gateways::Found;
use super::policy::View;
use super::{Check, Name, Paths, Service, Verdict, Way};

/// A call between two clusters of a mesh.
pub(super) struct Asked<'p, 'm, 't> {
    pub(super) paths: &'p Paths<'m, 't>,
    pub(super) from: &'p Cluster<'t>,
    pub(super) to: &'p Cluster<'t>,
    /// The primaries that serve them.
    pub(super) caller: &'m Cluster<'t>,
    pub(super) called: &'m Cluster<'t>,
    pub(super) way: Way,
    /// The gateways of the way.
    pub(super) gateways: Vec<&'p Found>,
    pub(super) service: Option<Service<'p>>,
    /// The full name of the service.
    pub(super) host: Option<String>,
    pub(super) namespace: &'p str,
}

pub(super) fn holds(check: Name, because: impl Into<String>) -> Check {
    Check { check, verdict: Verdict::Holds, because: because.into(), help: None, files: Vec::new() }
}

pub(super) fn unseen(check: Name, because: impl Into<String>) -> Check {
    Check { verdict: Verdict::Unseen, ..holds(check, because) }
}

pub(super) fn fails(check: Name, because: impl Into<String>, help: impl Into<String>) -> Check {
    Check { verdict: Verdict::Fails, help: Some(help.into()), ..holds(check, because) }
}

impl Check {
    pub(super) fn by(self, files: impl IntoIterator<Item = String>) -> Self {
        Self { files: files.into_iter().collect(), ..self }
    }

    pub(super) fn see(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl Asked<'_, '_, '_> {
    /// The server name of a subset (`BuildDNSSrvSubsetKey` of `1.30.3:pilot/pkg/model/service.go`).
    pub(super) fn sni(&self, subset: &str) -> Option<String> {
        let port = self.service?.port;
        Some(format!("outbound_.{port}_.{subset}_.{}", self.host.as_ref()?))
    }

    /// A control plane's view of the service.
    pub(super) fn view<'v>(
        &'v self,
        primary: &'v Cluster<'_>,
        root: &'v str,
        service: Service<'v>,
        host: &'v str,
    ) -> View<'v> {
        View {
            objects: self.paths.objects,
            primary: primary.name,
            root_namespace: root,
            domain: self.paths.mesh.cluster_domain,
            host,
            namespace: service.namespace,
            port: service.port,
        }
    }

    pub(super) fn root_namespace(&self, primary: &Cluster<'_>) -> String {
        let config = self.paths.config(primary);
        let namespace = held(config, &["rootNamespace"]).and_then(Value::as_str);
        namespace.unwrap_or(ISTIO_SYSTEM).to_owned()
    }

    /// The primaries whose istiods tell the gateways of the way.
    pub(super) fn gateway_primaries(&self) -> Vec<&Cluster<'_>> {
        let mesh = self.paths.mesh;
        let owner = |found: &&Found| {
            let name = found.endpoint.cluster.as_deref()?;
            mesh.clusters.iter().find(|cluster| cluster.name == name)
        };
        let mut primaries: Vec<&Cluster<'_>> =
            self.gateways.iter().filter_map(owner).map(|gateway| mesh.primary_of(gateway)).collect();
        primaries.sort_by_key(|primary| primary.position);
        primaries.dedup_by_key(|primary| primary.position);
        primaries
    }

    /// The file by which a control plane gets the credentials of other clusters.
    pub(super) fn credentials(&self, primary: &Cluster<'_>) -> String {
        let is_stored = self.paths.mesh.remote_access.is_some();
        in_cluster(primary, if is_stored { "80-remote-secrets/remote-secrets.yaml" } else { REMOTE_SECRETS })
    }

    /// What fails where a control plane has no credentials of the called cluster.
    pub(super) fn missing_secret(&self, primary: &Cluster<'_>) -> Option<Check> {
        let known = self.paths.objects.remote_secrets(primary.name)?;
        let is_missing = primary.position != self.to.position && !known.contains(&self.to.name);
        is_missing.then(|| {
            fails(
                Name::Known,
                format!("the istiod of {} has no remote secret of {}", primary.name, self.to.name),
                match self.paths.mesh.remote_access {
                    None => format!("run {}", self.credentials(primary)),
                    Some(_) => format!("apply {}, and look at what the store gives", self.credentials(primary)),
                },
            )
            .by([self.credentials(primary)])
        })
    }
}

pub(super) fn held<'v>(fields: &'v FreeForm, keys: &[&str]) -> Option<&'v Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(fields.get(*first)?, |value, key| value.get(key))
}

/// The path of a file of a cluster in the tree.
pub(super) fn in_cluster(cluster: &Cluster<'_>, file: &str) -> String {
    format!("{}/{file}", cluster.name)
}
