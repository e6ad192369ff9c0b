"""Makes a topology small that a judge refuses: what can be left out while the same judge still refuses is left out."""

import copy
import re
import shutil
import tempfile
from pathlib import Path

import yaml

from .build import NotBuilt, build
from .common import LOADER, REPOSITORY, Refused
from .mesh import Mesh

# A judge may take seconds for one look.
MOST_LOOKS = 600


def shrink(text, judge, emit=build):
    """The smallest topology found, as text that can be pasted into a test.

    `emit` builds a mesh's tree as meshgen does.
    """
    wanted = fault(text, judge, emit)
    topology = yaml.load(text, LOADER)
    if wanted is None or fault(written(topology), judge, emit) != wanted:
        return text
    looks = 0
    is_smaller = True
    while is_smaller:
        is_smaller = False
        # A smaller topology has other candidates, but what was tried before it in this round need not be tried again at once.
        tried = 0
        while looks < MOST_LOOKS:
            candidate = next(iter(candidates(topology, tried)), None)
            if candidate is None:
                break
            looks += 1
            if fault(written(candidate), judge, emit) == wanted:
                topology = candidate
                is_smaller = True
            else:
                tried += 1
    return written(topology)


def fault(text, judge, emit):
    """Who refuses a topology: the judge, or nobody. Where meshgen is the judge, for which reasons."""
    with tempfile.TemporaryDirectory() as place:
        # Random meshes name these.
        shutil.copytree(REPOSITORY / "tests/ca", Path(place) / "ca")
        shutil.copytree(REPOSITORY / "topologies/seal", Path(place) / "seal")
        path = Path(place) / "random-000.yaml"
        path.write_text(text)
        try:
            mesh = Mesh("random-000", path, Path(place) / "tree")
            if judge.name != "meshgen":
                emit(mesh)
        except (Refused, KeyError, TypeError):
            # It is no topology any more, so nobody is asked.
            return None
        try:
            judge.look([mesh])
        except NotBuilt as refused:
            return judge.name, refused.why
        except Refused:
            return judge.name
        return None


def candidates(topology, skipped):
    """Topologies that have one thing less, those that have much less first."""
    for number, change in enumerate(changes(topology)):
        if number >= skipped:
            candidate = copy.deepcopy(topology)
            change(candidate)
            yield candidate


def changes(topology):
    clusters = topology["clusters"]
    for half in halves(len(clusters)):
        yield lambda candidate, half=half: keep(candidate, half)
    for position, cluster in enumerate(clusters):
        yield lambda candidate, position=position: keep(candidate, [other for other in range(len(clusters)) if other != position])
        if cluster["network"] != topology["networks"][0]["name"]:
            yield lambda candidate, position=position: candidate["clusters"][position].update(network=candidate["networks"][0]["name"])
    for path in places(topology):
        yield lambda candidate, path=path: remove(candidate, path)


def halves(count):
    if count > 2:
        yield list(range(count // 2))
        yield list(range(count // 2, count))


def keep(topology, positions):
    """Keeps some clusters. Remotes of others become primaries, the collector moves to the first, unused networks go."""
    topology["clusters"] = [topology["clusters"][position] for position in positions]
    names = [cluster["name"] for cluster in topology["clusters"]]
    for cluster in topology["clusters"]:
        if cluster.get("controlPlane") not in names:
            cluster.pop("controlPlane", None)
    zipkin = topology.get("tracing", {}).get("zipkin")
    if names and zipkin and zipkin["cluster"] not in names:
        zipkin["cluster"] = names[0]
    used = {cluster["network"] for cluster in topology["clusters"]}
    topology["networks"] = [network for network in topology["networks"] if network["name"] in used]


def places(value, path=()):
    """Every field and every entry, the outer before the inner."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
    for key in keys:
        yield from places(value[key], (*path, key))


def remove(value, path):
    for key in path[:-1]:
        value = value[key]
    del value[path[-1]]


class Printer(yaml.SafeDumper):
    """Quotes what one reader of YAML or another takes for something else than a string."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data):
        return True


def print_string(printer, text):
    is_plain = re.fullmatch(r"[A-Za-z/][\w./:@=-]*(?<!:)", text) and not re.fullmatch(r"y|n|yes|no|on|off|true|false|null", text, re.IGNORECASE)
    return printer.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


Printer.add_representer(str, print_string)


def written(topology):
    return yaml.dump(topology, Dumper=Printer, sort_keys=False, width=1000)
