//! What a version of Istio means, in one place. Emitters and rules ask here; nobody else compares versions.
//!
//! Files are named as `TAG:path` in the repository istio/istio.

use std::fmt;

use crate::topology::IstioVersion;
use crate::words::joined;

mod bugs;
mod fields;

use bugs::{KEPT_COLLECTIONS, LEAKED_KEY, UNESCAPED_IDENTITIES};

pub use bugs::Bug;
pub use fields::{Unknown, unknown_in_mesh_config, unknown_in_values};

/// The facts about one minor release of Istio that the output depends on.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Release {
    /// The second number of the version; the first is 1.
    pub minor: u32,
    /// The newest patch that was read; `None` where only a release candidate was.
    pub read: Option<u32>,
    /// The last patch, where there will be no other.
    pub last: Option<u32>,
    /// The oldest and the newest minor version of Kubernetes 1 that it runs on (`data/compatibility/supportStatus.yml` of
    /// istio/istio.io).
    pub kubernetes: (u32, u32),
    /// The last day of support as year, month and day, where it has been announced (the same file).
    pub end_of_life: Option<(i32, u8, u8)>,
    /// Bugs of its early patches that a mesh of several clusters meets, and security advisories.
    pub bugs: &'static [Bug],
    /// The shape of a cluster that another cluster's istiod serves.
    pub remotes: RemoteShape,
    /// What leads a remote's Service to its primary's gateway.
    pub way_to_primary: WayToPrimary,
    /// Whether the istiod of a remote has a certificate for the Service of its revision. 1.11 takes the names from the address by which
    /// proxies reach the primary (`1.11.8:pilot/pkg/bootstrap/certcontroller.go`), 1.13 from the revision too
    /// (`1.13.0:pilot/pkg/bootstrap/server.go`).
    pub certifies_revision: bool,
    /// How proxies learn where traces go.
    pub tracing: TracingMeans,
    /// The version of Gateway, VirtualService and ServiceEntry.
    /// 1.11.2's `istioctl analyze` ignores `v1beta1`; `v1` is served from 1.22 on.
    pub networking_api: &'static str,
    /// The profiles that install a control plane (`manifests/profiles` of the tag).
    pub profiles: &'static [&'static str],
    /// What a remote may dial its primary by.
    pub control_plane_address: ControlPlaneAddress,
    /// The words of istioctl that create a remote secret; a command of its own from 1.12 on.
    pub create_remote_secret: &'static str,
    /// Whether istioctl says which clusters a control plane reads; from 1.12 on.
    pub lists_remote_clusters: bool,
    /// Whether istiod finds the addresses behind a gateway's host name; from 1.13 on (istio/istio#29359).
    pub resolves_gateway_names: bool,
    /// Whether a running istiod takes a new Secret `cacerts`; `AUTO_RELOAD_PLUGIN_CERTS` came with 1.12 and is on from 1.18
    /// (`1.30.3:pilot/pkg/bootstrap/istio_ca.go`).
    pub reloads_authority: bool,
    /// Whether istioctl refuses a MeshConfig with a field that it does not know: 1.11 looks for them first
    /// (`1.11.2:operator/pkg/validate/validate.go`), later ones read it with defaults and pass over the rest
    /// (`1.30.3:operator/pkg/apis/validation/validation.go`).
    pub refuses_unknown_mesh_config: bool,
    /// Whether a primary's istiod reads the trust domain of another cluster from the object `istio` of kind `ConfigMap` in that cluster, and takes
    /// `cluster.local` where there is none; from 1.29 on
    /// (`1.29.0:pilot/pkg/serviceregistry/kube/controller/multicluster.go`).
    pub reads_remote_mesh_config: bool,
    /// Whether an istiod with ambient mode for several networks keeps the endpoints of other clusters from sidecars, unless a label makes the
    /// service global; from 1.28.1 on (`1.28.1:pilot/pkg/xds/endpoints/endpoint_builder.go`).
    pub scopes_services: bool,
    /// Whether Istio's Helm charts were compared with what istioctl installs, for primaries and thin remotes.
    pub has_charts: bool,
    /// The newest patch that the Sail operator 1.30.3 installs; `None` where it installs none
    /// (`pkg/istioversion/versions.yaml` of istio-ecosystem/sail-operator at that tag).
    pub sail: Option<u32>,
    /// Whether there is `values.global.platform` (`operator/pkg/apis/values_types.proto`); at 1.11 the profile says all of OpenShift.
    pub has_platform: bool,
    /// Whether an IstioOperator's Service has a field for the class of its load balancer; 1.11.2 knows the Service of an older
    /// Kubernetes (`operator/v1alpha1/operator.proto` of istio/api at the tag, `1.24.0:operator/pkg/apis/types.go`).
    pub states_load_balancer_class: bool,
    /// Whether a running istiod keeps the addresses of a gateway whose Service lost its network label
    /// (`1.11.2:pilot/pkg/serviceregistry/kube/controller/network.go`; 1.24.0 forgets them).
    pub keeps_unlabelled_gateways: bool,
    /// Whether the in-cluster operator exists; it was removed in 1.24 (istio/istio#52090).
    pub has_in_cluster_operator: bool,
    /// The image of Istio's Zipkin addon (`samples/addons/extras/zipkin.yaml` of the tag).
    pub zipkin_image: &'static str,
    /// Whether the addon declines a sidecar by a label; by an annotation before.
    pub zipkin_declines_by_label: bool,
    /// Variables of the east-west gateway, before the requested network view
    /// (`samples/multicluster/gen-eastwest-gateway.sh` of the tag).
    pub gateway_variables: &'static [(&'static str, &'static str)],
}

/// A place in the repository istio/istio. It is written as the URL that opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// A file at a tag.
    File {
        /// The tag.
        tag: &'static str,
        /// The path.
        path: &'static str,
    },
    /// An issue or a pull request.
    Issue(u32),
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REPOSITORY: &str = "https://github.com/istio/istio";
        match self {
            Self::File { tag, path } => write!(formatter, "{REPOSITORY}/blob/{tag}/{path}"),
            Self::Issue(number) => write!(formatter, "{REPOSITORY}/issues/{number}"),
        }
    }
}

/// The shape of a cluster that another cluster's istiod serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteShape {
    /// A full istiod injects and signs locally; proxies take their configuration from the primary
    /// (`1.11.2:manifests/charts/base/templates/services.yaml`).
    LocalIstiod,
    /// No istiod at all: Service and endpoints `istiod` lead to the primary's gateway. The profile is `remote`
    /// (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-service.yaml`).
    Thin,
}

/// What leads the Service of a remote to its primary's gateway. istioctl prunes neither
/// (`1.24.6:operator/pkg/uninstall/prune.go`, the same at 1.30.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayToPrimary {
    /// An object of kind `Endpoints` with the Service's name, of which Kubernetes makes an `EndpointSlice`. Kubernetes removes both with the
    /// Service (`1.27.9:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-endpoints.yaml`).
    Endpoints,
    /// An object of kind `EndpointSlice` with the Service's name
    /// (`1.28.10:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-endpointslices.yaml`).
    EndpointSlice,
}

/// What a remote may dial its primary by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlPlaneAddress {
    /// An IP address: the chart writes it into `ip:` of an Endpoints object
    /// (`1.11.2:manifests/charts/base/templates/endpoints.yaml`).
    Ip,
    /// An IPv4 address, or a name: the chart makes an `ExternalName` of everything else
    /// (`1.29.6:manifests/charts/istio-control/istio-discovery/templates/remote-istiod-service.yaml`).
    Ipv4OrName,
    /// An IP address or a name (`1.30.0`, the same file).
    Any,
}

/// How proxies learn where traces go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracingMeans {
    /// Their bootstrap says so: pods restart when it changes
    /// (`1.11.2:tools/packaging/common/envoy_bootstrap.json`).
    Bootstrap,
    /// istiod says so, by an extension provider and a Telemetry: nothing restarts. From 1.22 on there is no default collector;
    /// on 1.11 the provider sends a malformed Host header (`1.11.2:pilot/pkg/networking/core/v1alpha3/tracing.go`).
    Provider,
}

const V1_11: Release = Release {
    minor: 11,
    read: Some(8),
    last: Some(8),
    kubernetes: (18, 22),
    end_of_life: Some((2022, 3, 25)),
    // 1.11.6 has a list of what it takes there, which holds everything by default and is empty from 1.13 on
    // (`1.11.8:pilot/pkg/features/pilot.go`); `none` is the name of no method.
    bugs: &[Bug {
        fixed_in: Some(6),
        what: "runs whatever a remote secret's kubeconfig names as its credential plugin",
        needs_remote_secrets: true,
        source: Reference::File { tag: "1.11.8", path: "releasenotes/notes/multicuster-secret-auth.yaml" },
        switch: Some(("PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS", "none")),
    }],
    remotes: RemoteShape::LocalIstiod,
    way_to_primary: WayToPrimary::Endpoints,
    certifies_revision: false,
    tracing: TracingMeans::Bootstrap,
    networking_api: "networking.istio.io/v1alpha3",
    profiles: &["default", "demo", "minimal", "openshift", "preview"],
    control_plane_address: ControlPlaneAddress::Ip,
    create_remote_secret: "x create-remote-secret",
    lists_remote_clusters: false,
    resolves_gateway_names: false,
    reloads_authority: false,
    refuses_unknown_mesh_config: true,
    reads_remote_mesh_config: false,
    scopes_services: false,
    has_charts: false,
    sail: None,
    has_platform: false,
    states_load_balancer_class: false,
    keeps_unlabelled_gateways: true,
    has_in_cluster_operator: true,
    zipkin_image: "openzipkin/zipkin-slim:2.23.0",
    zipkin_declines_by_label: false,
    gateway_variables: &[("ISTIO_META_ROUTER_MODE", "sni-dnat")],
};

const V1_24: Release = Release {
    minor: 24,
    read: Some(6),
    last: Some(6),
    kubernetes: (28, 31),
    end_of_life: Some((2025, 6, 24)),
    bugs: &[LEAKED_KEY, UNESCAPED_IDENTITIES],
    remotes: RemoteShape::Thin,
    way_to_primary: WayToPrimary::Endpoints,
    certifies_revision: true,
    tracing: TracingMeans::Provider,
    networking_api: "networking.istio.io/v1",
    profiles: &["default", "demo", "minimal", "openshift", "preview", "stable"],
    control_plane_address: ControlPlaneAddress::Ipv4OrName,
    create_remote_secret: "create-remote-secret",
    lists_remote_clusters: true,
    resolves_gateway_names: true,
    reloads_authority: true,
    refuses_unknown_mesh_config: false,
    reads_remote_mesh_config: false,
    scopes_services: false,
    has_charts: false,
    sail: None,
    has_platform: true,
    states_load_balancer_class: true,
    keeps_unlabelled_gateways: false,
    has_in_cluster_operator: false,
    zipkin_image: "openzipkin/zipkin-slim:3.4.0",
    zipkin_declines_by_label: true,
    gateway_variables: &[],
};

const V1_25: Release = Release {
    minor: 25,
    read: Some(5),
    last: Some(5),
    kubernetes: (29, 32),
    end_of_life: Some((2025, 9, 30)),
    ..V1_24
};

const V1_26: Release = Release {
    minor: 26,
    read: Some(8),
    last: Some(8),
    kubernetes: (29, 33),
    end_of_life: Some((2025, 12, 22)),
    bugs: &[LEAKED_KEY, UNESCAPED_IDENTITIES, Bug { fixed_in: Some(7), ..KEPT_COLLECTIONS }],
    ..V1_25
};

const V1_27: Release = Release {
    minor: 27,
    read: Some(9),
    last: Some(9),
    end_of_life: Some((2026, 3, 30)),
    bugs: &[
        Bug { fixed_in: Some(8), ..LEAKED_KEY },
        UNESCAPED_IDENTITIES,
        Bug { fixed_in: Some(2), ..KEPT_COLLECTIONS },
    ],
    ..V1_26
};

const V1_28: Release = Release {
    minor: 28,
    read: Some(10),
    last: Some(10),
    kubernetes: (30, 34),
    end_of_life: Some((2026, 7, 1)),
    bugs: &[Bug { fixed_in: Some(5), ..LEAKED_KEY }, Bug { fixed_in: Some(7), ..UNESCAPED_IDENTITIES }],
    way_to_primary: WayToPrimary::EndpointSlice,
    scopes_services: true,
    has_charts: true,
    sail: Some(10),
    ..V1_27
};

const V1_29: Release = Release {
    minor: 29,
    read: Some(6),
    last: Some(9),
    kubernetes: (31, 35),
    // It ended with 1.29.9 (istio.io, "Announcing Istio 1.29.9").
    end_of_life: Some((2026, 10, 15)),
    bugs: &[
        Bug { fixed_in: Some(1), ..LEAKED_KEY },
        Bug { fixed_in: Some(3), ..UNESCAPED_IDENTITIES },
        Bug {
            fixed_in: Some(2),
            what: "gives pods of a cluster an empty trust domain until that cluster has the reader role of 1.29",
            needs_remote_secrets: true,
            source: Reference::Issue(59474),
            switch: None,
        },
        Bug {
            fixed_in: Some(3),
            what: "can lock up when a remote secret is updated",
            needs_remote_secrets: true,
            source: Reference::Issue(59875),
            switch: None,
        },
        Bug {
            fixed_in: Some(5),
            what: "can crash when a remote secret is updated twice in a row",
            needs_remote_secrets: true,
            source: Reference::Issue(60520),
            switch: None,
        },
    ],
    reads_remote_mesh_config: true,
    zipkin_image: "docker.io/openzipkin/zipkin-slim:3.4.0",
    sail: Some(6),
    ..V1_28
};

const V1_30: Release = Release {
    minor: 30,
    read: Some(3),
    last: None,
    kubernetes: (32, 36),
    end_of_life: None,
    bugs: &[
        Bug {
            fixed_in: Some(1),
            what: "can lock up while it waits for the remote clusters",
            needs_remote_secrets: true,
            source: Reference::File {
                tag: "1.30.1",
                path: "releasenotes/notes/multicluster-clusterstore-rlock-deadlock.yaml",
            },
            switch: None,
        },
        Bug {
            fixed_in: Some(3),
            what: "does not take a renewed remote secret before it is restarted",
            needs_remote_secrets: true,
            source: Reference::Issue(60612),
            switch: None,
        },
        Bug {
            fixed_in: Some(4),
            what: "loses the gateways of a remote cluster when its remote secret is renewed",
            needs_remote_secrets: true,
            source: Reference::Issue(60920),
            switch: None,
        },
        Bug {
            fixed_in: Some(4),
            what: "loses the endpoints of a remote cluster when its remote secret is renewed",
            needs_remote_secrets: true,
            source: Reference::Issue(61043),
            switch: None,
        },
    ],
    control_plane_address: ControlPlaneAddress::Any,
    sail: Some(3),
    ..V1_29
};

/// As 1.31.0-rc.0 has it. That release candidate runs on Kubernetes 1.32 and later
/// (`1.31.0-rc.0:istioctl/pkg/install/k8sversion/version.go`), and is built with the client of 1.36 (`1.31.0-rc.0:go.mod`).
const V1_31: Release = Release { minor: 31, read: None, bugs: &[], sail: None, ..V1_30 };

/// Every release that meshgen can emit for, the oldest first. A row takes what did not change from an older one, so that a new row
/// changes none of the others.
pub const RELEASES: &[Release] = &[V1_11, V1_24, V1_25, V1_26, V1_27, V1_28, V1_29, V1_30, V1_31];

/// The Sail operator whose versions and resources meshgen knows.
pub const SAIL: &str = "1.30.3";

/// The newest version that was read in full.
pub const NEWEST: &str = "1.30.3";

/// The variables of istiod that fix bugs of this version, and their values.
pub fn switches(version: IstioVersion) -> impl Iterator<Item = (&'static str, &'static str)> {
    let bugs = release(version).map_or(&[][..], |release| release.bugs);
    bugs.iter().filter(move |bug| bug.fixed_in.is_some_and(|patch| version.patch >= patch)).filter_map(|bug| bug.switch)
}

/// The release that a version belongs to, if there is such a version and meshgen can emit for it.
pub fn release(version: IstioVersion) -> Option<&'static Release> {
    line(version).filter(|release| release.last.is_none_or(|last| version.patch <= last))
}

fn line(version: IstioVersion) -> Option<&'static Release> {
    RELEASES.iter().find(|release| version.major == 1 && release.minor == version.minor)
}

/// The first minor release that Helm installs.
pub(crate) fn first_with_charts() -> u32 {
    let minors = RELEASES.iter().filter(|release| release.has_charts).map(|release| release.minor);
    minors.min().expect("some releases have charts")
}

/// The versions that the Sail operator installs, for people.
pub(crate) fn versions_of_sail() -> String {
    let lines = RELEASES.iter().filter_map(|release| Some((release.minor, release.sail?)));
    let lines: Vec<String> = lines.map(|(minor, last)| format!("1.{minor}.0 to 1.{minor}.{last}")).collect();
    joined(&lines, "or")
}

/// What to write in place of a version that is not supported.
pub(crate) fn advice(version: IstioVersion) -> String {
    if let Some(last) = line(version).and_then(|release| release.last) {
        return format!(
            "the last version of {}.{} is {}",
            version.major,
            version.minor,
            IstioVersion { patch: last, ..version }
        );
    }
    let minors: Vec<String> = RELEASES.iter().map(|release| format!("1.{}", release.minor)).collect();
    let (last, others) = minors.split_last().expect("the table has rows");
    let choice = format!("choose a version of {} or {last}", others.join(", "));
    let newest = RELEASES.last().expect("the table has rows").minor;
    if (version.major, version.minor) > (1, newest) { format!("use a newer meshgen, or {choice}") } else { choice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_last_that_was_read() {
        assert!(RELEASES.is_sorted_by_key(|release| release.minor));
        let version: IstioVersion = NEWEST.parse().unwrap();
        let newest = RELEASES.iter().rfind(|release| release.read.is_some()).unwrap();
        assert_eq!((release(version), newest.read), (Some(newest), Some(version.patch)));
    }
}
