//! The values by which somebody else than istiod signs the certificates of workloads.

use serde_json::Value;

use crate::topology::FreeForm;

use super::{boolean, held};

/// A value, whether it says that somebody else signs, and what it says then.
type Sign = (&'static str, fn(&str) -> bool, &'static str);

/// Whom proxies ask instead of istiod, or that istiod does not sign itself. `pilotCertProvider` is not among them: it decides on the
/// certificate of istiod's own server alone.
///
/// `1.30.3:manifests/charts/istio-control/istio-discovery/files/injection-template.yaml`, `1.30.3:pilot/pkg/bootstrap/server.go`
/// (`maybeCreateCA`, `startCA`).
const SIGNS: &[Sign] = &[
    (
        "values.global.caAddress",
        |address| !address.is_empty() && !is_istiod(address),
        "proxies ask this address for certificates, and not istiod",
    ),
    ("values.global.caName", |name| name == "GkeWorkloadCertificate", "GKE hands out the certificates"),
    (SERVER, is_off, "istiod does not sign"),
    ("values.pilot.env.EXTERNAL_CA", |kind| !kind.is_empty(), "istiod has signers of Kubernetes sign"),
];

/// Whether istiod is an authority at all.
const SERVER: &str = "values.pilot.env.ENABLE_CA_SERVER";

fn is_off(value: &str) -> bool {
    boolean(value) == Some(false)
}

/// Where agents look for the socket of SPIRE: a template of the author mounts it there (`1.30.3:pkg/security/security.go`).
const SOCKET: &str = "workload-spiffe-uds";

/// By which value somebody else signs in a cluster.
pub(crate) struct OtherSigner {
    /// The value's path.
    pub(crate) path: &'static str,
    /// Which of the fields hold it.
    pub(crate) place: usize,
    /// What it says.
    pub(crate) says: &'static str,
}

/// The first value by which somebody else signs in a cluster. Of its fields, those of the cluster itself stand before those of all.
pub(crate) fn other_signer(fields: &[&FreeForm]) -> Option<OtherSigner> {
    SIGNS.iter().find_map(|(path, is_other, says)| {
        let mut places = fields.iter().enumerate();
        let (place, value) = places.find_map(|(place, fields)| Some((place, stated(fields, path)?)))?;
        is_other(&value).then_some(OtherSigner { path, place, says })
    })
}

/// The address that proxies ask for certificates, if it is one of their own cluster: each resolves it where it runs.
pub(crate) fn signer_of_cluster(fields: &[&FreeForm]) -> Option<(String, usize)> {
    let stated = |(place, fields): (usize, &&FreeForm)| Some((stated(fields, "values.global.caAddress")?, place));
    let found = fields.iter().enumerate().find_map(stated)?;
    let is_service = found.0.split(['.', ':']).nth(2) == Some("svc");
    Some(found).filter(|(address, _)| is_service && !is_istiod(address))
}

/// Whether istiod is no authority, so that it never reads the Secret `cacerts`; of its fields as for [`other_signer`].
pub(crate) fn is_no_authority(fields: &[&FreeForm]) -> bool {
    fields.iter().find_map(|fields| stated(fields, SERVER)).is_some_and(|value| is_off(&value))
}

/// Whether workloads get their certificates from a socket of SPIRE.
pub(crate) fn has_socket(fields: &[&FreeForm]) -> bool {
    let is_mounted = |value: &Value| value.to_string().contains(SOCKET);
    fields.iter().any(|fields| fields.get("sidecarInjectorWebhook").is_some_and(is_mounted))
}

fn stated(fields: &FreeForm, path: &str) -> Option<String> {
    let (value, _) = held(fields, "values", path).filter(|(_, found)| *found == path)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Whether an address is that of a mesh's own control plane.
fn is_istiod(address: &str) -> bool {
    let mut labels = address.split(['.', ':']);
    let service = labels.next().unwrap_or_default();
    (service == "istiod" || service.starts_with("istiod-")) && labels.next() == Some("istio-system")
}
