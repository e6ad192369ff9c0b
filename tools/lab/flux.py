"""Brings a mesh up from a Git repository with Flux: real API servers, controller managers, istiods and Flux controllers.

The steps are those of the tree's README; at the end a second commit brings the next version.
"""

import json
import sys
import threading
import time

import serve
import yaml
from machines import CRDS, HERE, MESHGEN, PROGRAMS, WORK, check, check_synced, kubectl, pack_charts, run, say, start, stop, until

FLUX = "flux-system"
VERSIONS = ["1.30.2", "1.30.3"]


class Repository:
    """The GitOps repository: a clone that pushes."""

    def __init__(self):
        self.bare, self.clone = WORK / "git/platform/mesh.git", WORK / "clone"
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        run("git", "init", "--quiet", "--initial-branch=main", self.clone)
        self.git("remote", "add", "origin", self.bare)
        run(MESHGEN, "ca", "new", "--ca", WORK / "ca.seed", "--no-git")

    def git(self, *words):
        return run("git", "-C", self.clone, "-c", "user.name=lab", "-c", "user.email=lab@example.com", *words)

    def build(self, topology):
        (self.clone / "topology.yaml").write_text(topology)
        run(MESHGEN, "build", self.clone / "topology.yaml", "-o", self.clone / "out", "--ca", WORK / "ca.seed", "--quiet")

    def push(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD").strip()


def start_flux(machine, hub):
    kubectl("--context", hub.name, "create", "namespace", FLUX)
    for crd in sorted(CRDS.glob("*.yaml")):
        kubectl("--context", hub.name, "apply", "--server-side", "-f", crd)
    environment = {"KUBECONFIG": str(WORK / f"{hub.name}.kubeconfig"), "RUNTIME_NAMESPACE": FLUX, "SSL_CERT_FILE": str(WORK / "ca.crt"), "TMPDIR": str(WORK)}
    common = ["--enable-leader-election=false", "--metrics-addr=0", "--health-addr=0", "--events-addr="]
    storage = WORK / "storage"
    storage.mkdir()
    for name, more in [
        ("source-controller", [f"--storage-path={storage}", "--storage-addr=127.0.0.1:9090", "--storage-adv-addr=127.0.0.1:9090"]),
        ("kustomize-controller", ["--requeue-dependency=2s"]),
        ("helm-controller", ["--requeue-dependency=2s"]),
    ]:
        machine.start(name, [PROGRAMS / name, *common, *more], **environment)


def units(hub):
    """Every Kustomization and HelmRelease of Flux, by kind and name."""
    found = {}
    for kind, path in [("Kustomization", "kustomize.toolkit.fluxcd.io/v1"), ("HelmRelease", "helm.toolkit.fluxcd.io/v2")]:
        listed = hub.find(f"/apis/{path}/{kind.lower()}s") or {"items": []}
        found |= {(kind, item["metadata"]["name"]): item for item in listed["items"]}
    return found


def is_ready(unit):
    conditions = {item["type"]: item for item in unit.get("status", {}).get("conditions", [])}
    generation = unit["metadata"]["generation"]
    return conditions.get("Ready", {}).get("status") == "True" and unit["status"].get("observedGeneration") == generation


def revision_of(unit):
    return unit.get("status", {}).get("lastAppliedRevision", "")


def wait_for_commit(hub, commit, version, since):
    """Waits until every unit is ready at a commit with a version, and returns when each became so, in seconds."""
    seen = {}

    def is_done():
        found = units(hub)
        for key, unit in found.items():
            is_new = commit in revision_of(unit) if key[0] == "Kustomization" else unit["spec"]["chart"]["spec"]["version"] == version
            is_there = is_ready(unit) and is_new
            if is_there and key not in seen:
                seen[key] = time.monotonic() - since
                say(f"       {key[0]} {key[1]}")
        return found and len(seen) == len(found) and all(is_ready(unit) for unit in found.values())

    until(f"Flux has applied {commit[:8]}", is_done, seconds=600)
    left = {key: unit for key, unit in units(hub).items() if key not in seen}
    for key, unit in left.items():
        say(f"       not ready: {key}: {[item.get('message') for item in unit.get('status', {}).get('conditions', [])]}")
    return seen


def check_order(hub, seen):
    """What a unit depends on became ready no later than the unit."""
    wrong = []
    for (kind, name), unit in units(hub).items():
        for other in unit["spec"].get("dependsOn", []):
            if seen.get((kind, other["name"]), 0) > seen.get((kind, name), float("inf")):
                wrong.append(f"{name} before {other['name']}")
    check("no unit was ready before one that it depends on", not wrong, ", ".join(wrong))


def main():
    topology = yaml.safe_load((HERE / "flux.yaml").read_text())
    members = topology["clusters"]
    machine, apis, nodes = start(topology, ["git.example.com", "istio-release.storage.googleapis.com"])

    repository = Repository()
    serve.serve("127.0.0.1", WORK / "server.crt", WORK / "server.key", WORK / "git", pack_charts(VERSIONS))
    written = (HERE / "flux.yaml").read_text()
    repository.build(written)
    commit = repository.push("a mesh")
    hub = apis["cluster1"]
    start_flux(machine, hub)
    say("Flux runs, and the tree is pushed")

    # What the README says that people do.
    out = repository.clone / "out"
    for cluster in members:
        name = cluster["name"]
        secret = cluster.get("gitops", {}).get("name", name)
        kubectl("--context", hub.name, "-n", FLUX, "create", "secret", "generic", secret, f"--from-file=value={WORK}/{name}.kubeconfig")
        kubectl("--context", name, "apply", "-k", out / name / "10-namespace")
        if (out / name / "20-cacerts").exists():
            kubectl("--context", name, "apply", "--server-side", "--field-manager=meshgen", "--force-conflicts", "-k", out / name / "20-cacerts")
    begun = time.monotonic()
    kubectl("--context", hub.name, "apply", "-f", out / "flux/sources.yaml", "-f", out / "flux/root.yaml")
    until("Istio is installed everywhere", lambda: all(
        (key := ("Kustomization", f"mesh1-{name}-30-istio")) in (found := units(hub)) and is_ready(found[key]) for name in apis
    ), seconds=600)
    say("Istio is installed everywhere: remote secrets")
    print(run(out / "cluster1/remote-secrets.sh"), end="", flush=True)
    seen = wait_for_commit(hub, commit, VERSIONS[0], begun)
    check_order(hub, seen)
    check_synced(nodes["cluster1"], apis)
    check_webhooks(apis)

    # The next version, by a commit.
    is_served, before = watch_istiod(hub), nodes["cluster1"].images[:]
    repository.build(written.replace(VERSIONS[0], VERSIONS[1]))
    begun = time.monotonic()
    commit = repository.push("the next version")
    requested = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": commit}}}
    path = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{FLUX}/gitrepositories/mesh1"
    hub.call("PATCH", path, requested, "application/merge-patch+json")
    seen = wait_for_commit(hub, commit, VERSIONS[1], begun)
    check_order(hub, seen)
    images = [image for name, image in nodes["cluster1"].images[len(before):] if name.startswith("istiod")]
    check("another istiod runs the next version", bool(images) and all(image.endswith(VERSIONS[1]) for image in images), images)
    check_synced(nodes["cluster1"], apis)
    check("there was a ready istiod all the time", is_served())
    check_webhooks(apis)

    return stop(machine, nodes)


def watch_istiod(api):
    """Looks whether istiod has a ready endpoint, until it is asked for the answer."""
    gaps, is_over = [], threading.Event()

    def look():
        path = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Distiod"
        while not is_over.wait(0.1):
            parts = api.get(path)["items"]
            if not any(one["conditions"].get("ready") for part in parts for one in part.get("endpoints") or []):
                gaps.append(time.monotonic())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()

    def answer():
        is_over.set()
        watcher.join()
        return not gaps

    return answer


def check_webhooks(apis):
    """Each API server gets an injected pod when it asks for one."""
    for name, api in apis.items():
        pod = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "probe-", "labels": {"sidecar.istio.io/inject": "true"}},
            "spec": {"containers": [{"name": "probe", "image": "probe"}]},
        }
        made = api.post("/api/v1/namespaces/default/pods?dryRun=All", pod)
        spec = made["spec"]
        names = [container["name"] for container in [*spec["containers"], *spec.get("initContainers", [])]]
        check(f"the API server of {name} has pods injected", "istio-proxy" in names, names)


if __name__ == "__main__":
    sys.exit(main())
