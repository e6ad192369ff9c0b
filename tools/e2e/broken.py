"""Breaks the tree of a mesh in one way, installs it and expects that the lab notices: `broken.py … NAME`, or no name for the list."""

import hashlib
import shutil
import sys

import changes
import checks
import machines
import yaml
from clusters import Lab
from machines import MESHGEN, WORK, run, say
from mesh import Mesh

ARGUMENTS = sys.argv[5:]


def edit(tree, file, old, new):
    text = (tree / file).read_text()
    if old not in text:
        raise SystemExit(f"{file} has no {old!r}: what is broken here is not there any more")
    (tree / file).write_text(text.replace(old, new))


def replace_certificates(tree, name, source):
    """The certificates of another place, also in the lock: install.sh refuses those that it does not list."""
    for file in sorted((tree / name / "20-cacerts").glob("*.pem")):
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copyfile(source / file.name, file)
        edit(tree, "meshgen.lock", f"{before} {name}/20-cacerts/{file.name}", f"{hashlib.sha256(file.read_bytes()).hexdigest()} {name}/20-cacerts/{file.name}")


def another_root(tree):
    run(MESHGEN, "ca", "new", "--ca", WORK / "other.seed", "--no-git")
    run(MESHGEN, "build", WORK / "topology.yaml", "-o", WORK / "other", "--ca", WORK / "other.seed", "--quiet")
    replace_certificates(tree, "west", WORK / "other/west/20-cacerts")


def no_route(tree):
    file = tree / "east/routes.sh"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("route '10.12.1.0/24'")]
    file.write_text("\n".join(lines) + "\n")


def wrong_network(tree):
    for file in ("30-istio/istio.yaml", "40-eastwest-gateway/eastwest-gateway.yaml"):
        edit(tree, f"west/{file}", "network: cloud", "network: lan")
    edit(tree, "west/10-namespace/namespace.yaml", "topology.istio.io/network: cloud", "topology.istio.io/network: lan")


def swapped_secrets(tree):
    edit(tree, "east/remote-secrets.sh", "member 'north' 'north' 'https://192.168.10.21:6443'\nmember 'west' 'west' 'https://192.168.20.11:6443'",
         "member 'north' 'west' 'https://192.168.20.11:6443'\nmember 'west' 'north' 'https://192.168.10.21:6443'")


BROKEN = {
    "wrong-gateway-address": lambda tree: edit(tree, "north/30-istio/istio.yaml", "192.168.10.100", "192.168.10.150"),
    "another-root": another_root,
    "no-exposure": lambda tree: edit(tree, "west/50-exposure/expose-services.yaml", "istio: eastwestgateway", "istio: nobody"),
    "no-collector-port": lambda tree: edit(tree, "east/50-exposure/expose-zipkin.yaml", "number: 15018", "number: 15019"),
    "wrong-network": wrong_network,
    "swapped-remote-secrets": swapped_secrets,
    "no-route": no_route,
    "wrong-sni-host": lambda tree: edit(tree, "west/50-exposure/expose-services.yaml", '"*.local"', '"*.example"'),
    "wrong-provider": lambda tree: edit(tree, "west/30-istio/mesh-config.yaml", "port: 15018", "port: 15019"),
    "wrong-trust-domain": lambda tree: edit(tree, "west/30-istio/mesh-config.yaml", "trustDomain: cluster.local", "trustDomain: west.local"),
    "certificates-of-another-cluster": lambda tree: replace_certificates(tree, "west", tree / "east/20-cacerts"),
    "wrong-cluster-name": lambda tree: edit(tree, "west/30-istio/istio.yaml", "clusterName: west", "clusterName: north"),
    "no-sampling": lambda tree: edit(tree, "west/55-telemetry/telemetry.yaml", "randomSamplingPercentage: 100", "randomSamplingPercentage: 0"),
    "wrong-injection-path": lambda tree: edit(tree, "north/30-istio/istio.yaml", "/net/lan", "/net/cloud"),
}


def main():
    if not ARGUMENTS:
        print("\n".join(BROKEN))
        return 0
    name = ARGUMENTS[0]
    text = (changes.HERE / "changes.yaml").read_text()
    lab = Lab([yaml.safe_load(text)])
    mesh = Mesh(lab, text)
    mesh.prepare()
    mesh.build()
    # What is right is in the tree before it is broken.
    shutil.copytree(mesh.tree, WORK / "right", symlinks=True)
    BROKEN[name](mesh.tree)
    mesh.routes()
    # What is right takes a quarter of it.
    if mesh.install(seconds=200):
        mesh.right = WORK / "right"
        mesh.deploy()
        mesh.wait_for_workloads(seconds=40)
        checks.all_of(mesh, patience=15)
    lab.stop()
    shutil.rmtree(WORK, ignore_errors=True)
    noticed = machines.failures
    say(f"{name}: noticed, by {len(noticed)} checks, first: {noticed[0]}" if noticed else f"{name}: NOT NOTICED")
    return 0 if noticed else 1


if __name__ == "__main__":
    sys.exit(main())
