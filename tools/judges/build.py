"""meshgen itself: every topology that is given to the judges builds."""

import filecmp
import re
import shutil
import subprocess

from .common import MESHGEN, REPOSITORY, Refused, want

SEED = REPOSITORY / "topologies/ca.seed"


def build(mesh):
    shutil.rmtree(mesh.tree, ignore_errors=True)
    command = [MESHGEN, "build", mesh.path, "-o", mesh.tree, *authority(mesh)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise NotBuilt(done.stderr)
    # The goldens come from a debug build, this tree from a release build: every byte is the same, private keys included.
    golden = REPOSITORY / "golden" / mesh.name / "meshgen.lock"
    if golden.exists():
        want(filecmp.cmp(golden, mesh.tree / "meshgen.lock", shallow=False), f"{mesh.name} builds another tree than {golden.parent}")
    return sum(1 for path in mesh.tree.rglob("*") if path.is_file())


def authority(mesh):
    """The options that say where the certificates come from: none may be given where the topology has none."""
    return [] if mesh.topology["certificates"].get("authority") == "none" else ["--ca", SEED]


class NotBuilt(Refused):
    """A topology does not build: by which rules, or with which panic."""

    def __init__(self, said, mesh=None):
        super().__init__(said, mesh)
        self.why = sorted(set(re.findall(r"^error\[([\w-]+)\]|(panicked at [^\n]*)", said, re.MULTILINE)))
