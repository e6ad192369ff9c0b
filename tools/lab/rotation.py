"""Replaces the root of a mesh with the tree's own `install.sh`: real API servers, Helm and istiods.

Before, between and after the phases, each istiod signs a certificate for a workload, as its proxies ask for one, and openssl says
whether the workloads of both clusters accept each other. A workload may be of this phase or of the one before. One cluster takes each
phase later than the other.
"""

import base64
import os
import re
import ssl
import subprocess
import sys
import urllib.request

import kubelet
import machines
import yaml
from machines import HERE, PROGRAMS, WORK, check, check_synced, kubectl, run, say, serve_git, start, stop, until
from serve import HOSTS

NEXT = "issuedOn: 2026-11-20"
BEFORE = "certificates:\n  issuedOn: 2026-11-01\n"
PHASES = ["trust", "sign", "drop"]
NAMESPACE = "istio-system"
BLOCK = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def build(certificates):
    topology = (HERE / "rotation.yaml").read_text()
    (WORK / "topology.yaml").write_text(topology.replace(BEFORE, certificates))
    machines.build(WORK / "topology.yaml", WORK / "out")


def install(*clusters):
    arguments = [word for cluster in clusters for word in ("--cluster", cluster)]
    return run(WORK / "out/install.sh", *arguments, stderr=subprocess.STDOUT)


class Istiod:
    """The istiod of a cluster, as a proxy beside a workload sees it."""

    def __init__(self, api, node):
        self.api, self.node, self.count = api, node, 0

    def pods(self):
        found = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Distiod")["items"]
        return sorted(pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"])

    def told(self, namespace):
        """The roots that its proxies are told, which their agents trust."""
        found = self.api.find(f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")
        return (found or {"data": {"root-cert.pem": ""}})["data"]["root-cert.pem"]

    def sign(self, name):
        """What a new workload gets: a file with its certificate and those up to its root, and one with the roots that it trusts."""
        key, request = WORK / f"{name}.key", WORK / f"{name}.csr"
        identity = "URI:spiffe://cluster.local/ns/shop/sa/default"
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/", "-addext", f"subjectAltName={identity}",
            stderr=subprocess.DEVNULL)
        spec = {"audiences": ["istio-ca"], "expirationSeconds": 3600}
        token = self.api.post("/api/v1/namespaces/shop/serviceaccounts/default/token",
                              {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})["status"]["token"]
        # A message of gRPC (grpc.github.io, "gRPC over HTTP2"): a flag, a length, and fields of Protocol Buffers, the first a text.
        text = request.read_bytes()
        field = b"\x0a" + varint(len(text)) + text + b"\x18" + varint(86400)
        (WORK / "message").write_bytes(b"\0" + len(field).to_bytes(4, "big") + field)
        (WORK / "roots").write_text(self.told("shop"))
        (uid,) = self.node.processes
        address = self.node.addresses[uid]
        host = f"istiod.{NAMESPACE}.svc"
        answer = subprocess.run([
            "curl", "--silent", "--show-error", "--http2", "--max-time", "20", "--cacert", WORK / "roots", "--resolve", f"{host}:15012:{address}",
            "--header", "content-type: application/grpc", "--header", "te: trailers", "--header", f"authorization: Bearer {token}",
            "--data-binary", f"@{WORK / 'message'}", f"https://{host}:15012/istio.v1.auth.IstioCertificateService/CreateCertificate",
        ], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        blocks = BLOCK.findall(answer.stdout.decode("latin-1"))
        check(f"{name} has a certificate", len(blocks) > 1, answer.stderr.decode())
        # The last text of the answer is `root-cert.pem`.
        roots = BLOCK.findall(self.stated("root-cert.pem"))
        (WORK / f"{name}.chain").write_text("".join(blocks[: len(blocks) - len(roots)]))
        (WORK / f"{name}.roots").write_text("".join(blocks[len(blocks) - len(roots) :]))
        return name

    def stated(self, file):
        data = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/cacerts")["data"]
        return base64.b64decode(data[file]).decode()

    def has_taken(self):
        """Whether what it tells and signs with is what its Secret states."""
        if self.told(NAMESPACE) != self.stated("root-cert.pem") or self.told("shop") != self.stated("root-cert.pem"):
            return False
        (uid,) = self.node.processes
        with urllib.request.urlopen(f"http://{self.node.local(uid)}:{kubelet.PORTS['http']}/debug/configz?types=none", timeout=5):
            pass
        text = ssl.get_server_certificate((self.node.addresses[uid], 15012))
        (WORK / "served").write_text(text)
        issuer = run("openssl", "x509", "-in", WORK / "served", "-noout", "-issuer").split("=", 1)[1]
        (WORK / "signer").write_text(self.stated("ca-cert.pem"))
        return issuer.strip() == run("openssl", "x509", "-in", WORK / "signer", "-noout", "-subject").split("=", 1)[1].strip()


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def accepts(one, other):
    """Whether one workload accepts the certificate of another."""
    command = ["openssl", "verify", "-CAfile", WORK / f"{one}.roots", "-untrusted", WORK / f"{other}.chain", WORK / f"{other}.chain"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def check_pairs(what, names):
    refused = [f"{one} refuses {other}" for one in names for other in names if not accepts(one, other)]
    check(f"{what}: {len(names)} workloads accept each other", not refused, ", ".join(refused))


def main():
    topology = yaml.safe_load((HERE / "rotation.yaml").read_text())
    machine, apis, nodes = start(topology, HOSTS)
    serve_git([topology["istio"]["version"]])
    # The program of the lab is of no release, and install.sh asks which one it is.
    wrapper = WORK / "bin/istioctl"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n[ "$1" != version ] || {{ echo {topology["istio"]["version"]}; exit; }}\nexec {PROGRAMS.parent}/bin/istioctl "$@"\n')
    wrapper.chmod(0o755)
    os.environ["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"
    os.environ["SSL_CERT_FILE"] = str(WORK / "ca.crt")
    for name in apis:
        kubectl("--context", name, "create", "namespace", "shop")
    build(BEFORE)
    install()
    say("the mesh is installed")
    istiods = {name: Istiod(apis[name], nodes[name]) for name in apis}
    for name, istiod in istiods.items():
        check_synced(nodes[name], apis)
        until(f"the istiod of {name} has its certificate", istiod.has_taken)
    last = [istiod.sign(f"{name}-before") for name, istiod in istiods.items()]
    check_pairs("before", last)
    for phase in PHASES:
        build(f"{BEFORE}  nextRoot: {{{NEXT}, phase: {phase}}}\n")
        now = []
        for name in ("west", "east"):
            istiod = istiods[name]
            pods = istiod.pods()
            install(name)
            until(f"{phase}: the istiod of {name} has taken it", istiod.has_taken)
            restarted = istiod.pods() != pods
            check(f"{phase}: the istiod of {name} {'restarted' if phase != 'sign' else 'took it while it ran'}", restarted == (phase != "sign"), pods)
            now.append(istiod.sign(f"{name}-{phase}"))
            # West is a phase ahead, and workloads of before have the certificates of before.
            check_pairs(f"{phase}, {name}", [*last, *now])
        last = now
    build("certificates:\n  issuedOn: 2026-11-20\n  naming: 2\n")
    pods = {name: istiod.pods() for name, istiod in istiods.items()}
    install()
    check("the next root is the present one, and nothing restarted", pods == {name: istiod.pods() for name, istiod in istiods.items()})

    # What a rotation must not do, an istiod does not do.
    check("a workload of before is refused once its root is dropped", not accepts("east-drop", "west-before"))
    said = subprocess.run([WORK / "out/verify.sh"], stdout=subprocess.PIPE, text=True, check=False).stdout
    wrong = [line for line in said.splitlines() if line.startswith("FAILED") and ("root" in line or "certificate" in line) and "gateway" not in line]
    check("verify.sh finds the roots and certificates of the tree", not wrong, "; ".join(wrong))
    return stop(machine, nodes)


if __name__ == "__main__":
    sys.exit(main())
