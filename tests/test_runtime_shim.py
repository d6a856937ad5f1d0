"""The OCI runtime for machines that withhold capabilities."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from provision import runtime_shim
from provision.processes import run
from provision.runtime_shim import CAPABILITIES, adapted, bounding_set, file_to_adapt, lacking, rewrite

WITHOUT_RESOURCE = "Name:\tx\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\n"
BOUND = bounding_set(WITHOUT_RESOURCE)
PRIVILEGED: dict[str, Any] = {
    "args": ["/probe"],
    "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
    "oomScoreAdj": -998,
    "rlimits": [
        {"type": "RLIMIT_NOFILE", "hard": 1_048_576, "soft": 1_048_576},
        {"type": "RLIMIT_CORE", "hard": 2048, "soft": 0},
    ],
}


def test_the_bounding_set_is_read_bit_by_bit() -> None:
    assert set(CAPABILITIES) - BOUND == {"CAP_SYS_RESOURCE"}
    assert len(CAPABILITIES) == 41
    assert CAPABILITIES.index("CAP_SYS_RESOURCE") == 24
    assert CAPABILITIES.index("CAP_CHECKPOINT_RESTORE") == 40


@pytest.mark.parametrize(
    ("status", "last", "withheld"),
    [
        (WITHOUT_RESOURCE, 40, ("CAP_SYS_RESOURCE",)),
        ("CapBnd:\t000001ffffffffff\n", 40, ()),
        ("CapBnd:\t0000003fffffffff\n", 37, ()),
        ("CapBnd:\t0000003fffffffff\n", 39, ("CAP_PERFMON", "CAP_BPF")),
    ],
    ids=["one short", "whole", "an old kernel", "two short"],
)
def test_what_a_machine_withholds_is_named(status: str, last: int, withheld: tuple[str, ...]) -> None:
    assert lacking(status, last) == withheld


def test_a_privileged_container_wishes_for_nothing_that_cannot_be_had() -> None:
    fitting = adapted(PRIVILEGED, BOUND, {"RLIMIT_NOFILE": 524_288, "RLIMIT_CORE": -1})
    had = [name for name in CAPABILITIES if name != "CAP_SYS_RESOURCE"]
    assert fitting == {
        "args": ["/probe"],
        "capabilities": {"bounding": had, "effective": had, "permitted": had},
        "oomScoreAdj": 0,
        "rlimits": [{"type": "RLIMIT_CORE", "hard": 2048, "soft": 0}],
    }


def test_what_can_be_had_is_left_alone() -> None:
    modest = {
        "args": ["/bin/true"],
        "capabilities": {"bounding": ["CAP_CHOWN"]},
        "oomScoreAdj": 100,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
    }
    assert adapted(modest, BOUND, {"RLIMIT_NOFILE": 524_288}) == modest
    assert adapted({"args": []}, BOUND, {}) == {"args": []}


def test_limits_may_be_raised_where_the_capability_for_it_is_there() -> None:
    assert adapted(PRIVILEGED, frozenset(CAPABILITIES), {"RLIMIT_NOFILE": 1})["rlimits"] == PRIVILEGED["rlimits"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "--root /run/r --log /l/log.json --log-format json create --bundle /b --pid-file /b/pid ID",
            ("/b/config.json", True),
        ),
        ("--root /run/r --systemd-cgroup create --bundle=/b ID", ("/b/config.json", True)),
        ("run -b /b ID", ("/b/config.json", True)),
        ("run ID", ("./config.json", True)),
        ("--log=/l exec --process /tmp/p --detach ID", ("/tmp/p", False)),
        ("exec -p /tmp/p ID", ("/tmp/p", False)),
        ("exec ID sh", None),
        ("--root /run/create state ID", None),
        ("--root create start ID", None),
        ("delete --force ID", None),
        ("--version", None),
        ("", None),
    ],
)
def test_the_file_that_runc_will_read_is_found_in_its_command_line(line: str, found: tuple[str, bool] | None) -> None:
    assert file_to_adapt(line.split()) == found


@pytest.mark.parametrize("nested", [True, False], ids=["config.json", "process.json"])
def test_a_file_is_rewritten_with_the_rest_and_its_mode_as_they_were(tmp_path: Path, *, nested: bool) -> None:
    path = tmp_path / "it.json"
    path.write_text(json.dumps({"ociVersion": "1.0.2", "process": PRIVILEGED, "root": 1} if nested else PRIVILEGED))
    path.chmod(0o640)
    rewrite(str(path), nested=nested, bound=BOUND, hard_limits={})
    whole = json.loads(path.read_text())
    assert (whole["process"] if nested else whole) == adapted(PRIVILEGED, BOUND, {})
    assert (whole.get("ociVersion"), whole.get("root")) == (("1.0.2", 1) if nested else (None, None))
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_it_becomes_runc_with_the_same_words_and_the_file_adapted(tmp_path: Path) -> None:
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    runc.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"process": {"oomScoreAdj": -5}}))
    words = ["create", "--bundle", str(tmp_path), "ID"]
    done = run([sys.executable, "-I", "-S", runtime_shim.__file__, *words], env={"PATH": str(tmp_path)}, check=False)
    assert (done.stdout.split(), done.exit_code) == (words, 3), done.stderr
    assert json.loads((tmp_path / "config.json").read_text()) == {"process": {"oomScoreAdj": 0}}


def test_nothing_is_imported_for_a_command_that_needs_no_change() -> None:
    code = (
        "import sys, os; had = set(sys.modules); sys.argv[1:] = ['state', 'ID'];"
        "os.execvp = lambda *_: print(sorted(set(sys.modules) - had));"
        f"exec(compile(open({runtime_shim.__file__!r}).read(), 'shim', 'exec'), {{'__name__': '__main__'}})"
    )
    assert run([sys.executable, "-I", "-S", "-c", code]).stdout == "['__future__']\n"
