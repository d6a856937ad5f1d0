"""What our model makes of a Compose file is what ``docker compose config`` makes of it, selection by selection."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from blueprint.compose import ComposeModel, Selection, read_compose
from blueprint.rules.compose_names import ENTRY, MEMBERS
from provision.processes import ProgramFailed, run
from provision.tools import tool
from tests.compose_faults import FAULTS, UNREADABLE
from tests.compose_forms import comparable_config, comparable_selection
from tests.compose_offences import GOOD

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "tests" / "samples" / "compose"
OUTSIDE = {"FROM_OUTSIDE": "outside", "SET": "set", "EMPTY": ""}
PROFILES = sorted(MEMBERS)
SELECTIONS = list(chain.from_iterable(combinations(PROFILES, size) for size in range(len(PROFILES) + 1)))
MUCH_STRICTER = {"an unknown tag"}
"""Faults that Compose lets pass without a word."""
REMOTE = {"a remote include", "a git include", "a surrogate"}
"""Faults that are not shown to Compose, for it would ask a network; and one that no file can hold."""
OF_SAMPLES = [(), ("default",), ("kafka",), ("default", "vectorstore"), ("default", "kafka", "vectorstore")]


def config(root: Path, entry: str, profiles: Iterable[str], environment: dict[str, str]) -> dict[str, Any]:
    """What Compose itself makes of a file; only what is named here is in its environment."""
    held = {"PATH": "/usr/bin:/bin", "HOME": str(root), "COMPOSE_PROFILES": ",".join(profiles), **environment}
    held_only = ("env", "-i", *(f"{name}={value}" for name, value in held.items()))
    asked = ("--env-file", "/dev/null", "-f", str(root / entry), "config", "--format", "json")
    document: dict[str, Any] = json.loads(run([*held_only, tool("compose").path, *asked], timeout=60).stdout)
    return document


def model(root: Path, entry: str, environment: dict[str, str]) -> ComposeModel:
    def text(path: str) -> str | None:
        return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None

    return read_compose(text, entry, environment, paths=[entry])


def selection(model: ComposeModel, profiles: Iterable[str]) -> Selection:
    """The smallest selection that has what is chosen of the profiles of the file."""
    chosen = frozenset(profiles) & model.profiles
    return next(one for one in model.selections if one.profiles == chosen)


@pytest.mark.parametrize("profiles", [pytest.param(chosen, id="+".join(chosen) or "none") for chosen in SELECTIONS])
def test_the_model_of_our_own_file_is_that_of_compose(profiles: tuple[str, ...]) -> None:
    ours = comparable_selection(selection(model(ROOT, ENTRY, {}), profiles), ROOT)
    assert ours == comparable_config(config(ROOT, ENTRY, profiles, {}))


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.iterdir()))
@pytest.mark.parametrize("profiles", [pytest.param(chosen, id="+".join(chosen) or "none") for chosen in OF_SAMPLES])
def test_the_model_of_a_hard_file_is_that_of_compose(sample: str, profiles: tuple[str, ...]) -> None:
    root, entry = SAMPLES / sample, "stack.yaml"
    environment = {**OUTSIDE, "COMPOSE_PROFILES": ",".join(profiles)}
    read = model(root, entry, environment)
    assert not read.faults
    assert comparable_selection(selection(read, profiles), root) == comparable_config(
        config(root, entry, profiles, OUTSIDE)
    )


@pytest.mark.parametrize("fault", sorted({**FAULTS, **UNREADABLE}.keys() - MUCH_STRICTER - REMOTE))
def test_what_is_a_fault_to_the_model_is_one_to_compose(fault: str, tmp_path: Path) -> None:
    text, _, _ = {**FAULTS, **UNREADABLE}[fault]
    (tmp_path / ENTRY).parent.mkdir()
    (tmp_path / ENTRY).write_text(text, encoding="utf-8")
    with pytest.raises(ProgramFailed):
        config(tmp_path, ENTRY, ["*"], {})


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{clause}-{at}") for clause, rows in GOOD.items() for at, text in enumerate(rows)]
)
def test_what_is_no_fault_to_the_model_is_none_to_compose(text: str, tmp_path: Path) -> None:
    (tmp_path / ENTRY).parent.mkdir()
    (tmp_path / ENTRY).write_text(text, encoding="utf-8")
    assert config(tmp_path, ENTRY, ["*"], {"PASSWORD": "set", "P": "set"})["services"]
