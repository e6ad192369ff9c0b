"""Brings a mesh up from a Git repository with Flux: real API servers, controller managers, istiods and Flux controllers.

    lab.py MESHGEN PROGRAMS CHARTS CRDS

It runs in network, mount and process namespaces of its own (see `run` beside it), so that the topology's addresses are real there,
and leaves nothing behind. `kubelet.py` says what stands in for nodes. The steps are those of the tree's README; at the end a second
commit brings the next version. Each check prints a line, and the exit status is 1 if one fails.
"""

import base64
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import kubelet
import serve
import yaml

MESHGEN, PROGRAMS, CHARTS, CRDS = (pathlib.Path(argument) for argument in sys.argv[1:])
HERE = pathlib.Path(__file__).parent
WORK = pathlib.Path(tempfile.mkdtemp(prefix="meshgen-gitops-"))
CHARTS_OF = {"base": "base", "istiod": "istio-control/istio-discovery", "cni": "istio-cni", "gateway": "gateway"}
FLUX = "flux-system"
VERSIONS = ["1.30.2", "1.30.3"]
started = time.monotonic()
failures = []


def say(text):
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def check(what, is_true, otherwise=""):
    say(f"{'ok    ' if is_true else 'FAILED'} {what}{'' if is_true else f': {otherwise}'}")
    if not is_true:
        failures.append(what)


def until(what, question, seconds=300, ask_again=0.5):
    """Waits for an answer that is true, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := question():
                return answer
        except (OSError, urllib.error.HTTPError):
            pass
        time.sleep(ask_again)
    check(what, False, f"not within {seconds} s")
    return None


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


class Api:
    """An API server, asked as its administrator."""

    def __init__(self, name, url, authority):
        self.name, self.url, self.authority = name, url, authority
        self.context = ssl.create_default_context(cadata=authority)

    def call(self, method, path, body=None, kind="application/json"):
        headers = {"Authorization": "Bearer administrator", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:
            return answer.read()

    def get(self, path):
        return json.loads(self.call("GET", path))

    def unless(self, code, *request):
        """What it answers, or nothing where it refuses with this code."""
        try:
            return self.call(*request)
        except urllib.error.HTTPError as error:
            if error.code == code:
                return None
            raise

    def find(self, path):
        return json.loads(self.unless(404, "GET", path) or "null")

    def post(self, path, body):
        return json.loads(self.unless(409, "POST", path, body) or "null")

    def status(self, path, status):
        self.unless(404, "PATCH", path + "/status", {"status": status}, "application/merge-patch+json")

    def delete(self, path):
        self.unless(404, "DELETE", path)

    def kubeconfig(self, token):
        cluster = {"server": self.url, "certificate-authority-data": base64.b64encode(self.authority.encode()).decode()}
        return {
            "apiVersion": "v1", "kind": "Config", "current-context": self.name,
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": self.name, "user": {"token": token}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
        }


class Machine:
    """The programs that run, and their logs."""

    def __init__(self):
        self.running = []

    def start(self, name, command, **environment):
        log = open(WORK / f"{name}.log", "wb")  # noqa: SIM115
        self.running.append((name, subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=os.environ | environment)))

    def check(self):
        for name, process in self.running:
            check(f"{name} runs to the end", process.poll() is None, f"see {WORK}/{name}.log")

    def stop(self):
        for _, process in reversed(self.running):
            process.terminate()


def certificates(names):
    """An authority of this run and a certificate for all servers."""
    key = WORK / "ca.key"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", WORK / "ca.crt", "-days", "2", "-subj", "/CN=lab",
        "-addext", "keyUsage=critical,keyCertSign", stderr=subprocess.DEVNULL)
    (WORK / "names").write_text("subjectAltName=" + ",".join(names))
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", WORK / "server.key", "-out", WORK / "server.csr", "-subj", "/CN=server", stderr=subprocess.DEVNULL)
    run("openssl", "x509", "-req", "-in", WORK / "server.csr", "-CA", WORK / "ca.crt", "-CAkey", key, "-days", "2", "-extfile", WORK / "names",
        "-out", WORK / "server.crt", stderr=subprocess.DEVNULL)
    run("openssl", "genrsa", "-out", WORK / "accounts.key", "2048", stderr=subprocess.DEVNULL)
    return (WORK / "ca.crt").read_text()


def start_cluster(machine, cluster, number, authority):
    name, url = cluster["name"], cluster["apiServer"]
    host = url.removeprefix("https://").rsplit(":", 1)[0]
    kubelet.own(host)
    tokens = WORK / "tokens.csv"
    tokens.write_text("administrator,administrator,1,system:masters\n")
    machine.start(
        f"{name}-api-server",
        [
            PROGRAMS / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", f"--etcd-prefix=/{name}", f"--bind-address={host}",
            f"--advertise-address={host}", "--secure-port=6443", f"--tls-cert-file={WORK}/server.crt", f"--tls-private-key-file={WORK}/server.key",
            f"--cert-dir={WORK}", "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={WORK}/accounts.key",
            f"--service-account-signing-key-file={WORK}/accounts.key", f"--service-cluster-ip-range=10.{90 + number}.0.0/16",
            "--authorization-mode=RBAC", f"--token-auth-file={tokens}", "--allow-privileged=true",
            # No kube-proxy: webhooks are called at the endpoints of their Services.
            "--enable-aggregator-routing=true",
        ],
    )
    api = Api(name, url, authority)
    until(f"the API server of {name} answers", lambda: api.call("GET", "/readyz"))
    kubeconfig = WORK / f"{name}.kubeconfig"
    kubeconfig.write_text(json.dumps(api.kubeconfig("administrator")))
    machine.start(
        f"{name}-controller-manager",
        [
            PROGRAMS / "kube-controller-manager", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={WORK}/accounts.key", f"--root-ca-file={WORK}/ca.crt", "--use-service-account-credentials=false",
            "--controllers=*,-node-lifecycle-controller,-horizontal-pod-autoscaler-controller",
        ],
    )
    return api


def pack_charts(versions):
    """A repository of Istio's charts, the same files under each version."""
    place = WORK / "files"
    place.mkdir()
    index = {"apiVersion": "v1", "generated": "2026-01-01T00:00:00Z", "entries": {name: [] for name in CHARTS_OF}}
    for version in versions:
        for name, directory in CHARTS_OF.items():
            copy = WORK / "charts" / version / name
            shutil.copytree(CHARTS / pathlib.Path(directory).name, copy)
            chart = yaml.safe_load((copy / "Chart.yaml").read_text())
            chart |= {"version": version, "appVersion": version}
            (copy / "Chart.yaml").write_text(yaml.safe_dump(chart))
            values = copy / "values.yaml"
            values.write_text(values.read_text().replace("tag: latest", f"tag: {version}"))
            run(PROGRAMS.parent / "bin/helm", "package", copy, "--destination", place)
            index["entries"][chart["name"]].append(chart | {"urls": [f"{chart['name']}-{version}.tgz"], "created": "2026-01-01T00:00:00Z"})
    (place / "index.yaml").write_text(yaml.safe_dump(index))
    return place


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


def kubectl(*words, **options):
    return run(PROGRAMS / "kubectl", *words, **options)


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


def synced(node):
    """What istiod says of the clusters that it reads: each with the state of its caches."""
    for uid in node.processes:
        url = f"http://{node.local(uid)}:{kubelet.PORTS['http']}/debug/clusterz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return {item["id"]: item["syncStatus"] for item in json.loads(answer.read())}
    return {}


def check_synced(node, apis):
    state = until("istiod reads all clusters", lambda: (answer := synced(node)) and set(answer.values()) == {"synced"} and answer)
    check(f"istiod of {node.api.name} has synced {', '.join(sorted(state or {}))}", set(state or {}) == set(apis))


def main():
    machine = Machine()
    topology = yaml.safe_load((HERE / "topology.yaml").read_text())
    members = topology["clusters"]
    hosts = [cluster["apiServer"].removeprefix("https://").rsplit(":", 1)[0] for cluster in members]
    authority = certificates(["DNS:git.example.com", "DNS:istio-release.storage.googleapis.com", *(f"IP:{host}" for host in hosts)])
    (WORK / "files.hosts").write_text("127.0.0.1 localhost git.example.com istio-release.storage.googleapis.com\n")
    run("mount", "--bind", WORK / "files.hosts", "/etc/hosts")
    machine.start("etcd", [PROGRAMS / "etcd", f"--data-dir={WORK}/etcd", "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync"])
    apis, nodes = {}, {}
    for number, cluster in enumerate(members, 1):
        api = start_cluster(machine, cluster, number, authority)
        balancers = {"istio-eastwestgateway": cluster["eastWestGateway"]["address"]}
        node = kubelet.Kubelet(api, number, WORK / cluster["name"], PROGRAMS / "pilot-discovery", balancers)
        node.start()
        apis[cluster["name"]], nodes[cluster["name"]] = api, node
    os.environ["KUBECONFIG"] = ":".join(str(WORK / f"{name}.kubeconfig") for name in apis)
    os.environ["PATH"] = f"{PROGRAMS}:{PROGRAMS.parent / 'bin'}:{os.environ['PATH']}"
    say(f"{len(apis)} API servers answer")

    repository = Repository()
    serve.serve("127.0.0.1", WORK / "server.crt", WORK / "server.key", WORK / "git", pack_charts(VERSIONS))
    written = (HERE / "topology.yaml").read_text()
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

    machine.check()
    for node in nodes.values():
        node.stop()
    machine.stop()
    say(f"{len(failures)} failed" if failures else "all passed")
    if failures:
        say(f"the logs are in {WORK}")
        return 1
    shutil.rmtree(WORK, ignore_errors=True)
    return 0


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
