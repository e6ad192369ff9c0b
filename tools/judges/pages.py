"""Mermaid for the pictures in pages, and what links and commands in pages lead to."""

import json
import re
import shlex

from .common import CACHE, REPOSITORY, Refused, run, want
from .controllers import CONTROLLERS, NAMESPACES


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


# Stand-ins that say how they are called, each call in one piece: both ends of a pipeline say it at once.
SAY = """say() { local words; printf -v words '%s\\x1f' "$@"; printf '%s\\x1e' "$words"; } >&3
kubectl() { say kubectl "$@"; }
istioctl() { say istioctl "$@"; }
helm() { say helm "$@"; }
set -eu
"""


def steps(meshes):
    """What a tree's page tells people to apply and to run is there and is of the cluster of the context, and so is what it links to."""
    count = 0
    for page, mesh, found in tree_pages(meshes):
        count += len(follow(page, found, mesh))
        for words in calls([code["text"] for code in found["code"] if code["language"] == "sh"], mesh):
            program, context = words[0], next((word.removeprefix("--kube-").removeprefix("--") for word in words if re.match("--(kube-)?context=", word)), None)
            paths = [word for flag, word in zip(words, words[1:]) if flag in ("-f", "-k") and word != "-"]
            # Where the controller runs, the topology does not say.
            is_for_controller = bool(paths) and all(path.split("/")[0] in CONTROLLERS for path in paths)
            is_for_controller |= "-n" in words and words[words.index("-n") + 1] in NAMESPACES
            want(program.endswith(".sh") or context or is_for_controller, f"{page}: {' '.join(words)} names no context", mesh)
            for path in paths:
                cluster = mesh.clusters.get(path.split("/")[0], {"name": None})
                want((mesh.tree / path).exists(), f"{page}: {path} is not there", mesh)
                want(is_for_controller or context == f"context={cluster.get('context', cluster['name'])}", f"{page}: {path} goes to {context}", mesh)
            count += 1
    return count


def calls(blocks, mesh):
    """What bash runs of blocks of commands, in the directory of the tree, each call as its words."""
    scripts = [str(path.relative_to(mesh.tree)) for path in sorted(mesh.tree.rglob("*.sh"))]
    scripts += [f"./{path}" for path in scripts]
    functions = "".join(f"{path}() {{ say {path} \"$@\"; }}\n" for path in scripts)
    text = f"exec 3>&1 >/dev/null\n{SAY}{functions}cd {shlex.quote(str(mesh.tree))}\n" + "\n".join(blocks)
    try:
        said = run("bash", stdin=text)
    except Refused as refused:
        raise Refused(str(refused), mesh) from None
    return [call.split("\x1f")[:-1] for call in said.split("\x1e")[:-1]]


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
