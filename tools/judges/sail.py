"""The resources of the Sail operator, and what its schema has: it refuses every other field."""

from .common import documents, want

# What `spec.values` has (istio-ecosystem/sail-operator 1.30.3, chart/crds/sailoperator.io_istios.yaml, sailoperator.io_istiocnis.yaml).
VALUES = {
    "Istio": {
        "base", "compatibilityVersion", "defaultRevision", "experimental", "gatewayClasses", "global", "istiodRemote", "meshConfig", "pilot",
        "profile", "revision", "sidecarInjectorWebhook", "telemetry",
    },
    "IstioCNI": {"cni", "global"},
}
SPEC = {"Istio": {"namespace", "profile", "updateStrategy", "values", "version"}, "IstioCNI": {"namespace", "profile", "values", "version"}}
PROFILES = {"ambient", "default", "demo", "empty", "external", "openshift", "openshift-ambient", "preview", "remote", "stable"}
# The newest patch of each release (pkg/istioversion/versions.yaml).
PATCHES = {"1.28": 10, "1.29": 6, "1.30": 3}
# The values for `global` of Istio's CNI plugin.
GLOBAL_OF_CNI = {"defaultResources", "hub", "imagePullPolicy", "imagePullSecrets", "logAsJson", "logging", "nativeNftables", "platform", "tag", "variant"}
# Profiles that the charts do not know: what they say is said by values.
NOT_OF_THE_CHARTS = {"default", "openshift"}


def resources(mesh):
    """Every resource of the tree, as the schema has it."""
    count = 0
    for cluster in mesh.clusters.values():
        for kind in SPEC:
            found = spec(mesh.tree / cluster["name"] / "30-istio", kind)
            if found is not None:
                check(kind, found, f"{mesh.tree}/{cluster['name']}: {kind}: ")
                count += 1
    return count


def check(kind, found, said):
    want(found.keys() <= SPEC[kind], said + f"unknown fields {sorted(found.keys() - SPEC[kind])}")
    want(found.get("profile", "default") in PROFILES, said + f"there is no profile {found.get('profile')}")
    line, _, patch = found["version"].removeprefix("v").rpartition(".")
    want(found["version"].startswith("v") and int(patch) <= PATCHES.get(line, -1), said + f"there is no version {found['version']}")
    values = found.get("values", {})
    want(values.keys() <= VALUES[kind], said + f"unknown values {sorted(values.keys() - VALUES[kind])}")
    if kind == "Istio":
        want(found["updateStrategy"] == {"type": "InPlace"}, said + "it is not upgraded in place")
        want(all(isinstance(value, str) for value in values.get("pilot", {}).get("env", {}).values()), said + "a variable is no text")
    else:
        unknown = values.get("global", {}).keys() - GLOBAL_OF_CNI
        want(not unknown, said + f"unknown values of global {sorted(unknown)}")


def spec(place, kind):
    """What a resource says, with its patch; none if there is no such resource."""
    files = [place / name for name in ("istio.yaml", "mesh-config.yaml", "cni.yaml")]
    stated = [document for file in files if file.exists() for document in documents(file.read_text())]
    stated = [document for document in stated if document["apiVersion"] == "sailoperator.io/v1" and document["kind"] == kind]
    if not stated:
        return None
    for document in stated:
        want(document["metadata"]["name"] == "default" and "namespace" not in document["metadata"], f"{place}: {kind} is called otherwise")
    found, *patches = stated
    for patch in patches:
        want(list(patch["spec"]) == ["values"] and list(patch["spec"]["values"]) == ["meshConfig"], f"{place}: the patch says more than the mesh config")
        found["spec"]["values"] = found["spec"]["values"] | patch["spec"]["values"]
    return found["spec"]


def values(found):
    """The values that the operator gives the charts."""
    profile = found.get("profile", "default")
    told = {} if profile in NOT_OF_THE_CHARTS else {"profile": profile}
    return told | found.get("values", {})
