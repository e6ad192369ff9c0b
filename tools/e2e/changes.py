"""Changes a mesh that runs, while requests go through it: one change after the other, each as `diff` lists it, to the letter.

`changes.py … [PAGE.md]` makes all changes below; `changes.py … BEFORE.yaml AFTER.yaml [PAGE.md]` makes one, and appends it to a page.

Requests that fail are counted, and held against what `diff` said; at the end of each change all is asked again that is asked of a new mesh.
"""

import copy
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import checks
import machines
import network
import yaml
from clusters import Lab
from machines import MESHGEN, WORK, check, say
from mesh import Mesh, tail

HERE = pathlib.Path(__file__).parent
ARGUMENTS = sys.argv[5:]
PAUSE = 0.5
# What diff says of requests, the worst first, and the share that may fail then. A gateway that restarts ends its connections, and with
# them the requests that are under way.
SAID = {"notInPlace": ("it cannot be done in place", 1), "interrupts": ("requests fail", 1), "restartProxies": ("gateways and workloads restart", 0.005)}
# What waits for credentials, which people give after Flux has applied all else.
WAITING = ("-40-eastwest-gateway", "-45-egress-gateway")
# How long roots take to get from a Secret to istiod, and from there to all namespaces.
SPREAD = 10
# How long `verify.sh` is asked again whether the next phase may begin, once all proxies have started anew.
PATIENCE = 60
# With these, what signs or who is trusted has changed.
CERTIFICATES = {"certificates", "restartIstiod"}
SOUTH = {"name": "south", "network": "cloud", "apiServer": "https://192.168.20.21:6443", "eastWestGateway": {"address": "192.168.20.200"}}


def of(topology, name):
    return next(cluster for cluster in topology["clusters"] if cluster["name"] == name)


def put(topology, path, value):
    """Sets a field by its path, or takes it away where the value is None."""
    *parents, last = path.split(".")
    at = topology
    for parent in parents:
        at = at.setdefault(parent, {})
    if value is None:
        at.pop(last, None)
    else:
        at[last] = value


def gateway(name, address):
    return lambda topology: of(topology, name).update(eastWestGateway={"address": address})


def under(name, primary):
    def change(topology):
        of(topology, name).pop("controlPlane", None)
        if primary:
            of(topology, name)["controlPlane"] = primary

    return change


def field(path, value):
    return lambda topology: put(topology, path, value)


def both(*changes):
    return lambda topology: [change(topology) for change in changes]


def root(phase):
    return field("certificates.nextRoot", {"issuedOn": "2026-11-20", "phase": phase})


def leave(name):
    return lambda topology: topology["clusters"].remove(of(topology, name))


def split(topology):
    topology["networks"].append({"name": "far", "podRouting": "static"})
    of(topology, "north")["network"] = "far"


def joined(topology):
    topology["networks"].pop()
    of(topology, "north")["network"] = "lan"


def next_root(topology):
    topology["certificates"] = {"issuedOn": "2026-11-20", "naming": 2, "generation": 2}
    of(topology, "east").pop("certificates", None)


CHANGES = {
    "the address of a gateway changes": gateway("east", "192.168.10.101"),
    "a primary joins": lambda topology: topology["clusters"].append(copy.deepcopy(SOUTH)),
    "a primary becomes a remote": under("south", "west"),
    "both swap their roles": both(under("south", None), under("west", "south")),
    "a remote becomes a primary": under("west", None),
    "a remote goes to another primary": under("north", "west"),
    "the remote goes back": under("north", "east"),
    "a network is split in two": split,
    "both become one again": joined,
    "the collector moves": field("tracing.zipkin.cluster", "west"),
    "traces go through the mesh": field("tracing.zipkin.via", "mesh"),
    "tracing ends": field("tracing", None),
    "tracing begins": field("tracing", {"zipkin": {"cluster": "east", "samplingPercent": 100}}),
    "a certificate is renewed by date": lambda topology: put(of(topology, "east"), "certificates.issuedOn", "2026-11-10"),
    "all certificates are renewed by their generation": field("certificates.generation", 2),
    "the mesh config of a primary changes": lambda topology: put(of(topology, "east"), "istio.meshConfig.defaultConfig.drainDuration", "44s"),
    "the profile changes": field("istio.profile", "demo"),
    "a node joins a static network": lambda topology: of(topology, "north")["nodes"].append({"address": "192.168.10.22", "podCIDR": "10.12.2.0/24"}),
    "a gateway is given up": lambda topology: of(topology, "north").pop("eastWestGateway"),
    "the next patch release": field("istio.version", "1.30.4"),
    "the next minor release": field("istio.version", "1.31.0"),
    "a revision is set": field("istio.revision", "canary"),
    "the next root is trusted": root("trust"),
    "the next root signs": root("sign"),
    "the old root is dropped": root("drop"),
    "the next root is the present one": next_root,
    "a primary leaves": leave("south"),
    "a remote leaves": leave("north"),
}


class Traffic:
    """Each workload calls each, twice a second, until it is stopped."""

    def __init__(self, mesh, names):
        self.mesh, self.over, self.sent, self.lost, self.lock = mesh, threading.Event(), 0, [], threading.Lock()
        self.begun = time.monotonic()
        clusters = [mesh.lab.clusters[name] for name in names]
        self.threads = [threading.Thread(target=self.call, args=(one, other), daemon=True) for one in clusters for other in clusters]
        for thread in self.threads:
            thread.start()

    def call(self, client, server):
        while not self.over.wait(PAUSE):
            pod = self.mesh.workload(client)
            if pod is None:
                continue
            answer = self.mesh.call(client, f"echo-{server.name}", pod=pod)
            with self.lock:
                self.sent += 1
                if not isinstance(answer, dict) and not pod.ending.is_set():
                    self.lost.append((time.monotonic() - self.begun, client.name, server.name, answer))

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def follow(mesh, lab, command, old, new):
    """Does what a line of the runbook says; its log."""
    log = WORK / "commands.log"
    command, _, place = command.partition("   # as root, on ")
    command = command.replace("OLD/", f"{old}/").replace("NEW/", f"{new}/")
    if command.startswith("meshgen ca export TOPOLOGY "):
        return 0, log
    if command.startswith("git push "):
        mesh.push()
        return 0, log
    places = [[]]
    if place:
        place, _, listed = place.partition(": ")
        cluster = lab.clusters[place.rsplit(" ", 1)[-1]]
        places = [network.inside(node.netns) for node in cluster.nodes if not listed or node.address in listed.split(", ")]
    with open(log, "a") as file:
        for words in places:
            file.write(f"$ {' '.join(words)} {command}\n")
            file.flush()
            code = subprocess.run([*words, "bash", "-c", command], stdout=file, stderr=subprocess.STDOUT, cwd=WORK, timeout=1200, check=False).returncode
            if code:
                return code, log
    return 0, log


def change(mesh, lab, title, topology):
    """One change of the mesh; a line for the page."""
    say(f"-- {title}")
    counted = len(machines.failures)
    before = [cluster.name for cluster in mesh.members]
    old = WORK / "old"
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(mesh.tree, old, symlinks=True)
    mesh.take(yaml.safe_dump(topology, sort_keys=False))
    mesh.prepare()
    mesh.build()
    new = mesh.tree
    said = json.loads(subprocess.run([MESHGEN, "diff", old, new, "--format", "json"], stdout=subprocess.PIPE, check=False).stdout)
    kinds = {one["kind"] for cluster in said["clusters"] for one in cluster["consequences"]}
    says, share = next((words for kind, words in SAID.items() if kind in kinds), ("nothing of requests", 0))
    if any(command == "NEW/verify.sh" for phase in said["runbook"] for command in phase["commands"]):
        # Its proxies start anew while it waits, below.
        says, share = "a day's wait, in place of which the lab restarts all proxies", SAID["restartProxies"][1]
    stay = [name for name in before if name in {cluster.name for cluster in mesh.members}]
    traffic = Traffic(mesh, stay)
    begun, failed = time.monotonic(), None
    for phase in said["runbook"]:
        for command in phase["commands"]:
            if command == "NEW/verify.sh":
                # It is to say that the next phase may begin: after a day, or as soon as all proxies have started anew.
                time.sleep(SPREAD)
                mesh.renew_all()
            code, log = follow(mesh, lab, command, old, new)
            end = time.monotonic() + PATIENCE
            while code and command == "NEW/verify.sh" and time.monotonic() < end:
                time.sleep(SPREAD)
                code, log = follow(mesh, lab, command, old, new)
            if code and failed is None:
                failed = f"{phase['title']}: {command}: {tail(log)}"
        if any(command.startswith("git push ") for command in phase["commands"]):
            mesh.wait_for_flux(but=WAITING if "except for gateways" in phase["title"] else ())
    if mesh.commit and "gitops" in topology:
        mesh.wait_for_flux()
    seconds = time.monotonic() - begun
    if not said["runbook"] and kinds:
        check(f"{title}: diff has a runbook", False, sorted(kinds))
    check(f"{title}: the runbook of {len(said['runbook'])} phases was followed in {seconds:.0f} s", failed is None, failed)
    mesh.deploy()
    mesh.wait_for_workloads()
    time.sleep(5)
    traffic.stop()
    if CERTIFICATES & kinds:
        # A workload keeps its certificate for hours; those that start now have the new ones.
        mesh.renew_all()
    lost = len(traffic.lost)
    first = traffic.lost[:3]
    check(f"{title}: of {traffic.sent} requests {lost} failed; diff said: {says}", lost <= share * traffic.sent, first)
    checks.all_of(mesh)
    checks.verify(mesh)
    return {"change": title, "sent": traffic.sent, "lost": lost, "said": says, "seconds": round(seconds), "failed": machines.failures[counted:]}


def is_pair():
    return any(argument.endswith(".yaml") for argument in ARGUMENTS)


def states():
    """The topologies, each with what has changed: those of two files, or those that follow from `changes.yaml`."""
    if is_pair():
        files = [pathlib.Path(argument) for argument in ARGUMENTS if argument.endswith(".yaml")]
        return [(file.parent.name, checks.every_trace(yaml.safe_load(file.read_text()))) for file in files]
    found = [("", yaml.safe_load((HERE / "changes.yaml").read_text()))]
    for title, edit in CHANGES.items():
        topology = copy.deepcopy(found[-1][1])
        edit(topology)
        found.append((title, topology))
    # A number is that of the change to begin with.
    begin = next((int(argument) for argument in ARGUMENTS if argument.isdigit()), 0)
    return found[begin:]


HEADING = ["| change | requests | failed | `diff` said | checks that failed | seconds |", "|---|---:|---:|---|---:|---:|"]


def row(one):
    return f"| {one['change']} | {one['sent']} | {one['lost']} | {one['said']} | {len(one['failed'])} | {one['seconds']} |"


def write_page(results, place):
    lines = [
        "# Changes of a mesh that ran", "",
        "`make e2e-changes` wrote this page. A mesh of three clusters ([`tools/e2e/changes.yaml`](../tools/e2e/changes.yaml)) runs as "
        "[`meshes-that-ran.md`](meshes-that-ran.md) says, and changes again and again, each time as `meshgen diff` lists it, command by command. "
        "Each workload calls each twice a second meanwhile. After each change, all is asked again that is asked of a new mesh.", "",
        *HEADING, *map(row, results),
    ]
    for one in results:
        lines += [line for text in one["failed"] for line in ("", f"{one['change']}: {text}")]
    place.write_text("\n".join([*lines, ""]))


def append_row(one, place):
    """Adds a change of two topologies to a page of such, which may be new."""
    lines = [] if place.exists() else [
        "# Pairs of meshes that ran", "",
        "`make e2e-pairs` wrote this page. Each row is a change whose report is written down in [`tests/diff`](../tests/diff), and which the "
        "simulator follows in the tests. Here a lab of its own brings up the first mesh and changes it as `meshgen diff` lists it, as "
        "[`changes-that-ran.md`](changes-that-ran.md) says. All releases run with the programs and charts of Istio's 1.30 line.", "",
        *HEADING,
    ]
    with place.open("a") as page:
        page.write("\n".join([*lines, row(one), ""]))


def main():
    found = states()
    lab = Lab([topology for _, topology in found])
    mesh = Mesh(lab, yaml.safe_dump(found[0][1], sort_keys=False))
    mesh.prepare()
    mesh.build()
    mesh.routes()
    mesh.install()
    mesh.deploy()
    mesh.wait_for_workloads()
    checks.all_of(mesh)
    checks.verify(mesh)
    results = [change(mesh, lab, title, topology) for title, topology in found[1:]]
    for one in results:
        say(f"{one['change']}: {one['lost']} of {one['sent']} requests failed; diff said: {one['said']}; {one['seconds']} s; {len(one['failed'])} failed checks")
    for argument in ARGUMENTS:
        if argument.endswith(".md") and is_pair():
            append_row(results[0], pathlib.Path(argument))
        elif argument.endswith(".md"):
            write_page(results, pathlib.Path(argument))
    lab.machine.check()
    lab.stop()
    if machines.failures:
        say(f"the logs are in {WORK}")
        return 1
    shutil.rmtree(WORK, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
