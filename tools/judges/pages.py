"""Mermaid for the pictures in pages, and what links and commands in pages lead to."""

import json
import re

from .common import CACHE, REPOSITORY, run, want


def tree_pages(meshes, *options):
    """Every page of every tree, and what is in it."""
    return read([(page, mesh) for mesh in meshes for page in sorted(mesh.tree.rglob("*.md"))], *options)


def read(pages, *options):
    paths = json.dumps([str(page) for page, _ in pages])
    said = run(CACHE / "bin/node", REPOSITORY / "tools/node/pages.mjs", CACHE / "node", *options, stdin=paths)
    return [(page, mesh, found) for (page, mesh), found in zip(pages, json.loads(said), strict=True)]


def mermaid(meshes):
    """Mermaid draws the picture that each tree's page has."""
    count = 0
    for page, mesh, found in tree_pages(meshes, "--pictures"):
        want(len(found["pictures"]) == 1, f"{page} has {len(found['pictures'])} pictures", mesh)
        for refusal in found["pictures"]:
            want(refusal is None, f"{page}: {refusal}", mesh)
        count += len(found["pictures"])
    return count


def steps(meshes):
    """What a tree's page tells people to apply and to run is there, and so is what it links to."""
    count = 0
    for page, mesh, found in tree_pages(meshes):
        count += len(follow(page, found, mesh))
        for code in found["code"]:
            for path in paths(code) if code["language"] == "sh" else []:
                # A mesh of many clusters has its steps told once, for those that have the directory.
                clusters = mesh.clusters if "$cluster" in path else [""]
                places = [mesh.tree / path.replace("$cluster", cluster) for cluster in clusters]
                want(any(place.exists() for place in places), f"{page}: {path} is not there", mesh)
                count += 1
    return count


def paths(code):
    """What commands read, and the scripts that they are. A remote secret is made by the page's own commands."""
    for line in code["text"].splitlines():
        words = line.split("#")[0].split()
        yield from (word for flag, word in zip(words, words[1:]) if flag in ("-f", "-k") and "/" in word)
        if words and words[0].endswith(".sh"):
            yield words[0]


def links(root):
    """Every link in the repository's own pages leads somewhere, and every picture is drawn."""
    count = 0
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))]
    for page, _, found in read([(page, None) for page in pages], "--pictures"):
        count += len(follow(page, found, None))
        for refusal in found["pictures"]:
            want(refusal is None, f"{page}: {refusal}")
    return count


def follow(page, found, mesh):
    for link in found["links"]:
        target, _, anchor = link.partition("#")
        if "://" in target:
            want(re.fullmatch(r"https://[\w.-]+\.[a-z]+(/\S*)?|http://localhost(:\d+)?", link), f"{page}: {link} is no address of a page", mesh)
            continue
        place = page.parent / target if target else page
        want(place.exists(), f"{page}: {link} leads nowhere", mesh)
        if anchor:
            headings = found["headings"] if place == page else read([(place, None)])[0][2]["headings"]
            want(anchor in map(slug, headings), f"{page}: {link} leads to no heading", mesh)
    return found["links"]


def slug(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
