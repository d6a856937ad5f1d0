"""Verify sessions over broken trees and changed recordings, many in one process, some processes side by side."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Self, TypeAlias

import pytest

from blueprint.catalogue import Tier
from blueprint.evidence import Verdict
from fixtures.proofs import PROOF
from tests.breakages import ROOT, Breakage, Obligation, changed_recording, edited_copy, tree
from tests.judged import render_nothing

RECORDED = Path(__file__).parent / "recorded"
SIDE_BY_SIDE = 2
"""Processes that judge where no workers of pytest-xdist do."""
PINNED = (
    *("-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", "-p", "fixtures.options", "-p", "no:html"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # the second session of a process finds all imported
)
Verdicts: TypeAlias = dict[Obligation, tuple[str, str]]
"""Verdict and message of every obligation."""


@dataclass
class Collector:
    """Notes which obligations have a proof."""

    found: set[Obligation] = field(default_factory=set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take them from the marks, which are checked by now."""
        self.found = {item.stash[PROOF].obligation for item in session.items}


def proven_obligations() -> set[Obligation]:
    """The obligations that have a proof in this repository."""
    collector = Collector()
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        asked = ("--collect-only", "--long", "-q", str(ROOT / "tests_infra"))
        status = pytest.main([*PINNED, *asked], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(said.getvalue())
    return collector.found


def verdicts_of_tree(files: tuple[str, ...], breakage: Breakage | None) -> Verdicts:
    """The static verdicts on a copy of this checkout, broken or as it is."""
    with tempfile.TemporaryDirectory(prefix="soma-verify-breakage-") as name:
        copy = edited_copy(files, breakage.edits if breakage else (), Path(name, "subject"))
        return _session(Path(name, "out"), "--tier=static", f"--subject={copy}")


def verdicts_of_recording(tier: Tier, breakage: Breakage | None) -> Verdicts:
    """The verdicts of a tier on its recorded run, changed or as it is."""
    recorded = RECORDED / f"{tier}.jsonl"
    with tempfile.TemporaryDirectory(prefix="soma-verify-breakage-") as name:
        changed = changed_recording(recorded, breakage.changes if breakage else (), Path(name, recorded.name))
        return _session(Path(name, "out"), f"--tier={tier}", f"--replay={changed}")


def _session(out: Path, *arguments: str) -> Verdicts:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        pytest.main([*PINNED, f"--out={out}", *arguments, "-p", "no:logging", "tests_infra"])
    try:
        document = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))
    except OSError:
        raise RuntimeError(said.getvalue()) from None
    return {
        (clause, tier, case): (judged["verdict"], judged["message"])
        for clause, body in document["clauses"].items()
        for tier in set(Tier) & set(body)
        for case, judged in body[tier]["cases"].items()
    }


class Breaking:
    """What becomes of breakages, each judged once, in processes that are asked as soon as somebody wants to know.

    Args:
        side_by_side: how many processes.
    """

    def __init__(self, side_by_side: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the outer pytest
        self._pool = ProcessPoolExecutor(side_by_side, mp_context=context, initializer=_begin)
        self._files = tree()
        self._asked: dict[tuple[Tier, str], Future[Verdicts]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ask(self, tier: Tier, breakage: Breakage | None = None) -> Future[Verdicts]:
        """The verdicts of a tier under a breakage, or on what is not broken, as they get known."""
        name = (tier, breakage.place if breakage else "")
        if name not in self._asked:
            self._asked[name] = (
                self._pool.submit(verdicts_of_tree, self._files, breakage)
                if tier is Tier.STATIC
                else self._pool.submit(verdicts_of_recording, tier, breakage)
            )
        return self._asked[name]

    def ask_ahead(self, breakages: Iterable[Breakage]) -> None:
        """Begin with all of them: their verdicts will be wanted, in this order."""
        rows = list(breakages)
        for tier in dict.fromkeys(row.tier for row in rows):
            self.ask(tier)
        for row in rows:
            self.ask(row.tier, row)


def _begin() -> None:
    os.chdir(ROOT)
    page = ModuleType("reports.page")  # the page is told from the verdicts, and has tests of its own
    vars(page)["render"] = render_nothing
    sys.modules["reports.page"] = page


def red(verdicts: Verdicts) -> set[Obligation]:
    """The obligations whose proof is red, a finding on a ``should`` clause among them.

    A missing proof does not count: no breakage brings that about. Nor does, on files, an error: a proof that crashes
    has found nothing. (A live one may end in an error, where what it waits for does not come.)
    """
    counted = {Verdict.FAIL, Verdict.INCONCLUSIVE}
    return {
        obligation
        for obligation, (verdict, _) in verdicts.items()
        if verdict in counted or (verdict == Verdict.ERROR and obligation[1] != Tier.STATIC)
    }


def crashed(verdicts: Verdicts) -> set[Obligation]:
    """The obligations of the static tier whose proof is an error."""
    return {each for each, (verdict, _) in verdicts.items() if verdict == Verdict.ERROR and each[1] == Tier.STATIC}
