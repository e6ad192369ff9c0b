"""The judges are judged: what is broken in one way has to be refused by one judge, and by no earlier one."""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import yaml

from .build import build
from .common import LOADER, MESHGEN, REPOSITORY, Refused, run, want
from .mesh import Mesh
from .shrink import fault, shrink, written
from .table import TREE_JUDGES, Judge, is_random, repository_judges

# Trees that are broken in one way: the tree, the file, what is replaced by what, and the judge that refuses it.
OLD, NEW = "3-clusters-2-control-planes-2-networks", "3-clusters-2-control-planes-2-networks-istio-1.30"
HELM = "2-clusters-1-control-plane-2-networks-helm"
SOPS = "2-clusters-2-control-planes-2-networks-flux-sops"
SEALED = "2-clusters-2-control-planes-2-networks-argocd-sealed-secrets"
STORE = "3-clusters-2-control-planes-2-networks-store"
CSR = "2-clusters-2-control-planes-2-networks-istio-csr"
SAIL = "2-clusters-1-control-plane-2-networks-sail-external-secrets"
TOPOLOGY = "the topology"
BROKEN = [
    ("a file that the kustomization lists is gone", OLD, "cluster1/50-exposure/kustomization.yaml", "expose-zipkin.yaml", "expose-jaeger.yaml", "kustomize"),
    ("the Secret gets a suffix", OLD, "cluster1/20-cacerts/kustomization.yaml", "disableNameSuffixHash: true", "disableNameSuffixHash: false", "kustomize"),
    ("the mesh config goes nowhere", OLD, "cluster1/30-istio/kustomization.yaml", "kind: IstioOperator", "kind: Deployment", "kustomize"),
    ("an unknown field of a Gateway", OLD, "cluster1/50-exposure/expose-services.yaml", "selector:", "selektor:", "kubectl-validate"),
    ("a port that is no number", NEW, "cluster1/60-zipkin/zipkin.yaml", "port: 9411\n", "port: zipkin\n", "kubectl-validate"),
    ("an API that Kubernetes 1.21 does not serve", OLD, "cluster1/60-zipkin/zipkin.yaml", "      containers:", "      os: {name: linux}\n      containers:", "kubeconform"),
    ("an unknown field of a Bundle", CSR, "cluster1/20-roots/roots.yaml", "namespaceSelector:", "namespaces:", "Argo CD, Flux"),
    ("an unknown field of a PushSecret", STORE, "cluster1/70-remote-access/push.yaml", "deletionPolicy:", "deletePolicy:", "External Secrets, helm"),
    ("a policy that the operator does not know", STORE, "cluster1/80-remote-secrets/remote-secrets.yaml", "creationPolicy: Owner", "creationPolicy: Owned", "External Secrets, helm"),
    ("a token that may say more", STORE, "cluster1/80-remote-secrets/remote-secrets.yaml", '{{ regexFind "^[A-Za-z0-9._-]+$" .token }}', "{{ .token }}", "External Secrets, helm"),
    ("the API server of another cluster", STORE, "cluster1/80-remote-secrets/remote-secrets.yaml", "https://192.168.20.20:6443", "https://192.168.10.10:6443", "External Secrets, helm"),
    ("the token of another cluster", STORE, "cluster1/80-remote-secrets/remote-secrets.yaml", "key: mesh1/cluster2/istio-reader", "key: mesh1/cluster1/istio-reader", "External Secrets, helm"),
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
    ("another cluster ID for Helm", HELM, "cluster1/30-istio/istiod.values.yaml", "clusterName: cluster1", "clusterName: cluster2", "istioctl generate"),
    ("a value that istioctl is not told", HELM, "cluster1/30-istio/istiod.values.yaml", "  externalIstiod: true", "  externalIstiod: true\n  logAsJson: true", "helm, istioctl"),
    ("a gateway that restarts when kubectl takes it over", HELM, "cluster2/40-eastwest-gateway/eastwest-gateway.yaml", 'prometheus.io/port: "15020"', 'prometheus.io/port: "15021"', "helm, istioctl"),
    ("a port of the profile's gateway that istioctl does not open", HELM, "cluster1/45-gateways/ingress.values.yaml", "targetPort: 8443", "targetPort: 443", "helm, istioctl"),
    ("a value that the chart does not know", HELM, "cluster1/45-gateways/ingress.values.yaml", "serviceAccount:", "serviceAcount:", "helm, istioctl"),
    ("a step of Helm in no context", HELM, "README.md", "--kube-context='cluster1' ", "", "steps and links"),
    ("a ciphertext of another byte", SOPS, "cluster1/20-cacerts/cacerts.sops.yaml", "ca-key.pem: \"ENC[AES256_GCM,data:", "ca-key.pem: \"ENC[AES256_GCM,data:AAAA", "sops, age, kubeseal"),
    ("a recipient less", SOPS, "cluster1/20-cacerts/cacerts.sops.yaml", "    recipient: age1", "    recipient: age2", "sops, age, kubeseal"),
    ("a Secret sealed for another cluster", SEALED, "cluster1/20-cacerts/cacerts.sealed.yaml", None, "cluster2/20-cacerts/cacerts.sealed.yaml", "sops, age, kubeseal"),
    ("a Secret sealed for another name", SEALED, "cluster1/20-cacerts/cacerts.sealed.yaml", "  name: cacerts\n  namespace: istio-system", "  name: cacerts\n  namespace: default", "sops, age, kubeseal"),
    ("a value that the Sail operator refuses", SAIL, "cluster1/30-istio/istio.yaml", "    pilot:", "    gateways: {}\n    pilot:", "Sail operator"),
    ("a version that the Sail operator does not know", SAIL, "cluster2/30-istio/istio.yaml", "version: v1.30.3", "version: v1.30.4", "Sail operator"),
    ("the mesh config of the operator goes nowhere", SAIL, "cluster1/30-istio/kustomization.yaml", "kind: Istio\n", "kind: Deployment\n", "kustomize"),
    ("another cluster ID for the operator", SAIL, "cluster1/30-istio/istio.yaml", "clusterName: cluster1", "clusterName: cluster2", "istioctl generate"),
    ("a value that Helm is not told", SAIL, "cluster1/30-istio/istio.yaml", "      externalIstiod: true", "      externalIstiod: true\n      logAsJson: true", "helm, istioctl"),
    ("a chain without its root", OLD, "cluster1/20-cacerts/cert-chain.pem", None, None, "openssl, Go"),
    ("the key of another cluster", OLD, "cluster1/20-cacerts/ca-key.pem", None, "cluster2/20-cacerts/ca-key.pem", "openssl, Go"),
    ("a script that does not end a quote", OLD, "cluster1/remote-secrets.sh", "set -euo pipefail", "set -euo 'pipefail", "bash, shellcheck"),
    ("an unquoted variable", OLD, "cluster1/remote-secrets.sh", '"${labels[@]}" <<<', '${labels[@]} <<<', "bash, shellcheck"),
    ("a kustomization that the simulator does not read", OLD, "cluster1/50-exposure/kustomization.yaml", "resources:", "commonLabels: {a: b}\nresources:", "simulator"),
    ("a block of Markdown that does not end", OLD, "README.md", "```mermaid", "mermaid", "Mermaid"),
    ("an arrow that Mermaid does not know", OLD, "README.md", "-->|controls|", "-->>|controls|", "Mermaid"),
    ("a name that Mermaid reserves", OLD, "README.md", '    c0["', '    end["', "Mermaid"),
    ("more arrows than Mermaid draws", OLD, "README.md", "flowchart LR\n", "flowchart LR\n" + "  c0 --> c1\n" * 501, "Mermaid"),
    ("more text than Mermaid reads", OLD, "README.md", "flowchart LR\n", "flowchart LR\n" + f"  c7[{'x' * 50_000}]\n", "Mermaid"),
    ("a step that applies what is not there", OLD, "README.md", "-k cluster1/50-exposure", "-k cluster1/50-gateways", "steps and links"),
    ("a step in the context of another cluster", OLD, "README.md", "--context='cluster1' apply -k cluster1/50-exposure", "--context='cluster2' apply -k cluster1/50-exposure", "steps and links"),
    ("a step in no context", OLD, "README.md", "istioctl install --context='cluster1'", "istioctl install", "steps and links"),
    ("a script that is not there", NEW, "README.md", "cluster2/routes.sh", "cluster2/nodes.sh", "steps and links"),
    ("a link that leads nowhere", OLD, "README.md", "`meshgen.lock` has", "[`meshgen.lock`](meshgen.lok) has", "steps and links"),
    ("a network that nobody declares", OLD, TOPOLOGY, "    network: network1", "    network: network7", "meshgen"),
    ("an unknown field", OLD, TOPOLOGY, "serviceCIDR: 10.68", "serviceCidr: 10.68", "editor"),
    ("a range that is none", NEW, TOPOLOGY, "podCIDR: 172.20.0.0/24", "podCIDR: 172.20.0.0/33", "editor"),
]

# Files of the repository, in the same way.
SCHEMA = "schemas/topology.schema.json"
CI = ".github/workflows/ci.yml"
BROKEN_REPOSITORY = [
    ("a link that leads nowhere", "README.md", "(docs/rules.md)", "(docs/rulez.md)", "links of the docs"),
    ("a link to a heading that is not there", "README.md", "(docs/rules.md)", "(docs/rules.md#that-are-not-there)", "links of the docs"),
    ("a picture that Mermaid does not draw", "docs/ci.md", "\n## ", "\n```mermaid\nflowchart UP AND DOWN\n```\n\n## ", "links of the docs"),
    ("an object that istioctl does not install", "tests/simulator/recorded/remote.txt", "ConfigMap istio-system values", "Secret istio-system values", "istioctl, recorded"),
    ("a value that is no choice", "topologies/2-clusters-1-control-plane-1-network.yaml", "podRouting: static", "podRouting: dynamic", "editor, in place"),
    ("a schema that is not where the topology says", "topologies/2-clusters-1-control-plane-1-network.yaml", "$schema=../schemas", "$schema=schemas", "editor, in place"),
    ("a schema that takes unknown fields", SCHEMA, '"additionalProperties": false', '"additionalProperties": true', "editor, questions"),
    ("a schema that takes any text as a range", SCHEMA, '"pattern": "^((25', '"$comment": "^((25', "editor, questions"),
    ("a schema that shows regular expressions to people", SCHEMA, '"patternErrorMessage"', '"x-patternErrorMessage"', "editor, questions"),
    ("a schema without a description", SCHEMA, '"description": "The east-west gateway of this cluster', '"$comment": "The east-west gateway of this cluster', "editor, questions"),
    ("a schema whose descriptions are plain text", SCHEMA, '"markdownDescription"', '"x-markdownDescription"', "editor, questions"),
    ("a schema that hides a field", SCHEMA, '"externalIPs": {', '"externalIps": {', "editor, in place"),
    ("settings for other files", "docs/editing.md", '"topologies/*.yaml"', '"topology/*.yaml"', "editor, settings"),
    ("a key that GitHub does not know", CI, "runs-on:", "run-on:", "actionlint"),
    ("a script in a workflow that does not end a quote", CI, 'run: make "$TARGET"', 'run: make "$TARGET', "actionlint"),
    ("an action that its author can change", CI, "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7", "zizmor"),
    ("a token that stays in the checkout", CI, "        with:\n          persist-credentials: false\n", "", "zizmor"),
    ("an input of the action that becomes shell", "action.yml", '--since "$BASE"', '--since "${{ inputs.base }}"', "zizmor"),
    ("an unquoted variable", "tools/verify", '"$work"', "$work", "shellcheck"),
    ("a damaged seed that is to be read", "tests/vectors/seeds.json", '"refused": "damaged"', '"fingerprint": "757c902943566217"', "vectors"),
    ("a certificate of another generation", "tests/vectors/meshes/generations.json", '"generation": 2,', '"generation": 3,', "vectors"),
    ("a key of another mesh", "tests/vectors/meshes/two-clusters.json", '"mesh": "mesh1"', '"mesh": "mesh3"', "vectors"),
    ("a refusal without its reason", "docs/certificates.md", "| `is not signed by itself` |", "| `is signed by itself` |", "Go, OpenSSL"),
]
NOT_COPIED = shutil.ignore_patterns("target", ".git", "output", "golden", "__pycache__")


def break_all(work):
    began = time.monotonic()
    at_once(break_tree, work, BROKEN)
    print(f"{'broken trees':18} {len(BROKEN):4} trees, each refused by its judge{'':5} {time.monotonic() - began:6.1f} s", flush=True)


def break_repository(work):
    began = time.monotonic()
    at_once(break_file, work, BROKEN_REPOSITORY)
    print(f"{'broken files':18} {len(BROKEN_REPOSITORY):4} files, each refused by its judge{'':5} {time.monotonic() - began:6.1f} s", flush=True)


def at_once(break_row, work, rows):
    """As many rows at a time as there are processors, each in a place of its own."""
    (work / "broken").mkdir()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda row: break_row(work, work / "broken" / str(rows.index(row)), *row), rows))
    shutil.rmtree(work / "broken")


def break_tree(work, place, what, tree, file, old, new, wanted):
    shutil.copytree(work / "trees" / tree, place / "tree")
    shutil.copy(work / "topologies" / f"{tree}.yaml", place / "topology.yaml")
    target = place / "topology.yaml" if file == TOPOLOGY else place / "tree" / file
    text = target.read_text()
    if old is None and new is None:
        broken = text[: text.index("-----END CERTIFICATE-----\n") + len("-----END CERTIFICATE-----\n")]
    elif old is None:
        broken = (place / "tree" / new).read_text()
    else:
        broken = text.replace(old, new)
    want(broken != text, f"{what}: nothing is broken in {file}")
    target.write_text(broken)
    mesh = Mesh("broken", place / "topology.yaml", place / "tree")
    # meshgen would build the tree anew, and refuse a topology before the editor is asked.
    judges = TREE_JUDGES if wanted == "meshgen" else TREE_JUDGES[1:]
    expect(what, wanted, ((judge.name, lambda judge=judge: judge.look([mesh])) for judge in judges))


def break_file(_, place, what, file, old, new, wanted):
    shutil.copytree(REPOSITORY, place, ignore=NOT_COPIED)
    target = place / file
    text = target.read_text()
    broken = text.replace(old, new)
    want(broken != text, f"{what}: nothing is broken in {file}")
    target.write_text(broken)
    expect(what, wanted, ((judge.name, lambda judge=judge: judge.look(place)) for judge in repository_judges([])))


def expect(what, wanted, judges):
    refused_by = None
    for name, look in judges:
        try:
            look()
        except Refused:
            refused_by = name
            break
    want(refused_by == wanted, f"{what}: {wanted} should refuse it, and {refused_by or 'nobody'} did")


def shrink_all(work):
    """Meshes become small where a judge refuses them: one that is made up, and a real one whose files are broken."""
    began = time.monotonic()
    large = large_mesh(work)

    def apart(meshes):
        for mesh in meshes:
            remotes = [cluster for cluster in mesh.clusters.values() if mesh.primary(cluster)["network"] != cluster["network"]]
            want(not remotes, "a remote on another network than its primary", mesh)

    def emit_wrongly(mesh):
        build(mesh)
        for file in mesh.tree.glob("*/50-exposure/kustomization.yaml"):
            file.write_text(file.read_text().replace("expose-istiod.yaml", "expose-pilot.yaml"))

    meshgen, kustomize = (next(judge for judge in TREE_JUDGES if judge.name == name) for name in ("meshgen", "kustomize"))
    astray = re.sub(r"(.*\n +network: )[^\n]*", r"\1nowhere", large, count=1, flags=re.DOTALL)
    cases = [
        (large, Judge("made up", apart, "", is_random), build, 2, 2),
        (large, kustomize, emit_wrongly, 2, 1),
        (astray, meshgen, build, 1, 1),
    ]
    for text, judge, emit, clusters, networks in cases:
        refused = fault(text, judge, emit)
        want(refused is not None, f"{judge.name} does not refuse the mesh that is to shrink")
        small = shrink(text, judge, emit)
        want(fault(small, judge, emit) == refused, f"{judge.name} does not refuse what was shrunk as it did before:\n{small}")
        want(small.count("apiServer:") == clusters and small.count("  - name:") == clusters + networks, f"this could be smaller:\n{small}")
        want(not re.search("tracing|nodes:|profile|trustDomain", small), f"this has fields that could go:\n{small}")
    print(f"{'shrunk':18} {len(cases):4} meshes of {large.count('apiServer:')} clusters{'':16} {time.monotonic() - began:6.1f} s", flush=True)


def large_mesh(work):
    """A mesh of twelve clusters with much that can be left out."""
    place = work / "to-shrink"
    run(MESHGEN, "init", "-o", place, "--clusters", 12, "--networks", 3, "--primaries", 2, "--name", "mesh1")
    topology = yaml.load((place / "topology.yaml").read_text(), LOADER)
    topology["mesh"]["trustDomain"] = "example.org"
    topology["istio"]["profile"] = "minimal"
    topology["tracing"] = {"zipkin": {"cluster": "cluster2"}}
    return written(topology)
