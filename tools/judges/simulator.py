"""The simulator of the scripts' tests answers as the real programs do."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from .common import REPOSITORY, documents, run, want

PROGRAM = REPOSITORY / "target/debug/examples/simulator"
RECORDED = "tests/simulator/recorded"
# A remote states a trust domain of its mesh in a ConfigMap.
SPECS = {
    "minimal": {"profile": "minimal"},
    "default": {"profile": "default"},
    "demo": {"profile": "demo"},
    "remote": {"profile": "remote", "values": {"global": {"remotePilotAddress": "192.0.2.1"}}},
    "remote-config": {"profile": "remote", "values": {"global": {"remotePilotAddress": "192.0.2.1"}, "pilot": {"configMap": True}}},
    "cni": {"profile": "empty", "components": {"cni": {"enabled": True, "namespace": "plugin-namespace"}}},
    "gateway": {"profile": "empty", "components": {"ingressGateways": [{"name": "gateway-name", "enabled": True}]}},
}


def said(mesh):
    """What `kubectl apply -k` would apply: as the simulator and as kustomize build it."""
    count = 0
    with tempfile.TemporaryDirectory() as place:
        kubectl = Path(place) / "kubectl"
        kubectl.symlink_to(PROGRAM)
        for directory in mesh.directories():
            install = mesh.install(mesh.clusters[directory.parent.name])
            is_read = directory.name[:2] == "40" and install != "istioctl" or directory.name[:2] == "30" and install == "sail"
            if directory.name[:2] not in ("10", "20", "50", "55", "60") and not is_read:
                continue
            done = subprocess.run([kubectl, "kustomize", directory], env=os.environ | {"SIMULATOR": place}, capture_output=True, text=True)
            want(done.returncode == 0, f"{directory}: {done.stderr}")
            simulated = list(map(json.loads, done.stdout.splitlines()))
            real = documents(run("kustomize", "build", directory))
            want(in_order(simulated) == in_order(real), f"{directory}: the simulator builds something else than kustomize")
            count += 1
    return count


def in_order(objects):
    for document in objects:
        if document["kind"] == "Secret":
            # kustomize breaks the lines of Base64.
            data = document.get("data", {})
            document["data"] = {name: "".join(value.split()) for name, value in data.items()}
    return sorted(json.dumps(document, sort_keys=True) for document in objects)


def recorded(root):
    """The names of what istioctl installs stand in files, which are written anew if RECORD is set."""
    count = 0
    for name, spec in SPECS.items():
        file = root / RECORDED / f"{name}.txt"
        rendered = {revision: names(spec, revision) for revision in ("", "-blue")}
        text = "".join(f"{line}\n" for line in rendered["-blue"]).replace("-blue", "{revision}").replace("gateway-name", "{name}").replace("plugin-namespace", "{namespace}")
        if os.environ.get("RECORD"):
            file.write_text(text)
        want(file.read_text() == text, f"{file}: istioctl installs something else:\n{text}")
        for revision, lines in rendered.items():
            stated = text.replace("{revision}", revision).replace("{name}", "gateway-name").replace("{namespace}", "plugin-namespace").splitlines()
            want(sorted(stated) == lines, f"{file}: with the revision {revision!r} istioctl installs something else")
        count += len(rendered[""])
    return count


def names(spec, revision):
    operator = {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "spec": spec | {"revision": revision.lstrip("-")},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(operator, file)
        file.flush()
        objects = documents(run("istioctl", "manifest", "generate", "-f", file.name))
    return sorted(f"{document['kind']} {document['metadata'].get('namespace', '-')} {document['metadata']['name']}" for document in objects)
