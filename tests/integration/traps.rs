//! What shows that the answers of `docs/traps.md` are true, row by row.

use std::collections::{BTreeMap, BTreeSet};

use meshgen::diagnostic::FieldPath;
use meshgen::release::{RELEASES, unknown_in_mesh_config, unknown_in_values};
use meshgen::source::Source;
use meshgen::tree::Tree;
use serde::Deserialize;
use serde_json::Value;

use crate::common;

use Shown::{Before, Has, Lacks, NoFile, Test};

const PAGE: &str = include_str!("../../docs/traps.md");

/// What shows an answer. The first name is that of a mesh.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// A file has a text.
    Has(&'static str, &'static str, &'static str),
    /// A file is there, and lacks a text.
    Lacks(&'static str, &'static str, &'static str),
    /// There is no such file.
    NoFile(&'static str, &'static str),
    /// `install.sh` does one step before another.
    Before(&'static str, &'static str, &'static str),
    /// What a tree alone does not show: a file of tests, and a test in it.
    Test(&'static str, &'static str),
}

/// `east` serves `west`, and each is on a network of its own.
const BASE: &str = "\
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.29.6}
certificates: {issuedOn: 2026-11-01, naming: 2}
tracing: {zipkin: {cluster: east}}
networks: [{name: lan}, {name: cloud}]
clusters:
  - name: east
    network: lan
    apiServer: https://10.1.0.10:6443
    eastWestGateway: {address: 10.1.0.100}
  - name: west
    network: cloud
    apiServer: https://10.2.0.10:6443
    controlPlane: east
    eastWestGateway: {}
";

/// Other meshes: the base, or a topology of the repository, with another text in place of one.
const MESHES: [(&str, &str, &str, &str); 19] = [
    ("base", "", "", ""),
    ("1.11", "", "1.29.6", "1.11.8"),
    ("primaries", "", "    controlPlane: east\n", ""),
    ("domain", "", "{id: mesh1}", "{id: mesh1, clusterDomain: k8s.example.internal}"),
    ("revision", "", "version: 1.29.6", "version: 1.29.6, revision: stable"),
    ("1.11, revision", "", "version: 1.29.6", "version: 1.11.8, revision: stable"),
    ("cni", "", "version: 1.29.6", "version: 1.29.6, cni: {enabled: true}"),
    ("openshift", "", "version: 1.29.6", "version: 1.29.6, profile: openshift"),
    ("sail", "", "version: 1.29.6", "version: 1.29.6, install: sail"),
    ("nat", "", "address: 10.1.0.100", "address: 10.1.0.100, discovery: static"),
    ("port", "", "address: 10.1.0.100", "address: 10.1.0.100, port: 443"),
    ("node ports", "", "address: 10.1.0.100", "address: 10.1.0.100, nodePorts: {tls: 32443}"),
    ("egress gateway", "", "version: 1.29.6", "version: 1.29.6, egressGateway: true"),
    ("proxy", "", "controlPlane: east\n", "controlPlane: east\n    proxyURL: http://10.9.0.8:3128\n"),
    ("two pods", "", "address: 10.1.0.100", "address: 10.1.0.100, replicas: {min: 2}"),
    ("image", "", "{cluster: east}", "{cluster: east, image: registry.example.net/zipkin-slim:3.4.0}"),
    ("store", "", "networks:", "remoteAccess: externalSecrets\nsecrets: {store: {name: mesh}}\nnetworks:"),
    (
        "argocd, external",
        "2-clusters-1-control-plane-2-networks-argocd",
        "address: 192.168.10.100",
        "externalIPs: [192.168.10.100]",
    ),
    (
        "blocks",
        "2-clusters-1-control-plane-1-network-istio-1.30",
        "podCIDR: 172.20.1.0/24",
        "podCIDRs: [172.20.1.0/26, 172.20.1.64/26]",
    ),
];

/// Topologies of the repository.
const ROUTED: &str = "2-clusters-1-control-plane-1-network-istio-1.30";
const SIGNED_BY_OTHERS: &str = "2-clusters-2-control-planes-2-networks-istio-csr";
const THREE: &str = "3-clusters-2-control-planes-2-networks-istio-1.30";

const FLUX: &str = "2-clusters-1-control-plane-2-networks-flux";
const ARGOCD: &str = "2-clusters-1-control-plane-2-networks-argocd";
const PLAIN_GATEWAY: &str = "cluster1/40-eastwest-gateway/eastwest-gateway.yaml";
const OF_FLUX: &str = "cluster1/30-istio/helmreleases.yaml";

const ISTIO: &str = "east/30-istio/istio.yaml";
const REMOTE: &str = "west/30-istio/istio.yaml";
const GATEWAY: &str = "east/40-eastwest-gateway/eastwest-gateway.yaml";
const OTHER_GATEWAY: &str = "west/40-eastwest-gateway/eastwest-gateway.yaml";
const EXPOSED_ISTIOD: &str = "east/50-exposure/expose-istiod.yaml";
const EXPOSED_SERVICES: &str = "east/50-exposure/expose-services.yaml";
const EXPOSED_ZIPKIN: &str = "east/50-exposure/expose-zipkin.yaml";
const SECRETS: &str = "east/remote-secrets.sh";
const STORED: &str = "east/80-remote-secrets/remote-secrets.yaml";

/// A row, by how it begins, and what shows its answer. The rules that a row names have cases in `tests/check`, or a test here.
const ROWS: &[(&str, &[Shown])] = &[
    ("Two clusters have the same ID", &[]),
    (
        "The key of a remote secret",
        &[
            Has("base", SECRETS, "\nmember 'west' "),
            Has("base", REMOTE, "clusterName: west\n"),
            Has("base", REMOTE, "injectionPath: /inject/cluster/west/net/cloud\n"),
        ],
    ),
    (
        "Clusters of one mesh have different mesh IDs",
        &[
            Has("base", ISTIO, "meshID: mesh1\n"),
            Has("base", REMOTE, "meshID: mesh1\n"),
            Has("base", GATEWAY, "meshID: mesh1\n"),
            Has("primaries", "east/30-istio/mesh-config.yaml", "trustDomain: cluster.local\n"),
            Has("primaries", "west/30-istio/mesh-config.yaml", "trustDomain: cluster.local\n"),
        ],
    ),
    (
        "Clusters have another DNS domain",
        &[
            Has("domain", ISTIO, "clusterDomain: k8s.example.internal\n"),
            Has("domain", EXPOSED_SERVICES, "\"*.k8s.example.internal\"\n"),
            Has("domain", EXPOSED_ISTIOD, "host: istiod.istio-system.svc.k8s.example.internal\n"),
            Has("domain", EXPOSED_ZIPKIN, "host: zipkin.istio-system.svc.k8s.example.internal\n"),
        ],
    ),
    (
        "IstioOperators have no names",
        &[
            Has("revision", ISTIO, "\n  name: istio\n"),
            Has("revision", ISTIO, "revision: stable\n"),
            Has("revision", GATEWAY, "\n  name: eastwest-gateway\n"),
            Has("revision", GATEWAY, "revision: stable\n"),
        ],
    ),
    (
        "A revision is used",
        &[
            Has("revision", EXPOSED_ISTIOD, "host: istiod-stable.istio-system.svc.cluster.local\n"),
            Lacks("revision", EXPOSED_ISTIOD, "host: istiod.istio-system"),
            Has("1.11, revision", REMOTE, "ISTIOD_CUSTOM_HOST: istiod-stable.istio-system.svc\n"),
        ],
    ),
    (
        "A control plane gets a remote secret for its own",
        &[Lacks("base", SECRETS, "\nmember 'east' "), Lacks("primaries", "west/remote-secrets.sh", "\nmember 'west' ")],
    ),
    ("The control plane of a remote is not a primary", &[]),
    (
        "A remote of Istio 1.24 or later",
        &[Has("base", REMOTE, "profile: remote\n"), NoFile("base", "west/30-istio/mesh-config.yaml")],
    ),
    (
        "A remote of Istio 1.11",
        &[
            Has("1.11", REMOTE, "profile: default\n"),
            Has("1.11", "west/20-cacerts/ca-key.pem", "PRIVATE KEY"),
            Has("1.11", "west/30-istio/mesh-config.yaml", "trustDomain: cluster.local\n"),
        ],
    ),
    (
        "A remote dials a gateway that is not",
        &[
            Has("base", REMOTE, "remotePilotAddress: \"10.1.0.100\"\n"),
            Has("1.11", REMOTE, "remotePilotAddress: \"10.1.0.100\"\n"),
        ],
    ),
    ("A remote dials a name, or an address family", &[]),
    (
        "A primary with remotes does not expose",
        &[
            Has("base", ISTIO, "externalIstiod: true\n"),
            Has("base", EXPOSED_ISTIOD, "number: 15012\n"),
            Has("base", EXPOSED_ISTIOD, "number: 15017\n"),
            Has("base", "west/10-namespace/namespace.yaml", "topology.istio.io/controlPlaneClusters: east\n"),
        ],
    ),
    (
        "Steps run in the wrong order",
        &[
            Before("base", "east/50-exposure", "west/30-istio"),
            Before("base", "west/10-namespace", "east/remote-secrets.sh"),
            Before("base", "west/30-istio", "east/remote-secrets.sh"),
            Before("base", "east/remote-secrets.sh", "west/40-eastwest-gateway"),
            Before("1.11", "east/remote-secrets.sh", "west/30-istio"),
        ],
    ),
    (
        "Pods rely on Istio's CNI plugin",
        &[
            Has("cni", ISTIO, "    cni:\n      enabled: true\n"),
            Has("cni", REMOTE, "    cni:\n      enabled: true\n"),
            Lacks("base", REMOTE, "cni:"),
        ],
    ),
    (
        "On OpenShift, a gateway asks",
        &[
            Has("openshift", ISTIO, "platform: openshift\n"),
            Has("openshift", GATEWAY, "platform: openshift\n"),
            Has("openshift", OTHER_GATEWAY, "platform: openshift\n"),
            Has("openshift", REMOTE, "    cni:\n      enabled: true\n"),
        ],
    ),
    (
        "A primary lacks the credentials",
        &[
            Has(THREE, "cluster1/remote-secrets.sh", "\nmember 'cluster2' "),
            Has(THREE, "cluster1/remote-secrets.sh", "\nmember 'cluster3' "),
            Has(THREE, "cluster3/remote-secrets.sh", "\nmember 'cluster1' "),
            Has(THREE, "cluster3/remote-secrets.sh", "\nmember 'cluster2' "),
            NoFile(THREE, "cluster2/remote-secrets.sh"),
            Has(THREE, "verify.sh", "knows 'cluster2' 'cluster3'\n"),
            Has(THREE, "verify.sh", "knows 'cluster1' 'cluster2'\n"),
        ],
    ),
    ("The role behind a remote secret", &[Has("base", "verify.sh", "\"it does not read $name")]),
    (
        "Configuration is applied in a remote",
        &[
            NoFile("base", "west/50-exposure/expose-services.yaml"),
            NoFile("base", "west/50-exposure/expose-istiod.yaml"),
            NoFile("base", "west/55-telemetry/telemetry.yaml"),
            Has("1.11", "west/50-exposure/expose-services.yaml", "AUTO_PASSTHROUGH"),
        ],
    ),
    (
        "Primaries have different configuration",
        &[
            Has("primaries", EXPOSED_SERVICES, "AUTO_PASSTHROUGH"),
            Has("primaries", "west/50-exposure/expose-services.yaml", "AUTO_PASSTHROUGH"),
            Has("primaries", "east/55-telemetry/telemetry.yaml", "name: mesh-tracing\n"),
            Has("primaries", "west/55-telemetry/telemetry.yaml", "name: mesh-tracing\n"),
            Has("primaries", "west/30-istio/mesh-config.yaml", "extensionProviders:\n"),
        ],
    ),
    ("`EXTERNAL_ISTIOD` is set", &[Lacks("1.11", ISTIO, "EXTERNAL_ISTIOD"), Lacks("1.11", ISTIO, "externalIstiod")]),
    (
        "Control planes have different versions",
        &[
            Has("base", "install.sh", "readonly istio_version=1.29.6 "),
            Has("base", "install.sh", "[[ $found == \"$istio_version\" ]] || fail"),
        ],
    ),
    ("Images are of another version", &[]),
    (
        "An upgrade by a second revision",
        &[Test("convergence.rs", "an_earlier_revision_stays_until_its_last_proxy_is_gone")],
    ),
    (
        "A mesh of several networks does not say",
        &[
            Has("base", ISTIO, "network: lan\n"),
            Has("base", REMOTE, "network: cloud\n"),
            Has("base", "east/10-namespace/namespace.yaml", "topology.istio.io/network: lan\n"),
        ],
    ),
    (
        "The namespace is created before Istio",
        &[
            Has("base", "west/10-namespace/namespace.yaml", "topology.istio.io/network: cloud\n"),
            Before("base", "east/10-namespace", "east/20-cacerts"),
        ],
    ),
    ("A network has no gateway", &[Has("base", "verify.sh", "its Service has none\"")]),
    ("`discoverySelectors` keep istiod", &[]),
    (
        "The gateway's label, the cluster's network",
        &[
            Has("base", OTHER_GATEWAY, "topology.istio.io/network: cloud\n"),
            Has("base", OTHER_GATEWAY, "- name: ISTIO_META_REQUESTED_NETWORK_VIEW\n          value: cloud\n"),
            Has("base", OTHER_GATEWAY, "      network: cloud\n"),
        ],
    ),
    ("Pod ranges on one network overlap", &[]),
    (
        "Clusters of one network have no routes",
        &[
            Has(ROUTED, "cluster1/routes.sh", "\nroute '172.21.0.0/24' '192.168.229.132'"),
            Has(ROUTED, "cluster2/routes.sh", "\nroute '172.20.0.0/24' '192.168.229.128'"),
        ],
    ),
    (
        "A node has several ranges of pods",
        &[
            Has("blocks", "cluster2/routes.sh", "\nroute '172.20.1.0/26' '192.168.229.129'"),
            Has("blocks", "cluster2/routes.sh", "\nroute '172.20.1.64/26' '192.168.229.129'"),
        ],
    ),
    ("Two gateways have the same address", &[]),
    ("The load balancer of a gateway has a host name", &[]),
    (
        "NAT or a proxy stands in front",
        &[
            Has("nat", ISTIO, "meshNetworks:\n"),
            Has("nat", ISTIO, "address: \"10.1.0.100\"\n"),
            Has("nat", GATEWAY, r#"path: "metadata.labels.topology\\.istio\\.io/network""#),
            Has("base", "verify.sh", "discovery: static under eastWestGateway"),
        ],
    ),
    (
        "Another port than 15443 is dialled",
        &[Has("port", GATEWAY, "networking\\\\.istio\\\\.io/gatewayPort\"\n            value: \"443\"\n")],
    ),
    ("A firewall or a proxy forwards to node ports", &[Has("node ports", GATEWAY, "nodePort: 32443\n")]),
    ("A load balancer or proxy in front", &[]),
    ("Several clusters of a network share a gateway", &[]),
    ("A service without a sidecar", &[]),
    (
        "A second Service has the network's label",
        &[
            Has("base", GATEWAY, "port: 15443\n"),
            Has("base", GATEWAY, "name: tcp-zipkin\n"),
            Lacks("base", "east/60-zipkin/zipkin.yaml", "topology.istio.io/network"),
        ],
    ),
    ("The address of an API server", &[Has("base", "verify.sh", "\"it does not read $name")]),
    (
        "A proxy stands in front of an API server",
        &[
            Has("proxy", SECRETS, "\nway 'west' '' 'http://10.9.0.8:3128'\n"),
            Lacks("base", SECRETS, "http://10.9.0.8:3128"),
            Test("scripts/remote_secrets.rs", "a_credential_has_the_ca_and_the_proxy_of_the_topology"),
        ],
    ),
    (
        "The egress gateway is asked for",
        &[
            Has("egress gateway", "west/45-egress-gateway/egress-gateway.yaml", "name: istio-egressgateway\n"),
            NoFile("base", "west/45-egress-gateway/egress-gateway.yaml"),
        ],
    ),
    (
        "A list of ports that should add one",
        &[
            Has("base", GATEWAY, "port: 15021\n"),
            Has("base", GATEWAY, "port: 15443\n"),
            Has("base", GATEWAY, "port: 15012\n"),
            Has("base", GATEWAY, "port: 15017\n"),
            Has("base", GATEWAY, "port: 15018\n"),
        ],
    ),
    ("The gateway has one pod", &[Has("two pods", GATEWAY, "autoscaleMin: 2\n")]),
    ("Settings of the gateway contradict", &[]),
    ("A port that the proxy or the gateway needs", &[]),
    (
        "Two servers of different protocols",
        &[
            Has("base", EXPOSED_ISTIOD, "number: 15012\n"),
            Has("base", EXPOSED_ISTIOD, "number: 15017\n"),
            Has("base", EXPOSED_SERVICES, "number: 15443\n"),
            Has("base", EXPOSED_ZIPKIN, "number: 15018\n"),
        ],
    ),
    (
        "A Gateway's host is a short name",
        &[
            Has("base", EXPOSED_SERVICES, "    hosts:\n    - \"*.local\"\n"),
            Has("base", EXPOSED_ISTIOD, "  gateways:\n  - istiod-gateway\n"),
            Has("base", EXPOSED_ZIPKIN, "  gateways:\n  - zipkin-gateway\n"),
        ],
    ),
    (
        "The selector of a Gateway matches",
        &[
            Has("base", EXPOSED_ZIPKIN, "    istio: eastwestgateway\n"),
            Has("base", GATEWAY, "tcp-zipkin"),
            Lacks("base", OTHER_GATEWAY, "tcp-zipkin"),
        ],
    ),
    (
        "Objects of `networking.istio.io/v1`",
        &[
            Has("1.11", EXPOSED_ISTIOD, "apiVersion: networking.istio.io/v1alpha3\n"),
            Lacks("1.11", EXPOSED_ISTIOD, "networking.istio.io/v1\n"),
            Has("base", EXPOSED_ISTIOD, "apiVersion: networking.istio.io/v1\n"),
        ],
    ),
    ("A field is unknown to the chart", &[Test("traps.rs", "what_is_written_is_known_to_every_release")]),
    (
        "Clusters have different roots",
        &[
            Test("traps.rs", "clusters_share_one_root"),
            Test("certificates/external.rs", "every_broken_bundle_has_its_own_finding"),
        ],
    ),
    ("The Secret `cacerts` is applied after istiod", &[Before("base", "east/20-cacerts", "east/30-istio")]),
    ("Another authority signs", &[NoFile(SIGNED_BY_OTHERS, "cluster1/20-cacerts/ca-key.pem")]),
    (
        "Nobody gives several istiods a certificate",
        &[
            Has("primaries", "east/20-cacerts/ca-key.pem", "PRIVATE KEY"),
            Has("primaries", "west/20-cacerts/ca-key.pem", "PRIVATE KEY"),
        ],
    ),
    (
        "Remotes have CA keys",
        &[
            NoFile("base", "west/20-cacerts/ca-key.pem"),
            Has("base", ".gitignore", "*/20-cacerts/ca-key.pem\n"),
            Has("base", "east/20-cacerts/kustomization.yaml", "secretGenerator:\n- name: cacerts\n"),
            Test("certificates/custody.rs", "keys_are_private_under_any_umask"),
        ],
    ),
    ("An intermediate is valid for longer", &[]),
    ("Istio is installed on a Kubernetes version", &[]),
    (
        "A command does not exist",
        &[
            Has("1.11", SECRETS, "istioctl x create-remote-secret "),
            Has("base", SECRETS, "istioctl create-remote-secret "),
            Has("base", "install.sh", "[[ $found == \"$istio_version\" ]] || fail"),
        ],
    ),
    (
        "A remote secret uses a credential plugin",
        &[
            Has("base", SECRETS, "[[ $manifest =~ token:"),
            Lacks("base", SECRETS, "auth-type"),
            Has("1.11", ISTIO, "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS: none\n"),
        ],
    ),
    ("A Service exists in one cluster only", &[]),
    (
        "Prometheus, Kiali or Zipkin",
        &[
            Has("primaries", "east/60-zipkin/zipkin.yaml", "kind: Service\n"),
            NoFile("primaries", "west/60-zipkin/zipkin.yaml"),
        ],
    ),
    ("Locality and outlier detection", &[]),
    (
        "Some clusters cannot reach the collector",
        &[
            Has("primaries", "east/55-telemetry/collector.yaml", "address: \"10.1.0.100\"\n"),
            Has("primaries", "west/55-telemetry/collector.yaml", "address: \"10.1.0.100\"\n"),
            Has("1.11", "west/30-istio/mesh-config.yaml", "address: \"10.1.0.100:15018\"\n"),
            Has("base", EXPOSED_ZIPKIN, "protocol: TCP\n"),
            Before("1.11", "east/60-zipkin", "west/restart"),
        ],
    ),
    (
        "Nodes cannot pull the collector's image",
        &[Has("image", "east/60-zipkin/zipkin.yaml", "image: registry.example.net/zipkin-slim:3.4.0\n")],
    ),
    ("A `Sidecar` hides the collector", &[Has("base", "verify.sh", "the Sidecar $where hides the collector")]),
    (
        "Istio 1.11 gets the collector",
        &[
            Lacks("1.11", "east/30-istio/mesh-config.yaml", "extensionProviders"),
            Has("base", "east/30-istio/mesh-config.yaml", "extensionProviders:\n"),
            Lacks("base", "east/30-istio/mesh-config.yaml", "defaultConfig"),
        ],
    ),
    ("Ambient mode is used in a shape", &[]),
    ("Ambient mode for several networks", &[]),
    ("A controller applies the tree, and Istio is", &[]),
    ("Charts accept every value", &[]),
    (
        "The chart `gateway` takes over",
        &[Has(
            FLUX,
            PLAIN_GATEWAY,
            "  selector:\n    matchLabels:\n      istio: eastwestgateway\n      app: istio-eastwestgateway\n      topology.istio.io/network: network1\n",
        )],
    ),
    (
        "The private keys are not in Git",
        &[Has(
            FLUX,
            "flux/cluster1.yaml",
            "  wait: false\n  healthChecks:\n  - apiVersion: v1\n    kind: Secret\n    name: cacerts\n",
        )],
    ),
    ("Argo CD passes over", &[Lacks(ARGOCD, "argocd/settings.yaml", "EndpointSlice")]),
    ("Argo CD takes every Application", &[Has(ARGOCD, "argocd/settings.yaml", "health.argoproj.io_Application")]),
    (
        "A step waits until the Sail operator calls a remote ready",
        &[
            Test("scripts/sail.rs", "nothing_before_the_remote_secrets_waits_for_a_remote"),
            Before("sail", "west/30-istio", "east/remote-secrets.sh"),
        ],
    ),
    (
        "The Sail operator does not see that a control plane serves other clusters",
        &[
            Has("sail", ISTIO, "EXTERNAL_ISTIOD: \"true\"\n"),
            Has("sail", ISTIO, "externalIstiod: true\n"),
            Has("sail", ISTIO, "type: InPlace\n"),
            Lacks("sail", REMOTE, "EXTERNAL_ISTIOD"),
        ],
    ),
    (
        "A load balancer has no address",
        &[
            Has("argocd, external", PLAIN_GATEWAY, "argocd.argoproj.io/ignore-healthcheck: \"true\"\n"),
            Test("controllers.rs", "controllers_keep_to_the_order_of_the_plan"),
        ],
    ),
    (
        "A controller prunes a control plane",
        &[
            Has(FLUX, "flux/cluster1.yaml", "30-istio\"\n  prune: false\n  deletionPolicy: Orphan\n"),
            Has(FLUX, "flux/cluster1.yaml", "40-eastwest-gateway\"\n  prune: true\n  deletionPolicy: Orphan\n"),
            Has(FLUX, "flux/cluster1.yaml", "50-exposure\"\n  prune: false\n  deletionPolicy: Orphan\n"),
            Has(FLUX, "cluster1/10-namespace/namespace.yaml", "kustomize.toolkit.fluxcd.io/prune: disabled\n"),
            Has(ARGOCD, "argocd/cluster1.yaml", "    - Prune=confirm\n    - Delete=false\n"),
            Lacks(ARGOCD, "argocd/cluster1.yaml", "finalizers"),
            Test("cli.rs", "a_primary_goes_in_a_commit_of_its_own"),
        ],
    ),
    (
        "A failed installation is remediated",
        &[
            Has(FLUX, OF_FLUX, "  install:\n    strategy:\n      name: RetryOnFailure\n"),
            Has(FLUX, OF_FLUX, "  upgrade:\n    strategy:\n      name: RetryOnFailure\n"),
            Lacks(FLUX, OF_FLUX, "remediation"),
        ],
    ),
    (
        "Values change, and what depends",
        &[
            Lacks(FLUX, "cluster1/30-istio/kustomization.yaml", "disableNameSuffixHash"),
            Has(FLUX, "cluster1/30-istio/kustomizeconfig.yaml", "path: spec/valuesFrom/name\n"),
        ],
    ),
    (
        "istiod and the controller undo",
        &[
            Has(FLUX, OF_FLUX, "      - /webhooks/0/failurePolicy\n"),
            Has(ARGOCD, "argocd/cluster1.yaml", ".webhooks[]?.failurePolicy"),
            Has(ARGOCD, "argocd/cluster1.yaml", ".webhooks[]?.clientConfig.caBundle"),
        ],
    ),
    (
        "Scripts and a controller",
        &[
            NoFile(FLUX, "install.sh"),
            NoFile(ARGOCD, "install.sh"),
            Has(FLUX, "uninstall.sh", "It removes nothing itself"),
        ],
    ),
    ("Each cluster has a controller", &[]),
    (
        "A token is applied before its account",
        &[
            Before("store", "west/30-istio", "west/70-remote-access"),
            Before("store", "west/10-namespace", "east/80-remote-secrets"),
            Before("store", "west/70-remote-access", "east/80-remote-secrets"),
            Before("store", "east/80-remote-secrets", "west/40-eastwest-gateway"),
            Test("stores.rs", "what_comes_from_a_store_is_pushed_there_before"),
        ],
    ),
    (
        "A value of the topology becomes a part",
        &[
            Has("store", STORED, "token: {{ regexFind \"^[A-Za-z0-9._-]+$\" .token }}\n"),
            Test("stores.rs", "no_value_of_a_topology_becomes_a_template"),
        ],
    ),
    ("Secrets are to come from a store", &[]),
    ("A store is named", &[]),
    (
        "Workloads keep an earlier configuration",
        &[Has(
            FLUX,
            PLAIN_GATEWAY,
            "        sidecar.istio.io/inject: \"true\"\n        meshgen/proxies-started-with: ",
        )],
    ),
    ("The repository or the path is wrong", &[]),
];

/// The topology of a mesh that is named here.
fn source(mesh: &str) -> Source {
    let of_the_repository = |name: &str| {
        let path = common::repository().join(format!("topologies/{name}.yaml"));
        String::from_utf8(common::read(&path).bytes).unwrap()
    };
    let Some((_, base, from, to)) = MESHES.iter().find(|(name, ..)| *name == mesh) else {
        let source = Source::new(mesh, of_the_repository(mesh));
        return common::beside(source, &common::repository().join("topologies"));
    };
    let text = if base.is_empty() { BASE.to_owned() } else { of_the_repository(base) };
    assert!(text.contains(from), "{mesh}");
    Source::new(mesh, if from.is_empty() { text } else { text.replace(from, to) })
}

fn tree(mesh: &str) -> Tree {
    common::compile(&source(mesh))
}

fn text<'t>(tree: &'t Tree, file: &str) -> Option<&'t str> {
    tree.get(file).map(|file| std::str::from_utf8(&file.bytes).unwrap())
}

/// The trees of all meshes that rows name.
fn trees() -> BTreeMap<&'static str, Tree> {
    let shown = ROWS.iter().flat_map(|(_, shown)| *shown);
    let meshes: BTreeSet<&str> = shown
        .filter_map(|shown| match shown {
            Has(mesh, ..) | Lacks(mesh, ..) | NoFile(mesh, _) | Before(mesh, ..) => Some(*mesh),
            Test(..) => None,
        })
        .collect();
    meshes.into_iter().map(|mesh| (mesh, tree(mesh))).collect()
}

/// Why something does not show what it should.
fn fault(trees: &BTreeMap<&str, Tree>, shown: Shown) -> Option<&'static str> {
    let is_in = |mesh: &str, file: &str, words: &str| text(&trees[mesh], file).map(|text| text.contains(words));
    match shown {
        Has(mesh, file, words) => match is_in(mesh, file, words) {
            None => Some("there is no such file"),
            Some(is_in) => (!is_in).then_some("the file lacks the text"),
        },
        Lacks(mesh, file, words) => match is_in(mesh, file, words) {
            None => Some("there is no such file"),
            Some(is_in) => is_in.then_some("the file has the text"),
        },
        NoFile(mesh, file) => trees[mesh].get(file).map(|_| "there is such a file"),
        Before(mesh, first, second) => {
            let script = text(&trees[mesh], "install.sh").unwrap();
            let place = |step: &str| script.find(&format!("\nstep '{step}' "));
            match (place(first), place(second)) {
                (Some(first), Some(second)) => (first > second).then_some("the steps come in the other order"),
                _ => Some("there is no such step"),
            }
        }
        Test(file, name) => {
            let path = common::repository().join("tests/integration").join(file);
            let tests = std::fs::read_to_string(path).unwrap_or_default();
            let is_there = tests.contains(&format!("#[test]\nfn {name}() {{\n"))
                || tests.contains(&format!("    #[test]\n    fn {name}("));
            (!is_there).then_some("there is no such test")
        }
    }
}

/// The rows of the page: the mistake and its answer.
fn rows() -> Vec<(&'static str, &'static str)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| the mistake"));
    rows.map(|row| row.trim_start_matches("| ").trim_end_matches(" |").split_once(" | ").unwrap()).collect()
}

#[test]
fn every_row_is_shown() {
    let (rows, trees) = (rows(), trees());
    let mut faults = Vec::new();
    for (mistake, answer) in &rows {
        let of_row: Vec<_> = ROWS.iter().filter(|(beginning, _)| mistake.starts_with(beginning)).collect();
        let [(_, shown)] = of_row[..] else { panic!("{} entries for: {mistake}", of_row.len()) };
        faults
            .extend(shown.iter().filter_map(|shown| Some(format!("{mistake} {shown:?}: {}", fault(&trees, *shown)?))));
        assert!(!answer.contains("**Derived**") || !shown.is_empty(), "nothing shows what is derived: {mistake}");
        // What a rule finds is in its cases, or in a test of its own.
        let rules = answer.split("](rules/").skip(1).map(|link| link.split_once(".md)").unwrap().0);
        for rule in rules {
            let cases = common::entries(&common::repository().join("tests/check").join(rule));
            let has_report = cases.iter().any(|case| case.extension().is_some_and(|extension| extension == "snap"));
            assert!(
                has_report || shown.iter().any(|shown| matches!(shown, Test(..))),
                "no case shows {rule}: {mistake}"
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (beginning, _) in ROWS {
        assert!(rows.iter().any(|(mistake, _)| mistake.starts_with(beginning)), "no row begins with {beginning}");
    }
    // No mesh stands here for nothing.
    for (mesh, ..) in MESHES {
        assert!(trees.contains_key(mesh), "no row names {mesh}");
    }
}

#[test]
fn clusters_share_one_root() {
    let tree = tree("primaries");
    let file = |path: &str| text(&tree, path).unwrap();
    assert_eq!(file("east/20-cacerts/root-cert.pem"), file("west/20-cacerts/root-cert.pem"));
    for cluster in ["east", "west"] {
        let of = |name: &str| file(&format!("{cluster}/20-cacerts/{name}"));
        assert_eq!(of("cert-chain.pem"), [of("ca-cert.pem"), of("root-cert.pem")].concat());
    }
    assert_ne!(file("east/20-cacerts/ca-cert.pem"), file("west/20-cacerts/ca-cert.pem"));
}

#[test]
fn what_is_written_is_known_to_every_release() {
    let mut count = 0;
    for (mesh, ..) in MESHES {
        for release in RELEASES {
            let version = format!("version: 1.{}.{}", release.minor, release.read.unwrap_or_default());
            let source = source(mesh);
            let text = source.text().replace("version: 1.29.6", &version).replace("version: 1.30.3", &version);
            let text = text.replace("version: \"1.34\"", &format!("version: \"1.{}\"", release.kubernetes.1));
            let source = Source::new(mesh, text);
            if meshgen::has_errors(&meshgen::check(&source)) {
                // This release does not have what the mesh is about.
                continue;
            }
            let tree = common::compile(&source);
            let files =
                ["/30-istio/istio.yaml", "/30-istio/mesh-config.yaml", "/40-eastwest-gateway/eastwest-gateway.yaml"];
            let is_operator = |path: &str| files.iter().any(|file| path.ends_with(file));
            for (path, file) in tree.iter().filter(|(path, _)| is_operator(path)) {
                // With Helm, the gateway is several objects.
                if !file.bytes.starts_with(b"apiVersion: install.istio.io") {
                    continue;
                }
                let operator = Value::deserialize(serde_yaml::Deserializer::from_slice(&file.bytes)).unwrap();
                let form = |value: &Value| value.as_object().cloned().unwrap_or_default();
                let (values, config) = (form(&operator["spec"]["values"]), form(&operator["spec"]["meshConfig"]));
                let mut unknown = unknown_in_values(release, &values, &FieldPath::root());
                unknown.extend(unknown_in_mesh_config(release, &config, &FieldPath::root()));
                let unknown: Vec<&str> = unknown.iter().map(|unknown| unknown.key.as_str()).collect();
                assert_eq!(unknown, [""; 0], "{mesh} {version} {path}");
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
}
