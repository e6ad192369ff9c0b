"""yaml-language-server: what people see while they write a topology."""

import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from .common import CACHE, REPOSITORY, want
from .language_server import LanguageServer

MODELINE = re.compile(r"^# yaml-language-server: .*\n", re.MULTILINE)
SCHEMA = "schemas/topology.schema.json"
# The topology in which mistakes are made, and what they are: what is replaced by what, what of it is underlined, and words of
# the message.
WRITTEN = "topologies/3-clusters-2-control-planes-2-networks.yaml"
MISTAKES = [
    ("serviceCIDR: 10.68.0.0/16", "serviceCidr: 10.68.0.0/16", "serviceCidr", "Property serviceCidr is not allowed"),
    ("samplingPercent: 100", "samplingPercent: all", "all", 'Expected "number"'),
    ("namespaces: [istio]", "namespaces: istio", "istio", 'Expected "array"'),
    ("podCIDR: 172.20.0.0/24", "podCIDR: 172.20.0.0/99", "172.20.0.0/99", "`10.68.0.0/16`"),
    ("serviceCIDR: 10.69.0.0/16", "serviceCIDR: 10.69.0.0", "10.69.0.0", "`10.68.0.0/16`"),
    ("address: 192.168.229.139", "address: 192.168.229.1390", "192.168.229.1390", "`192.168.229.128`"),
    ("apiServer: https://192.168.229.140:6443", "apiServer: 192.168.229.140:6443", "192.168.229.140:6443", "`https://192.168.229.128:6443`"),
    ("podRouting: static", "podRouting: dynamic", "dynamic", '"native" | "static"'),
    ("name: cluster2", "name: Cluster2", "Cluster2", "`cluster1`"),
    ("id: mesh1", "id: Mesh 1", "Mesh 1", "`mesh1`"),
    ("version: 1.11.2", "version: v1.11.2", "v1.11.2", "`1.30.3`"),
    ('version: "1.21"', "version: 1.21", "1.21", 'Expected "string"'),
    ("issuedOn: 2026-11-01", "issuedOn: 2026-13-01", "2026-13-01", "`2026-11-01`"),
    ("nodePort: 32197", "nodePort: 132197", "132197", "65535"),
    ("{rule: shared-gateway,", "{rule: shared-gateway, because: it is so,", "because", "Property because is not allowed"),
]
# A field after which a person asks what comes next, and the definition in the schema that says it.
COMPLETED = [("    eastWestGateway:", "EastWestGateway"), ("  zipkin:", "Zipkin"), ("certificates:", "Certificates")]
HOVERED = [("eastWestGateway", "Cluster"), ("apiServer", "Cluster"), ("samplingPercent", "Zipkin"), ("issuedOn", "Certificates")]


def documents(meshes):
    """Nothing is underlined in a topology that is right."""
    by_path = {mesh.path: mesh for mesh in meshes}
    modeline = f"# yaml-language-server: $schema={(REPOSITORY / SCHEMA).as_uri()}\n"
    with LanguageServer(CACHE) as server:
        found = server.diagnostics({path: modeline + MODELINE.sub("", mesh.text) for path, mesh in by_path.items()})
    for path, diagnostics in found.items():
        want(not diagnostics, f"{path}: {shown(diagnostics)}", by_path[path])
    return len(found)


def in_place(directories):
    """Nothing is underlined in files that name their schema by a line of their own."""

    def judge(root):
        paths = [path for directory in [root / "topologies", *directories] for path in sorted(directory.glob("*.yaml"))]
        texts = {path: path.read_text() for path in paths}
        for path, text in texts.items():
            want(MODELINE.match(text), f"{path} does not name its schema")
        with LanguageServer(CACHE) as server:
            for path, diagnostics in server.diagnostics(texts).items():
                want(not diagnostics, f"{path}: {shown(diagnostics)}")
        return len(texts)

    return judge


def questions(root):
    """Each mistake is underlined where it is, fields are offered, descriptions are shown."""
    path = root / WRITTEN
    text = path.read_text()
    definitions = json.loads((root / SCHEMA).read_text())["$defs"]
    with LanguageServer(CACHE) as server:
        for old, new, underlined, words in MISTAKES:
            want(text.count(old) > 0, f"{old} is not in {path}")
            broken = text.replace(old, new, 1)
            found = server.diagnostics({path: broken})[path]
            start = text.index(old) + new.index(underlined)
            wanted = {"start": position(broken, start), "end": position(broken, start + len(underlined))}
            want(any(words in diagnostic["message"] for diagnostic in found), f"{new}: {shown(found)}")
            want(all(diagnostic["range"] == wanted for diagnostic in found), f"{new}: not at {wanted}: {shown(found)}")
        for field, definition in COMPLETED:
            cut = text[: text.index(field + "\n") + len(field)] + "\n" + " " * (len(field) - len(field.lstrip()) + 2)
            server.open(path, cut)
            offered = server.complete(path, position(cut, len(cut)))
            # Beside the fields it offers, by the definition's name, all that are required at once.
            wanted = definitions[definition]["properties"].keys()
            want(set(offered) - {definition} == set(wanted), f"after {field} it offers {offered}")
        server.open(path, text)
        for field, definition in HOVERED:
            said = server.hover(path, position(text, text.index(f"{field}:") + 1))
            description = definitions[definition]["properties"][field].get("description")
            want("\\`" not in said, f"on {field} it shows markup: {said!r}")
            want(description and description in re.sub(r"\\(.)", r"\1", said), f"on {field} it shows {said!r}")
    return len(MISTAKES) + len(COMPLETED) + len(HOVERED)


def settings(root):
    """The settings that docs/editing.md shows make each editor check the files that it says, which have no line of their own."""
    page = (root / "docs/editing.md").read_text()
    code = dict(re.findall(r"^```(json|toml|lua)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    told = [
        json.loads(code["json"])["yaml.schemas"],
        tomllib.loads(code["toml"])["language-server"]["yaml-language-server"]["config"]["yaml"]["schemas"],
        dict(re.findall(r'\["(.+)"\] = "(.+)"', code["lua"])),
    ]
    text = MODELINE.sub("", (root / WRITTEN).read_text())
    for schemas in told:
        with tempfile.TemporaryDirectory() as place:
            place = Path(place).resolve()
            (place / SCHEMA).parent.mkdir()
            shutil.copy(root / SCHEMA, place / SCHEMA)
            path = place / "topologies/mesh.yaml"
            with LanguageServer(CACHE, root=place, schemas=schemas) as server:
                found = server.diagnostics({path: text})[path]
                want(not found, f"docs/editing.md, {schemas}: {shown(found)}")
                old, new, _, words = MISTAKES[0]
                found = server.diagnostics({path: text.replace(old, new, 1)})[path]
                want(any(words in diagnostic["message"] for diagnostic in found), f"docs/editing.md, {schemas}: a mistake is not seen")
    return len(told)


def position(text, offset):
    before = text[:offset].split("\n")
    return {"line": len(before) - 1, "character": len(before[-1])}


def shown(diagnostics):
    places = [(diagnostic["range"]["start"], diagnostic["message"]) for diagnostic in diagnostics]
    said = [f"{start['line'] + 1}:{start['character'] + 1}: {message}" for start, message in places]
    return "; ".join(said) or "nothing is underlined"
