"""What every judge uses."""

import os
import subprocess
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
REPOSITORY = Path(__file__).resolve().parents[2]
MESHGEN = REPOSITORY / "target/release/meshgen"
# Where tools/install has put the programs.
CACHE = Path(os.environ["MESHGEN_TOOLS"])
# Programs in Go that live for a second spend a quarter of it on their garbage.
os.environ.setdefault("GOGC", "off")
os.environ.setdefault("GOMEMLIMIT", "1GiB")
PEM = ("root-cert.pem", "ca-cert.pem", "ca-key.pem", "cert-chain.pem")


class Refused(Exception):
    """A judge does not accept what it was given; `mesh` is the one to blame, where one alone is."""

    def __init__(self, why, mesh=None):
        super().__init__(why)
        self.mesh = mesh


def want(condition, why, mesh=None):
    if not condition:
        raise Refused(why, mesh)


def run(*command, stdin=None):
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True)
    want(done.returncode == 0, f"{' '.join(map(str, command))[:300]}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def each(judge):
    """A judge of many meshes, from one that looks at one: as many at a time as there are processors."""

    def judged(mesh):
        try:
            return judge(mesh)
        except Refused as refused:
            refused.mesh = mesh
            raise
        except (LookupError, TypeError, AttributeError, ValueError, OSError, yaml.YAMLError):
            # What a judge cannot read has another shape than it should have.
            raise Refused(traceback.format_exc(), mesh) from None

    def judge_all(meshes):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(judged, meshes))

    return judge_all


def documents(text):
    return [document for document in yaml.load_all(text, LOADER) if document]


def identity(document):
    metadata = document.get("metadata", {})
    return document["kind"], metadata.get("namespace"), metadata.get("name")
