"""openssl and Go for certificates, bash and shellcheck for scripts."""

import copy
import json
import shutil
import subprocess
from datetime import date, timedelta

from . import secrets
from .build import SEED
from .common import MESHGEN, PEM, run, want


def chains(mesh):
    work = mesh.tree.parent / f".{mesh.name}"
    work.mkdir(exist_ok=True)
    count = 0
    try:
        for directory in sorted(mesh.tree.glob("*/20-cacerts")):
            (work / "ca-key.pem").write_text(secrets.key(mesh, directory))
            chain(directory, work)
            count += 1
        # While a root is replaced, clusters may be a phase apart, and accept each other all the same.
        directories = sorted(mesh.tree.glob("*/20-cacerts"))
        for one in directories:
            for other in directories:
                if (one / "root-cert.pem").read_bytes() != (other / "root-cert.pem").read_bytes():
                    want(accepts(one, other), f"{one} refuses {other}")
                    count += 1
        if mesh.name.startswith("random-"):
            count += phases(mesh, work)
    finally:
        shutil.rmtree(work)
    return count


# Which clusters accept each other: the row is the phase of the one, the column that of the other.
PHASES = [None, "trust", "sign", "drop"]
ACCEPTED = ["yynn", "yyyn", "nyyy", "nnyy"]


def phases(mesh, work):
    """The same mesh in each phase in which another root takes the place of its own: which clusters accept each other."""
    if mesh.topology["certificates"].get("authority", "seed") != "seed":
        return 0
    trees = [in_phase(mesh, phase, work) for phase in PHASES]
    names = [directory.parent.name for directory in sorted(trees[0].glob("*/20-cacerts"))]
    count = 0
    for row, one in enumerate(trees):
        for column, other in enumerate(trees):
            pair = one / names[0] / "20-cacerts", other / names[-1] / "20-cacerts"
            is_accepted = accepts(*pair) and accepts(*reversed(pair))
            want(is_accepted == (ACCEPTED[row][column] == "y"), f"{PHASES[row]} and {PHASES[column]}: {'' if is_accepted else 'not '}accepted")
            count += 1
    return count


def in_phase(mesh, phase, work):
    topology = copy.deepcopy(mesh.topology)
    certificates = topology["certificates"]
    for field in ("nextRoot", "intermediateValidityDays"):
        certificates.pop(field, None)
    for cluster in topology["clusters"]:
        cluster.get("certificates", {}).pop("nextRootPhase", None)
    if phase:
        first = date.fromisoformat(str(certificates["issuedOn"])) + timedelta(days=2)
        certificates["nextRoot"] = {"issuedOn": first.isoformat(), "validityDays": 36500, "phase": phase}
    # Beside the other topologies are the files that they name.
    path, tree = mesh.path.parent / f".{mesh.name}-{phase}.yaml", work / f"tree-{phase}"
    path.write_text(json.dumps(topology, default=str))
    try:
        run(MESHGEN, "build", path, "-o", tree, "--ca", SEED, "--quiet")
    finally:
        path.unlink()
    return tree


def accepts(directory, other):
    """Whether who trusts the roots in one directory accepts what the authority in another signs: openssl and Go agree."""
    roots, authority, chain = directory / "root-cert.pem", other / "ca-cert.pem", other / "cert-chain.pem"
    command = ["openssl", "verify", "-no_check_time", "-x509_strict", "-CAfile", roots, "-untrusted", chain, authority]
    by_openssl = subprocess.run([str(word) for word in command], capture_output=True).returncode == 0
    by_go = run("chain", "accepts", directory, other).strip() == "yes"
    want(by_openssl == by_go, f"openssl and Go do not agree whether {directory} accepts {other}")
    return by_openssl


LEAF = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=critical,URI:spiffe://cluster.local/ns/shop/sa/default
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def chain(directory, work):
    """The chain, and a workload's certificate that the intermediate's key signs as istiod does, by openssl and by Go."""
    root, authority, _, whole = (directory / pem for pem in PEM)
    key = work / "ca-key.pem"
    run("openssl", "verify", "-no_check_time", "-x509_strict", "-CAfile", root, authority)
    public = run("openssl", "x509", "-in", authority, "-noout", "-pubkey")
    want(public == run("openssl", "pkey", "-in", key, "-pubout"), f"{directory}: key and certificate do not belong together")
    end = whole.read_text().removeprefix(authority.read_text())
    want(end in root.read_text() and end.count("BEGIN") == 1, f"{directory}: the chain is not intermediate and root")
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
