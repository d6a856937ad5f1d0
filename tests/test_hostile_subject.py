"""A checkout that is verified runs nothing of its own, however it is named, and its settings rule nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from provision.processes import Completed, run
from worlds.subject import OURS

LONGEST = 60.0
PAGE = (Path(__file__).parent / "samples" / "docs" / "infrastructure.md").read_text(encoding="utf-8")


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A checkout in which every file that some tool would run of itself leaves a trace when it does."""
    root = tmp_path / "trapped"
    root.mkdir()
    trap = f"import pathlib\npathlib.Path({str(tmp_path / 'was-run')!r}).touch()\n"
    for name in (
        *(
            "conftest.py",
            "sitecustomize.py",
            "usercustomize.py",
            "noxfile.py",
            "docs/hook.py",
            "yamllint.py",
            "yaml.py",
        ),
        *("tests_infra/conftest.py", "tests_infra/static/test_trap.py", "fixtures/__init__.py", "worlds/__init__.py"),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trap, encoding="utf-8")
    (root / "pyproject.toml").write_text('[tool.pytest]\naddopts = ["-p", "docs.hook"]\n', encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\naddopts = -p docs.hook\n", encoding="utf-8")
    (root / "mkdocs.yml").write_text("hooks: [docs/hook.py]\na: !!python/name:docs.hook\n", encoding="utf-8")
    (root / ".yamllint.yaml").write_text("rules: {}\n", encoding="utf-8")
    (root / "infra").mkdir()
    (root / "infra" / "untidy.yaml").write_text("a:    1\n", encoding="utf-8")
    (root / "docs" / "technical-manual").mkdir()
    (root / "docs" / "technical-manual" / "infrastructure.md").write_text(PAGE, encoding="utf-8")
    return root


def verify(*arguments: str, out: Path, **environment: str) -> tuple[Completed, dict[str, Any]]:
    """Judge the two proofs of files, as the session ``verify-static`` does."""
    chosen = ("tests_infra/static/test_documentation.py", "tests_infra/static/test_configuration.py")
    pinned = ("-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options", "--tier=static", f"--out={out}")
    done = run(
        (sys.executable, "-m", "pytest", *pinned, *chosen, *arguments),
        cwd=OURS,
        env={"SOMA_SUBJECT": None, **environment},
        timeout=LONGEST,
        check=False,
    )
    return done, json.loads((out / "verdicts.json").read_text(encoding="utf-8"))["clauses"]


def verdict(clauses: dict[str, Any], clause: str) -> Any:  # noqa: ANN401 - a leaf of a JSON document
    return clauses[clause]["static"]["cases"]["whole"]


@pytest.mark.parametrize("way", ["variable", "option", "option with a space"])
def test_nothing_of_the_subject_is_run_and_its_settings_rule_nothing(trapped: Path, tmp_path: Path, way: str) -> None:
    named = {
        "variable": ((), {"SOMA_SUBJECT": str(trapped)}),
        "option": ((f"--subject={trapped}",), {}),
        "option with a space": (("--subject", str(trapped)), {}),
    }
    arguments, environment = named[way]
    done, clauses = verify(*arguments, out=tmp_path / "out", **environment)
    assert not (tmp_path / "was-run").exists(), done.stdout
    assert verdict(clauses, "DOC-001")["verdict"] == "pass"
    assert verdict(clauses, "CFG-009")["verdict"] == "fail"
    assert verdict(clauses, "CFG-009")["findings"][0]["file"] == "infra/untidy.yaml"


def test_the_traps_would_spring(trapped: Path, tmp_path: Path) -> None:
    """Without what the suite pins, pytest does run the subject's own code."""
    run((sys.executable, "-m", "pytest", str(trapped)), cwd=trapped, timeout=LONGEST, check=False)
    assert (tmp_path / "was-run").exists()


def test_links_pipes_large_and_odd_files_are_findings_beside_each_other(trapped: Path, tmp_path: Path) -> None:
    infra = trapped / "infra"
    (infra / "untidy.yaml").unlink()
    (infra / "out.yaml").symlink_to("/etc/hostname")
    (infra / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(infra / "pipe.yaml")
    with (infra / "large.yaml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    (infra / "latin.yaml").write_bytes(b"a: caf\xe9\n")
    (infra / "broken.yaml").write_text("a: [1\n", encoding="utf-8")
    Path(os.fsdecode(bytes(infra) + b"/\xff<script>\n.yaml")).write_text("a:   1\n", encoding="utf-8")
    shutil.rmtree(trapped / "docs" / "technical-manual")
    _, clauses = verify(f"--subject={trapped}", out=tmp_path / "out")
    found = {finding["file"]: finding["what"] for finding in verdict(clauses, "CFG-009")["findings"]}
    assert set(found) == {
        *("infra/out.yaml", "infra/loop.yaml", "infra/pipe.yaml", "infra/large.yaml", "infra/latin.yaml"),
        *("infra/broken.yaml", "infra/\\xff<script>\\n.yaml"),
    }
    assert "leads out of the checkout" in found["infra/out.yaml"]
    assert "infrastructure.md is not there" in verdict(clauses, "DOC-001")["findings"][0]["what"]
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.html")}
    assert set(pages) == {"index.html", "details.html"}
    assert "&lt;script&gt;" in pages["index.html"]
    assert not any("<script>\\n.yaml" in page for page in pages.values())


def test_a_remote_include_fetches_nothing(trapped: Path, tmp_path: Path) -> None:
    include = (
        "include:\n  - https://github.invalid/x/y.git\n  - oci://registry.invalid/x\n  - git@github.invalid:x/y.git\n"
    )
    compose = trapped / "infra" / "docker-compose.somaagent01.yaml"
    compose.write_text(f"{include}services: {{}}\n", encoding="utf-8")
    trace = tmp_path / "was-fetched"
    (tmp_path / "bin").mkdir()
    for name in ("git", "docker", "curl", "ssh"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\ntouch '{trace}'\n", encoding="utf-8")
        program.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    every = "tests_infra/static/test_local_environment.py"
    _, clauses = verify(every, f"--subject={trapped}", out=tmp_path / "out", PATH=path)
    assert not trace.exists()
    found = [finding["what"] for finding in verdict(clauses, "CMP-001")["findings"]]
    assert len([what for what in found if "remote" in what or "outside" in what]) >= 3, found


def test_an_empty_directory_passes_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done, clauses = verify(f"--subject={empty}", out=tmp_path / "out")
    assert done.exit_code != 0
    assert {verdict(clauses, clause)["verdict"] for clause in ("DOC-001", "CFG-009")} == {"fail", "inconclusive"}
