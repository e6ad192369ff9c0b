"""Brings meshes up from their trees, asks each pair of clusters, and takes the mesh down again: `meshes.py … TOPOLOGY`."""

import json
import pathlib
import re
import shutil
import sys
import time

import checks
import gitops
import machines
import yaml
from clusters import Lab
from machines import WORK, check, say, until
from mesh import SYSTEM, Mesh, tail
from pods import IS_OLD

ARGUMENTS = sys.argv[5:]
# What OpenShift has and Istio's profile for it makes an object of.
OF_OPENSHIFT = {
    "metadata": {"name": "network-attachment-definitions.k8s.cni.cncf.io"},
    "spec": {
        "group": "k8s.cni.cncf.io", "scope": "Namespaced", "names": {"kind": "NetworkAttachmentDefinition", "plural": "network-attachment-definitions"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}],
    },
}


def at_release(text):
    """The same mesh at the release of Istio that the lab has programs of."""
    if not IS_OLD:
        text = re.sub(r"(?m)^  version: 1\.11\.2$", "  version: 1.30.3", text)
        text = re.sub(r'(?m)^  version: "1\.21"$', '  version: "1.34"', text)
    # The lab has a repository of charts, and no registry.
    return re.sub(r"(?m)^  charts: .*\n", "", text)


def memory():
    """What all processes of the lab have in memory, in MiB; what several share is counted once."""
    kibibytes = 0
    for place in pathlib.Path("/proc").glob("[0-9]*/smaps_rollup"):
        try:
            kibibytes += int(re.search(r"^Pss: +(\d+) kB", place.read_text(), re.MULTILINE)[1])
        except OSError:
            pass
    return kibibytes >> 10


def stop_flux(mesh):
    """Does what `uninstall.sh` says of a mesh that Flux applies. What it says of each cluster is done in each."""
    _, _, log = mesh.script("uninstall.sh")
    commands = [line.split("   #")[0].split() for line in log.read_text().splitlines() if line.startswith("     kubectl ")]
    for _, *words in commands:
        everywhere = [cluster.context for cluster in mesh.members]
        contexts = [None] if words[0].startswith("--context=") else [mesh.flux.hub.name] if gitops.FLUX in words else everywhere
        for context in contexts:
            machines.kubectl(*(["--context", context] if context else []), *(word.replace("'", "") for word in words))
    check(f"what uninstall.sh lists was done ({len(commands)} commands)", len(commands) > 3)


def uninstall(mesh):
    """Takes the mesh down; what is a user's stays."""
    mine = {"apiVersion": "networking.istio.io/v1beta1", "kind": "ServiceEntry", "metadata": {"name": "mine"},
            "spec": {"hosts": ["mine.example.com"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}], "resolution": "DNS"}}
    path = f"/apis/networking.istio.io/v1beta1/namespaces/{mesh.namespace}/serviceentries"
    for cluster in mesh.primaries():
        cluster.api.post(path, mine)
    mesh.give_back_filters()
    if mesh.flux:
        stop_flux(mesh)
    else:
        code, seconds, log = mesh.script("uninstall.sh", "--yes")
        check(f"uninstall.sh has removed the mesh in {seconds:.0f} s", code == 0, f"see {log}: {tail(log)}")
    for cluster in mesh.members:
        until(f"{cluster.name} has no namespace {SYSTEM}", lambda cluster=cluster: cluster.api.find(f"/api/v1/namespaces/{SYSTEM}") is None, seconds=60)
    for cluster in mesh.primaries():
        check(f"a ServiceEntry of a user in {cluster.name} is still there", cluster.api.find(f"{path}/mine") is not None)
    mesh.routes("remove")


def main():
    place = pathlib.Path(ARGUMENTS[0])
    begun = time.monotonic()
    topology = checks.every_trace(yaml.safe_load(at_release(place.read_text())))
    lab = Lab([topology])
    say(f"{len(lab.clusters)} API servers answer, with {sum(len(cluster.nodes) for cluster in lab.clusters.values())} nodes")
    if topology["istio"].get("profile") == "openshift":
        for cluster in lab.clusters.values():
            cluster.api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", OF_OPENSHIFT)
    mesh = Mesh(lab, yaml.safe_dump(topology, sort_keys=False))
    mesh.prepare()
    mesh.build()
    mesh.routes()
    number = arrived = used = 0
    if mesh.install():
        mesh.deploy()
        if mesh.wait_for_workloads():
            number, arrived = checks.all_of(mesh)
            used = memory()
            checks.verify(mesh)
            uninstall(mesh)
    lab.machine.check()
    lab.stop()
    seconds = time.monotonic() - begun
    say(f"{place.stem}: {number} pairs, {arrived} traces, {seconds:.0f} s, {used} MiB, {len(machines.failures)} failed")
    if len(ARGUMENTS) > 1:
        ways = {kind: len([pair for pair in checks.ways if pair == kind]) for kind in ("pod", "gateway")}
        result = {"mesh": place.stem, "clusters": len(lab.clusters), "pairs": number, "ways": ways, "traces": arrived, "seconds": round(seconds),
                  "mebibytes": used, "checks": machines.count, "failed": machines.failures}
        pathlib.Path(ARGUMENTS[1]).write_text(json.dumps(result) + "\n")
    if machines.failures:
        say(f"the logs are in {WORK}")
        return 1
    shutil.rmtree(WORK, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
