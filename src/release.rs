//! What a version of Istio means, in one place. Emitters and rules ask here; nobody else compares versions.

use crate::topology::IstioVersion;

/// The facts about one minor release of Istio that the output depends on.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The second number of the version; the first is 1.
    pub minor: u32,
    /// The version of Gateway and VirtualService.
    /// 1.11.2's `istioctl analyze` ignores `v1beta1`; `v1` is served from 1.22 on.
    pub networking_api: &'static str,
    /// The profiles that install a control plane (`manifests/profiles` of the tag).
    pub profiles: &'static [&'static str],
    /// Whether a remote's `remotePilotAddress` may be a DNS name. 1.11 writes it into `ip:` of an Endpoints object
    /// (1.11.2, `manifests/charts/base/templates/endpoints.yaml`).
    pub takes_host_name_as_control_plane: bool,
    /// The words of istioctl that create a remote secret; a command of its own from 1.12 on.
    pub create_remote_secret: &'static str,
    /// The words of istioctl that uninstall; a command of its own from 1.15 on.
    pub uninstall: &'static str,
    /// Whether the in-cluster operator exists; it was removed in 1.24.
    pub has_in_cluster_operator: bool,
    /// The image of Istio's Zipkin addon (`samples/addons/extras/zipkin.yaml` of the tag).
    pub zipkin_image: &'static str,
    /// Variables of the east-west gateway, before the requested network view (`samples/multicluster/gen-eastwest-gateway.sh`).
    pub gateway_variables: &'static [(&'static str, &'static str)],
}

/// Every release that meshgen can emit for.
pub const RELEASES: &[Release] = &[Release {
    minor: 11,
    networking_api: "networking.istio.io/v1alpha3",
    profiles: &["default", "demo", "minimal", "openshift", "preview"],
    takes_host_name_as_control_plane: false,
    create_remote_secret: "x create-remote-secret",
    uninstall: "x uninstall",
    has_in_cluster_operator: true,
    zipkin_image: "openzipkin/zipkin-slim:2.23.0",
    gateway_variables: &[("ISTIO_META_ROUTER_MODE", "sni-dnat")],
}];

/// The release that a version belongs to, if meshgen can emit for it.
pub fn release(version: IstioVersion) -> Option<&'static Release> {
    RELEASES.iter().find(|release| version.major == 1 && release.minor == version.minor)
}
