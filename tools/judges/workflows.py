"""actionlint and zizmor for workflows, shellcheck for the repository's own scripts."""

import re

from .common import CACHE, run, want

YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def workflows(root):
    return sorted((root / ".github/workflows").glob("*.yml"))


def actionlint(root):
    """Workflows are what GitHub reads, and their scripts are shell: ours, and those that the pages show."""
    files = workflows(root)
    run(CACHE / "bin/actionlint", "-no-color", *files)
    shown = [block for page in sorted((root / "docs").glob("*.md")) for block in YAML.findall(page.read_text()) if "\njobs:" in block]
    for block in shown:
        run(CACHE / "bin/actionlint", "-no-color", "-", stdin=block)
    return len(files) + len(shown)


def zizmor(root):
    """Workflows and the action do not hand secrets or rights to strangers. It asks nobody: what only GitHub knows is not judged."""
    files = [*workflows(root), root / "action.yml"]
    run(CACHE / "zizmor/bin/zizmor", "--offline", "--persona=pedantic", "--no-progress", *files)
    return len(files)


def scripts(root):
    files = [root / file for file in ("tools/install", "tools/release-build", "tools/release-pack", "tools/reproducible", "tools/verify", ".ci/run")]
    for file in files:
        want(file.exists(), f"{file} is not there")
    run("shellcheck", *files)
    return len(files)
