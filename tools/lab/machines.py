"""The machines of a lab: real API servers, controller managers and istiods, in namespaces of their own (see `run`), so that the
topology's addresses are real there. Nothing is left behind. `kubelet.py` says what stands in for nodes. Each check prints a line.

Each program of the lab is called as PROGRAM MESHGEN PROGRAMS CHARTS CRDS [ARGUMENT]..., and its exit status is 1 if a check failed.
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
import time
import urllib.error
import urllib.request

import kubelet
import serve
import yaml

MESHGEN, PROGRAMS, CHARTS, CRDS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:5])
HERE = pathlib.Path(__file__).parent
WORK = pathlib.Path(tempfile.mkdtemp(prefix="meshgen-lab-"))
CHARTS_OF = {"base": "base", "istiod": "istio-control/istio-discovery", "cni": "istio-cni", "gateway": "gateway"}
started = time.monotonic()
failures = []
count = 0


def say(text):
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def check(what, is_true, otherwise=""):
    global count  # noqa: PLW0603 -- the whole program counts
    count += 1
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

    def ended(self):
        """The logs of programs that have ended."""
        return [f"{WORK}/{name}.log" for name, process in self.running if process.poll() is not None]

    def check(self):
        ended = self.ended()
        check(f"{len(self.running)} programs run to the end", not ended, f"see {', '.join(ended)}")

    def wait_for(self, what, question):
        """Waits for an answer without which there is no lab, as long as all programs run."""
        answer, ended = until(what, lambda: self.ended() or question()), self.ended()
        if ended or not answer:
            raise SystemExit(f"the lab cannot go on until {what}; see {', '.join(ended) or WORK}")

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
    machine.wait_for(f"the API server of {name} answers", lambda: api.call("GET", "/readyz"))
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


def serve_git(versions):
    """Serves the repositories of Git, and Istio's charts of these versions."""
    serve.serve("127.0.0.1", WORK / "server.crt", WORK / "server.key", WORK / "git", pack_charts(versions))


def build(topology, tree):
    """The tree of a topology. The seed is made for the first one."""
    seed = WORK / "ca.seed"
    if not seed.exists():
        run(MESHGEN, "ca", "new", "--ca", seed, "--no-git")
    run(MESHGEN, "build", topology, "-o", tree, "--ca", seed, "--quiet")


def kubectl(*words, **options):
    return run(PROGRAMS / "kubectl", *words, **options)


def start(topology, names):
    """The clusters of a topology, each with nodes; `names` are what servers of the lab are called besides."""
    machine = Machine()
    members = topology["clusters"]
    hosts = [cluster["apiServer"].removeprefix("https://").rsplit(":", 1)[0] for cluster in members]
    authority = certificates([*(f"DNS:{name}" for name in names), *(f"IP:{host}" for host in hosts)])
    (WORK / "files.hosts").write_text(f"127.0.0.1 localhost {' '.join(names)}\n")
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
    return machine, apis, nodes


def stop(machine, nodes):
    """Ends everything, and says whether all checks passed."""
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
