#!/usr/bin/env python3
"""Gives trees to the programs that will read them.

usage: judge.py WORK CACHE            judges WORK/trees/NAME, made of WORK/topologies/NAME.yaml
       judge.py --broken WORK CACHE   breaks trees, each in one way, and wants one judge and no earlier one to refuse

What has to come out is computed here from the topology, by none of meshgen's code.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PEM = ("root-cert.pem", "ca-cert.pem", "ca-key.pem", "cert-chain.pem")
# istioctl renders a random mesh in seconds: every tenth is enough beside all that are written down.
RENDERED_RANDOM = 10


class Refused(Exception):
    pass


def want(condition, why):
    if not condition:
        raise Refused(why)


def run(*command, stdin=None):
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True)
    want(done.returncode == 0, f"{' '.join(map(str, command))[:300]}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def documents(text):
    return [document for document in yaml.load_all(text, LOADER) if document]


def identity(document):
    metadata = document.get("metadata", {})
    return document["kind"], metadata.get("namespace"), metadata.get("name")


class Mesh:
    """A topology and its tree."""

    def __init__(self, name, topology, tree):
        self.name, self.tree = name, Path(tree)
        self.topology = yaml.load(Path(topology).read_text(), LOADER)
        self.istio = self.topology["istio"]
        self.minor = int(str(self.istio["version"]).split(".")[1])
        self.clusters = {cluster["name"]: cluster for cluster in self.topology["clusters"]}
        self.is_thin = self.minor >= 24
        self.is_multi_network = len(self.topology["networks"]) > 1
        self.zipkin = self.topology.get("tracing", {}).get("zipkin")

    def primary(self, cluster):
        return self.clusters[cluster.get("controlPlane", cluster["name"])]

    def is_primary(self, cluster):
        return self.primary(cluster) is cluster

    def has_remotes(self, cluster):
        return any(self.primary(other) is cluster for other in self.clusters.values() if other is not cluster)

    def revision(self, cluster):
        return cluster.get("istio", {}).get("revision", self.istio.get("revision"))

    def kubernetes(self, cluster):
        for holder in (cluster, self.topology):
            if "kubernetes" in holder:
                return int(str(holder["kubernetes"]["version"]).split(".")[1])
        return 21 if self.minor == 11 else 30

    def directories(self):
        return sorted(path for path in self.tree.glob("*/[0-9]*") if path.is_dir())

    def manifests(self, *directories):
        files = sorted(self.tree.glob("*/[0-9]*/*.yaml"))
        files = [file for file in files if file.name != "kustomization.yaml"]
        return [file for file in files if not directories or file.parent.name[:2] in directories]

    def address(self, cluster):
        gateway = cluster.get("eastWestGateway")
        if gateway is None:
            return None
        return gateway.get("address") or next(iter(gateway.get("externalIPs", [])), None)


def overridden(cluster):
    config = cluster.get("istio", {}).get("meshConfig", {}).get("defaultConfig", {})
    return config.get("tracing", {}).get("zipkin", {}).get("address")


# The judges, each with what it counts.


def kustomize(mesh):
    count = 0
    for directory in mesh.directories():
        file = directory / "kustomization.yaml"
        if not file.exists():
            want(mesh.is_thin and directory.name[:2] in ("30", "40"), f"{directory} is no kustomization")
            continue
        built = documents(run("kustomize", "build", directory))
        stated = [document for path in directory.glob("*.yaml") if path != file for document in documents(path.read_text())]
        patch = [document for document in stated if document["kind"] == "IstioOperator" and list(document["spec"]) == ["meshConfig"]]
        if directory.name == "20-cacerts":
            want([identity(document) for document in built] == [("Secret", "istio-system", "cacerts")], f"{directory}: not the Secret cacerts alone")
            want(sorted(built[0]["data"]) == sorted(PEM), f"{directory}: other keys than istiod reads")
            for pem in PEM:
                want(base64.b64decode(built[0]["data"][pem]) == (directory / pem).read_bytes(), f"{directory}: {pem} is not the file")
        else:
            wanted = sorted(map(str, map(identity, [document for document in stated if document not in patch])))
            want(sorted(map(str, map(identity, built))) == wanted, f"{directory}: other objects than its files state")
            for document in built:
                has_config = document["kind"] == "IstioOperator" and "meshConfig" in document.get("spec", {})
                is_meant = bool(patch) and document["metadata"]["name"] == "istio"
                want(has_config == is_meant, f"{directory}: the mesh config is merged into {identity(document)}")
                if has_config:
                    want(document["spec"]["meshConfig"] == patch[0]["spec"]["meshConfig"], f"{directory}: another mesh config")
        count += 1
    return count


def kubectl_validate(mesh):
    files = mesh.manifests("10", "50", "55", "60")
    minor = min(max(mesh.kubernetes(next(iter(mesh.clusters.values()))), 23), 30)
    crds = CACHE / ("crds-1.11" if mesh.minor == 11 else "crds-1.30")
    run("kubectl-validate", "--version", f"1.{minor}", "--local-crds", crds, *files)
    return sum(len(documents(file.read_text())) for file in files)


def kubeconform(mesh):
    if mesh.minor != 11:
        return 0
    files = mesh.manifests("10", "50", "60")
    location = f"{CACHE}/kubernetes-1.21/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    said = run("kubeconform", "-strict", "-output", "json", "-summary", "-skip", "Gateway,VirtualService", "-schema-location", location, *files)
    summary = json.loads(said)["summary"]
    want(summary["errors"] == summary["invalid"] == 0, said)
    return summary["valid"]


def istioctl_validate(mesh):
    files = mesh.manifests("30", "40", "50", "55")
    run("istioctl", "validate", *[word for file in files for word in ("-f", file)])
    return len(files)


def rendered(mesh, cluster, directory, *files):
    paths = [mesh.tree / cluster["name"] / directory / file for file in files]
    words = [word for path in paths if path.exists() for word in ("-f", path)]
    return run("istioctl", "manifest", "generate", *words) if words else ""


def find(objects, kind, name):
    return next((document for document in objects if document["kind"] == kind and document["metadata"]["name"] == name), None)


def istioctl_renders(mesh):
    count = 0
    for cluster in mesh.clusters.values():
        texts = [
            rendered(mesh, cluster, "30-istio", "istio.yaml", "mesh-config.yaml"),
            rendered(mesh, cluster, "40-eastwest-gateway", "eastwest-gateway.yaml"),
        ]
        istio, gateway = documents(texts[0]), documents(texts[1])
        said = f"{mesh.tree}/{cluster['name']}: "
        if mesh.is_thin and not mesh.is_primary(cluster):
            check_remote(mesh, cluster, istio, said)
        else:
            check_primary(mesh, cluster, istio, said)
        want(bool(gateway) == ("eastWestGateway" in cluster), said + "a gateway is rendered where none is wanted, or none where one is")
        if gateway:
            check_gateway(mesh, cluster, gateway, said)
        others = [file for file in mesh.manifests("10", "50", "55", "60") if file.parts[-3] == cluster["name"]]
        text = "---\n".join([file.read_text() for file in others] + texts)
        run("istioctl", "analyze", "--use-kube=false", "-A", "-", stdin=text)
        count += len(istio) + len(gateway)
    return count


def check_identity(mesh, cluster, objects, said):
    revision = mesh.revision(cluster)
    name = "istio-sidecar-injector" + (f"-{revision}" if revision else "")
    injector = find(objects, "ConfigMap", name)
    if injector is None:
        return
    stated = json.loads(injector["data"]["values"])["global"]
    want(stated["meshID"] == mesh.topology["mesh"]["id"], said + f"meshID is {stated['meshID']}")
    want(stated["network"] == cluster["network"], said + f"network is {stated['network']}")
    want(stated["multiCluster"]["clusterName"] == cluster["name"], said + f"clusterName is {stated['multiCluster']['clusterName']}")


def check_primary(mesh, cluster, objects, said):
    revision = mesh.revision(cluster)
    suffix = f"-{revision}" if revision else ""
    istiod = find(objects, "Deployment", f"istiod{suffix}")
    want(istiod, said + "no istiod")
    variables = {entry["name"]: entry.get("value") for entry in istiod["spec"]["template"]["spec"]["containers"][0]["env"]}
    want(variables.get("CLUSTER_ID") == cluster["name"], said + f"CLUSTER_ID is {variables.get('CLUSTER_ID')}")
    if mesh.is_thin:
        is_external = variables.get("EXTERNAL_ISTIOD") == "true"
        want(is_external == mesh.has_remotes(cluster), said + f"EXTERNAL_ISTIOD is {is_external}")
    check_identity(mesh, cluster, objects, said)
    config = yaml.load(find(objects, "ConfigMap", f"istio{suffix}")["data"]["mesh"], LOADER)
    trust_domain = mesh.topology["mesh"].get("trustDomain", "cluster.local")
    want(config["trustDomain"] == trust_domain, said + f"trustDomain is {config['trustDomain']}")
    if mesh.zipkin:
        check_tracing(mesh, cluster, config, said)


def check_tracing(mesh, cluster, config, said):
    collector = mesh.clusters[mesh.zipkin["cluster"]]
    address = mesh.address(collector) if mesh.zipkin.get("via", "gateway") == "gateway" else None
    host, port = (address, mesh.zipkin.get("gatewayPort", 15018)) if address else ("zipkin.istio-system", 9411)
    if mesh.is_thin:
        provider = next((entry for entry in config.get("extensionProviders", []) if entry["name"] == "zipkin"), None)
        want(provider, said + "no provider zipkin in the mesh config")
        if not overridden(cluster):
            want(provider["zipkin"]["port"] == port, said + f"the provider's port is {provider['zipkin']['port']}")
        return
    stated = config["defaultConfig"]["tracing"]
    wanted = overridden(cluster) or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    want(stated["zipkin"]["address"] == wanted, said + f"traces go to {stated['zipkin']['address']}, not to {wanted}")
    sampling = float(mesh.zipkin.get("samplingPercent", 1))
    want(float(stated.get("sampling", -1)) == sampling, said + f"sampling is {stated.get('sampling')}")


def check_remote(mesh, cluster, objects, said):
    kinds = [document for document in objects if document["kind"] == "Deployment"]
    want(not kinds, said + f"a thin remote has {[identity(document) for document in kinds]}")
    revision = mesh.revision(cluster)
    name = "istiod" + (f"-{revision}" if revision else "")
    service = find(objects, "Service", name)
    want(service, said + f"no Service {name}")
    address = mesh.address(mesh.primary(cluster))
    if re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", address):
        slices = [document for document in objects if document["kind"] in ("EndpointSlice", "Endpoints")]
        found = [str(word) for document in slices for part in document.get("endpoints", document.get("subsets", [])) for word in part["addresses"]]
        want(found and set(str(word) if isinstance(word, str) else word["ip"] for word in found) == {address}, said + f"istiod is dialled at {found}, not at {address}")
    else:
        want(service["spec"].get("externalName") == address, said + f"istiod is dialled at {service['spec'].get('externalName')}")
    webhooks = [document for document in objects if document["kind"] == "MutatingWebhookConfiguration"]
    paths = {hook["clientConfig"].get("service", {}).get("path") for document in webhooks for hook in document["webhooks"]}
    want(paths == {f"/inject/cluster/{cluster['name']}/net/{cluster['network']}"}, said + f"the webhook's path is {paths}")


def check_gateway(mesh, cluster, objects, said):
    stated = cluster["eastWestGateway"]
    service = find(objects, "Service", "istio-eastwestgateway")
    deployment = find(objects, "Deployment", "istio-eastwestgateway")
    want(service and deployment, said + "no Service or Deployment istio-eastwestgateway")
    spec = service["spec"]
    want(spec.get("externalIPs", []) == stated.get("externalIPs", []), said + f"externalIPs are {spec.get('externalIPs')}")
    want(spec["type"] == stated.get("serviceType", "LoadBalancer"), said + f"the type is {spec['type']}")
    annotations = service["metadata"].get("annotations") or {}
    for key, value in stated.get("serviceAnnotations", {}).items():
        want(annotations.get(key) == value, said + f"the annotation {key} is {annotations.get(key)}")
    ports = {port["name"]: (port["port"], port["targetPort"], port.get("nodePort")) for port in spec["ports"]}
    wanted = {name: (port, port, None) for name, port in (("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017))}
    zipkin = mesh.zipkin
    if zipkin and zipkin["cluster"] == cluster["name"] and zipkin.get("via", "gateway") == "gateway" and mesh.address(cluster):
        deciding = [other for other in mesh.clusters.values() if not mesh.is_thin or mesh.is_primary(other)]
        if not all(overridden(other) for other in deciding):
            number = zipkin.get("gatewayPort", 15018)
            wanted["tcp-zipkin"] = (number, number, zipkin.get("nodePort"))
    want(ports == wanted, said + f"the ports are {ports}, not {wanted}")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    want(labels.get("topology.istio.io/network") == cluster["network"], said + "the gateway's pods have another network")
    variables = {entry["name"]: entry.get("value") for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    want(variables.get("ISTIO_META_REQUESTED_NETWORK_VIEW") == cluster["network"], said + "the gateway has another network view")


def chains(mesh):
    work = mesh.tree.parent / f".{mesh.name}"
    work.mkdir(exist_ok=True)
    count = 0
    try:
        for directory in sorted(mesh.tree.glob("*/20-cacerts")):
            chain(directory, work)
            count += 1
    finally:
        shutil.rmtree(work)
    return count


LEAF = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=critical,URI:spiffe://cluster.local/ns/shop/sa/default
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def chain(directory, work):
    """The chain, and a workload's certificate that the intermediate's key signs as istiod does, by openssl and by Go."""
    root, authority, key, whole = (directory / pem for pem in PEM)
    run("openssl", "verify", "-no_check_time", "-x509_strict", "-CAfile", root, authority)
    public = run("openssl", "x509", "-in", authority, "-noout", "-pubkey")
    want(public == run("openssl", "pkey", "-in", key, "-pubout"), f"{directory}: key and certificate do not belong together")
    want(whole.read_text() == authority.read_text() + root.read_text(), f"{directory}: the chain is not intermediate and root")
    (work / "leaf.ext").write_text(LEAF)
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", work / "leaf.key", "-subj", "/", "-out", work / "leaf.csr")
    run("openssl", "x509", "-req", "-in", work / "leaf.csr", "-CA", authority, "-CAkey", key, "-set_serial", "7", "-days", "30", "-extfile", work / "leaf.ext", "-out", work / "leaf.pem")
    run("openssl", "verify", "-no_check_time", "-x509_strict", "-CAfile", root, "-untrusted", authority, work / "leaf.pem")
    run("chain", directory, work / "leaf.pem")


def scripts(mesh):
    found = sorted(mesh.tree.rglob("*.sh"))
    for script in found:
        run("bash", "-n", script)
    # Random contexts hold what would expand outside of single quotes, which is what they are quoted for (SC2016, an information).
    run("shellcheck", *(["--severity=warning"] if mesh.name.startswith("random-") else []), *found)
    return len(found)


def pages(mesh):
    """Links lead somewhere; every fenced Mermaid block is whole."""
    page = (mesh.tree / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#\s]+)\)", page):
        want("://" in target or (mesh.tree / target).exists(), f"{mesh.tree}/README.md: {target} leads nowhere")
    want(page.count("```") % 2 == 0, f"{mesh.tree}/README.md: a block does not end")
    return 1


def is_rendered(mesh):
    number = re.fullmatch(r"random-(\d+)", mesh.name)
    return number is None or int(number[1]) % RENDERED_RANDOM == 0


JUDGES = [
    ("kustomize", kustomize, "directories", lambda mesh: True),
    ("kubectl-validate", kubectl_validate, "objects", lambda mesh: True),
    ("kubeconform", kubeconform, "objects", lambda mesh: True),
    ("istioctl validate", istioctl_validate, "files", lambda mesh: True),
    ("istioctl generate", istioctl_renders, "objects", is_rendered),
    ("openssl, Go", chains, "chains", is_rendered),
    ("bash, shellcheck", scripts, "scripts", is_rendered),
    ("pages", pages, "pages", lambda mesh: True),
]


def meshes(work):
    return [Mesh(path.stem, path, work / "trees" / path.stem) for path in sorted((work / "topologies").glob("*.yaml"))]


def judge_all(work):
    everything = meshes(work)
    for name, judge, unit, is_seen in JUDGES:
        began = time.monotonic()
        seen = [mesh for mesh in everything if is_seen(mesh)]

        def judged(mesh):
            try:
                return judge(mesh)
            except Refused as refused:
                topology = (work / "topologies" / f"{mesh.name}.yaml").read_text() if mesh.name.startswith("random-") else ""
                raise SystemExit(f"error: {name} refuses {mesh.name}: {refused}\n{topology}") from None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            count = sum(pool.map(judged, seen))
        if count == 0:
            raise SystemExit(f"error: {name} saw nothing")
        print(f"{name:18} {len(seen):4} trees {count:6} {unit:12} {time.monotonic() - began:6.1f} s", flush=True)


# Trees that are broken in one way: the tree, the file, what is replaced by what, and the judge that refuses it.
OLD, NEW = "3-clusters-2-control-planes-2-networks", "3-clusters-2-control-planes-2-networks-istio-1.30"
BROKEN = [
    ("a file that the kustomization lists is gone", OLD, "cluster1/50-exposure/kustomization.yaml", "expose-zipkin.yaml", "expose-jaeger.yaml", "kustomize"),
    ("the Secret gets a suffix", OLD, "cluster1/20-cacerts/kustomization.yaml", "disableNameSuffixHash: true", "disableNameSuffixHash: false", "kustomize"),
    ("the mesh config goes nowhere", OLD, "cluster1/30-istio/kustomization.yaml", "kind: IstioOperator", "kind: Deployment", "kustomize"),
    ("an unknown field of a Gateway", OLD, "cluster1/50-exposure/expose-services.yaml", "selector:", "selektor:", "kubectl-validate"),
    ("a port that is no number", NEW, "cluster1/60-zipkin/zipkin.yaml", "port: 9411\n", "port: zipkin\n", "kubectl-validate"),
    ("an API that Kubernetes 1.21 does not serve", OLD, "cluster1/60-zipkin/zipkin.yaml", "      containers:", "      os: {name: linux}\n      containers:", "kubeconform"),
    ("a port beyond 65535", OLD, "cluster3/50-exposure/expose-istiod.yaml", "number: 15012", "number: 99999", "istioctl validate"),
    ("an unknown field of an IstioOperator", NEW, "cluster1/30-istio/istio.yaml", "  profile: demo", "  profil: demo", "istioctl validate"),
    ("no istiod beside the gateway", NEW, "cluster1/40-eastwest-gateway/eastwest-gateway.yaml", "port: 15443", "port: 15444", "istioctl generate"),
    ("another externalIP", OLD, "cluster1/40-eastwest-gateway/eastwest-gateway.yaml", "192.168.229.100", "192.168.229.101", "istioctl generate"),
    ("another network view", NEW, "cluster1/40-eastwest-gateway/eastwest-gateway.yaml", "value: network1", "value: network2", "istioctl generate"),
    ("another cluster ID", NEW, "cluster1/30-istio/istio.yaml", "clusterName: cluster1", "clusterName: cluster2", "istioctl generate"),
    ("the shape of remotes before 1.24", NEW, "cluster2/30-istio/istio.yaml", "profile: remote", "profile: demo", "istioctl generate"),
    ("a webhook that names another cluster", NEW, "cluster2/30-istio/istio.yaml", "/inject/cluster/cluster2", "/inject/cluster/cluster3", "istioctl generate"),
    ("a remote that dials another gateway", NEW, "cluster2/30-istio/istio.yaml", "192.168.229.102", "192.168.229.100", "istioctl generate"),
    ("a primary that serves no remotes", NEW, "cluster3/30-istio/istio.yaml", "externalIstiod: true", "externalIstiod: false", "istioctl generate"),
    ("another sampling", OLD, "cluster1/30-istio/mesh-config.yaml", "sampling: 100", "sampling: 10", "istioctl generate"),
    ("another collector", OLD, "cluster2/30-istio/mesh-config.yaml", "192.168.229.100:15018", "192.168.229.102:15018", "istioctl generate"),
    ("another trust domain", NEW, "cluster1/30-istio/mesh-config.yaml", "trustDomain: cluster.local", "trustDomain: cluster.lokal", "istioctl generate"),
    ("a gateway that nobody selects", NEW, "cluster1/50-exposure/expose-zipkin.yaml", "  - zipkin-gateway", "  - zipkin-gate", "istioctl generate"),
    ("a chain without its root", OLD, "cluster1/20-cacerts/cert-chain.pem", None, None, "openssl, Go"),
    ("the key of another cluster", OLD, "cluster1/20-cacerts/ca-key.pem", None, "cluster2/20-cacerts/ca-key.pem", "openssl, Go"),
    ("a script that does not end a quote", OLD, "cluster1/remote-secrets.sh", "set -euo pipefail", "set -euo 'pipefail", "bash, shellcheck"),
    ("an unquoted variable", OLD, "cluster1/remote-secrets.sh", '<<<"$manifest" |', "<<<$manifest | cat $manifest |", "bash, shellcheck"),
    ("a block of Markdown that does not end", OLD, "README.md", "```mermaid", "mermaid", "pages"),
]


def break_all(work):
    began = time.monotonic()
    for what, tree, file, old, new, wanted in BROKEN:
        place = work / "broken"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(work / "trees" / tree, place)
        target = place / file
        text = target.read_text()
        if old is None and new is None:
            broken = text[: text.index("-----END CERTIFICATE-----\n") + len("-----END CERTIFICATE-----\n")]
        elif old is None:
            broken = (place / new).read_text()
        else:
            broken = text.replace(old, new)
        want(broken != text, f"{what}: nothing is broken in {file}")
        target.write_text(broken)
        mesh = Mesh("broken", work / "topologies" / f"{tree}.yaml", place)
        refused_by = None
        for name, judge, _, _ in JUDGES:
            try:
                judge(mesh)
            except Refused:
                refused_by = name
                break
        if refused_by != wanted:
            raise SystemExit(f"error: {what}: {wanted} should refuse it, and {refused_by or 'nobody'} did")
    shutil.rmtree(work / "broken")
    print(f"{'broken on purpose':18} {len(BROKEN):4} trees, each refused by its judge{'':5} {time.monotonic() - began:6.1f} s")


if __name__ == "__main__":
    is_broken = sys.argv[1] == "--broken"
    WORK, CACHE = (Path(word) for word in sys.argv[-2:])
    try:
        (break_all if is_broken else judge_all)(WORK)
    except Refused as refused:
        raise SystemExit(f"error: {refused}") from None
