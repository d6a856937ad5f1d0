"""A live tier where there is no fit engine: every proof is an error, soon, and says what to type."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from tests.verifying import verify
from worlds.compose import FILE, ComposeProject, profiles_of
from worlds.compose_opening import Choices, open_project

NOT_PROVEN = {"not_yet", "not_verified"}


def test_no_engine_is_an_error_of_every_proof(tmp_path: Path) -> None:
    done = verify(tmp_path / "out", "--tier=compose", env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    cases = {key: case for key, case in done.cases("compose").items() if case["verdict"] not in NOT_PROVEN}
    assert done.exit_code == 1, done.output
    assert {case["verdict"] for case in cases.values()} == {"error"}, done.output
    assert len(cases) >= 10
    for case in cases.values():
        assert "no container engine answers" in case["message"]
        assert "next: nox -s host -- --yes" in case["message"]


def test_an_engine_without_compose_is_an_error_that_says_so(tmp_path: Path) -> None:
    server = {"Version": "28.0.0", "ApiVersion": "1.48", "Os": "linux", "Arch": "amd64"}
    program = tmp_path / "docker"
    program.write_text(
        f"#!/bin/sh\ncase \"$1\" in\nversion) echo '{json.dumps(server)}';;\n"
        "*) echo \"docker: '$1' is not a docker command\" >&2; exit 1;;\nesac\n"
    )
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///x.sock", "XDG_CACHE_HOME": str(tmp_path)}
    done = verify(tmp_path / "out", "--tier=compose", env=env)
    assert done.exit_code == 1
    case = done.cases("compose")["CMP-011", "default"]
    assert case["verdict"] == "error"
    assert "the engine 28.0.0 answers, but `docker compose` is not there" in case["message"]


def test_another_checkout_is_not_run_unless_it_is_trusted(tmp_path: Path) -> None:
    done = verify(tmp_path / "out", "--tier=compose", f"--subject={tmp_path}")
    case = done.cases("compose")["CMP-011", "default"]
    assert (case["verdict"], done.exit_code) == ("error", 1)
    assert "the same with --trust-subject" in case["message"]


@pytest.mark.parametrize(
    ("folder", "reason"), [("plain", "there is no Compose file"), ("a$(touch pwned)", "a character that a shell acts")]
)
def test_a_compose_file_that_cannot_be_used_is_refused_before_anything_happens(
    tmp_path: Path, folder: str, reason: str
) -> None:
    root = tmp_path / folder
    if folder != "plain":
        (root / "infra").mkdir(parents=True)
        (root / FILE).write_text("services: {}\n")
    with pytest.raises(Trouble, match=reason), open_project(Choices(root), print):
        pass
    assert not list(tmp_path.rglob("pwned"))


def test_a_selection_is_always_written_the_same() -> None:
    assert profiles_of(("vectorstore", "default")) == "default,vectorstore"


def test_what_would_make_compose_read_other_files_is_taken_out_of_its_environment(tmp_path: Path) -> None:
    env = ComposeProject(tmp_path, "p", {"DOCKER_HOST": "x"}, print).env("default")
    assert {name for name, value in env.items() if value is None} == {
        "COMPOSE_FILE",
        "COMPOSE_ENV_FILES",
        "COMPOSE_DISABLE_ENV_FILE",
    }
    assert (env["COMPOSE_PROJECT_NAME"], env["COMPOSE_PROFILES"], env["DOCKER_HOST"]) == ("p", "default", "x")


def test_a_service_that_is_scaled_to_nothing_is_no_part_of_a_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {
        "prometheus": {"ports": [{"published": "9090"}]},
        "grafana": {"scale": 0, "ports": [{"published": "3000"}]},
    }
    monkeypatch.setattr(ComposeProject, "_model", lambda *_: model)
    project = ComposeProject(tmp_path, "p", {}, print)
    assert project.services("observability") == ["prometheus"]
    assert project.absent("observability") == ["grafana"]
    assert project.published("observability") == {9090: "prometheus"}
