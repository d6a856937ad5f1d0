"""The documentation as MkDocs builds it, strictly. Its settings can name code: only a trusted subject is built."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from blueprint.evidence import JSON
from provision.processes import run

_SECONDS = 60.0


def build_strictly(root: Path, settings: str) -> JSON:
    """Build the site of a checkout into a folder that is thrown away: the exit code, and what MkDocs said."""
    with tempfile.TemporaryDirectory(prefix="soma-verify-site-") as folder:
        command = (sys.executable, "-m", "mkdocs", "build", "--strict")
        where = ("--config-file", root / settings, "--site-dir", Path(folder, "site"))
        built = run((*command, *where), cwd=root, timeout=_SECONDS, check=False)
    return {"exit_code": built.exit_code, "said": [line for line in built.stderr.splitlines() if line.strip()]}
