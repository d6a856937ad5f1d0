"""Verify sessions over the proofs of this repository, in processes of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from provision.processes import Running, run, start

ROOT = Path(__file__).parents[1]
SESSION = (
    *(sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options"),
    *("-p", "no:cacheprovider", "tests_infra"),
)


@dataclass(frozen=True)
class Verified:
    """A session that has ended."""

    exit_code: int
    output: str
    out: Path

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its verdicts.json."""
        document: dict[str, Any] = json.loads((self.out / "verdicts.json").read_text(encoding="utf-8"))
        return document

    def cases(self, tier: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Every case of a tier, by clause and case."""
        clauses = self.document["clauses"].items()
        return {
            (clause, case): judged
            for clause, body in clauses
            if tier in body
            for case, judged in body[tier]["cases"].items()
        }

    def verdicts(self, tier: str) -> dict[tuple[str, str], str]:
        """The verdict of every case of a tier."""
        return {key: str(case["verdict"]) for key, case in self.cases(tier).items()}


def verify(out: Path, *arguments: str, env: Mapping[str, str | None] | None = None, timeout: float = 300) -> Verified:
    """Run a session to its end."""
    done = run([*SESSION, f"--out={out}", *arguments], cwd=ROOT, env=env, timeout=timeout, check=False)
    return Verified(done.exit_code, done.stdout + done.stderr, out)


def begin(out: Path, log: Path, *arguments: str, env: Mapping[str, str | None] | None = None) -> Running:
    """Start a session, for whoever hurts it."""
    return start([*SESSION, f"--out={out}", *arguments], cwd=ROOT, env=env, log=log)
