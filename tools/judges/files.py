"""openssl and Go for certificates, bash and shellcheck for scripts."""

import shutil

from . import secrets
from .common import PEM, run, want


def chains(mesh):
    work = mesh.tree.parent / f".{mesh.name}"
    work.mkdir(exist_ok=True)
    count = 0
    try:
        for directory in sorted(mesh.tree.glob("*/20-cacerts")):
            (work / "ca-key.pem").write_text(secrets.key(mesh, directory))
            chain(directory, work)
            count += 1
    finally:
        shutil.rmtree(work)
    return count


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
    want(whole.read_text() == authority.read_text() + root.read_text(), f"{directory}: the chain is not intermediate and root")
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
