"""What stands in for the nodes of a cluster: it binds pods, runs istiod as a process, and reports every other pod ready.

It has no containers. What an image would do is done by the program of the same name; a gateway's Envoy is replaced by a
forwarder that follows the VirtualServices of the cluster, and a cloud's load balancer by a line in the Service's status.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error

ISTIOD = "discovery"
GATEWAY = {"istio": "eastwestgateway"}
PORTS = {"http": 8080, "https": 15017, "secureGRPC": 15012, "grpc": 15010, "monitoring": 15014}
READY = ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "PodScheduled"]


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Kubelet(threading.Thread):
    """The nodes of one cluster. `balancers` has the address of each Service of type LoadBalancer by its name."""

    def __init__(self, api, number, directory, pilot, balancers):
        super().__init__(daemon=True)
        self.api, self.number, self.directory, self.pilot = api, number, directory, pilot
        self.balancers = balancers
        self.processes, self.addresses, self.forwarded, self.mounts = {}, {}, set(), {}
        self.count = 0
        self.images = []
        self.is_stopped = False

    def run(self):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}
        self.api.post("/api/v1/nodes", node)
        self.api.status("/api/v1/nodes/node", {"conditions": [condition("Ready")]})
        while not self.is_stopped:
            try:
                self.look()
            except (OSError, urllib.error.HTTPError, KeyError) as error:
                print(f"    node of {self.api.name}: {error}", flush=True)
            time.sleep(0.3)

    def stop(self):
        self.is_stopped = True
        for process in self.processes.values():
            process.kill()

    def look(self):
        pods = self.api.get("/api/v1/pods")["items"]
        for pod in pods:
            self.serve(pod)
        alive = {pod["metadata"]["uid"] for pod in pods}
        for uid in [uid for uid in self.processes if uid not in alive]:
            self.processes.pop(uid).kill()
        for uid in list(self.processes):
            for namespace, volume, place in self.mounts.get(uid, []):
                self.mount(namespace, volume, place)
        for service in self.api.get("/api/v1/services")["items"]:
            self.balance(service)

    def serve(self, pod):
        meta, path = pod["metadata"], f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        if "deletionTimestamp" in meta:
            if meta["uid"] in self.processes:
                self.processes.pop(meta["uid"]).kill()
            self.api.delete(path + "?gracePeriodSeconds=0")
            return
        if "nodeName" not in pod["spec"]:
            target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": {"kind": "Node", "name": "node"}}
            self.api.post(path + "/binding", target)
            return
        if any(item["type"] == "Ready" and item["status"] == "True" for item in pod.get("status", {}).get("conditions", [])):
            return
        address = self.addresses.get(meta["uid"]) or self.address(meta["uid"])
        container = pod["spec"]["containers"][0]
        if container["name"] == ISTIOD:
            if meta["uid"] not in self.processes:
                self.launch(pod, container, address)
                return
            if not self.answers(meta["uid"]):
                return
        self.images.append((meta["name"], container["image"]))
        statuses = [
            {"name": one["name"], "image": one["image"], "imageID": one["image"], "ready": True, "started": True, "restartCount": 0,
             "state": {"running": {"startedAt": now()}}}
            for one in pod["spec"]["containers"]
        ]
        self.api.status(path, {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": now(),
            "conditions": [condition(kind) for kind in READY], "containerStatuses": statuses,
        })

    def address(self, uid):
        self.count += 1
        self.addresses[uid] = f"10.{self.number}.0.{self.count}"
        own(self.addresses[uid])
        return self.addresses[uid]

    def local(self, uid):
        """istiod tells its state only to callers from the machine itself."""
        return f"127.{self.number}.0.{self.addresses[uid].rsplit('.', 1)[1]}"

    def answers(self, uid):
        try:
            with socket.create_connection((self.local(uid), PORTS["http"]), timeout=1) as connection:
                connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def launch(self, pod, container, address):
        """Runs istiod in a directory that has the pod's volumes: its paths are relative to where it starts."""
        meta = pod["metadata"]
        home = self.directory / meta["name"]
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        mounts = [(meta["namespace"], volumes[mount["name"]], home / mount["mountPath"].lstrip("/")) for mount in container.get("volumeMounts", [])]
        for mount in mounts:
            self.mount(*mount)
        self.mounts[meta["uid"]] = mounts
        account = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{pod['spec']['serviceAccountName']}/token"
        token = self.api.post(account, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}})
        kubeconfig = home / "kubeconfig"
        kubeconfig.write_text(json.dumps(self.api.kubeconfig(token["status"]["token"])))
        facts = {
            "metadata.name": meta["name"], "metadata.namespace": meta["namespace"], "status.podIP": address,
            "spec.serviceAccountName": pod["spec"]["serviceAccountName"],
        }
        environment = {"PATH": os.environ["PATH"]}
        for variable in container.get("env", []):
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            value = facts.get(field, "") if field else variable.get("value")
            if value is not None:
                environment[variable["name"]] = value
        listen = {name: f"--{name}Addr={self.local(meta['uid']) if name == 'http' else address}:{port}" for name, port in PORTS.items()}
        arguments = [argument for argument in container["args"] if not argument.startswith("--monitoringAddr")]
        command = [self.pilot, *arguments, *listen.values(), "--ctrlz_port=0", f"--kubeconfig={kubeconfig}"]
        log = open(home / "log", "wb")  # noqa: SIM115
        self.processes[meta["uid"]] = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)

    def mount(self, namespace, volume, place):
        if "secret" in volume:
            group, name = "secrets", volume["secret"]["secretName"]
        elif "configMap" in volume:
            group, name = "configmaps", volume["configMap"]["name"]
        else:
            return
        found = self.api.find(f"/api/v1/namespaces/{namespace}/{group}/{name}")
        data = (found or {}).get("data") or {}
        files = {key: base64.b64decode(value) if group == "secrets" else value.encode() for key, value in data.items()}
        if files != {path.name: path.read_bytes() for path in place.glob("[!.]*")}:
            self.replace(place, files)

    def replace(self, place, files):
        """All files of a volume at once, as kubelet does it: each is a link through one that is renamed."""
        self.count += 1
        version = f"..{self.count}"
        (place / version).mkdir(parents=True)
        for name, content in files.items():
            (place / version / name).write_bytes(content)
        (place / "..next").symlink_to(version)
        (place / "..next").rename(place / "..data")
        for name in files:
            if not (place / name).is_symlink():
                (place / name).symlink_to(f"..data/{name}")

    def balance(self, service):
        meta, spec = service["metadata"], service["spec"]
        if spec.get("type") != "LoadBalancer":
            return
        address = self.balancers.get(meta["name"], f"203.0.{self.number}.{len(self.forwarded) + 1}")
        if not service["status"].get("loadBalancer"):
            self.api.status(f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}", {"loadBalancer": {"ingress": [{"ip": address}]}})
        if spec.get("selector", {}).items() >= GATEWAY.items():
            for port in spec["ports"]:
                if (address, port["port"]) not in self.forwarded:
                    self.forwarded.add((address, port["port"]))
                    own(address)
                    threading.Thread(target=self.forward, args=(address, port), daemon=True).start()

    def forward(self, address, port):
        """Takes connections at a gateway's address where a VirtualService passes TLS through to a Service."""
        with socket.create_server((address, port["port"])) as server:
            while not self.is_stopped:
                connection, _ = server.accept()
                threading.Thread(target=self.pass_on, args=(connection, port.get("targetPort", port["port"])), daemon=True).start()

    def pass_on(self, connection, port):
        with connection:
            target = self.target(port)
            if target is None:
                return
            with socket.create_connection(target, timeout=10) as other:
                other.settimeout(None)
                back = threading.Thread(target=copy, args=(other, connection), daemon=True)
                back.start()
                copy(connection, other)
                back.join()

    def target(self, port):
        """The pod that a connection at this port of the gateway is meant for, if the gateway has a ready pod."""
        pods = self.api.get("/api/v1/namespaces/istio-system/pods?labelSelector=istio%3Deastwestgateway")["items"]
        if not any(pod.get("status", {}).get("phase") == "Running" for pod in pods):
            return None
        for virtual in self.api.get("/apis/networking.istio.io/v1/virtualservices")["items"]:
            for route in virtual["spec"].get("tls", []):
                if any(match.get("port") == port for match in route["match"]):
                    destination = route["route"][0]["destination"]
                    name, namespace = destination["host"].split(".")[:2]
                    return self.endpoint(namespace, name, destination["port"]["number"])
        return None

    def endpoint(self, namespace, name, number):
        service = self.api.get(f"/api/v1/namespaces/{namespace}/services/{name}")
        port = next((port for port in service["spec"]["ports"] if number in (port["port"], port.get("targetPort"))), None)
        slices = self.api.get(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{name}")
        ready = [one["addresses"][0] for part in slices["items"] for one in part["endpoints"] if one["conditions"].get("ready")]
        return (ready[0], port.get("targetPort", number)) if ready and port else None


def condition(kind):
    return {"type": kind, "status": "True", "lastTransitionTime": now(), "reason": "StandIn"}


def own(address):
    """Makes an address one of this machine's, which is a network of its own."""
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
