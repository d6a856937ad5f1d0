"""Other programs on the same files in the same run: how long they take, and what the static tier takes beside them.

Each does a part of what the static tier does: yamllint the form of YAML, kubeconform the schemas of what the charts
render (it is given renders and local schemas), actionlint the workflows, checkov charts and workflows by rules of its
own, none of which it fetches.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from blueprint.charts import CHARTS, FOLDER
from blueprint.kubernetes_schema import KUBERNETES
from provision.processes import run
from provision.sources import go
from provision.tools import cache, tool

ROOT = Path(__file__).parent.parent
CHECKOV = "SOMA_BENCH_CHECKOV"
"""Names the program; `nox -s bench` installs it in an environment of its own."""
KUBECONFORM = go.Module("github.com/yannh/kubeconform", "v0.8.0", "h1:loDYd3a3spjIFrauqW67CDKF55Oo9R6uvC8AvpVd4ug=")
_LONGEST = 1800.0


def rivals(tree: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """The name of each program that is here, and its wall time on the tree in seconds, whatever it finds."""
    workflows = sorted(tree.glob(".github/workflows/*.yml"))
    settings = f"--config-file={ROOT / '.yamllint.yaml'}"
    yield "yamllint", _timed([sys.executable, "-m", "yamllint", settings, "infra", ".github", "docs"], tree)
    actionlint: list[str | Path] = [tool("actionlint").path, "-shellcheck=", "-pyflakes=", *workflows]
    yield "actionlint", _timed(actionlint, tree)
    schemas = f"{_schemas(folder / 'schemas')}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    kubeconform: list[str | Path] = [_kubeconform(), "-strict", "-summary", "-schema-location", schemas]
    yield "kubeconform, on renders", _timed([*kubeconform, *_renders(tree, folder)], tree)
    if checkov := os.environ.get(CHECKOV):
        kinds = ["helm", "kubernetes", "github_actions"]
        helm = {"PATH": f"{tool('helm').path.parent}:{os.environ['PATH']}"}
        words = ("--framework", *kinds, "--skip-download", "--quiet", "--compact")
        yield "checkov", _timed([checkov, "--directory", tree, *words], tree, helm)


def _timed(command: Sequence[str | Path], tree: Path, env: dict[str, str] | None = None) -> float:
    started = time.monotonic()
    run(command, cwd=tree, env=env, timeout=_LONGEST, check=False)
    return time.monotonic() - started


def _schemas(folder: Path) -> Path:
    """The schemas that the suite has, with references that lead from file to file."""
    found = find_spec("kubernetes_validate")
    if found is None or found.origin is None:
        raise FileNotFoundError("kubernetes_validate is not installed")
    folder.mkdir()
    for path in (Path(found.origin).parent / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict").iterdir():
        text = path.read_text(encoding="utf-8")
        text = text.replace('"/api/_definitions.json', f'"{folder.as_uri()}/_definitions.json')
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def _kubeconform() -> Path:
    """Built once a user, from the module of that checksum."""
    program = cache() / f"kubeconform-{KUBECONFORM.version}" / "kubeconform"
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        go.install(KUBECONFORM, "cmd/kubeconform", program)
    return program


def _renders(tree: Path, folder: Path) -> list[Path]:
    """What helm makes of both charts with no values file; kubeconform reads no templates."""
    renders = []
    for chart in CHARTS:
        done = run([tool("helm").path, "template", chart, tree / FOLDER / chart], check=False, timeout=_LONGEST)
        renders.append(folder / f"{chart}.yaml")
        renders[-1].write_text(done.stdout, encoding="utf-8")
    return renders
