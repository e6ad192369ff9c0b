"""A topology and its tree, read by none of meshgen's code."""

from pathlib import Path

import yaml

from .common import LOADER

# Files of kustomize and of a controller.
NOT_MANIFESTS = ("kustomization.yaml", "kustomizeconfig.yaml", "helmreleases.yaml")


class Mesh:
    """A topology and its tree."""

    def __init__(self, name, topology, tree):
        self.name, self.tree = name, Path(tree)
        self.path = Path(topology)
        self.text = self.path.read_text()
        self.topology = yaml.load(self.text, LOADER)
        self.istio = self.topology["istio"]
        self.minor = int(str(self.istio["version"]).split(".")[1])
        self.clusters = {cluster["name"]: cluster for cluster in self.topology["clusters"]}
        self.is_thin = self.minor >= 24
        self.is_multi_network = len(self.topology["networks"]) > 1
        has_keys = self.topology["certificates"].get("authority") != "none"
        self.form = self.topology.get("secrets", {}).get("form", "files") if has_keys else "files"
        self.zipkin = self.topology.get("tracing", {}).get("zipkin")

    def primary(self, cluster):
        return self.clusters[cluster.get("controlPlane", cluster["name"])]

    def is_primary(self, cluster):
        return self.primary(cluster) is cluster

    def has_remotes(self, cluster):
        return any(self.primary(other) is cluster for other in self.clusters.values() if other is not cluster)

    def waits(self, cluster):
        """Whether a cluster is not installed before the address of its primary's gateway is known."""
        return not self.is_primary(cluster) and self.address(self.primary(cluster)) is None

    def is_traced(self):
        """Whether proxies report traces; in a mesh of several clusters, not before the address of the collector's gateway is known."""
        if not self.zipkin:
            return False
        is_reached = self.zipkin.get("via", "gateway") == "mesh" or self.address(self.clusters[self.zipkin["cluster"]])
        return bool(is_reached) or all(overridden(cluster) or cluster["name"] == self.zipkin["cluster"] for cluster in self.clusters.values())

    def revision(self, cluster):
        return cluster.get("istio", {}).get("revision", self.istio.get("revision"))

    def install(self, cluster):
        return cluster.get("istio", {}).get("install", self.istio.get("install", "istioctl"))

    def is_by_istioctl(self, cluster):
        return self.install(cluster) == "istioctl"

    def kubernetes(self, cluster):
        for holder in (cluster, self.topology):
            if "kubernetes" in holder:
                return int(str(holder["kubernetes"]["version"]).split(".")[1])
        return 21 if self.minor == 11 else 30

    def directories(self):
        paths = self.tree.glob("*/[0-9]*")
        return sorted(path for path in paths if path.is_dir() and path.parent.name in self.clusters)

    def manifests(self, *directories):
        """The files of objects, and those of kind IstioOperator."""
        files = sorted(self.tree.glob("*/[0-9]*/*.yaml"))
        files = [file for file in files if file.name not in NOT_MANIFESTS and not file.name.endswith(".values.yaml")]
        files = [file for file in files if file.parts[-3] in self.clusters]
        # What the Sail operator reads is none of istioctl's kinds.
        files = [file for file in files if file.parent.name != "30-istio" or self.install(self.clusters[file.parts[-3]]) != "sail"]
        return [file for file in files if not directories or file.parent.name[:2] in directories]

    def gateway_objects(self):
        """The files of east-west gateways that are plain objects."""
        return [file for file in self.manifests("40") if not self.is_by_istioctl(self.clusters[file.parts[-3]])]

    def address(self, cluster):
        gateway = cluster.get("eastWestGateway")
        if gateway is None:
            return None
        return gateway.get("address") or next(iter(gateway.get("externalIPs", [])), None)


def overridden(cluster):
    config = cluster.get("istio", {}).get("meshConfig", {}).get("defaultConfig", {})
    return config.get("tracing", {}).get("zipkin", {}).get("address")
