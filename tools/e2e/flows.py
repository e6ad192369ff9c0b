"""Lets only the rows of the firewall table through, and the mesh works; then each row but one, and what its `why` says is broken: `flows.py … TOPOLOGY`.

Each node is the firewall for what comes to it over the LAN: a packet passes if a row allows it, or is the answer to one that a row allows.
Connections are not tracked, so that a row that goes takes effect at once. What nodes, pods and API servers of the same cluster say to
each other is not on the table and always passes, and so does the machine that runs the lab: kubelets, DNS and etcd are on it. Scripts run
in a namespace of their own, which is the workstation.
"""

import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import time

import checks
import machines
import network
import yaml
from clusters import Lab
from machines import MESHGEN, PROGRAMS, WORK, check, run, say
from mesh import SYSTEM, Mesh, ask

ARGUMENTS = sys.argv[5:]
PATIENCE = 15


class Workstation:
    """A machine on the LAN that only people use."""

    def __init__(self, address):
        self.address, self.netns = address, "workstation"
        network.join(self.netns, "workstation", address)


class Firewall:
    """The rows that pass, at each node."""

    def __init__(self, lab, rows):
        self.lab, self.rows = lab, rows

    def addresses(self, cluster, role, stated):
        """Where a row says no addresses, those that the lab gave to what it names."""
        if stated:
            return stated
        if cluster is None:
            raise SystemExit(f"a row has no addresses: {role}")
        nodes = self.lab.clusters[cluster].present()
        if role in ("pods", "gateway", "istiod"):
            return [node.pods for node in nodes]
        return [node.address for node in nodes]

    def own(self, cluster):
        """Everything that belongs to a cluster."""
        nodes = self.lab.clusters[cluster].present()
        found = {one for node in nodes for one in (node.address, node.pods)} | {self.lab.clusters[cluster].address}
        return found | self.lab.clusters[cluster].kubelet.owned

    def is_inside(self, row):
        """Whether a row is about what stays within a cluster."""
        return [one["name"] for one in row["source"]["clusters"]] == [row["destination"]["cluster"]]

    def ends(self, row):
        """From where to where a row leads, as nft writes it."""
        role = row["source"]["role"]
        if role == "workstation":
            sources = self.workstations
        elif role == "gateway":
            # Its pods alone, so that it is told from the row of all pods.
            clusters = [self.lab.clusters[one["name"]] for one in row["source"]["clusters"]]
            sources = [pod.address for cluster in clusters for pod in cluster.kubelet.find(SYSTEM, istio="eastwestgateway") if pod.address]
        else:
            sources = [address for one in row["source"]["clusters"] for address in self.addresses(one["name"], role, one["addresses"])]
        targets = self.addresses(row["destination"]["cluster"], row["destination"]["role"], row["destination"]["addresses"])
        return ", ".join(sources), ", ".join(targets)

    def rules(self, row):
        one, other = self.ends(row)
        if not one:
            return []
        port, back = (f"tcp dport {row['port']}", f"tcp sport {row['port']}") if row["port"] != "any" else ("meta l4proto tcp", "meta l4proto tcp")
        # What answers does not begin a connection.
        return [f"ip saddr {{ {one} }} ip daddr {{ {other} }} {port} accept", f"ip saddr {{ {other} }} ip daddr {{ {one} }} {back} tcp flags & (syn | ack) != syn accept"]

    def set(self, without=None):
        lines = [rule for row in self.rows if row is not without and not self.is_inside(row) for rule in self.rules(row)]
        if without and without["source"]["role"] == "gateway":
            one, other = self.ends(without)
            lines.insert(0, f"ip saddr {{ {one} }} ip daddr {{ {other} }} tcp flags & (syn | ack) == syn drop")
        for cluster in self.lab.clusters.values():
            own = ", ".join(sorted(self.own(cluster.name)))
            text = "\n".join([
                "table ip lab", "flush table ip lab", "table ip lab {", "chain from-lan {", "type filter hook prerouting priority -150; policy accept;",
                'iifname != "eth0" accept', "ip saddr 100.64.0.0/24 accept", f"ip saddr {{ {own} }} accept", *lines, "counter drop", "}", "}", "",
            ])
            for node in cluster.nodes:
                subprocess.run(network.inside(node.netns, "nft", "-f", "-"), input=text, text=True, check=True)


def new_workload(mesh, cluster, seconds=PATIENCE):
    """Whether a workload that starts now gets ready."""
    old = mesh.workload(cluster)
    if old is None:
        return False
    cluster.api.call("DELETE", old.path + "?gracePeriodSeconds=1")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pod = mesh.workload(cluster)
        if pod is not None and pod is not old:
            return True
        time.sleep(0.3)
    return False


def calls(mesh, client, server):
    """Whether a cluster reaches another; the first requests may use what is left of an earlier state."""
    return all(isinstance(mesh.call(client, f"echo-{server.name}", seconds=3), dict) for _ in range(3))


def reaches_all(mesh, client):
    """Whether a cluster reaches each workload of a Service that is everywhere.

    Each connection between networks leads to one of them. An answer takes so long that no call can wait until the connection of another
    is free.
    """
    with concurrent.futures.ThreadPoolExecutor(checks.MOST_AT_ONCE) as pool:
        answers = list(pool.map(lambda _: mesh.call(client, "echo", seconds=5, path="/slow"), range(checks.MOST_AT_ONCE)))
    return all(isinstance(answer, dict) for answer in answers)


def traces_arrive(mesh, client):
    """Whether the span of a client gets to the collector."""
    answer = mesh.call(client, f"echo-{client.name}")
    if not isinstance(answer, dict):
        return False
    zipkin = mesh.collector().kubelet.find(SYSTEM, app="zipkin")[0]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if checks.spans(zipkin, client.name, client.name, answer["headers"].get("x-b3-traceid")) is None:
            return True
        time.sleep(0.5)
    return False


def discovers(mesh, reader, other):
    """Whether an istiod that starts now reads another cluster."""
    found = reader.kubelet.find(SYSTEM, app="istiod")
    old = found[-1]
    reader.api.call("DELETE", old.path + "?gracePeriodSeconds=1")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready = [pod for pod in reader.kubelet.find(SYSTEM, app="istiod") if pod is not old and pod.address]
        try:
            state = {item["id"]: item["syncStatus"] for item in json.loads(ask(ready[0], "/debug/clusterz", port=8080, seconds=2)[1])} if ready else {}
        except (OSError, ValueError):
            state = {}
        if state.get(other.name) == "synced":
            return True
        if ready and ready[0].is_ready and state.get(other.name) not in (None, "syncing"):
            return False
        time.sleep(0.5)
    return False


def answers(lab, cluster):
    """Whether the API server answers the workstation."""
    code = subprocess.run(network.inside("workstation", PROGRAMS / "kubectl", f"--context={cluster.context}", "--request-timeout=3s", "get", "--raw", "/readyz"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    return code == 0


def works(mesh, lab, row):
    """Whether what a row is for works: each of its reasons, by name."""
    clients = [lab.clusters[one["name"]] for one in row["source"]["clusters"] if one["name"]]
    server = lab.clusters[row["destination"]["cluster"]]
    found = {}
    for need in row["neededBy"]:
        if need == "calls" and row["source"]["role"] == "gateway":
            # Calls of a Service with workloads behind this gateway and in the other cluster: those for the other cluster alone go in by its own.
            others = [one for one in lab.clusters.values() if one.network != server.network]
            found[need] = all(reaches_all(mesh, one) for one in others)
        elif need == "calls" and row["destination"]["role"] == "gateway":
            behind = [one for one in lab.clusters.values() if one.network == server.network]
            found[need] = all(calls(mesh, one, other) for one in clients for other in behind for _ in range(3))
        elif need == "calls":
            found[need] = all(calls(mesh, one, server) for one in clients)
        elif need == "traces":
            found[need] = all(traces_arrive(mesh, one) for one in clients)
        elif need in ("configuration", "certificates", "injection"):
            if "configuration" not in found:
                found[need] = all(new_workload(mesh, one) for one in clients)
        elif need == "discovery":
            found[need] = all(discovers(mesh, one, server) for one in clients)
        elif need == "installation":
            found[need] = answers(lab, server)
        else:
            found[need] = None
    return found


def rows_of(place):
    said = json.loads(run(MESHGEN, "flows", place, "--format", "json", "--expand", stderr=subprocess.DEVNULL))
    return said["flows"]


def one_topology(place):
    text = place.read_text()
    topology = yaml.safe_load(text)
    lab = Lab([topology])
    workstation = Workstation(topology["workstations"][0].split("/")[0])
    mesh = Mesh(lab, text)
    mesh.prepare()
    mesh.build()
    mesh.routes()
    mesh.runs_in = workstation.netns
    firewall = Firewall(lab, rows_of(WORK / "topology.yaml"))
    firewall.workstations = topology["workstations"]
    # The addresses of load balancers are the cluster's before anything is at them.
    for cluster in lab.clusters.values():
        for address in cluster.balanced:
            cluster.kubelet.own(address)
    firewall.set()
    say(f"{place.stem}: only {sum(not firewall.is_inside(row) for row in firewall.rows)} rows pass")
    if mesh.install():
        mesh.deploy()
        if mesh.wait_for_workloads():
            checks.all_of(mesh)
            rows = [row for row in firewall.rows if not firewall.is_inside(row)]
            # What breaks without a row has to hold with all rows.
            for row in rows:
                failing = [need for need, is_so in works(mesh, lab, row).items() if not is_so]
                check(f"with all rows, what {row['id']} is for works", not failing, failing)
            for row in rows:
                without(mesh, lab, firewall, row)
    lab.machine.check()
    lab.stop()


def without(mesh, lab, firewall, row):
    what = f"without {row['id']} ({row['source']['text']} to {row['destination']['text']} port {row['port']}: {row['why']})"
    firewall.set(without=row)
    if row["port"] == "any":
        # Connections that stand go on by the row of the other direction.
        for cluster in lab.clusters.values():
            mesh.renew(cluster, seconds=PATIENCE)
    found = works(mesh, lab, row)
    held = [need for need, is_so in found.items() if is_so]
    unknown = [need for need, is_so in found.items() if is_so is None]
    check(f"{what} {', '.join(need for need in found)} is broken", not held and not unknown, f"{held} works all the same, {unknown} is not known to the lab")
    firewall.set()
    for cluster in lab.clusters.values():
        if mesh.workload(cluster) is None:
            # Nobody waits until the controller tries again.
            mesh.renew(cluster)
    mesh.wait_for_workloads()
    if not checks.settle(mesh, 60):
        check(f"with {row['id']} again, each cluster reaches each", False)


def main():
    place = pathlib.Path(ARGUMENTS[0])
    one_topology(place)
    say(f"{place.stem}: {machines.count} checks, {len(machines.failures)} failed")
    if machines.failures:
        say(f"the logs are in {WORK}")
        return 1
    shutil.rmtree(WORK, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
