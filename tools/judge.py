#!/usr/bin/env python3
"""Gives trees to the programs that will read them.

usage: judge.py WORK [DIRECTORY...]   builds and judges WORK/topologies/NAME.yaml as WORK/trees/NAME, and the repository's own files;
                                      in each DIRECTORY are further topologies that name their schema
       judge.py --broken WORK         breaks trees and files, each in one way, and wants one judge and no earlier one to refuse

MESHGEN_TOOLS is where tools/install has put the programs. What has to come out is computed here from the topology, by none of
meshgen's code.
"""

import sys
import time
from pathlib import Path

from judges.broken import break_all, break_repository, shrink_all
from judges.common import REPOSITORY, Refused
from judges.mesh import Mesh
from judges.shrink import shrink
from judges.table import TREE_JUDGES, is_random, repository_judges


def judge_trees(work):
    everything = [Mesh(path.stem, path, work / "trees" / path.stem) for path in sorted((work / "topologies").glob("*.yaml"))]
    for judge in TREE_JUDGES:
        seen = [mesh for mesh in everything if judge.sees(mesh)]
        began = time.monotonic()
        try:
            count = judge.look(seen)
        except Refused as refused:
            raise Refused(explain(judge, refused)) from None
        tell(judge, f"{len(seen):4} trees", count, began)


def explain(judge, refused):
    said = f"{judge.name} refuses {refused.mesh.name if refused.mesh else 'what it was given'}: {refused}"
    if not refused.mesh or not is_random(refused.mesh):
        return said
    print(f"{said}\nshrinking it", file=sys.stderr, flush=True)
    return f"{judge.name} refuses also this mesh:\n\n{shrink(refused.mesh.text, judge)}"


def judge_repository(directories):
    for judge in repository_judges(directories):
        began = time.monotonic()
        try:
            count = judge.look(REPOSITORY)
        except Refused as refused:
            raise Refused(f"{judge.name}: {refused}") from None
        tell(judge, "", count, began)


def tell(judge, trees, count, began):
    if count == 0:
        raise Refused(f"{judge.name} saw nothing")
    print(f"{judge.name:18} {trees:10} {count:6} {judge.unit:12} {time.monotonic() - began:6.1f} s", flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    is_broken = words[:1] == ["--broken"]
    work, *directories = (Path(word).resolve() for word in words[is_broken:])
    try:
        if is_broken:
            break_all(work)
            break_repository(work)
            shrink_all(work)
        else:
            judge_trees(work)
            judge_repository(directories)
    except Refused as refused:
        raise SystemExit(f"error: {refused}") from None
