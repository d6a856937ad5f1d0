"""The worked example of CONTRIBUTING.md, typed in as it stands there, on a copy of the tree."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.processes import Completed, run
from tests.breakages import edited_copy, tree

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^In `(?P<path>[^`]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
AT_THE_END = re.compile(r"^and the test at the end:\n\n```python\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
PROOFS = "tests_infra/static/test_local_environment.py"


def edits() -> Iterator[dict[str, str]]:
    """What the page tells its reader to write, as edits of files."""
    for path, text in BLOCK.findall(PAGE):
        if path == PROOFS:
            test = AT_THE_END.search(PAGE)
            assert test
            yield {"file": path, "write": beside_the_others(text, (ROOT / path).read_text("utf-8")) + "\n\n" + test[1]}
        else:
            yield {"file": path, "append": f"\n{text}"} if (ROOT / path).exists() else {"file": path, "write": text}


def beside_the_others(line: str, module: str) -> str:
    lines = module.splitlines(keepends=True)
    place = next(at for at, other in enumerate(lines) if other.startswith("from blueprint") and other > line)
    return "".join([*lines[:place], line, *lines[place:]])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edited_copy(tree(), edits(), tmp_path_factory.mktemp("tree"))


def python(copy: Path, *arguments: str) -> Completed:
    return run([sys.executable, "-m", *arguments], cwd=copy, check=False)


def test_the_page_shows_all_that_is_needed() -> None:
    assert [edit["file"] for edit in edits()] == [
        "blueprint/chapters/local_environment.toml",
        "blueprint/rules/compose_logs.py",
        PROOFS,
        "tests/breakages.toml",
    ]


def test_the_example_is_proven(copy: Path) -> None:
    session = ("pytest", "-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options", "--tier=static")
    done = python(copy, *session, "tests_infra", "-k", "logs_are_bounded", "--out=out")
    told = python(copy, "reports.explain", "CMP-027", "--out", "out")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert f"{PROOFS}:" in told.stdout, told.stderr
    assert "static: pass — 12 services with bounded logs" in told.stdout


def test_the_example_turns_red_where_it_is_broken(copy: Path) -> None:
    done = python(copy, "pytest", "-c", "pyproject.toml", "--rootdir=.", "tests/test_breakages.py", "-k", "CMP-027")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_the_example_is_in_order(copy: Path, command: str) -> None:
    done = python(copy, "ruff", *command.split(), "blueprint/rules/compose_logs.py", PROOFS)
    assert done.exit_code == 0, done.stdout + done.stderr
