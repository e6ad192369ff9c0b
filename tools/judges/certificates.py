"""Bundles of an external authority, most of them wrong in some way: what Go or OpenSSL refuses, meshgen refuses.

What meshgen alone refuses is in a table of docs/certificates.md, with the reason.
"""

import json
import os
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from . import openssl
from .common import MESHGEN, run, want

USUAL = (4000, 1)
COUNT = int(os.environ.get("MESHGEN_BUNDLES", USUAL[0]))
SEED = int(os.environ.get("MESHGEN_BUNDLES_SEED", USUAL[1]))
# How many bundles one program reads: finding RSA keys takes each a second.
PART = min(2000, -(-COUNT // os.cpu_count()))
PAGE = "docs/certificates.md"
HEADING = "## What meshgen alone refuses"


def bundles(repository):
    """Compares the verdicts on all bundles with each other and with the page."""
    listed = reasons(repository / PAGE)
    verdicts = judge_all()
    seen = set()
    for verdict in verdicts:
        number, kind, go, ssl, own = verdict
        of = f"bundle {number} of seed {SEED} ({kind})"
        want(own or not (go or ssl), f"{of}: meshgen takes it, but Go says {go or 'nothing'}, and OpenSSL {ssl or 'nothing'}")
        want(not own or kind != "whole", f"{of}: meshgen refuses it: {own}")
        if own and not (go or ssl):
            why = [next((reason for reason in listed if reason in finding), None) for finding in own]
            want(None not in why, f"{of}: Go and OpenSSL take it, and {PAGE} does not list why meshgen does not: {own}")
            seen.update(why)
    unseen = set(listed) - seen
    want(not unseen or (COUNT, SEED) != USUAL, f"{PAGE} lists what meshgen alone refuses, and no bundle has it: {sorted(unseen)}")
    print_table(verdicts)
    return len(verdicts)


def reasons(page):
    """What stands in backticks in the first column of the table."""
    section = page.read_text().partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^|]*)` \|", section, re.MULTILINE)
    want(found, f"{page} lists nothing that meshgen alone refuses")
    return found


@cache
def judge_all():
    """The number of each bundle, its kind, and why Go, OpenSSL and meshgen refuse it."""
    parts = [(first, min(PART, COUNT - first)) for first in range(0, COUNT, PART)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [verdict for part in pool.map(judge_part, parts) for verdict in part]


def judge_part(part):
    first, count = part
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        said = run("bundles", directory, first, count, SEED)
        by_meshgen = judge_with_meshgen(directory, range(first, first + count))
        return [judge_one(directory, json.loads(line), by_meshgen) for line in said.splitlines()]


def judge_one(directory, go, by_meshgen):
    number = go["number"]
    refused, read = openssl.judge(directory / str(number) / "east", directory / f"{number}.der", go["moment"])
    if not refused and read != go["read"]:
        refused = f"reads {read}, and Go {go['read']}"
    return number, go["kind"], go["refused"], refused, by_meshgen.get(number, [])


def judge_with_meshgen(directory, numbers):
    command = [MESHGEN, "check", "--format", "json", "--select", "external-certificate", "--now", "2026-11-15", *(f"{number}.yaml" for number in numbers)]
    done = subprocess.run([str(word) for word in command], cwd=directory, capture_output=True, text=True)
    want(done.returncode in (0, 1), f"meshgen check: {done.stderr[-2000:]}")
    found = defaultdict(list)
    for finding in json.loads(done.stdout)["findings"]:
        found[number_of(finding)].append(finding["message"])
    return found


def number_of(finding):
    return int(re.match(r"\d+", finding["location"]["file"])[0])


def print_table(verdicts):
    columns = ("bundles", "go", "openssl", "meshgen", "alone", "missed")
    rows = defaultdict(Counter)
    for _, kind, go, ssl, own in verdicts:
        for row in (kind, "all"):
            rows[row].update(bundles=1, go=bool(go), openssl=bool(ssl), meshgen=bool(own), alone=bool(own and not (go or ssl)), missed=bool((go or ssl) and not own))
    rows["all"] = rows.pop("all")
    print(f"  {'who refuses which bundles':46}{''.join(f'{column:>9}' for column in columns)}")
    for kind, counts in rows.items():
        print(f"  {kind:46}{''.join(f'{counts[column]:9}' for column in columns)}", flush=True)
