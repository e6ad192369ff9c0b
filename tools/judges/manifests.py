"""kustomize, kubectl-validate and kubeconform: what becomes objects of Kubernetes."""

import base64
import json

from . import controllers
from .common import CACHE, PEM, documents, identity, run, want


def kustomize(mesh):
    count = 0
    for directory in mesh.directories():
        file = directory / "kustomization.yaml"
        if not file.exists():
            want(mesh.is_thin and directory.name[:2] in ("30", "40", "45"), f"{directory} is no kustomization")
            continue
        built = documents(run("kustomize", "build", directory))
        files = [path for path in directory.glob("*.yaml") if path != file and not path.name.endswith("values.yaml") and path.name != "kustomizeconfig.yaml"]
        stated = [document for path in files for document in documents(path.read_text())]
        if any(path.name == "helmreleases.yaml" for path in files):
            built = controllers.values(directory, built)
        patch = [document for document in stated if is_patch(document)]
        if directory.name == "20-cacerts" and mesh.form == "files":
            want([identity(document) for document in built] == [("Secret", "istio-system", "cacerts")], f"{directory}: not the Secret cacerts alone")
            want(sorted(built[0]["data"]) == sorted(PEM), f"{directory}: other keys than istiod reads")
            for pem in PEM:
                want(base64.b64decode(built[0]["data"][pem]) == (directory / pem).read_bytes(), f"{directory}: {pem} is not the file")
        else:
            wanted = sorted(map(str, map(identity, [document for document in stated if document not in patch])))
            want(sorted(map(str, map(identity, built))) == wanted, f"{directory}: other objects than its files state")
            for document in built:
                config = mesh_config(document)
                is_meant = bool(patch) and identity(document) == identity(patch[0])
                # What a remote of the Sail operator says stands in its own file.
                is_own = document in stated
                want((config is not None) == is_meant or is_own, f"{directory}: the mesh config is merged into {identity(document)}")
                if is_meant:
                    want(config == mesh_config(patch[0]), f"{directory}: another mesh config")
        count += 1
    return count


def mesh_config(document):
    """The mesh config of an IstioOperator, or of a resource of the Sail operator."""
    spec = document.get("spec", {})
    return {"IstioOperator": spec, "Istio": spec.get("values", {})}.get(document["kind"], {}).get("meshConfig")


def is_patch(document):
    """Whether a document says no more than a mesh config."""
    if document["kind"] == "IstioOperator":
        return list(document["spec"]) == ["meshConfig"]
    return document["kind"] == "Istio" and list(document["spec"]) == ["values"] and list(document["spec"]["values"]) == ["meshConfig"]


def kubectl_validate(mesh):
    files = mesh.manifests("10", "50", "55", "60") + mesh.gateway_objects()
    minor = min(max(mesh.kubernetes(next(iter(mesh.clusters.values()))), 23), 30)
    # Of the releases between, no CustomResourceDefinitions are served (tools/install).
    line = 11 if mesh.minor == 11 else 25 if mesh.minor < 28 else 30
    crds = CACHE / f"crds-1.{line}"
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
