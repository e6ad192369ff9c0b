"""sops, age and kubeseal: whoever may read a private key gets it, and the certificates that belong to it."""

import base64
import json
import os
import subprocess

import yaml

from .build import SEED
from .common import LOADER, MESHGEN, PEM, REPOSITORY, Refused, run, want

KEYS = REPOSITORY / "tests/secrets"
CERTIFICATES = [pem for pem in PEM if pem != "ca-key.pem"]


def opened(mesh):
    """The private keys that stand in the tree as ciphertexts."""
    if mesh.form not in ("sops", "sealedSecrets"):
        return 0
    count = 0
    for directory in sorted(mesh.tree.glob("*/20-cacerts")):
        files = secret(mesh, directory)
        want(sorted(files) == sorted(PEM), f"{directory}: other keys than istiod reads")
        for pem in CERTIFICATES:
            want(files[pem] == (directory / pem).read_text(), f"{directory}: {pem} is not the file")
        count += 1
    return count


def key(mesh, directory):
    """The private key of a cluster, as those get it who may read it."""
    file = directory / "ca-key.pem"
    return file.read_text() if file.exists() else secret(mesh, directory)["ca-key.pem"]


def secret(mesh, directory):
    if mesh.form == "sops":
        return by_sops(mesh, directory)
    if mesh.form == "sealedSecrets":
        return by_kubeseal(mesh, directory)
    # A store gives what was put there.
    return json.loads(run(MESHGEN, "ca", "export", mesh.path, directory.parent.name, "--ca", SEED))


def by_sops(mesh, directory):
    """As each reader decrypts the Secret: as it stands, and as kustomize builds it, which is what Flux decrypts."""
    file = directory / "cacerts.sops.yaml"
    cluster = mesh.clusters[directory.parent.name]
    recipients = {recipient for holder in (mesh.topology, cluster) for recipient in holder.get("secrets", {}).get("ageRecipients", [])}
    stated = yaml.load(file.read_text(), LOADER)
    want({entry["recipient"] for entry in stated["sops"]["age"]} == recipients, f"{file}: other recipients than the topology has")
    built = run("kustomize", "build", directory)
    answers = set()
    for entry in stated["sops"]["age"]:
        identity = identity_of(entry["recipient"])
        answers.add(decrypted(file.read_text(), identity))
        answers.add(decrypted(built, identity))
        opened = subprocess.run(["age", "--decrypt", "--identity", identity], input=entry["enc"].encode(), capture_output=True)
        want(opened.returncode == 0 and len(opened.stdout) == 32, f"{file}: age does not open the data key for {entry['recipient']}: {opened.stderr.decode()}")
    want(len(answers) == 1, f"{file}: readers get different keys")
    return json.loads(answers.pop())


def decrypted(text, identity):
    environment = os.environ | {"SOPS_AGE_KEY_FILE": str(identity)}
    sops = ["sops", "decrypt", "--input-type", "yaml", "--output-type", "json", "/dev/stdin"]
    done = subprocess.run(sops, input=text, env=environment, capture_output=True, text=True)
    want(done.returncode == 0, f"sops: {done.stderr}")
    return json.dumps(json.loads(done.stdout)["stringData"], sort_keys=True)


def identity_of(recipient):
    for file in sorted(KEYS.glob("*.agekey")):
        if recipient in file.read_text():
            return file
    raise Refused(f"nobody here has the identity of {recipient}")


def by_kubeseal(mesh, directory):
    """As the controller of the cluster opens the SealedSecret."""
    file = directory / "cacerts.sealed.yaml"
    certificate = mesh.clusters[directory.parent.name]["secrets"]["sealingCertificate"]
    private = KEYS / f"{certificate.rsplit('/', 1)[-1].removesuffix('.pem')}.seal.key"
    made = json.loads(run("kubeseal", "--recovery-unseal", "--recovery-private-key", private, stdin=file.read_text()))
    metadata = made["metadata"]
    want((metadata["namespace"], metadata["name"]) == ("istio-system", "cacerts"), f"{file}: not the Secret cacerts")
    return {name: base64.b64decode(value).decode() for name, value in made["data"].items()}
