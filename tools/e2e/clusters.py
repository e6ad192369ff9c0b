"""The clusters of a topology: each an API server with its controllers, nodes with kube-proxy, and a DNS of its own."""

import ipaddress
import json
import os
import re
import sys

import machines
import names
import network
import pods
import serve
from machines import PROGRAMS, WORK, Api

# An older Kubernetes has other names for controllers.
NO_CONTROLLERS = (
    "-nodelifecycle,-horizontalpodautoscaling,-nodeipam,-service"
    if pods.IS_OLD
    else "-node-lifecycle-controller,-horizontal-pod-autoscaler-controller,-node-ipam-controller,-service-lb-controller"
)
# Istio 1.11 reads the token that Kubernetes made for each account up to 1.23.
TOKENS = ["--feature-gates=LegacyServiceAccountTokenNoAutoGeneration=false"] if pods.IS_OLD else []
ETCD = {4: f"http://{network.MACHINE[4]}:2379", 6: f"http://[{network.MACHINE[6]}]:2379"}


def host_of(url):
    return re.fullmatch(r"https://\[?([^]/]+?)\]?(?::\d+)?", url)[1]


def port_of(url):
    found = re.search(r":(\d+)$", url)
    return int(found[1]) if found else 443


def is_address(text):
    return bool(re.fullmatch(r"[0-9.]+|[0-9a-f:]+", text))


class Cluster:
    """What the lab has of a cluster: its machines, which stay, and what a topology says of it, which may change."""

    def __init__(self, number, cluster):
        self.number, self.name, self.context = number, cluster["name"], cluster.get("context", cluster["name"])
        self.url, self.host, self.port = cluster["apiServer"], host_of(cluster["apiServer"]), port_of(cluster["apiServer"])
        self.is_named = not is_address(self.host)
        # Where the API server is; the lab chooses for a name.
        self.address = f"198.19.{number}.11" if self.is_named else self.host
        self.stated = {item["address"]: item["podCIDR"] for item in cluster.get("nodes") or []}
        self.is_six = ":" in next(iter(self.stated.values()), self.address)
        self.services = cluster.get("serviceCIDR") or (f"fd00:{number}::/112" if self.is_six else f"10.{90 + number}.0.0/16")
        self.nodes, self.api, self.kubelet = [], None, None
        self.take(cluster)
        # Where load balancers with a name are.
        self.by_name = {name: f"198.19.{number}.{100 + index}" for index, name in enumerate(self.balanced) if not is_address(name)}

    def take(self, cluster):
        """What a topology says."""
        self.network, self.primary = cluster["network"], cluster.get("controlPlane") or cluster["name"]
        self.stated |= {item["address"]: item["podCIDR"] for item in cluster.get("nodes") or []}
        self.has_gateway = "eastWestGateway" in cluster
        gateway = cluster.get("eastWestGateway") or {}
        address, self.gateway_port = gateway.get("address"), gateway.get("port", 15443)
        self.external = [*gateway.get("externalIPs", [])]
        self.balanced = [address] if isinstance(address, str) else list(gateway.get("addresses", []))
        self.named = [item["address"] for item in cluster.get("nodes") or []]
        if self.kubelet:
            self.kubelet.balancers, self.kubelet.nodes = self.balancers(), self.present()
            self.kubelet.register()

    def present(self):
        """The nodes that the topology has; others may join later."""
        return [node for node in self.nodes if not self.named or node.address in self.named]

    def balancers(self):
        # Who states addresses that nodes own has no cloud.
        return None if self.external else {"istio-eastwestgateway": self.balanced} if self.balanced else {}

    def make_nodes(self):
        stated = self.stated or {self.address: f"fd00:1{self.number}::/64" if self.is_six else f"10.{self.number}.0.0/24"}
        self.nodes = [network.Node(self.name, index, address, pods_) for index, (address, pods_) in enumerate(stated.items(), 1)]
        if self.address not in stated:
            self.nodes[0].own(self.address)

    def start(self, machine, authority, public):
        name, work = self.name, WORK / self.name
        work.mkdir(parents=True, exist_ok=True)
        tokens = WORK / "tokens.csv"
        tokens.write_text("administrator,administrator,1,system:masters\n")
        machine.start(f"{name}-api-server", network.inside(
            self.nodes[0].netns, PROGRAMS / "kube-apiserver", f"--etcd-servers={ETCD[network.version(self.address)]}", f"--etcd-prefix=/{name}",
            f"--bind-address={self.address}", f"--advertise-address={self.address}", f"--secure-port={self.port}", f"--tls-cert-file={WORK}/server.crt",
            f"--tls-private-key-file={WORK}/server.key", f"--cert-dir={work}", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={WORK}/accounts.key", f"--service-account-signing-key-file={WORK}/accounts.key",
            f"--service-cluster-ip-range={self.services}", "--authorization-mode=RBAC", f"--token-auth-file={tokens}", "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
        ))
        self.api = Api(self.context, self.url, authority)
        self.public = public
        return self

    def go_on(self, machine):
        """What needs the API server's answer."""
        name = self.name
        machine.wait_for(f"the API server of {name} answers", lambda: self.api.call("GET", "/readyz"))
        kubeconfig = WORK / f"{name}.kubeconfig"
        kubeconfig.write_text(json.dumps(self.api.kubeconfig("administrator")))
        machine.start(f"{name}-controller-manager", [
            PROGRAMS / "kube-controller-manager", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={WORK}/accounts.key", f"--root-ca-file={WORK}/ca.crt", "--use-service-account-credentials=false",
            f"--controllers=*,{NO_CONTROLLERS}", *TOKENS,
        ])
        dns = f"fd64::{0x10 + self.number:x}" if self.is_six else f"100.64.0.{10 + self.number}"
        network.ip("address", "add", f"{dns}/{network.width(dns)}", "dev", network.LAN, *(["nodad"] if ":" in dns else []))
        names.Names(self.api, dns, self.public).start()
        for node in self.nodes:
            machine.start(f"{node.name}-kube-proxy", network.inside(
                node.netns, PROGRAMS / "kube-proxy", f"--kubeconfig={kubeconfig}", "--proxy-mode=iptables", f"--hostname-override={node.name}",
                f"--cluster-cidr={self.nodes[0].pods}", "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
                "--iptables-min-sync-period=100ms",
            ))
        self.kubelet = pods.Kubelet(self.api, self.number, WORK / self.name / "pods", sys.executable, self.present(), dns, self.balancers())
        self.kubelet.named = {name: network.Balancer(address) for name, address in self.by_name.items()}
        for node in self.nodes:
            machine.start(f"{node.name}-streams", network.inside(
                node.netns, PROGRAMS / "streams", self.kubelet.directory / pods.PODS, f"{WORK}/server.crt", f"{WORK}/server.key",
            ))
        self.kubelet.register()
        self.kubelet.start()


def has_helm(topology):
    """Whether Helm installs Istio in any cluster."""
    return any(one.get("istio", {}).get("install") == "helm" for one in [topology, *topology["clusters"]])


class Lab:
    """The clusters of one topology or of several that follow each other, on one LAN."""

    def __init__(self, topologies):
        self.machine, self.clusters = machines.Machine(), {}
        for topology in topologies:
            for item in topology["clusters"]:
                known = self.clusters.setdefault(item["name"], Cluster(len(self.clusters) + 1, item))
                known.stated |= {node["address"]: node["podCIDR"] for node in item.get("nodes") or []}
        network.make_lan()
        hosts = {cluster.address for cluster in self.clusters.values()}
        named = {cluster.host: cluster.address for cluster in self.clusters.values() if cluster.is_named}
        self.public = {name: [address] for name, address in named.items()}
        self.public |= {name: [address] for cluster in self.clusters.values() for name, address in cluster.by_name.items()}
        with open("/etc/hosts", "a") as file:
            file.writelines(f"{address} {name}\n" for name, address in [*named.items(), *((name, "127.0.0.1") for name in serve.HOSTS)])
        # Pods ask for the API server at the first address of Services.
        hosts |= {str(ipaddress.ip_network(cluster.services)[1]) for cluster in self.clusters.values()}
        self.authority = machines.certificates([*(f"DNS:{name}" for name in ["localhost", *serve.HOSTS, *named]), *(f"IP:{host}" for host in sorted(hosts))])
        self.machine.start("etcd", [
            PROGRAMS / "etcd", f"--data-dir={WORK}/etcd", f"--listen-client-urls={','.join(ETCD.values())}",
            f"--advertise-client-urls={ETCD[4]}", "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync",
        ])
        for cluster in self.clusters.values():
            cluster.make_nodes()
        self.connect(topologies[0])
        for cluster in self.clusters.values():
            cluster.start(self.machine, self.authority, self.public)
        for cluster in self.clusters.values():
            cluster.go_on(self.machine)
        os.environ["KUBECONFIG"] = ":".join(str(WORK / f"{name}.kubeconfig") for name in self.clusters)
        os.environ["SSL_CERT_FILE"] = str(WORK / "ca.crt")
        versions = {str(topology["istio"]["version"]) for topology in topologies if has_helm(topology)}
        if versions:
            machines.serve_git(sorted(versions))

    def connect(self, topology):
        """Takes a topology, and leads to pods: within a cluster always, between clusters of a network where it is native."""
        static = {item["name"] for item in topology["networks"] if item.get("podRouting") == "static"}
        for item in topology["clusters"]:
            self.clusters[item["name"]].take(item)
        for cluster in self.clusters.values():
            near = [other for other in self.clusters.values() if other.network == cluster.network]
            reached = {node for other in near if other is cluster or cluster.network not in static for node in other.nodes}
            for node in cluster.nodes:
                node.masquerade([other.pods for one in near for other in one.nodes])
                node.lead({other for other in reached if other is not node})

    def stop(self):
        for cluster in self.clusters.values():
            cluster.kubelet.stop()
        self.machine.stop()
