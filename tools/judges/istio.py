"""istioctl: what it accepts, and what it would install."""

import collections
import json
import os
import re
from decimal import Decimal
import threading

import yaml

from . import helm
from .common import LOADER, documents, identity, run, want
from .mesh import overridden


def has_own_istioctl(mesh):
    """Whether somebody has put the istioctl of the mesh's own release somewhere (`tools/e2e/istio-1.11`)."""
    return mesh.minor == 11 and bool(os.environ.get("MESHGEN_LAB"))


def istioctl_of(mesh):
    return os.environ["MESHGEN_LAB"] + "/bin/istioctl" if has_own_istioctl(mesh) else "istioctl"


def istioctl_validate(mesh):
    files = mesh.manifests("30", "40", "45", "50", "55")
    if files:
        run(istioctl_of(mesh), "validate", *[word for file in files for word in ("-f", file)])
    return len(files)


# What istioctl said of the same files before: they come up again with other versions, and in trees that are broken elsewhere.
said_before = {}
asking = collections.defaultdict(threading.Lock)


def once(key, ask):
    with asking[key]:
        if key not in said_before:
            said_before[key] = ask()
        return said_before[key]


def rendered(mesh, cluster, directory, *files):
    """What istioctl would install: as text and as objects."""
    if not mesh.is_by_istioctl(cluster):
        return rendered_by_helm(mesh, cluster, directory)
    paths = [path for path in (mesh.tree / cluster["name"] / directory / file for file in files) if path.exists()]

    charts, program = helm.own_charts(mesh), istioctl_of(mesh)

    def render():
        words = ["--manifests", charts] if charts else []
        text = run(program, "manifest", "generate", *words, *[word for path in paths for word in ("-f", path)]) if paths else ""
        return text, documents(text)

    return once((program, charts, *(path.read_text() for path in paths)), render)


def rendered_by_helm(mesh, cluster, directory):
    """The same of what Helm or the Sail operator would install, and of the plain objects of the east-west gateway."""
    files = sorted((mesh.tree / cluster["name"] / directory).glob("*.yaml"))

    def render():
        if directory == "30-istio":
            text = helm.control_plane(mesh, cluster)
        else:
            text = "".join(file.read_text() for file in files if file.name != "kustomization.yaml")
        return text, documents(text)

    return once((helm.own_charts(mesh), str(mesh.revision(cluster)), directory, *(path.read_text() for path in files)), render)


def analyse(text):
    once(text, lambda: run("istioctl", "analyze", "--use-kube=false", "-A", "-", stdin=text))


def find(objects, kind, name):
    return next((document for document in objects if document["kind"] == kind and document["metadata"]["name"] == name), None)


def istioctl_renders(mesh):
    count = 0
    for cluster in mesh.clusters.values():
        istio_text, istio = rendered(mesh, cluster, "30-istio", "istio.yaml", "mesh-config.yaml")
        gateway_text, gateway = rendered(mesh, cluster, "40-eastwest-gateway", "eastwest-gateway.yaml")
        egress_text, egress = rendered(mesh, cluster, "45-egress-gateway", "egress-gateway.yaml")
        said = f"{mesh.tree}/{cluster['name']}: "
        if mesh.waits(cluster):
            want(not istio and not gateway and not egress, said + "it waits, and something is rendered")
            continue
        if mesh.is_thin and not mesh.is_primary(cluster):
            check_remote(mesh, cluster, istio, said)
        else:
            check_primary(mesh, cluster, istio, said)
        want(bool(gateway) == ("eastWestGateway" in cluster), said + "a gateway is rendered where none is wanted, or none where one is")
        if gateway:
            check_gateway(mesh, cluster, gateway, said)
        # Helm installs it as it does in a primary, and the Sail operator not at all.
        is_apart = mesh.is_thin and not mesh.is_primary(cluster) and mesh.is_by_istioctl(cluster)
        has_egress = is_apart and mesh.topology["istio"].get("egressGateway") is True
        deployment = find(egress, "Deployment", "istio-egressgateway")
        want(bool(deployment) == bool(egress) == has_egress, said + "an egress gateway is rendered where none is wanted, or none where one is")
        if egress:
            check_injected(deployment, said)
        others = [file for file in mesh.manifests("10", "50", "55", "60") if file.parts[-3] == cluster["name"]]
        # That of 1.11 knows pods and no Deployments, and later ones find fault with the charts of 1.11.
        if not has_own_istioctl(mesh):
            analyse("---\n".join([*(file.read_text() for file in others), istio_text, gateway_text, egress_text]))
        count += len(istio) + len(gateway) + len(egress)
    return count


def check_injected(deployment, said):
    """The control plane of the primary injects the pods."""
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    want(annotations.get("inject.istio.io/templates") == "gateway", said + "the egress gateway is not injected")


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
    networks = yaml.load(find(objects, "ConfigMap", f"istio{suffix}")["data"]["meshNetworks"], LOADER)["networks"]
    # Before 1.24 a remote's own istiod injects sidecars, and its primary sends them endpoints.
    want(networks == (told_networks(mesh) if mesh.is_primary(cluster) else {}), said + f"istiod is told the networks {networks}")
    config = yaml.load(find(objects, "ConfigMap", f"istio{suffix}")["data"]["mesh"], LOADER)
    trust_domain = mesh.topology["mesh"].get("trustDomain", "cluster.local")
    want(config["trustDomain"] == trust_domain, said + f"trustDomain is {config['trustDomain']}")
    if mesh.is_traced():
        check_tracing(mesh, cluster, config, said)


def told_networks(mesh):
    told = {}
    for cluster in mesh.clusters.values():
        gateway = cluster.get("eastWestGateway", {})
        if gateway.get("discovery") == "static" and mesh.address(cluster):
            network = told.setdefault(cluster["network"], {"endpoints": [], "gateways": []})
            network["gateways"].append({"address": mesh.address(cluster), "port": gateway.get("port", 15443)})
    for name, network in told.items():
        network["endpoints"] = [{"fromRegistry": cluster["name"]} for cluster in mesh.clusters.values() if cluster["network"] == name]
    return told


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
        parts = [part for document in slices for part in document.get("endpoints", document.get("subsets", []))]
        found = [word["ip"] if isinstance(word, dict) else word for part in parts for word in part["addresses"]]
        want(set(found) == {address}, said + f"istiod is dialled at {found}, not at {address}")
    else:
        want(service["spec"].get("externalName") == address, said + f"istiod is dialled at {service['spec'].get('externalName')}")
    # From 1.29 on the primary reads the trust domain of a remote there, and takes cluster.local where it finds none.
    trust_domain = mesh.topology["mesh"].get("trustDomain", "cluster.local")
    config = find(objects, "ConfigMap", "istio" + (f"-{revision}" if revision else ""))
    read = yaml.load(config["data"]["mesh"], LOADER)["trustDomain"] if config else "cluster.local"
    want(mesh.minor < 29 or read == trust_domain, said + f"its primary reads the trust domain {read}, not {trust_domain}")
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
    node_ports = stated.get("nodePorts", {})
    wanted = {name: (port, port, node_ports.get(name)) for name, port in (("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017))}
    is_static = stated.get("discovery") == "static"
    if not is_static:
        wanted["tls"] = (stated.get("port", 15443), 15443, node_ports.get("tls"))
    labels = service["metadata"]["labels"]
    want(labels.get("topology.istio.io/network") == (None if is_static else cluster["network"]), said + "the Service has another network label")
    number = labels.get("networking.istio.io/gatewayPort", "15443")
    want(number == ("15443" if is_static else str(stated.get("port", 15443))), said + f"the Service's label names the port {number}")
    want(spec["selector"] == deployment["spec"]["selector"]["matchLabels"], said + "the Service selects other pods than the Deployment")
    zipkin = mesh.zipkin
    is_reported_to = zipkin and zipkin["cluster"] == cluster["name"] and zipkin.get("via", "gateway") == "gateway"
    if is_reported_to and (mesh.address(cluster) or len(mesh.clusters) > 1):
        deciding = [other for other in mesh.clusters.values() if not mesh.is_thin or mesh.is_primary(other)]
        if not all(overridden(other) for other in deciding):
            number = zipkin.get("gatewayPort", 15018)
            wanted["tcp-zipkin"] = (number, number, zipkin.get("nodePort"))
    want(ports == wanted, said + f"the ports are {ports}, not {wanted}")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    want(labels.get("topology.istio.io/network") == cluster["network"], said + "the gateway's pods have another network")
    variables = {entry["name"]: entry.get("value") for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    want(variables.get("ISTIO_META_REQUESTED_NETWORK_VIEW") == cluster["network"], said + "the gateway has another network view")
    for field in ("loadBalancerClass", "externalTrafficPolicy"):
        want(spec.get(field) == stated.get(field), said + f"{field} is {spec.get(field)}")
    check_pods(mesh, stated, objects, deployment["spec"]["template"]["spec"], said)


def check_pods(mesh, stated, objects, pod, said):
    autoscaler = find(objects, "HorizontalPodAutoscaler", "istio-eastwestgateway")["spec"]
    replicas = stated.get("replicas", {})
    limits = (autoscaler["minReplicas"], autoscaler["maxReplicas"])
    want(limits == (replicas.get("min", 1), replicas.get("max", 5)), said + f"there are {limits} pods")
    budget = find(objects, "PodDisruptionBudget", "istio-eastwestgateway")
    # The charts of 1.11 make one of a single pod too.
    want(bool(budget) == (limits[0] > 1 or has_own_istioctl(mesh)), said + "a PodDisruptionBudget of one pod, or none of several")
    wanted = stated.get("pod", {})
    for field in ("nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName"):
        want(field not in wanted or pod.get(field) == wanted[field], said + f"{field} is {pod.get(field)}")
    for kind, rule in wanted.get("affinity", {}).items():
        found = {name: part for name, part in pod["affinity"][kind].items() if part}
        want(found == rule, said + f"{kind} is {found}")
    # What is not stated is as in the chart.
    chart = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2000m", "memory": "1024Mi"}}
    resources = {kind: chart[kind] | {name: str(amount) for name, amount in wanted.get("resources", {}).get(kind, {}).items()} for kind in chart}
    # Kubernetes writes quantities in a form of its own.
    found = pod["containers"][0]["resources"]
    want({kind: set(found[kind]) for kind in found} == {kind: set(resources[kind]) for kind in resources}, said + f"the resources are {found}")
    for kind, name, amount in ((kind, name, amount) for kind in resources for name, amount in resources[kind].items()):
        want(quantity(found[kind][name]) == quantity(amount), said + f"{kind} of {name} are {found[kind][name]}, not {amount}")


UNITS = {"": 1, "m": Decimal("1e-3"), "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)([a-zA-Z]*)", str(text)).groups()
    return Decimal(number) * UNITS[unit]
