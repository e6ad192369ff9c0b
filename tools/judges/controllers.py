"""What Argo CD and Flux read: objects of their kinds, and directories that kustomize builds from a clone without keys."""

from .common import CACHE, documents, identity, run, want

CONTROLLERS = ("argocd", "flux")
# Theirs, where the topology names no other.
NAMESPACES = ("argocd", "flux-system")


def objects(mesh):
    """The files of a controller, and what other operators read, as their own definitions want them."""
    files = [path for name in CONTROLLERS for path in sorted((mesh.tree / name).rglob("*.yaml")) if path.name != "kustomization.yaml"]
    files += sorted(mesh.tree.glob("*/[0-9]*/helmreleases.yaml")) + sorted(mesh.tree.glob("*/20-cacerts/cacerts.sealed.yaml"))
    files += sorted(mesh.tree.glob("*/20-roots/roots.yaml"))
    # kubectl-validate reads many files at once, but not as many as a command line holds.
    for begin in range(0, len(files), 100):
        run("kubectl-validate", "--version", "1.30", "--local-crds", CACHE / "crds-controllers", *files[begin : begin + 100])
    count = sum(len(documents(file.read_text())) for file in files)
    for name in CONTROLLERS:
        for file in sorted((mesh.tree / name).rglob("kustomization.yaml")):
            built = documents(run("kustomize", "build", file.parent))
            names = [identity(document) for document in built]
            want(len(set(names)) == len(names), f"{file.parent}: an object is there twice")
            want(built, f"{file.parent}: nothing is built")
    return count


def values(directory, built):
    """A release takes its values from the ConfigMap that kustomize makes of the files beside it, under the name that goes with its content."""
    maps = {document["metadata"]["name"]: document["data"] for document in built if document["kind"] == "ConfigMap"}
    want(len(maps) == 1, f"{directory}: {len(maps)} ConfigMaps")
    ((name, data),) = maps.items()
    files = {path.name: path.read_text() for path in directory.glob("*.values.yaml")}
    want(data == files, f"{directory}: the ConfigMap has other values than the files")
    read = set()
    for release in (document for document in built if document["kind"] == "HelmRelease"):
        for source in release["spec"]["valuesFrom"]:
            want(source["name"] == name, f"{directory}: {identity(release)} reads {source['name']}, and the values are in {name}")
            read.add(source["valuesKey"])
    want(read == set(files), f"{directory}: nothing reads {set(files) - read}")
    return [document for document in built if document["kind"] != "ConfigMap"]
