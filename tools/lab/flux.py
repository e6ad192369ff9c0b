"""Brings a mesh up from a Git repository with Flux: real API servers, controller managers, istiods and Flux controllers.

The steps are those of the tree's README; at the end a second commit brings the next version.
"""

import sys
import threading
import time

import yaml
from gitops import Flux, Repository
from machines import HERE, check, check_synced, say, serve_git, start, stop
from serve import HOSTS

VERSIONS = ["1.30.2", "1.30.3"]


def main():
    topology = yaml.safe_load((HERE / "flux.yaml").read_text())
    machine, apis, nodes = start(topology, HOSTS)
    repository = Repository()
    serve_git(VERSIONS)
    written = (HERE / "flux.yaml").read_text()
    repository.build(written)
    commit = repository.push("a mesh")
    flux = Flux(machine, topology, apis)
    say("Flux runs, and the tree is pushed")
    flux.check_order(flux.install(repository.tree, commit, VERSIONS[0]))
    check_synced(nodes["cluster1"], apis)
    check_webhooks(apis)

    # The next version, by a commit.
    is_served, before = watch_istiod(flux.hub), nodes["cluster1"].images[:]
    repository.build(written.replace(VERSIONS[0], VERSIONS[1]))
    begun = time.monotonic()
    commit = repository.push("the next version")
    flux.ask_again(commit)
    flux.check_order(flux.wait_for(commit, VERSIONS[1], begun))
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
