"""The vectors of tests/vectors, computed again from what their README says, with the HKDF and the certificates of `cryptography`."""

import hashlib
import json
import re
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from .common import want

DIRECTORY = "tests/vectors"
# The order of P-256 (FIPS 186-5, by way of SP 800-186, section 3.2.1.3).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DIGITS = re.compile("[0-9a-f]{64}")
ROOT, ISSUING = "meshgen-root-seed-1", "meshgen-issuing-seed-1"
FORMATS = ("meshgen-seed-1", ROOT, ISSUING)


class Unread(Exception):
    """A text is no seed."""


def vectors(repository):
    """Compares what every vector states with what is computed here."""
    directory = repository / DIRECTORY
    count = sum(compare_seed(vector) for vector in json.loads((directory / "seeds.json").read_text()))
    meshes = sorted((directory / "meshes").iterdir())
    want(meshes, f"{DIRECTORY} has no mesh")
    return count + sum(compare_mesh(path.name, json.loads(path.read_text())) for path in meshes)


def compare_seed(vector):
    try:
        word, seed = read_seed(vector["text"])
        found = {"fingerprint": fingerprint_of(seed)}
        if "issuing" in vector:
            found["issuing"] = line_of(ISSUING, issuing(word, seed))
    except Unread as why:
        found = {"refused": str(why)}
    wanted = {field: vector[field] for field in vector.keys() - {"about", "text"}}
    want(found == wanted, f"seeds.json, {vector['about']} {found}, and not {wanted}")
    return 1


def read_seed(text):
    lines = [line.rstrip() for line in re.split("\r?\n", text)]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise Unread("empty")
    if len(lines) > 1:
        raise Unread("surrounded-by-text")
    words = lines[0].split(" ")
    if words[0] not in FORMATS and re.fullmatch("meshgen-(root-|issuing-)?seed-[0-9]+", words[0]):
        raise Unread("unknown-format")
    if words[0] not in FORMATS or len(words) != 3 or not DIGITS.fullmatch(words[1]) or len(words[2]) != 8:
        raise Unread("malformed")
    seed = bytes.fromhex(words[1])
    if checksum(words[0], seed) != words[2]:
        raise Unread("damaged")
    return words[0], seed


def checksum(word, seed):
    return hashlib.sha256(word.encode() + b"\0" + seed).digest()[:4].hex()


def line_of(word, seed):
    return f"{word} {seed.hex()} {checksum(word, seed)}"


def issuing(word, seed):
    """The seed from which the keys of intermediates derive."""
    return HKDF(hashes.SHA256(), 32, b"meshgen issuing seed v1", b"").derive(seed) if word == ROOT else seed


def fingerprint_of(seed):
    return hashlib.sha256(b"meshgen seed fingerprint\0" + seed).digest()[:8].hex()


def compare_mesh(name, vector):
    (word, seed), mesh = read_seed(vector["seed"]), vector["mesh"]
    wanted = vector["root"]
    path = path_of(mesh, "root", wanted["notBefore"], wanted["notAfter"])
    root_key = derived(seed, path)
    compare(f"{name}, the root", wanted, root_key, certificate(vector, wanted, path, root_key, root_key))
    for wanted in vector["intermediates"]:
        cluster = wanted["cluster"]
        path = path_of(mesh, "intermediate", cluster, str(wanted["generation"]), wanted["notBefore"], wanted["notAfter"])
        key = derived(issuing(word, seed), path)
        compare(f"{name}, {cluster}", wanted, key, certificate(vector, wanted, path, key, root_key))
    return 1 + len(vector["intermediates"])


def compare(what, wanted, key, made):
    found = {
        "key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
        "certificate": made.public_bytes(serialization.Encoding.PEM).decode(),
        "serial": f"{made.serial_number:040x}",
        "fingerprint": made.fingerprint(hashes.SHA256()).hex(),
    }
    for field, value in found.items():
        want(wanted[field] == value, f"{what}: its {field} is\n{value}\nand the vector states\n{wanted[field]}")


def path_of(*texts):
    return b"".join(len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)


def derived(seed, path):
    for counter in range(256):
        output = HKDF(hashes.SHA256(), 32, b"meshgen pki v1", path + bytes([counter])).derive(seed)
        scalar = int.from_bytes(output, "big")
        if 0 < scalar < ORDER:
            return ec.derive_private_key(scalar, ec.SECP256R1())
    raise AssertionError("256 in a row never happen")


def certificate(vector, wanted, path, key, root_key):
    """The certificate of a request; one without a cluster is the root's."""
    mesh, cluster = vector["mesh"], wanted.get("cluster")
    tells_seed = {1: False, 2: True}[vector["naming"]]
    fingerprint = fingerprint_of(read_seed(vector["seed"])[1])
    serial = bytearray(hashlib.sha256(path + (path_of(fingerprint) if tells_seed else b"")).digest()[:20])
    serial[0] = serial[0] & 0x7F | 0x40

    def unit(request):
        first = (moment(request["notBefore"]) + timedelta(days=1)).date().isoformat()
        return [(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{first} {fingerprint}")] if tells_seed else []

    organization = [(NameOID.ORGANIZATION_NAME, "Istio")]
    issuer = organization + unit(vector["root"]) + [(NameOID.COMMON_NAME, f"{mesh} root CA")]
    subject = issuer
    if cluster is not None:
        subject = organization + unit(wanted) + [(NameOID.COMMON_NAME, f"{mesh} intermediate CA"), (NameOID.LOCALITY_NAME, cluster)]
    return signed(wanted, int.from_bytes(serial, "big"), name(issuer), name(subject), key, root_key, cluster is None)


def signed(wanted, serial, issuer, subject, key, root_key, is_root):
    builder = x509.CertificateBuilder().serial_number(serial).issuer_name(issuer).subject_name(subject).public_key(key.public_key())
    builder = builder.not_valid_before(moment(wanted["notBefore"])).not_valid_after(moment(wanted["notAfter"]))
    if not is_root:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(identifier(root_key), None, None), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("istiod.istio-system.svc")]), critical=False)
    builder = builder.add_extension(usage(), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier(identifier(key)), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None if is_root else 0), critical=True)
    return builder.sign(root_key, hashes.SHA256(), ecdsa_deterministic=True)


def usage():
    allowed = ("digital_signature", "key_cert_sign", "crl_sign")
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    return x509.KeyUsage(**dict.fromkeys(allowed, True), **dict.fromkeys(others, False))


def name(attributes):
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def identifier(key):
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest()[:20]


def moment(day):
    return datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
