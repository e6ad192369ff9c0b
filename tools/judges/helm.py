"""Helm, the Sail operator and Istio's own charts: the same objects as istioctl makes of the same topology."""

import copy
import json
import os
import subprocess
import tempfile
from pathlib import Path

import yaml

from .build import authority
from .common import CACHE, MESHGEN, documents, identity, run, want
from . import sail
from .mesh import Mesh

# Where the charts are in Istio's source; tools/install has copied them.
CHARTS = {"base": "base", "cni": "istio-cni", "istiod": "istio-control/istio-discovery", "gateway": "gateway"}
# The releases of Istio whose charts meshgen installs.
FIRST_MINOR = 28
# What names the installer: nobody selects by it.
INSTALLER = ("app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of", "helm.sh/chart", "heritage", "chart", "release")
# An object of the charts for external tools and people: "modifying these values has no effect".
FOR_PEOPLE = "ConfigMap istio-system values"
# What istiod injects, with the values that the templates may read.
INJECTOR = "ConfigMap istio-system istio-sidecar-injector"
ISTIOD = "Deployment istio-system istiod"
# Helm's alone: istioctl makes it when it installs, and does not render it.
VALIDATOR = "ValidatingWebhookConfiguration - istiod-default-validator"
# Labels that say of which component an object is.
NOT_OF_THE_CHART = (".metadata.labels.app.kubernetes.io/name", ".metadata.labels.app.kubernetes.io/version", ".metadata.labels.install.operator.istio.io", ".metadata.labels.istio.io/", ".metadata.labels.operator.istio.io/")
GATEWAYS = {"ingress": "istio-ingressgateway", "egress": "istio-egressgateway"}


def own_charts(mesh):
    """The charts of the mesh's own release of Istio, where somebody has put them, in place of those that istioctl has inside."""
    found = sorted(Path(os.environ.get("MESHGEN_CHARTS", os.devnull)).glob(f"1.{mesh.minor}.*/manifests"))
    return found[-1] if found and mesh.is_thin else None


def template(mesh, release, chart, namespace, *files):
    """What Helm makes of values, as text."""
    files = [file for file in files if file.exists()]
    if not files:
        return ""
    own = own_charts(mesh)
    path = own / "charts" / CHARTS[chart] if own else CACHE / "charts" / Path(CHARTS[chart]).name
    return run("helm", "template", release, path, "-n", namespace, *[word for file in files for word in ("-f", file)])


def control_plane(mesh, cluster):
    """What Helm makes of 30-istio, as text."""
    place = mesh.tree / cluster["name"] / "30-istio"
    if mesh.install(cluster) == "sail":
        return by_operator(mesh, place)
    revision = mesh.revision(cluster)
    istiod = "istiod" + (f"-{revision}" if revision else "")
    platform = (yaml.safe_load((place / "istiod.values.yaml").read_text()) or {}).get("global", {}).get("platform") if place.exists() else None
    return "---\n".join(
        text
        for text in (
            template(mesh, "istio-base", "base", "istio-system", place / "base.values.yaml"),
            template(mesh, "istio-cni", "cni", "kube-system" if platform == "openshift" else "istio-system", place / "cni.values.yaml"),
            template(mesh, istiod, "istiod", "istio-system", place / "istiod.values.yaml", place / "mesh-config.values.yaml"),
        )
        if text
    )


def by_operator(mesh, place):
    """What the Sail operator makes of its resources with the same charts, as text."""
    charts = (("istio-base", "base", "Istio"), ("istio-cni", "cni", "IstioCNI"), ("istiod", "istiod", "Istio"))
    texts = []
    with tempfile.TemporaryDirectory() as values:
        for release, chart, kind in charts:
            spec = sail.spec(place, kind)
            if spec is not None:
                file = Path(values) / f"{chart}.yaml"
                file.write_text(json.dumps(sail.values(spec)))
                texts.append(template(mesh, release, chart, spec["namespace"], file))
    return "---\n".join(text for text in texts if text)


def gateways(mesh, cluster):
    """What Helm makes of 45-gateways, as text."""
    place = mesh.tree / cluster["name"] / "45-gateways"
    texts = [template(mesh, release, "gateway", "istio-system", place / f"{name}.values.yaml") for name, release in GATEWAYS.items()]
    return "---\n".join(text for text in texts if text)


def same_as_istioctl(mesh):
    """How many objects are the same, whichever installs them: the tree against one of the same topology with the other installer."""
    if mesh.minor < FIRST_MINOR or mesh.istio.get("profile", "default") not in ("default", "demo"):
        return 0
    with tempfile.TemporaryDirectory() as place:
        built = []
        for install in ("helm", "istioctl", "sail"):
            is_this = all(mesh.install(cluster) == install for cluster in mesh.clusters.values())
            built.append(mesh if is_this else built_with(mesh, install, Path(place)))
        by_helm, by_istioctl, by_sail = built
        count = 0
        if by_helm and by_istioctl:
            count += sum(compare(by_helm, by_istioctl, cluster) for cluster in mesh.clusters.values())
        if by_helm and by_sail:
            count += sum(compare_resources(by_sail, by_helm, cluster) for cluster in mesh.clusters.values())
        return count


def compare_resources(by_sail, by_helm, cluster):
    """The Sail operator makes what Helm makes of the values of the same topology."""
    said = f"{by_sail.path} {cluster['name']}, by the Sail operator: "
    found, wanted = (named(documents(control_plane(mesh, cluster))) for mesh in (by_sail, by_helm))
    for objects in (found, wanted):
        objects.pop(FOR_PEOPLE, None)
        # The operator alone needs to be told this. The chart makes the same variable of `global.externalIstiod`, in another place of the
        # list, and no template of what istiod injects reads it.
        if INJECTOR in objects:
            values = json.loads(objects[INJECTOR]["data"]["values"])
            values.get("pilot", {}).get("env", {}).pop("EXTERNAL_ISTIOD", None)
            objects[INJECTOR]["data"]["values"] = json.dumps(values, sort_keys=True)
        if ISTIOD in objects:
            objects[ISTIOD]["spec"]["template"]["spec"]["containers"][0]["env"].sort(key=lambda variable: variable["name"])
    return equal(found, wanted, said, "the Sail operator", "Helm")


def built_with(mesh, install, place):
    """The same mesh with another installer in all clusters; None if meshgen refuses it."""
    topology = copy.deepcopy(mesh.topology)
    topology["istio"]["install"] = install
    if install != "helm":
        topology["istio"].pop("charts", None)
    if install == "istioctl":
        # No controller applies files for istioctl.
        topology.pop("gitops", None)
    # Keys and credentials are no matter of charts, nor are the files that they come from.
    topology.pop("secrets", None)
    if "gitops" in topology:
        topology["mesh"].setdefault("allow", []).append({"rule": "unencrypted-secret", "reason": "keys are no matter of charts"})
    topology.pop("remoteAccess", None)
    topology.get("certificates", {}).pop("rootCertificates", None)
    for cluster in topology["clusters"]:
        cluster.pop("secrets", None)
        cluster.pop("apiServerCA", None)
        if "gitops" not in topology:
            cluster.pop("gitops", None)
        cluster.get("istio", {}).pop("install", None)
        if not cluster.get("istio", True):
            del cluster["istio"]
    path = place / f"{install}.yaml"
    # PyYAML leaves quotes out where YAML 1.2 needs them.
    path.write_text(json.dumps(topology, default=str))
    done = subprocess.run([MESHGEN, "build", path, "-o", place / install, *authority(mesh), "--no-git"], capture_output=True, text=True)
    if done.returncode != 0:
        # Another judge asks meshgen about the topology as it stands.
        if subprocess.run([MESHGEN, "check", mesh.path], capture_output=True).returncode != 0:
            return None
        # Charts and operator have no values for gateways of istioctl; the operator has neither revisions nor all versions.
        known = ("install-values", "install-version", "sail-revision")
        want(any(rule in done.stderr for rule in known) and "panicked" not in done.stderr, f"{mesh.path} does not build with {install}: {done.stderr[-1500:]}")
        return None
    return Mesh(mesh.name, path, place / install)


def compare(by_helm, by_istioctl, cluster):
    place = by_istioctl.tree / cluster["name"]
    said = f"{by_helm.path} {cluster['name']}: "

    own = own_charts(by_helm)

    def generated(*files):
        words = ["--manifests", own] if own else []
        words += [word for file in files if file.exists() for word in ("-f", file)]
        return documents(run("istioctl", "manifest", "generate", *words)) if "-f" in words else []

    wanted = named(generated(place / "30-istio/istio.yaml", place / "30-istio/mesh-config.yaml"))
    found = named(documents(control_plane(by_helm, cluster)))
    of_profile = {name: wanted.pop(name) for name in list(wanted) if is_of_profile(name)}
    # That of a remote is installed for itself.
    of_profile |= named(generated(place / "45-egress-gateway/egress-gateway.yaml"))
    revision = by_helm.revision(cluster)
    ignored = FOR_PEOPLE + (f"-{revision}" if revision else "")
    if found:
        want(found.pop(VALIDATOR, None), said + f"no {VALIDATOR}")
    want(bool(found.pop(ignored, None)) == bool(wanted.pop(ignored, None)), said + f"{ignored} is of one alone")
    count = equal(found, wanted, said)
    count += equal_gateways(named(documents(gateways(by_helm, cluster))), of_profile, said)
    eastwest = named(generated(place / "40-eastwest-gateway/eastwest-gateway.yaml"))
    objects = by_helm.tree / cluster["name"] / "40-eastwest-gateway/eastwest-gateway.yaml"
    plain = named(documents(objects.read_text())) if objects.exists() else {}
    return count + equal_plain(plain, eastwest, said)


def is_of_profile(name):
    return any(name.split(" ")[2].startswith(gateway) for gateway in GATEWAYS.values())


def named(objects):
    named = {}
    for document in objects:
        kind, namespace, name = identity(document)
        named[f"{kind} {namespace or '-'} {name}"] = document
    return named


def plain_labels(document):
    """The object without the labels that name its installer, of its pods too."""
    for holder in (document["metadata"], document.get("spec", {}).get("template", {}).get("metadata", {}) if isinstance(document.get("spec"), dict) else {}):
        if "labels" in holder:
            holder["labels"] = {name: value for name, value in (holder["labels"] or {}).items() if name not in INSTALLER}
    return document


def differences(found, wanted, path=""):
    """The paths of what differs; nothing is the same as an empty list or mapping."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [line for name in sorted(found.keys() | wanted.keys()) for line in differences(found.get(name), wanted.get(name), f"{path}.{name}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [line for index, pair in enumerate(zip(found, wanted)) for line in differences(*pair, f"{path}[{index}]")]
    # istioctl's charts do not quote these, and random ones are called `no`.
    if path.startswith(".imagePullSecrets") and isinstance(wanted, bool):
        return []
    # The API server says TCP where nobody does.
    if path.endswith(".protocol"):
        found, wanted = found or "TCP", wanted or "TCP"
    return [] if found == wanted or not found and not wanted else [f"{path}: {json.dumps(found)[:300]} is not {json.dumps(wanted)[:300]}"]


def equal(found, wanted, said, finder="Helm", wanter="istioctl"):
    """The control plane: all of it."""
    want(found.keys() == wanted.keys(), said + f"{finder} alone makes {sorted(found.keys() - wanted.keys())}, {wanter} alone {sorted(wanted.keys() - found.keys())}")
    for name, document in wanted.items():
        lines = differences(plain_labels(found[name]), plain_labels(document))
        want(not lines, said + f"{name} differs: " + "; ".join(lines[:10]))
    return len(wanted)


def equal_gateways(found, wanted, said):
    """The gateways of the profile: the same Services, accounts and selectors. Their pods are injected instead of complete, and the
    chart's Roles are called like the accounts."""
    count = 0
    for gateway in GATEWAYS.values():
        for kind, name in (("Service", gateway), ("ServiceAccount", f"{gateway}-service-account"), ("HorizontalPodAutoscaler", gateway)):
            name = f"{kind} istio-system {name}"
            want((name in found) == (name in wanted), said + f"{name} is of one alone")
            if name in found:
                if kind == "ServiceAccount":
                    # The chart names them in the pods.
                    pods = found[f"Deployment istio-system {gateway}"]["spec"]["template"]["spec"]
                    found[name]["imagePullSecrets"] = pods.get("imagePullSecrets")
                lines = differences(plain_labels(found[name]), plain_labels(wanted[name]))
                lines = [line for line in lines if not line.startswith(NOT_OF_THE_CHART)]
                want(not lines, said + f"{name} differs: " + "; ".join(lines[:10]))
                count += 1
        name = f"Deployment istio-system {gateway}"
        if name in found:
            want(found[name]["spec"]["selector"] == wanted[name]["spec"]["selector"], said + f"{name} selects other pods")
            count += 1
    return count


def equal_plain(found, wanted, said):
    """The east-west gateway: the same objects, and pods of which nothing is said that istioctl does not say too."""
    want(found.keys() == wanted.keys(), said + f"kubectl alone makes {sorted(found.keys() - wanted.keys())}, istioctl alone {sorted(wanted.keys() - found.keys())}")
    for name, document in wanted.items():
        ours = found[name]
        if document["kind"] == "Deployment":
            template = ours["spec"].pop("template")
            # Under a controller no script restarts the pods: this does, when what they start with changes.
            for holder in (ours, template):
                holder["metadata"].get("annotations", {}).pop("meshgen/proxies-started-with", None)
            lines = unsaid(template, document["spec"].pop("template"))
            want(not lines, said + f"{name}: pods would restart where istioctl installed it: " + "; ".join(lines[:10]))
        lines = differences(plain_labels(ours), plain_labels(document))
        lines = [line for line in lines if not line.startswith(NOT_OF_THE_CHART)]
        want(not lines, said + f"{name} differs: " + "; ".join(lines[:10]))
    return len(wanted)


def unsaid(ours, theirs, path=""):
    """What we say and istioctl does not: applied over it, that would change it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [line for name in ours for line in unsaid(ours[name], theirs.get(name), f"{path}.{name}")]
    if isinstance(ours, list) and isinstance(theirs, list) and ours and all(isinstance(item, dict) and ("name" in item or "containerPort" in item) for item in ours):
        key = "containerPort" if "containerPort" in ours[0] else "name"
        by_key = {item.get(key): item for item in theirs}
        return [line for item in ours for line in unsaid(item, by_key.get(item[key]), f"{path}[{item[key]}]")]
    return [] if ours == theirs else [f"{path}: {json.dumps(ours)[:200]} is not {json.dumps(theirs)[:200]}"]
