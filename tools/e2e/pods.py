"""What stands in for the scheduler and the kubelets of a cluster: it runs pods as processes, each in a network namespace of its own.

It has no images: a container runs the program that its image would have. Volumes, variables, init containers, sidecars, probes and
the end of a pod are those of the kubelet.
"""

import base64
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import network

# Where `run` has put the programs of containers.
PLACE = "/run/programs"
# What an image runs, by the last part of its name.
PROGRAMS = {"pilot": "pilot-discovery", "proxyv2": "pilot-agent"}
# Whether the lab has the programs of an older Istio (`istio-1.11`); its image tells proxies their version.
IS_OLD = bool(os.environ.get("MESHGEN_LAB"))
# What runs where the lab has no program.
IDLE = ["sleep", "infinity"]
HERE = pathlib.Path(__file__).parent
# The file from which `streams` knows the pods.
PODS = "pods.list"
NO_FILTERS = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
# The user of Istio's images.
ISTIO_USER = 1337
# How soon a volume has what its Secret or ConfigMap says; a kubelet takes a minute.
REFRESH = 3
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def image_name(image):
    return image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]


class Container:
    """A container: its process, and what its probes said."""

    def __init__(self, pod, spec, is_sidecar=False):
        self.pod, self.spec, self.is_sidecar = pod, spec, is_sidecar
        self.name = spec["name"]
        self.process, self.restarts, self.is_ready, self.has_started, self.ended = None, 0, False, False, None
        self.next_probe = 0

    def start(self):
        pod = self.pod
        script = pod.home / f"{self.name}.sh"
        script.write_text(self.script())
        log = open(pod.home / f"{self.name}.log", "ab")  # noqa: SIM115
        # Envoy opens its standard output by name, for access logs.
        os.fchmod(log.fileno(), 0o666)
        self.process = subprocess.Popen(
            network.inside(pod.netns, "unshare", "--mount", "--uts", "--propagation=private", "bash", "-euo", "pipefail", script),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )

    def script(self):
        """Mounts the volumes and becomes the program, under its user."""
        pod, lines = self.pod, []
        for mount in self.spec.get("volumeMounts", []):
            source = pod.volumes[mount["name"]]
            if "subPath" in mount:
                source = source / mount["subPath"]
            place = mount["mountPath"]
            if source.is_dir():
                lines.append(f"mkdir -p {shlex.quote(place)}")
            else:
                lines.append(f"mkdir -p {shlex.quote(os.path.dirname(place))}; touch {shlex.quote(place)}")
            lines.append(f"mount --bind {shlex.quote(str(source))} {shlex.quote(place)}")
        for source in (pod.home / "resolv.conf", pod.kubelet.directory / "hosts"):
            lines.append(f"mount --bind {shlex.quote(str(source))} /etc/{source.name}")
        lines.append(f"hostname {shlex.quote(pod.name)}")
        lines.append("cd /")
        user = self.user()
        become = f"setpriv --reuid={user} --regid={user} --clear-groups" if user else ""
        values = self.environment()
        words = ["env", "-i", *(f"{name}={value}" for name, value in values.items()), *self.command(values)]
        lines.append(f"exec {become} {shlex.join(words)}")
        return "\n".join(lines) + "\n"

    def user(self):
        own, of_pod = self.spec.get("securityContext") or {}, self.pod.spec.get("securityContext") or {}
        usual = ISTIO_USER if image_name(self.spec["image"]) in PROGRAMS else 0
        return own.get("runAsUser", of_pod.get("runAsUser", usual))

    def environment(self):
        pod = self.pod
        values = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
        values |= {"KUBERNETES_SERVICE_HOST": pod.kubelet.kubernetes_service(), "KUBERNETES_SERVICE_PORT": "443"}
        for variable in self.spec.get("env", []):
            value = variable.get("value", "")
            source = variable.get("valueFrom", {})
            if "fieldRef" in source:
                value = pod.field(source["fieldRef"]["fieldPath"])
            elif "resourceFieldRef" in source:
                resource = source["resourceFieldRef"]["resource"]
                value = "2" if resource.endswith("cpu") else str(1 << 30)
            elif "configMapKeyRef" in source or "secretKeyRef" in source:
                kind = "configmaps" if "configMapKeyRef" in source else "secrets"
                key = source.get("configMapKeyRef") or source["secretKeyRef"]
                data = (pod.api.find(f"/api/v1/namespaces/{pod.namespace}/{kind}/{key['name']}") or {}).get("data") or {}
                value = data.get(key["key"])
                if value is None:
                    continue
                value = base64.b64decode(value).decode() if kind == "secrets" else value
            values[variable["name"]] = self.expand(value, values)
        image = image_name(self.spec["image"])
        if image == "pilot":
            values |= NO_FILTERS
        if image == "proxyv2" and IS_OLD:
            values["ISTIO_META_ISTIO_VERSION"] = self.spec["image"].rsplit(":", 1)[-1]
        return values

    @staticmethod
    def expand(value, values):
        return re.sub(r"\$\(([A-Za-z0-9_]+)\)", lambda found: values.get(found[1], found[0]), str(value))

    def command(self, values):
        image = image_name(self.spec["image"])
        arguments = [self.expand(word, values) for word in self.spec.get("args", [])]
        if image in PROGRAMS:
            return [f"{PLACE}/{PROGRAMS[image]}", *arguments]
        if image.startswith("zipkin"):
            return ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-jar", f"{PLACE}/zipkin.jar"]
        if image == "echo":
            return [self.pod.kubelet.python, "-B", str(HERE.resolve() / "echo.py"), *arguments]
        return IDLE

    def is_idle(self):
        """Whether the lab has no program for its image: it does nothing then, and is ready."""
        return self.command({}) is IDLE

    def look(self):
        """Restarts it if it ended, and asks its probes. Whether anything has changed."""
        before = (self.is_ready, self.has_started, self.restarts)
        if self.process.poll() is not None:
            self.is_ready = self.has_started = False
            self.restarts += 1
            if self.restarts in (5, 20):
                print(f"    {self.pod.kubelet.name}/{self.pod.name}/{self.name} has ended {self.restarts} times, last with {self.process.returncode}", flush=True)
            time.sleep(min(self.restarts, 5))
            self.start()
        if time.monotonic() >= self.next_probe:
            self.next_probe = time.monotonic() + (0.3 if not self.is_ready else 2)
            if not self.has_started:
                self.has_started = self.probe("startupProbe")
            if self.has_started:
                self.is_ready = self.probe("readinessProbe")
        return before != (self.is_ready, self.has_started, self.restarts)

    def probe(self, kind):
        probe = self.spec.get(kind)
        if self.is_idle() or not probe or "exec" in probe or "grpc" in probe:
            return True
        wanted = probe.get("httpGet") or probe["tcpSocket"]
        port = wanted["port"]
        if isinstance(port, str) and not port.isdigit():
            port = next(item["containerPort"] for item in self.spec["ports"] if item["name"] == port)
        host = f"[{self.pod.address}]" if ":" in self.pod.address else self.pod.address
        try:
            if "tcpSocket" in probe:
                socket.create_connection((self.pod.address, int(port)), timeout=1).close()
                return True
            url = f"{wanted.get('scheme', 'HTTP').lower()}://{host}:{port}{wanted.get('path', '/')}"
            with urllib.request.urlopen(url, timeout=3, context=TLS) as answer:
                return answer.status < 400
        except (OSError, ValueError):
            return False

    def status(self, is_init=False):
        state = {"running": {"startedAt": now()}}
        if self.ended is not None:
            state = {"terminated": {"exitCode": self.ended, "finishedAt": now(), "startedAt": now(), "reason": "Completed"}}
        return {
            "name": self.name, "image": self.spec["image"], "imageID": self.spec["image"], "ready": self.ended == 0 if is_init and not self.is_sidecar else self.is_ready,
            "started": self.has_started, "restartCount": self.restarts, "state": state,
        }

    def signal(self, number):
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass

    def stop(self, seconds):
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()


class Pod(threading.Thread):
    """A pod from its binding to its end."""

    def __init__(self, kubelet, manifest, node):
        super().__init__(daemon=True)
        self.kubelet, self.api, self.node = kubelet, kubelet.api, node
        self.manifest, self.spec = manifest, manifest["spec"]
        self.name, self.namespace, self.uid = manifest["metadata"]["name"], manifest["metadata"]["namespace"], manifest["metadata"]["uid"]
        self.labels = manifest["metadata"].get("labels", {})
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.netns = f"p-{kubelet.number}-{self.uid[:8]}"
        self.home = kubelet.directory / f"{self.name}"
        self.volumes, self.contents, self.counts = {}, {}, 0
        self.init, self.containers, self.sidecars = [], [], []
        self.address = None
        self.ending = threading.Event()
        self.is_ready, self.started = False, now()

    def run(self):
        try:
            self.live()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the pod does not run, and the lab goes on to say so
            if not self.kubelet.is_stopped:
                print(f"    {self.kubelet.name}/{self.name}: {error!r}", flush=True)
        if not self.kubelet.is_stopped:
            self.end()

    def live(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.address = self.node.add_pod(self.netns)
        self.plug()
        dns = self.kubelet.dns
        (self.home / "resolv.conf").write_text(f"nameserver {dns}\nsearch {self.namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
        for volume in self.spec.get("volumes", []):
            self.volumes[volume["name"]] = self.home / "volumes" / volume["name"]
            self.make_volume(volume)
        for spec in self.spec.get("initContainers", []):
            one = Container(self, spec, spec.get("restartPolicy") == "Always")
            self.init.append(one)
            one.start()
            if one.is_sidecar:
                self.sidecars.append(one)
                while not one.has_started and not self.ending.wait(0.1):
                    one.look()
            else:
                one.ended = self.wait_for(one)
            if self.ending.is_set():
                return
        for spec in self.spec["containers"]:
            one = Container(self, spec)
            self.containers.append(one)
            one.start()
        self.report()
        refreshed = time.monotonic()
        while not self.ending.wait(0.2):
            if any([one.look() for one in [*self.sidecars, *self.containers]]):
                self.report()
            if time.monotonic() > refreshed + REFRESH:
                refreshed = time.monotonic()
                for volume in self.spec.get("volumes", []):
                    if "secret" in volume or "configMap" in volume:
                        self.make_volume(volume)

    def plug(self):
        """Leads the traffic of an injected pod to its Envoy as Istio's CNI plugin does it, where no init container does."""
        containers = [*self.spec.get("initContainers", []), *self.spec["containers"]]
        is_sidecar = any(spec["name"] == "istio-proxy" and spec.get("args", [])[:2] == ["proxy", "sidecar"] for spec in containers)
        if is_sidecar and not any(spec["name"] == "istio-init" for spec in containers):
            command = [f"{PLACE}/pilot-agent", "istio-iptables", "-p", "15001", "-z", "15006", "-u", str(ISTIO_USER), "-m", "REDIRECT", "-i", "*", "-b", "*", "-d", "15090,15021,15020"]
            subprocess.run(network.inside(self.netns, *command), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_for(self, one):
        """The exit code of an init container, which is tried until it ends well."""
        while not self.ending.is_set():
            code = one.process.wait()
            if code == 0:
                return code
            one.restarts += 1
            if one.restarts in (1, 10):
                print(f"    {self.kubelet.name}/{self.name}/{one.name} ended with {code}", flush=True)
            self.ending.wait(1)
            one.start()
        return None

    def end(self):
        """Ends its containers, then its sidecars, and takes it from the API server."""
        seconds = self.manifest["metadata"].get("deletionGracePeriodSeconds", 10)
        self.stop(seconds)
        self.node.drop_pod(self.netns)
        self.kubelet.pods.pop(self.uid, None)
        try:
            self.api.delete(self.path + "?gracePeriodSeconds=0")
        except OSError:
            pass

    def stop(self, seconds):
        for group in (self.containers, self.sidecars):
            threads = [threading.Thread(target=one.stop, args=(min(seconds, 30),)) for one in group if one.process]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def field(self, path):
        meta = self.manifest["metadata"]
        found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
        if found:
            return meta.get(found[1], {}).get(found[2], "")
        return {
            "metadata.name": self.name, "metadata.namespace": self.namespace, "metadata.uid": self.uid, "status.podIP": self.address,
            "status.podIPs": self.address, "status.hostIP": self.node.address, "spec.nodeName": self.node.name,
            "spec.serviceAccountName": self.spec.get("serviceAccountName", "default"),
        }.get(path, "")

    def make_volume(self, volume):
        place = self.volumes[volume["name"]]
        if "secret" in volume or "configMap" in volume or "projected" in volume or "downwardAPI" in volume:
            files = {}
            for source in volume["projected"]["sources"] if "projected" in volume else [volume]:
                files |= self.files_of(source)
            self.replace(place, files)
        elif not place.exists():
            place.mkdir(parents=True)
            place.chmod(0o777)

    def files_of(self, source):
        if "serviceAccountToken" in source:
            token = source["serviceAccountToken"]
            account = self.spec.get("serviceAccountName", "default")
            spec = {"expirationSeconds": 86400, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid}}
            if "audience" in token:
                spec["audiences"] = [token["audience"]]
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
            made = self.api.post(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token", body)
            return {token["path"]: made["status"]["token"].encode()}
        if "downwardAPI" in source:
            return {item["path"]: self.downward(item).encode() for item in source["downwardAPI"]["items"]}
        kind = "secrets" if "secret" in source else "configmaps"
        wanted = source.get("secret") or source["configMap"]
        name = wanted.get("secretName") or wanted.get("name")
        found = self.api.find(f"/api/v1/namespaces/{self.namespace}/{kind}/{name}")
        if found is None and not wanted.get("optional"):
            for _ in range(600):
                if self.ending.wait(0.2) or (found := self.api.find(f"/api/v1/namespaces/{self.namespace}/{kind}/{name}")):
                    break
        data = {key: base64.b64decode(value) if kind == "secrets" else value.encode() for key, value in ((found or {}).get("data") or {}).items()}
        if "items" in wanted:
            return {item["path"]: data[item["key"]] for item in wanted["items"] if item["key"] in data}
        return data

    def downward(self, item):
        if "resourceFieldRef" in item:
            return "2000"
        path = item["fieldRef"]["fieldPath"]
        if path in ("metadata.labels", "metadata.annotations"):
            values = self.manifest["metadata"].get(path.split(".")[1], {})
            return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(values.items()))
        return self.field(path)

    def replace(self, place, files):
        """All files of a volume at once, as the kubelet does it: each is a link through one that is renamed."""
        if self.contents.get(place) == files:
            return
        self.counts += 1
        version = f"..{self.counts}"
        for name, content in files.items():
            (place / version / name).parent.mkdir(parents=True, exist_ok=True)
            (place / version / name).write_bytes(content)
        (place / version).mkdir(parents=True, exist_ok=True)
        (place / "..next").symlink_to(version)
        (place / "..next").rename(place / "..data")
        for name in files:
            top = name.split("/")[0]
            if not (place / top).is_symlink():
                (place / top).symlink_to(f"..data/{top}")
        self.contents[place] = files

    def report(self):
        all_ready = all(one.is_ready for one in [*self.sidecars, *self.containers])
        self.is_ready = all_ready
        conditions = [
            {"type": kind, "status": "True" if value else "False", "lastTransitionTime": now()}
            for kind, value in [("PodScheduled", True), ("PodReadyToStartContainers", True), ("Initialized", True), ("ContainersReady", all_ready), ("Ready", all_ready)]
        ]
        self.api.status(self.path, {
            "phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}], "hostIP": self.node.address, "startTime": self.started, "conditions": conditions,
            "containerStatuses": [one.status() for one in self.containers], "initContainerStatuses": [one.status(True) for one in self.init],
        })


class Kubelet(threading.Thread):
    """The scheduler and the nodes of one cluster, and what a cloud does for Services of type LoadBalancer."""

    def __init__(self, api, number, directory, python, nodes, dns, balancers):
        super().__init__(daemon=True)
        self.api, self.name, self.number, self.directory, self.python = api, api.name, number, directory, python
        # The addresses of a Service of type LoadBalancer, by its name; others have one of the lab's. Nothing where there is no cloud.
        self.nodes, self.dns, self.balancers = nodes, dns, balancers
        # Load balancers that have a name, by that.
        self.named = {}
        self.pods, self.owned = {}, set()
        self.turn, self.listed = 0, None
        self.is_stopped = False
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")

    def kubernetes_service(self):
        return self.api.get("/api/v1/namespaces/default/services/kubernetes")["spec"]["clusterIP"]

    def register(self):
        for node in self.nodes:
            self.api.post("/api/v1/nodes", {
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name, "labels": {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
                "spec": {"podCIDR": node.pods, "podCIDRs": [node.pods]},
            })
            self.api.status(f"/api/v1/nodes/{node.name}", {
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now(), "lastHeartbeatTime": now(), "reason": "StandIn"}],
                "addresses": [{"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.name}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            })

    def run(self):
        while not self.is_stopped:
            try:
                self.look()
            except (OSError, urllib.error.HTTPError, KeyError, ValueError) as error:
                if not self.is_stopped:
                    print(f"    the nodes of {self.name}: {error!r}", flush=True)
            time.sleep(0.3)

    def stop(self):
        self.is_stopped = True
        for pod in list(self.pods.values()):
            pod.ending.set()
            for one in [*pod.init, *pod.containers]:
                one.signal(signal.SIGKILL)

    def look(self):
        alive = set()
        for pod in self.api.get("/api/v1/pods")["items"]:
            uid = pod["metadata"]["uid"]
            alive.add(uid)
            if "deletionTimestamp" in pod["metadata"]:
                if uid in self.pods:
                    self.pods[uid].manifest = pod
                    self.pods[uid].ending.set()
                else:
                    self.api.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
            elif "nodeName" not in pod["spec"]:
                self.bind(pod)
            elif uid not in self.pods:
                node = next(node for node in self.nodes if node.name == pod["spec"]["nodeName"])
                self.pods[uid] = Pod(self, pod, node)
                self.pods[uid].start()
        for uid, pod in list(self.pods.items()):
            if uid not in alive:
                pod.ending.set()
        for service in self.api.get("/api/v1/services")["items"]:
            self.balance(service)
        lines = "".join(f"{pod.namespace} {pod.name} {pod.address} {pod.netns}\n" for pod in list(self.pods.values()) if pod.address)
        if lines != self.listed:
            self.listed = lines
            (self.directory / "next").write_text(lines)
            (self.directory / "next").rename(self.directory / PODS)

    def bind(self, pod):
        # A pod of a DaemonSet says its node.
        terms = (pod["spec"].get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms", [])
        named = [name for term in terms for field in term.get("matchFields", []) for name in field["values"]]
        node = next((node for node in self.nodes if node.name in named), self.nodes[self.turn % len(self.nodes)])
        self.turn += 1
        meta = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": {"kind": "Node", "name": node.name}}
        self.api.post(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", target)

    def balance(self, service):
        meta, spec = service["metadata"], service["spec"]
        for address in spec.get("externalIPs", []):
            self.own(address)
        if spec.get("type") != "LoadBalancer" or self.balancers is None:
            return
        wanted = self.balancers.get(meta["name"], [f"198.18.{self.number}.{10 + sum(map(ord, meta['name'])) % 200}"])
        points = [{"ip": item} if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", item) else {"hostname": item} for item in wanted]
        for point in points:
            if "ip" in point:
                self.own(point["ip"])
            elif point["hostname"] in self.named:
                self.named[point["hostname"]].lead(self.nodes[0].address, [(port["port"], port["nodePort"]) for port in spec["ports"]])
        if (service["status"].get("loadBalancer") or {}).get("ingress") != [{**point, **({"ipMode": "VIP"} if "ip" in point else {})} for point in points]:
            self.api.status(f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}", {"loadBalancer": {"ingress": points}})

    def own(self, address):
        if address not in self.owned:
            self.owned.add(address)
            self.nodes[0].own(address)

    def find(self, namespace, **labels):
        """The pods of a namespace with these labels that run and do not end."""
        wanted = {name.replace("_", "-"): value for name, value in labels.items()}
        return [pod for pod in list(self.pods.values()) if pod.namespace == namespace and wanted.items() <= pod.labels.items() and not pod.ending.is_set()]

