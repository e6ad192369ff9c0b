"""Compares what `meshgen path` says with what istiod's push code tells proxies.

Each mesh is built into a tree, whose objects istiods read, with a service in each cluster. Then one thing is wrong at a time: a remote
secret is missing, the label of a gateway is another, a policy or a subset stands at one end only. `path` has to name the check that fails,
and what it says of a call that works has to be what istiod tells the caller and the gateways.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

PORT = 5000
NAMESPACE = "sample"
LOADER = yaml.CSafeLoader


def documents(path):
    return [document for document in yaml.load_all(path.read_text(), LOADER) if document] if path.exists() else []


class Mesh:
    """A random mesh, and its tree."""

    def __init__(self, number, place, meshgen):
        chance = random.Random(number)
        self.number, self.place, self.meshgen = number, place, meshgen
        networks = [f"network-{index}" for index in range(chance.randint(1, 3))]
        self.clusters = []
        for index in range(chance.randint(max(2, len(networks)), 5)):
            network = networks[index] if index < len(networks) else chance.choice(networks)
            primaries = [cluster for cluster in self.clusters if not cluster["primary"]]
            primary = chance.choice(primaries)["name"] if primaries and chance.random() < 0.4 else None
            self.clusters.append({"name": f"c{index}", "network": network, "primary": primary, "index": index})
        served = {cluster["primary"] for cluster in self.clusters}
        for cluster in self.clusters:
            is_first = next(other for other in self.clusters if other["network"] == cluster["network"]) is cluster
            cluster["gateway"] = None
            if is_first or cluster["name"] in served or chance.random() < 0.4:
                address = f"203.0.113.{cluster['index'] + 1}"
                kinds = [
                    {"externalIPs": [address]},
                    {"externalIPs": [address, f"203.0.113.{cluster['index'] + 101}"], "serviceType": "ClusterIP"},
                    {"externalIPs": [address], "port": 443},
                    {"address": address, "discovery": "static", "port": 8443},
                ]
                if cluster["name"] not in served:
                    kinds.append({})
                cluster["gateway"] = chance.choice(kinds)
        self.topology = place / "topology.yaml"
        rules = ("shared-gateway", "known-bug", "documentation-address", "end-of-life")
        self.topology.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "meshgen/v1",
                    "kind": "Topology",
                    "mesh": {"id": "judged", "allow": [{"rule": rule, "reason": "a judge"} for rule in rules]},
                    "istio": {"version": "1.30.3", "install": "helm"},
                    "certificates": {"issuedOn": "2026-11-01", "naming": 2},
                    "networks": [{"name": network} for network in networks],
                    "clusters": [self.stated(cluster) for cluster in self.clusters],
                }
            )
        )
        seed = Path(__file__).resolve().parents[2] / "topologies/ca.seed"
        self.out = place / "out"
        subprocess.run(
            [meshgen, "build", self.topology, "-o", self.out, "--ca", seed, "--quiet"], check=True, capture_output=True
        )

    @staticmethod
    def stated(cluster):
        stated = {
            "name": cluster["name"],
            "network": cluster["network"],
            "apiServer": f"https://10.0.{cluster['index']}.1:6443",
        }
        if cluster["primary"]:
            stated["controlPlane"] = cluster["primary"]
        if cluster["gateway"] is not None:
            stated["eastWestGateway"] = cluster["gateway"]
        return stated

    def primary_of(self, cluster):
        return cluster["primary"] or cluster["name"]

    def find(self, name):
        return next(cluster for cluster in self.clusters if cluster["name"] == name)

    def services(self, cluster):
        """The Service of a cluster's gateway, as it would stand there."""
        path = self.out / cluster["name"] / "40-eastwest-gateway/eastwest-gateway.yaml"
        services = [document for document in documents(path) if document["kind"] == "Service"]
        for service in services:
            if not service["spec"].get("externalIPs"):
                address = f"203.0.113.{cluster['index'] + 201}"
                service["status"] = {"loadBalancer": {"ingress": [{"ip": address}]}}
        return services

    def objects(self, cluster):
        name, index = cluster["name"], cluster["index"]
        app = f"to-{name}"
        labels = {"app": app, "security.istio.io/tlsMode": "istio", "topology.istio.io/network": cluster["network"]}
        pod_address = f"10.20.{index}.5"
        namespaces = documents(self.out / name / "10-namespace/namespace.yaml")
        metadata = {"name": app, "namespace": NAMESPACE}
        port = {"name": "http", "port": PORT, "protocol": "TCP"}
        return [
            *namespaces,
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {"clusterIP": f"10.30.{index}.5", "selector": {"app": app}, "ports": [{**port, "targetPort": 8080}]},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {**metadata, "labels": labels},
                "spec": {"serviceAccountName": "default", "nodeName": "node"},
                "status": {"podIP": pod_address, "podIPs": [{"ip": pod_address}], "phase": "Running",
                           "conditions": [{"type": "Ready", "status": "True"}]},
            },
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {**metadata, "labels": {"kubernetes.io/service-name": app}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [pod_address], "conditions": {"ready": True},
                               "targetRef": {"kind": "Pod", "name": app, "namespace": NAMESPACE}}],
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            },
        ]


def policy(kind, name, spec, namespace=NAMESPACE):
    group = "security" if kind == "PeerAuthentication" else "networking"
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


class Case:
    """A mesh in which one thing is wrong, or nothing, and a call."""

    def __init__(self, mesh, wrong, start, end):
        self.mesh, self.wrong, self.start, self.end = mesh, wrong, start, end
        self.name = f"{mesh.number}-{wrong}"
        self.host = f"to-{end['name']}.{NAMESPACE}.svc.cluster.local"
        caller, called = mesh.primary_of(start), mesh.primary_of(end)
        self.caller, self.called = caller, called
        # What stands in clusters besides the tree.
        self.policies = {cluster["name"]: [] for cluster in mesh.clusters}
        self.moved, self.missing, self.trust_domain = set(), None, (None, "cluster.local")
        host = f"to-{end['name']}"
        plain = policy("DestinationRule", "plain", {"host": self.host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}})
        disable = policy("PeerAuthentication", "off", {"mtls": {"mode": "DISABLE"}})
        subsets = policy(
            "DestinationRule", "subsets", {"host": self.host, "subsets": [{"name": "v2", "labels": {"app": host}}]}
        )
        ways = {
            "nothing": lambda: None,
            "plain-at-the-caller": lambda: self.policies[caller].append(plain),
            "disable-at-the-caller": lambda: self.policies[caller].append(disable),
            "plain-at-the-gateway": lambda: self.policies[called].append(plain),
            "disable-at-the-gateway": lambda: self.policies[called].append(disable),
            "subset-at-the-caller": lambda: self.policies[caller].append(subsets),
            "subset-at-both": lambda: [self.policies[name].append(subsets) for name in {caller, called}],
            "strict-everywhere": lambda: [
                self.policies[name].append(policy("PeerAuthentication", "strict", {"mtls": {"mode": "STRICT"}}, "istio-system"))
                for name in {caller, called}
            ],
            "moved-label": lambda: self.moved.update(
                cluster["name"] for cluster in mesh.clusters if cluster["network"] == end["network"]
            ),
            "trust-domain": lambda: setattr(self, "trust_domain", (called, "elsewhere.example.com")),
            "missing-secret": lambda: setattr(self, "missing", (caller, end["name"])),
        }
        ways[wrong]()

    WRONG = (
        "nothing", "plain-at-the-caller", "disable-at-the-caller", "plain-at-the-gateway", "disable-at-the-gateway",
        "subset-at-the-caller", "subset-at-both", "strict-everywhere", "moved-label", "missing-secret", "trust-domain",
    )

    def domain_of(self, primary):
        """The trust domain of the workloads that a control plane serves."""
        changed, domain = self.trust_domain
        return domain if primary == changed else "cluster.local"

    def services(self, cluster):
        services = self.mesh.services(cluster)
        if cluster["name"] in self.moved:
            for service in services:
                service["metadata"]["labels"]["topology.istio.io/network"] = "elsewhere"
        return services

    def read_by(self, primary):
        """The clusters whose credentials a control plane has."""
        script = (self.mesh.out / primary / "remote-secrets.sh")
        lines = script.read_text().splitlines() if script.exists() else []
        read = [line.split("'")[1] for line in lines if line.startswith("member '")]
        return [name for name in read if (primary, name) != self.missing]

    def plane(self, primary):
        """What istiod of a primary is given."""
        known = [self.mesh.find(name) for name in [primary, *self.read_by(primary)]]
        directory = self.mesh.out / primary
        values = documents(directory / "30-istio/istiod.values.yaml")[0]
        networks = values.get("global", {}).get("meshNetworks", {})
        config = documents(directory / "30-istio/mesh-config.values.yaml")
        config = config[0].get("meshConfig", {}) if config else {}
        config = {**config, "trustDomain": self.domain_of(primary)}
        exposure = [document for path in sorted((directory / "50-exposure").glob("expose-*.yaml")) for document in documents(path)]
        served = [cluster for cluster in self.mesh.clusters if self.mesh.primary_of(cluster) == primary]
        proxies = [
            {"Name": f"caller-{cluster['name']}", "Cluster": cluster["name"], "Network": cluster["network"],
             "Namespace": NAMESPACE, "Address": f"10.20.{cluster['index']}.9"}
            for cluster in served
        ] + [
            {"Name": f"gateway-{cluster['name']}", "Cluster": cluster["name"], "Network": cluster["network"],
             "Namespace": "istio-system", "Address": f"10.20.{cluster['index']}.10", "IsGateway": True}
            for cluster in served if cluster["gateway"] is not None
        ]
        return {
            "Name": f"{self.name}/{primary}",
            "Primary": primary,
            "Objects": {
                cluster["name"]: yaml.safe_dump_all(self.mesh.objects(cluster) + self.services(cluster)) for cluster in known
            },
            "Configuration": yaml.safe_dump_all(exposure + self.policies[primary]),
            "MeshConfig": yaml.safe_dump(config) if config else "",
            "MeshNetworks": json.dumps({"networks": networks}) if networks else "",
            "Proxies": proxies,
        }

    def planes(self):
        return [self.plane(primary) for primary in sorted({self.mesh.primary_of(cluster) for cluster in self.mesh.clusters})]

    def path(self):
        """What meshgen says."""
        arguments = []
        for cluster in self.mesh.clusters:
            name = cluster["name"]
            # Of every other mesh, meshgen knows the gateways from the topology alone.
            services = self.services(cluster) if self.moved or self.mesh.number % 2 else []
            objects = services + self.policies[name]
            if self.trust_domain[0] == name:
                mesh = yaml.safe_dump({"trustDomain": self.trust_domain[1]})
                objects.append(
                    {"apiVersion": "v1", "kind": "ConfigMap", "data": {"mesh": mesh},
                     "metadata": {"name": "istio", "namespace": "istio-system"}}
                )
            if self.missing and self.missing[0] == name:
                labels = {"istio/multiCluster": "true"}
                objects.append(
                    {"apiVersion": "v1", "kind": "Secret", "data": {"ca-key.pem": "eA=="},
                     "metadata": {"name": "cacerts", "namespace": "istio-system"}}
                )
                objects += [
                    {"apiVersion": "v1", "kind": "Secret", "data": {other: "eA=="},
                     "metadata": {"name": f"istio-remote-secret-{other}", "namespace": "istio-system", "labels": labels}}
                    for other in self.read_by(name)
                ]
            if objects:
                file = self.mesh.place / f"{self.name}-{name}.yaml"
                file.write_text(yaml.safe_dump_all(objects))
                arguments += ["--policy", f"{name}={file}"]
        call = ["--from", self.start["name"], "--to", self.end["name"], "--service", f"{NAMESPACE}/to-{self.end['name']}:{PORT}"]
        said = subprocess.run(
            [self.mesh.meshgen, "path", self.mesh.topology, *call, "--format", "json", *arguments], capture_output=True, check=False
        )
        if said.returncode not in (0, 1):
            raise SystemExit(f"{self.name}: {said.stderr.decode()}")
        report = json.loads(said.stdout)
        if (said.returncode == 1) != (report["failsAt"] is not None):
            raise SystemExit(f"{self.name}: exit {said.returncode}, but fails at {report['failsAt']}")
        return report

    def faults(self, answers):
        """Where meshgen and istiod disagree."""
        report = self.path()
        callers = answers[f"{self.name}/{self.called}"][f"caller-{self.end['name']}"]["Callers"]
        is_trusted = f"spiffe://{self.domain_of(self.caller)}/" in callers
        # With DISABLE, a sidecar asks for no certificate.
        if (callers or self.wrong == "trust-domain") and is_trusted == (report["failsAt"] == "trust"):
            return [f"sidecars of {self.end['name']} take {callers}, and path fails at {report['failsAt']}"]
        told = answers[f"{self.name}/{self.caller}"][f"caller-{self.start['name']}"]["Endpoints"] or {}
        endpoints = told.get(f"outbound|{PORT}||{self.host}")
        pod = f"10.20.{self.end['index']}.5 8080"
        stated = [
            (endpoint["address"] or f"203.0.113.{self.mesh.find(endpoint['cluster'])['index'] + 201}", endpoint["port"])
            for endpoint in report["endpoints"]
        ]
        wanted = sorted(f"{address} {port}" for address, port in stated)
        fails, way = report["failsAt"], report["way"]
        if fails == "known":
            return [] if not endpoints else [f"istiod knows {endpoints}"]
        if fails == "way":
            return [] if endpoints == [pod] else [f"istiod hands out {endpoints}, not the pod"]
        if fails == "policy" and way == "gateway":
            return [] if not endpoints else [f"istiod hands out {endpoints}"]
        if way != "gateway":
            return [] if endpoints == [pod] else [f"istiod hands out {endpoints}, not the pod"]
        found = []
        if endpoints != wanted:
            found.append(f"istiod hands out {endpoints}, path says {wanted}")
        sni = f"outbound_.{PORT}_._.{self.host}"
        if report["sni"] != sni:
            found.append(f"the server name is {report['sni']}")
        passing, subsets = [], []
        for endpoint in report["endpoints"]:
            gateway = self.mesh.find(endpoint["cluster"])
            answer = answers[f"{self.name}/{self.mesh.primary_of(gateway)}"][f"gateway-{gateway['name']}"]
            # A remote's gateway has its chains from its primary.
            has_chain = sni in (answer["Chains"] or [])
            passing.append(has_chain and bool((answer["Endpoints"] or {}).get(sni)))
            subsets.append(f"outbound_.{PORT}_.v2_.{self.host}" in (answer["Chains"] or []))
        if fails == "gateway":
            if all(passing):
                found.append("every gateway has endpoints")
        elif not all(passing):
            found.append(f"a gateway has no chain or no endpoint: {passing}")
        if fails == "sni" and all(subsets):
            found.append("every gateway knows the subset")
        if self.wrong == "subset-at-both" and not all(subsets) and fails is None:
            found.append("a gateway does not know the subset")
        return found


def main():
    meshgen, program = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    with tempfile.TemporaryDirectory() as directory:
        cases = []
        for number in range(count):
            place = Path(directory) / str(number)
            place.mkdir()
            mesh = Mesh(number, place, meshgen)
            chance = random.Random(number)
            pairs = [(one, other) for one in mesh.clusters for other in mesh.clusters if one is not other]
            for wrong in Case.WRONG:
                cases.append(Case(mesh, wrong, *chance.choice(pairs)))
        questions, answers = Path(directory) / "questions.json", Path(directory) / "answers.json"
        questions.write_text(json.dumps([plane for case in cases for plane in case.planes()]))
        environment = {**os.environ, "QUESTIONS": str(questions), "ANSWERS": str(answers)}
        run = subprocess.run([program, "-test.run", "TestAnswers"], env=environment, capture_output=True, check=False)
        if run.returncode != 0 or not answers.exists():
            raise SystemExit(f"istiod's push code does not answer:\n{run.stdout.decode()[-4000:]}{run.stderr.decode()[-2000:]}")
        told = json.loads(answers.read_text())
        verdicts, bad = {}, 0
        for case in cases:
            faults = case.faults(told)
            fails = case.path()["failsAt"]
            verdicts[(case.wrong, fails)] = verdicts.get((case.wrong, fails), 0) + 1
            for fault in faults:
                bad += 1
                print(f"FAILED {case.name}: {case.start['name']} to {case.end['name']}, fails at {fails}: {fault}")
                print(case.mesh.topology.read_text() if "-v" in sys.argv else "", end="")
        for (wrong, fails), number in sorted(verdicts.items(), key=str):
            print(f"{number:4}  {wrong}: {'works' if fails is None else 'fails at ' + fails}")
        print(f"{len(cases)} calls in {count} meshes, {bad} disagreements")
        return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
