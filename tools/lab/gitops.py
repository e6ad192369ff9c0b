"""A Git repository, and the controllers of Flux that apply it: what the tree's README and `diff` say that people do, and what they wait for."""

import time

from machines import CRDS, PROGRAMS, WORK, build, check, kubectl, run, say, until

FLUX = "flux-system"


class Repository:
    """The GitOps repository: a clone that pushes."""

    def __init__(self):
        self.bare, self.clone = WORK / "git/platform/mesh.git", WORK / "clone"
        self.tree = self.clone / "out"
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        run("git", "init", "--quiet", "--initial-branch=main", self.clone)
        self.git("remote", "add", "origin", self.bare)

    def git(self, *words):
        return run("git", "-C", self.clone, "-c", "user.name=lab", "-c", "user.email=lab@example.com", *words)

    def build(self, topology):
        (self.clone / "topology.yaml").write_text(topology)
        build(self.clone / "topology.yaml", self.tree)

    def push(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD").strip()


class Flux:
    """Flux in one cluster, the hub, which applies a mesh in all clusters; `apis` are their API servers by name."""

    def __init__(self, machine, topology, apis):
        self.mesh, self.apis = topology["mesh"]["id"], {}
        first = topology["clusters"][0]["name"]
        self.hub = apis[first]
        self.kubectl("create", "namespace", FLUX)
        for crd in sorted(CRDS.glob("*.yaml")):
            self.kubectl("apply", "--server-side", "-f", crd)
        kubeconfig = WORK / f"{first}.kubeconfig"
        environment = {"KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": FLUX, "SSL_CERT_FILE": str(WORK / "ca.crt"), "TMPDIR": str(WORK)}
        common = ["--enable-leader-election=false", "--metrics-addr=0", "--health-addr=0", "--events-addr="]
        storage = WORK / "storage"
        storage.mkdir()
        for name, more in [
            ("source-controller", [f"--storage-path={storage}", "--storage-addr=127.0.0.1:9090", "--storage-adv-addr=127.0.0.1:9090"]),
            ("kustomize-controller", ["--requeue-dependency=2s"]),
            ("helm-controller", ["--requeue-dependency=2s"]),
        ]:
            machine.start(name, [PROGRAMS / name, *common, *more], **environment)
        self.reach(topology, apis)

    def reach(self, topology, apis):
        """Gives Flux the kubeconfig of each cluster that it does not have yet."""
        for cluster in topology["clusters"]:
            name, secret = cluster["name"], cluster.get("gitops", {}).get("name", cluster["name"])
            if name not in self.apis:
                self.kubectl("-n", FLUX, "create", "secret", "generic", secret, f"--from-file=value={WORK}/{name}.kubeconfig")
        self.apis = apis

    def kubectl(self, *words):
        return kubectl("--context", self.hub.name, *words)

    def install(self, tree, commit, version):
        """What the README of the tree says that people do, until all is applied; when each unit was ready, in seconds."""
        for name, api in self.apis.items():
            kubectl("--context", api.name, "apply", "-k", tree / name / "10-namespace")
            if (tree / name / "20-cacerts").exists():
                kubectl("--context", api.name, "apply", "--server-side", "--field-manager=meshgen", "--force-conflicts", "-k", tree / name / "20-cacerts")
        begun = time.monotonic()
        self.kubectl("apply", "-f", tree / "flux/sources.yaml", "-f", tree / "flux/root.yaml")
        until("Istio is installed everywhere", self.has_istio, seconds=600)
        say("Istio is installed everywhere: remote secrets")
        for script in sorted(tree.glob("*/remote-secrets.sh")):
            print(run(script), end="", flush=True)
        return self.wait_for(commit, version, begun)

    def has_istio(self):
        found = self.units()
        return all(is_ready(found.get(("Kustomization", f"{self.mesh}-{name}-30-istio"))) for name in self.apis)

    def ask_again(self, commit):
        """Flux looks for a new commit now, and not at its next interval."""
        requested = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": commit}}}
        path = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{FLUX}/gitrepositories/{self.mesh}"
        self.hub.call("PATCH", path, requested, "application/merge-patch+json")

    def units(self):
        """Every Kustomization and HelmRelease, by kind and name."""
        found = {}
        for kind, path in [("Kustomization", "kustomize.toolkit.fluxcd.io/v1"), ("HelmRelease", "helm.toolkit.fluxcd.io/v2")]:
            listed = self.hub.find(f"/apis/{path}/{kind.lower()}s") or {"items": []}
            found |= {(kind, item["metadata"]["name"]): item for item in listed["items"]}
        return found

    def wait_for(self, commit, version, since, but=()):
        """Waits until every unit is ready at a commit with a version, but for some by the ends of their names; when each became so, in seconds."""
        seen = {}

        def is_done():
            found = {key: unit for key, unit in self.units().items() if not key[1].endswith(tuple(but))}
            for key, unit in found.items():
                is_new = commit in revision_of(unit) if key[0] == "Kustomization" else unit["spec"]["chart"]["spec"]["version"] == version
                if is_new and is_ready(unit) and key not in seen:
                    seen[key] = time.monotonic() - since
                    say(f"       {key[0]} {key[1]}")
            return found and found.keys() <= seen.keys() and all(is_ready(unit) for unit in found.values())

        until(f"Flux has applied {commit[:8]}", is_done, seconds=600)
        found = self.units()
        for key in found.keys() - seen.keys():
            say(f"       not ready: {key}: {[item.get('message') for item in found[key].get('status', {}).get('conditions', [])]}")
        return seen

    def check_order(self, seen):
        """What a unit depends on became ready no later than the unit."""
        wrong = []
        for (kind, name), unit in self.units().items():
            for other in unit["spec"].get("dependsOn", []):
                if seen.get((kind, other["name"]), 0) > seen.get((kind, name), float("inf")):
                    wrong.append(f"{name} before {other['name']}")
        check("no unit was ready before one that it depends on", not wrong, ", ".join(wrong))


def revision_of(unit):
    return unit.get("status", {}).get("lastAppliedRevision", "")


def is_ready(unit):
    if unit is None:
        return False
    conditions = {item["type"]: item for item in unit.get("status", {}).get("conditions", [])}
    generation = unit["metadata"]["generation"]
    return conditions.get("Ready", {}).get("status") == "True" and unit["status"].get("observedGeneration") == generation
