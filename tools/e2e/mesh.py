"""A mesh in the lab: its tree, installed by its own scripts; workloads that call each other; and what is asked of them.

What has to be so is worked out from the topology here, by rules of a few lines, and not by meshgen.
"""

import base64
import http.client
import json
import os
import re
import stat
import subprocess
import threading
import time
import urllib.error

import gitops
import machines
import network
import yaml
from cryptography import x509
from machines import PROGRAMS, WORK, check, run
from pods import IS_OLD

SYSTEM = "istio-system"
PORT = 8080
COLLECTOR_PORT = 15018
FILTERS = f"/apis/networking.istio.io/v1alpha3/namespaces/{SYSTEM}/envoyfilters"
GATEWAYS = "istio in (ingressgateway,egressgateway,eastwestgateway)"
# Envoy as it comes has no such filters, and refuses a listener that names one.
NO_STATS = [
    {
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": f"no-stats-{kind.lower().replace('_', '-')}", "namespace": SYSTEM},
        "spec": {"configPatches": [
            {"applyTo": kind, "match": {"context": context, "listener": {"filterChain": {"filter": {"name": manager, **({"subFilter": {"name": "istio.stats"}} if manager.endswith("manager") else {})}}}},
             "patch": {"operation": "REMOVE"}}
            for context in ("SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY")
        ]},
    }
    for kind, manager in [("HTTP_FILTER", "envoy.filters.network.http_connection_manager"), ("NETWORK_FILTER", "istio.stats")]
]


class Connection(http.client.HTTPConnection):
    """A connection from a namespace."""

    def __init__(self, netns, address, port, seconds=5):
        super().__init__(address, port, timeout=seconds)
        self.netns = netns

    def connect(self):
        self.sock = network.connect(self.netns, self.host, self.port, self.timeout)


def ask(pod, path, address=None, port=15000, host=None, seconds=5):
    """What a server says to a caller in a pod, by default one of the pod itself: its status and its text."""
    # With no other address than one of IPv6, Envoy listens on that alone.
    own = "::1" if ":" in pod.address else "127.0.0.1"
    connection = Connection(pod.netns, address or own, port, seconds)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Mesh:
    """A topology that the lab runs."""

    def __init__(self, lab, text):
        self.lab, self.tree, self.watched, self.members = lab, WORK / "out", set(), []
        # The namespace in which scripts run, where it is not the machine's own.
        self.runs_in = None
        # Where the certificates are that have to be in use.
        self.right = self.tree
        # Who applies the tree, if no script does.
        self.flux = self.repository = self.commit = None
        self.take(text)
        self.over = threading.Event()

    def take(self, text):
        self.topology = yaml.safe_load(text)
        before = {cluster.name for cluster in self.members}
        self.members = [self.lab.clusters[item["name"]] for item in self.topology["clusters"]]
        self.left = before - {cluster.name for cluster in self.members}
        self.lab.connect(self.topology)
        (WORK / "topology.yaml").write_text(text)
        namespaces = (self.topology.get("workloads") or {}).get("namespaces") or []
        self.namespace = next(iter(namespaces), "sample")
        self.trust_domain = self.topology["mesh"].get("trustDomain", "cluster.local")
        self.version = str(self.topology["istio"]["version"])

    # The tree.

    def build(self):
        machines.build(WORK / "topology.yaml", self.tree)

    def prepare(self):
        """What a person has before: the programs, and namespaces for the workloads."""
        programs = WORK / "bin"
        programs.mkdir(exist_ok=True)
        wrapper = programs / "istioctl"
        # The lab's programs are of no release, and scripts ask which one runs.
        wrapper.write_text(f"""#!/bin/bash
if [[ " $* " == *" version "* ]]; then
  [[ " $* " != *" --remote=false "* ]] || {{ echo {self.version}; exit; }}
  set -o pipefail
  {PROGRAMS.parent}/bin/istioctl "$@" | sed -E 's/unknown|1\\.31-dev/{self.version}/g'
else
  exec {PROGRAMS.parent}/bin/istioctl "$@"
fi
""")
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        if str(programs) not in os.environ["PATH"]:
            os.environ["PATH"] = f"{programs}:{PROGRAMS}:{PROGRAMS.parent / 'bin'}:{os.environ['PATH']}"
        revision = self.topology["istio"].get("revision")
        label = {"istio.io/rev": revision} if revision else {"istio-injection": "enabled"}
        for cluster in self.members:
            cluster.api.post("/api/v1/namespaces", {"metadata": {"name": self.namespace, "labels": label}})
        for cluster in self.primaries():
            if cluster not in self.watched:
                self.watched.add(cluster)
                threading.Thread(target=self.remove_filters, args=(cluster,), daemon=True).start()
        if "gitops" in self.topology:
            apis = {cluster.name: cluster.api for cluster in self.members}
            if self.flux is None:
                self.repository = gitops.Repository()
                self.tree = self.right = self.repository.tree
                self.flux = gitops.Flux(self.lab.machine, self.topology, apis)
            self.flux.reach(self.topology, apis)

    def primaries(self):
        return [cluster for cluster in self.members if cluster.primary == cluster.name]

    def remove_filters(self, cluster):
        while not self.over.wait(0.2):
            try:
                found = cluster.api.find(FILTERS)
                if found is not None and IS_OLD:
                    # They are objects of its charts.
                    for item in found["items"]:
                        cluster.api.delete(f"{FILTERS}/{item['metadata']['name']}")
                elif found is not None and len(found["items"]) < len(NO_STATS):
                    for manifest in NO_STATS:
                        cluster.api.post(FILTERS, manifest)
            except urllib.error.HTTPError as error:
                # Until the definition and its webhook are there, the API server refuses for a while.
                if error.code < 500 and error.code != 429:
                    check(f"the filters of Istio are removed in {cluster.name}", False, error.read().decode(errors="replace"))
                    return
            except OSError:
                pass

    def give_back_filters(self):
        """Takes away what the lab has added to the namespace of the tree."""
        self.over.set()
        time.sleep(1)
        for cluster in self.primaries():
            for manifest in NO_STATS:
                cluster.api.delete(f"{FILTERS}/{manifest['metadata']['name']}")

    def routes(self, verb="add"):
        for cluster in self.members:
            script = self.tree / cluster.name / "routes.sh"
            if script.exists():
                for node in cluster.nodes:
                    run(*network.inside(node.netns, "bash", script, verb))

    def script(self, name, *words, seconds=1200):
        """Runs a script of the tree; its output goes to a file. Its code is that of `timeout` if it takes longer."""
        log = WORK / f"{name.replace('/', '-')}.log"
        begun = time.monotonic()
        place = network.inside(self.runs_in) if self.runs_in else []
        with open(log, "wb") as file:
            command = [*place, "timeout", "--kill-after=5", str(seconds), self.tree / name, *words]
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
        return code, time.monotonic() - begun, log

    def push(self):
        self.commit = self.repository.push("another mesh")

    def wait_for_flux(self, but=()):
        """Waits until Flux has applied what was pushed last, but for some steps, and nothing out of order."""
        begun = time.monotonic()
        self.flux.ask_again(self.commit)
        self.flux.check_order(self.flux.wait_for(self.commit, self.version, begun, but))

    def install(self, seconds=1200):
        if self.flux:
            commit, begun, failed = self.repository.push("a mesh"), time.monotonic(), len(machines.failures)
            self.flux.check_order(self.flux.install(self.tree, commit, self.version))
            is_installed = len(machines.failures) == failed
            check(f"Flux has installed the mesh in {time.monotonic() - begun:.0f} s", is_installed)
            return is_installed
        code, took, log = self.script("install.sh", seconds=seconds)
        check(f"install.sh has installed the mesh in {took:.0f} s", code == 0, f"see {log}: {tail(log)}")
        return code == 0

    # Workloads.

    def deploy(self):
        """In each cluster a workload of its own and one that is everywhere; each has all Services, as DNS wants it."""
        names = [f"echo-{cluster.name}" for cluster in self.members]
        for cluster in self.members:
            cluster.api.post(f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": "echo"}})
            for name in [*names, "echo"]:
                cluster.api.post(f"/api/v1/namespaces/{self.namespace}/services", {
                    "metadata": {"name": name}, "spec": {"selector": {"everywhere": "yes"} if name == "echo" else {"app": name}, "ports": [{"name": "http", "port": PORT}]},
                })
            labels = {"app": f"echo-{cluster.name}", "everywhere": "yes"}
            container = {"name": "echo", "image": "lab/echo", "args": [cluster.name, str(PORT)], "ports": [{"containerPort": PORT}]}
            cluster.api.post(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", {
                "metadata": {"name": f"echo-{cluster.name}"},
                "spec": {
                    "replicas": 1, "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "echo", "containers": [container]}},
                },
            })

    def renew(self, cluster, seconds=60):
        """Starts the workload of a cluster anew, and waits until the old one is gone."""
        deployment = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/echo-{cluster.name}"
        before = self.workload(cluster)
        stamp = {"spec": {"template": {"metadata": {"annotations": {"lab/restarted": str(time.time())}}}}}
        cluster.api.call("PATCH", deployment, stamp, "application/merge-patch+json")
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.workload(cluster) in (before, None):
            time.sleep(0.3)

    def renew_all(self):
        """Starts all gateways and workloads anew: after that, each proxy has a certificate of who signs now, and trusts who is trusted now."""
        for cluster in self.members:
            kubectl = ["kubectl", f"--context={cluster.context}", "-n", SYSTEM, "rollout"]
            run(*kubectl, "restart", "deployments", "-l", GATEWAYS)
            run(*kubectl, "status", "deployments", "-l", GATEWAYS, "--timeout=5m")
            self.renew(cluster)
        self.wait_for_workloads()

    def workload(self, cluster):
        """The pod of a cluster's workload that is ready, if there is one."""
        found = [pod for pod in cluster.kubelet.find(self.namespace, app=f"echo-{cluster.name}") if pod.is_ready]
        return found[-1] if found else None

    def wait_for_workloads(self, seconds=120):
        end = time.monotonic() + seconds
        waiting = list(self.members)
        while waiting and time.monotonic() < end:
            waiting = [cluster for cluster in waiting if self.workload(cluster) is None]
            time.sleep(0.3)
        check("a workload of each cluster is ready, with its sidecar", not waiting, ", ".join(cluster.name for cluster in waiting))
        for cluster in self.members:
            pod = self.workload(cluster)
            if pod and not any(one.name == "istio-proxy" for one in [*pod.sidecars, *pod.containers]):
                check(f"the workload of {cluster.name} is injected", False)
        return not waiting

    def service(self, cluster, name):
        return cluster.api.get(f"/api/v1/namespaces/{self.namespace}/services/{name}")["spec"]["clusterIP"]

    def call(self, cluster, name, seconds=5, pod=None, path="/"):
        """One request from the workload of a cluster: who answered with what, or what went wrong."""
        pod = pod or self.workload(cluster)
        if pod is None:
            return "no workload is ready"
        host = f"{name}.{self.namespace}.svc.cluster.local:{PORT}"
        try:
            status, text = ask(pod, path, self.service(cluster, name), PORT, host, seconds)
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        return json.loads(text) if status == 200 else f"{status} {text[:200].decode(errors='replace')}"

    # What has to be so.

    def signer(self, cluster):
        """The name of the cluster whose authority signs for the proxies of a cluster: a remote of Istio 1.11 has an istiod too."""
        return cluster.name if IS_OLD else cluster.primary

    def ways(self, client, server):
        """The addresses that a request from a cluster to the workload of another goes to."""
        if client.network == server.network:
            pod = self.workload(server)
            return {f"{pod.address}:{PORT}"} if pod else set()
        return self.gateways(server.network)

    def gateways(self, name):
        found = set()
        for cluster in self.members:
            if cluster.network == name and cluster.has_gateway:
                for address in [*(cluster.external or cluster.balanced or self.balanced(cluster))]:
                    found |= {f"{one}:{cluster.gateway_port}" for one in self.lab.public.get(address, [address])}
        return found

    def balanced(self, cluster):
        """What the lab's cloud gave a gateway."""
        service = cluster.api.find(f"/api/v1/namespaces/{SYSTEM}/services/istio-eastwestgateway") or {}
        return [point.get("ip") or point.get("hostname") for point in (service.get("status", {}).get("loadBalancer") or {}).get("ingress", [])]

    def collector(self):
        zipkin = (self.topology.get("tracing") or {}).get("zipkin")
        return zipkin and self.lab.clusters[zipkin["cluster"]]

    def ways_of_spans(self, client):
        there, zipkin = self.collector(), self.topology["tracing"]["zipkin"]
        pods = there.kubelet.find(SYSTEM, app="zipkin")
        direct = {f"{pod.address}:9411" for pod in pods}
        if IS_OLD:
            # Envoy finds it by DNS, and not by its endpoints.
            service = there.api.find(f"/api/v1/namespaces/{SYSTEM}/services/zipkin")
            direct |= {f"{service['spec']['clusterIP']}:9411"}
        if zipkin.get("via") == "mesh":
            return direct if client.network == there.network else self.gateways(there.network)
        # What a topology states for the proxies of a primary goes before.
        primary = next(item for item in self.topology["clusters"] if item["name"] == client.primary)
        stated = primary
        for key in ("istio", "meshConfig", "defaultConfig", "tracing", "zipkin", "address"):
            stated = stated.get(key, {})
        if stated:
            return direct
        own = there.external or there.balanced
        return {f"{one}:{COLLECTOR_PORT}" for address in own for one in self.lab.public.get(address, [address])} or direct

    def hosts(self, pod, of):
        """How many requests a proxy has sent to each address of the clusters of Envoy whose name has a text."""
        counts = {}
        for cluster in json.loads(ask(pod, "/clusters?format=json")[1])["cluster_statuses"]:
            if of in cluster["name"]:
                for host in cluster.get("host_statuses", []):
                    address = host["address"].get("socket_address")
                    number = next((int(item.get("value", 0)) for item in host["stats"] if item.get("name") == "rq_total"), 0)
                    if address and number:
                        one = f"{address['address']}:{address['port_value']}"
                        counts[one] = counts.get(one, 0) + number
        return counts

    def chain(self, pod):
        """The certificates that a proxy shows, its own first."""
        text = ask(pod, "/config_dump?resource=dynamic_active_secrets")[1]
        for item in json.loads(text)["configs"]:
            if item["name"] == "default":
                inline = item["secret"]["tls_certificate"]["certificate_chain"]["inline_bytes"]
                return x509.load_pem_x509_certificates(base64.b64decode(inline))
        return []

    def proxies(self):
        """Every pod that has an Envoy."""
        return [pod for cluster in self.members for pod in list(cluster.kubelet.pods.values())
                if not pod.ending.is_set() and any(one.name == "istio-proxy" for one in [*pod.sidecars, *pod.containers])]


def tail(log):
    lines = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace")).strip().splitlines()
    return " | ".join(lines[-4:])[-600:]

