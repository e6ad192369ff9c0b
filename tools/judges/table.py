"""The judges, in the order in which they are asked."""

import re
from collections.abc import Callable
from typing import NamedTuple

from . import build, certificates, controllers, editor, files, helm, istio, manifests, pages, sail, secrets, simulator, stores, vectors, workflows
from .common import each

# istioctl renders a random mesh in seconds: every tenth is enough beside all that are written down.
RENDERED_RANDOM = 10


class Judge(NamedTuple):
    name: str
    # Looks at meshes and says how much it saw, or raises Refused.
    look: Callable
    unit: str
    # Which meshes it is asked about.
    sees: Callable


def is_random(mesh):
    return mesh.name.startswith("random-")


def any_size(_):
    return True


def usual_size(mesh):
    return not mesh.name.startswith("large-")


def a_few(mesh):
    number = re.fullmatch(r"random-(\d+)", mesh.name)
    return usual_size(mesh) and (number is None or int(number[1]) % RENDERED_RANDOM == 0)


def is_written(mesh):
    return usual_size(mesh) and not is_random(mesh)


TREE_JUDGES = [
    Judge("meshgen", each(build.build), "files", any_size),
    Judge("kustomize", each(manifests.kustomize), "directories", usual_size),
    Judge("kubectl-validate", each(manifests.kubectl_validate), "objects", usual_size),
    Judge("kubeconform", each(manifests.kubeconform), "objects", usual_size),
    Judge("Argo CD, Flux", each(controllers.objects), "objects", usual_size),
    Judge("Sail operator", each(sail.resources), "resources", usual_size),
    Judge("External Secrets, helm", each(stores.objects), "objects", a_few),
    Judge("istioctl validate", each(istio.istioctl_validate), "files", usual_size),
    Judge("istioctl generate", each(istio.istioctl_renders), "objects", a_few),
    Judge("helm, istioctl", each(helm.same_as_istioctl), "objects", a_few),
    Judge("sops, age, kubeseal", each(secrets.opened), "keys", usual_size),
    Judge("openssl, Go", each(files.chains), "chains", a_few),
    Judge("bash, shellcheck", each(files.scripts), "scripts", a_few),
    Judge("simulator", each(simulator.said), "directories", is_written),
    Judge("Mermaid", pages.mermaid, "pictures", any_size),
    Judge("steps and links", pages.steps, "steps", any_size),
    Judge("editor", editor.documents, "documents", usual_size),
]


class RepositoryJudge(NamedTuple):
    name: str
    # Looks at a checkout and says how much it saw, or raises Refused.
    look: Callable
    unit: str


def repository_judges(directories):
    """What is looked at once: the repository's own files, and topologies in further directories that name their schema."""
    return [
        RepositoryJudge("links of the docs", pages.links, "links"),
        RepositoryJudge("editor, in place", editor.in_place(directories), "documents"),
        RepositoryJudge("editor, questions", editor.questions, "questions"),
        RepositoryJudge("editor, settings", editor.settings, "settings"),
        RepositoryJudge("actionlint", workflows.actionlint, "workflows"),
        RepositoryJudge("zizmor", workflows.zizmor, "workflows"),
        RepositoryJudge("shellcheck", workflows.scripts, "scripts"),
        RepositoryJudge("istioctl, recorded", simulator.recorded, "objects"),
        RepositoryJudge("vectors", vectors.vectors, "vectors"),
        # Last, because it takes longest: what breaks a file is asked of all judges in turn.
        RepositoryJudge("Go, OpenSSL", certificates.bundles, "bundles"),
    ]
