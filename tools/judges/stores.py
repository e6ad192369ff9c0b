"""The External Secrets Operator: objects as its definitions want them, and remote secrets as real Go templates make them."""

import base64
import json
import tempfile
from pathlib import Path

from .common import CACHE, REPOSITORY, documents, identity, run, want

# What is in the store for a cluster.
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-_"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def objects(mesh):
    if mesh.topology.get("remoteAccess") != "externalSecrets":
        return 0
    stated = [document for file in mesh.manifests("70", "80") for document in documents(file.read_text())]
    ours = [document for document in stated if document["kind"] != "Secret"]
    said = json.loads(run(CACHE / "bin/node", REPOSITORY / "tools/node/stores.mjs", CACHE / "node", stdin=json.dumps(ours)))
    for document, faults in zip(ours, said, strict=True):
        want(not faults, f"{identity(document)}: {'; '.join(faults)}")
    for document in ours:
        if document["kind"] == "ExternalSecret":
            remote_secret(mesh, document)
    return len(stated)


def remote_secret(mesh, document):
    """The kubeconfig that Helm, which has the same engine and the same functions, makes of a template."""
    template = document["spec"]["target"]["template"]
    ((name, text),) = template["data"].items()
    want(document["metadata"]["name"] == document["spec"]["target"]["name"] == f"istio-remote-secret-{name}", f"another name than that of {name}")
    want(template["metadata"]["labels"].get("istio/multiCluster") == "true", "istiod does not know it for a remote secret")
    for data in document["spec"]["data"]:
        want(data["remoteRef"]["key"] == f"{mesh.topology['mesh']['id']}/{name}/istio-reader", f"{name}: another place in the store")
    got = {data["secretKey"] for data in document["spec"]["data"]}
    values = {key: value for key, value in (("token", TOKEN), ("ca", AUTHORITY)) if key in got}
    want(rendered(text, values) == kubeconfig(mesh, mesh.clusters[name]), f"{name}: another kubeconfig than that of remote-secrets.sh")
    # A token that says more than a token is none.
    for more in ("a\n    exec: {command: sh}", 'a"', "a b", "a{b"):
        user = rendered(text, {**values, "token": more})["users"][0]["user"]
        want(user == {"token": None}, f"{name}: a token becomes {user}")


def rendered(text, values):
    with tempfile.TemporaryDirectory() as work:
        chart = Path(work)
        (chart / "templates").mkdir()
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: template\nversion: 0.0.0\n")
        (chart / "values.yaml").write_text(json.dumps(values))
        (chart / "templates/kubeconfig.yaml").write_text("{{ with .Values }}" + text + "{{ end }}")
        (document,) = documents(run("helm", "template", "template", chart))
        return document


def kubeconfig(mesh, cluster):
    """What remote-secrets.sh applies, as its topology says it."""
    name = cluster["name"]
    authority = AUTHORITY
    if "apiServerCA" in cluster:
        authority = (mesh.path.parent / cluster["apiServerCA"]).read_text()
    way = {"certificate-authority-data": base64.b64encode(authority.encode()).decode(), "server": cluster["apiServer"]}
    if "proxyURL" in cluster:
        way["proxy-url"] = cluster["proxyURL"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": way}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "users": [{"name": name, "user": {"token": TOKEN}}],
    }
