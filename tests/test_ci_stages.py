"""Stages of pipelines are run for real, in clones of small repositories, and judged by what they came to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from blueprint.catalogue import Tier
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.live import rows, table
from blueprint.results import Result
from blueprint.rules.ci_stages import red_steps
from blueprint.stage_plan import CASES, PlannedJob, stages
from blueprint.trouble import Trouble
from blueprint.workflows import CI, DOCS_QUALITY, read_workflow
from provision import engine_lock as locking
from provision.engine_lock import engine_lock
from provision.ownership import Owner
from provision.processes import run
from tests.verifying import verify
from worlds.ci_stages import ALONE, CiStages
from worlds.recorder import Recorder

DOCS = """\
on: workflow_call
defaults:
  run:
    shell: sh
jobs:
  pages:
    runs-on: ubuntu-24.04
    steps:
      - run: test -z "$PIPED" && echo mkdocs build --strict
"""
HEAD = """\
name: ci
on: [push, pull_request]
env:
  WHERE: workflow
defaults:
  run:
    shell: bash
jobs:
  check:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo ruff; git log -1 --format=%s
      - uses: astral-sh/setup-ruff@v1
"""
JOB = """\
  check:
    runs-on: ubuntu-24.04
    steps:
"""
CALL = """\
  docs:
    needs: check
    uses: ./.github/workflows/docs-quality.yml
"""


class Stand:
    """A repository with a pipeline, and its stages."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "repository"
        self.home = tmp_path / "home"
        self.told: list[str] = []
        self.recorder = Recorder(tmp_path / "evidence.jsonl")

    def write(self, name: str, text: str) -> None:
        """Commit a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Write {name}")

    def git(self, *arguments: str) -> str:
        """What git says."""
        env = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        names = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return run(("git", *arguments), cwd=self.root, env=env | names).stdout

    def world(self, progress: Callable[[str], None] | None = None, telling: float = 60.0) -> CiStages:
        """The stages of the repository as it stands."""
        return CiStages(self.root, self.recorder, progress or self.told.append, self.home, telling)

    def planned(self, stage: str) -> tuple[PlannedJob, ...]:
        """The jobs of a stage."""
        paths = [path for path in (CI, DOCS_QUALITY) if (self.root / path).is_file()]
        texts = {path: (self.root / path).read_text(encoding="utf-8") for path in paths}
        return stages([read_workflow(Document(path, text)) for path, text in texts.items()], {})[stage]

    def stage(self, stage: str = "lint") -> tuple[Findings, list[Mapping[str, Any]]]:
        """What a stage comes to."""
        with self.world() as world:
            seen = world.run(stage, self.planned(stage))
        assert not [*self.home.iterdir()]
        return red_steps(stage, self.planned(stage), seen), rows(table(seen)["steps"])


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.write("page.md", "# Page\n")
    with made.recorder:
        yield made


def with_steps(steps: str, top: str = "") -> str:
    """A pipeline of one job, which lints, and of some steps."""
    lines = "".join(f"      {line}\n" for line in steps.strip("\n").split("\n"))
    return f"name: ci\non: push\n{top}jobs:\n{JOB}      - run: 'true || ruff check .'\n{lines}"


def verdict(findings: Findings) -> str:
    return str(Result("CIC-006", Tier.DRILL, "lint", "t::p", findings=findings, evidence=("o1",)).verdict()[0])


def kinds(steps: list[Mapping[str, Any]]) -> list[object]:
    return [row["exit_code"] if row["kind"] == "ran" else row["kind"] for row in steps]


def test_a_green_stage_passes_and_each_of_its_steps_is_written_down(stand: Stand) -> None:
    stand.write(CI, HEAD)
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("pass", ["stands_in", 0, "stands_in"])
    assert findings.population == {f"{CI} jobs.check.steps[1]"}
    assert findings.observed == "stage lint: 1 commands ended with 0 in 0.0 min"
    assert stand.told[-1] == "stage lint, check: astral-sh/setup-ruff@v1: stands in"


def test_a_failing_step_is_a_finding_with_file_line_command_code_and_last_lines(stand: Stand) -> None:
    stand.write(CI, with_steps("- name: Break\n  run: |\n    echo one; echo two >&2\n    (exit 7)\n- run: echo never"))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("fail", [0, 7, "passed_over"])
    (found,) = findings.found
    assert (found.place.file, found.place.line, found.place.key) == (CI, 9, "jobs.check.steps[1].run")
    assert found.what == ("job check: `echo one; echo two >&2 …` ended with exit code 7: two\n  before that:\n    one")
    assert steps[2]["why"] == "a step before it failed"


def test_what_always_runs_does_so_and_what_follows_a_failure_only_then(stand: Stand) -> None:
    steps = "- run: exit 3\n- run: echo no\n- if: always()\n  run: echo yes\n- if: ${{ failure() }}\n  run: echo too"
    stand.write(CI, with_steps(steps))
    findings, done = stand.stage()
    assert (verdict(findings), kinds(done)) == ("fail", [0, 3, "passed_over", 0, 0])
    stand.write(CI, with_steps(steps.replace("exit 3", "exit 0")))
    findings, done = stand.stage()
    assert (verdict(findings), kinds(done)) == ("pass", [0, 0, 0, 0, "passed_over"])


def test_the_environment_is_that_of_workflow_job_and_step_and_nothing_of_ours(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "SOMA_SUBJECT", "PYTEST_ADDOPTS", "VIRTUAL_ENV", "UV_PYTHON"):
        monkeypatch.setenv(name, "ours")
    top = "env:\n  A: workflow\n  B: workflow\n  C: workflow\n"
    steps = """
- run: test "$A $B $C $CI" = 'workflow workflow workflow true' -a -z "$GITHUB_TOKEN$SOMA_SUBJECT$PYTEST_ADDOPTS"
- run: test "$A $B $C" = "job job step" -a -z "$VIRTUAL_ENV$UV_PYTHON" -a ${{ env.C }} = step
  env:
    C: step
- run: |
    echo "SAID=before = after" >> "$GITHUB_ENV"
    { echo 'LONG<<END'; echo one; echo two; echo END; echo D=4; } >> "$GITHUB_ENV"
    mkdir tools; printf '#!/bin/sh\\nexit 0\\n' > tools/own-tool; chmod +x tools/own-tool
    echo "$PWD/tools" >> "$GITHUB_PATH"
- run: own-tool; test "$SAID $LONG $D" = "before = after $(printf 'one\\ntwo') 4"
- run: echo told >> "$GITHUB_STEP_SUMMARY"; test "$GITHUB_SHA" = "$(git rev-parse HEAD)"
"""
    text = with_steps(steps, top)
    stand.write(CI, text.replace("    steps:\n", "    env: {A: job, B: job}\n    steps:\n"))
    findings, done = stand.stage()
    assert (verdict(findings), kinds(done)) == ("fail", [0, 1, *["passed_over"] * 4])
    stand.write(
        CI,
        text.replace("    steps:\n", "    env: {A: job, B: job}\n    steps:\n").replace(
            "'workflow workflow workflow true'", "'job job workflow true'"
        ),
    )
    findings, done = stand.stage()
    assert (verdict(findings), kinds(done)) == ("pass", [0] * 6), findings.found


def test_python_is_this_python_and_makes_environments(stand: Stand) -> None:
    stand.write(CI, with_steps("- run: python3 -m venv --without-pip .venv && .venv/bin/python -c 'import json'"))
    assert verdict(stand.stage()[0]) == "pass"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = f"import sys; assert sys.version.startswith('{version}.') and sys.prefix == sys.base_prefix"
    stand.write(CI, with_steps(f"- run: |\n    {told}\n  shell: python"))
    assert verdict(stand.stage()[0]) == "pass"


@pytest.mark.parametrize(
    ("shell", "code"), [("", 0), ("sh", 0), ("bash", 1), ("bash -eo pipefail {0}", 1), ("bash {0}", 0)]
)
def test_a_pipe_that_fails_fails_the_step_under_the_shells_that_say_so(stand: Stand, shell: str, code: int) -> None:
    stand.write(CI, with_steps("- run: false | cat" + (f"\n  shell: {shell}" if shell else "")))
    assert kinds(stand.stage()[1]) == [0, code]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("- run: echo ${{ secrets.TOKEN }}", "what ${{ secrets.TOKEN }} stands for is not known here"),
        ("- run: echo\n  env: {A: '${{ matrix.python }}'}", "what ${{ matrix.python }} stands for is not known here"),
        ("- run: echo\n  if: github.ref == 'x'", "whether it runs is not known here: if: github.ref == 'x'"),
        ("- run: echo\n  shell: pwsh", "the shell pwsh is not known here"),
        ("- uses: helm/kind-action@v1", "the action helm/kind-action is not run here"),
        ("- uses: actions/download-artifact@v4", "the action actions/download-artifact is not run here"),
    ],
)
def test_what_cannot_be_known_here_is_no_pass_and_nothing_rests_on_it(stand: Stand, step: str, why: str) -> None:
    stand.write(CI, with_steps(f"{step}\n- run: exit 1"))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("inconclusive", [0, "passed_over", "passed_over"])
    assert steps[1]["why"] == why
    assert str(steps[2]["why"]).startswith("rests on what could not be run: ")
    assert findings.unexamined == {f"{CI} jobs.check.steps[{number}]" for number in (1, 2)}


@pytest.mark.parametrize("job", ["container: debian", "services: {db: {image: x}}", "if: github.ref == 'x'"])
def test_a_job_that_a_desk_cannot_run_is_no_pass(stand: Stand, job: str) -> None:
    stand.write(CI, with_steps("- run: exit 1").replace("    steps:\n", f"    {job}\n    steps:\n"))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("inconclusive", ["passed_over", "passed_over"])


def test_a_stage_without_commands_is_no_pass(stand: Stand) -> None:
    stand.write(
        CI, HEAD.replace("      - run: echo ruff; git log -1 --format=%s\n", "").replace("setup-ruff", "ruff-action")
    )
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("inconclusive", ["stands_in", "passed_over"])
    for stage in CASES[1:]:
        assert stand.planned(stage) == ()
        assert verdict(stand.stage(stage)[0]) == "inconclusive"


UPLOAD = (
    "- uses: actions/upload-artifact@v4\n  with:\n    name: pages\n    path: {path}\n    if-no-files-found: error\n"
)


MADE = "- run: mkdir -p made/empty made/dots; touch made/a.txt made/b.txt made/.hidden made/dots/.a\n"
THERE = (
    *("made/", "made/*.txt", "'**/b.txt'", "page.md", ".", "made/.hidden", "${{ github.workspace }}/made"),
    "|\n      made/*.txt\n      !made/a.txt",
)
NOT_THERE = (
    *("none/", "made/*.md", "made/empty", "made/dots", "${{ runner.temp }}/none"),
    "|\n      made/a.txt\n      !made/*.txt",
)


def test_an_artefact_that_is_there_is_found(stand: Stand) -> None:
    stand.write(CI, with_steps(MADE + "".join(UPLOAD.format(path=path) for path in THERE)))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("pass", [0, 0, *["uploaded"] * len(THERE)]), steps
    assert [row["files"] for row in steps[2:]] == [2, 2, 1, 1, 3, 1, 2, 1]
    assert (len(findings.population), findings.observed[-23:]) == (
        2 + len(THERE),
        f", {len(THERE)} artefacts are there",
    )


@pytest.mark.parametrize("path", NOT_THERE)
def test_an_artefact_has_to_be_there(stand: Stand, path: str) -> None:
    stand.write(CI, with_steps(MADE + UPLOAD.format(path=path)))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("fail", [0, 0, "uploaded"])
    assert "ended with exit code 1: no file is at " in findings.found[0].what


def test_an_artefact_that_nobody_insists_on_is_not_looked_for(stand: Stand) -> None:
    stand.write(CI, with_steps(UPLOAD.format(path="none/").replace("error", "warn")))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("pass", [0, "stands_in"])


def test_a_called_workflow_is_run_under_its_own_settings_and_jobs_wait_for_each_other(stand: Stand) -> None:
    last = "  last:\n    needs: pages\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo last\n"
    stand.write(DOCS_QUALITY, DOCS + last)
    stand.write(CI, HEAD.replace("WHERE", "PIPED") + CALL)
    findings, steps = stand.stage("docs")
    assert (verdict(findings), kinds(steps)) == ("pass", [0, 0])
    assert findings.population == {f"{DOCS_QUALITY} jobs.{job}.steps[0]" for job in ("pages", "last")}
    stand.write(DOCS_QUALITY, DOCS.replace("test -z", "test -n") + last)
    findings, steps = stand.stage("docs")
    assert (verdict(findings), kinds(steps)) == ("fail", [1, "passed_over"])
    assert steps[1]["why"] == f"{DOCS_QUALITY} jobs.pages is not green"
    stand.write(CI, HEAD + CALL.replace("docs-quality", "none"))
    assert stand.planned("docs") == ()


def test_a_command_that_is_not_done_in_its_time_is_interrupted_and_a_finding(stand: Stand) -> None:
    waits = f"jobs:\n{JOB}      - run: true || ruff check; while :; do sleep 0.1; done\n"
    stand.write(CI, waits.replace("    steps:\n", "    timeout-minutes: 0.01\n    steps:\n"))
    findings, steps = stand.stage()
    assert (verdict(findings), kinds(steps)) == ("fail", [None])
    assert "` was not done in its time" in findings.found[0].what


def test_ctrl_c_lets_a_step_tear_down_and_takes_the_clone_away(stand: Stand, tmp_path: Path) -> None:
    waits = f"trap 'touch {tmp_path}/torn-down; exit 1' INT; touch {tmp_path}/stands; while :; do sleep 0.1; done"
    stand.write(CI, with_steps(f'- run: "{waits}"'))

    def interrupt(line: str) -> None:
        if line.startswith("still runs") and (tmp_path / "stands").exists() and not (tmp_path / "torn-down").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), stand.world(interrupt, telling=0.0) as world:
        world.run("lint", stand.planned("lint"))
    assert (tmp_path / "torn-down").exists()
    assert not [*stand.home.iterdir()]


def test_the_clone_has_all_that_is_committed_and_nothing_else(stand: Stand) -> None:
    stand.git("tag", "v0.1.0")
    stand.write("second.md", "")
    steps = "- run: test -f second.md -a ! -e loose.md && git describe --tags | grep v0.1.0-2 && git status --porcelain"
    stand.write(CI, with_steps(steps + "\n- run: git push --quiet origin HEAD:refs/heads/pushed"))
    (stand.root / "loose.md").write_text("never committed")
    assert kinds(stand.stage()[1]) == [0, 0, 0]
    assert stand.git("branch", "--list").split() == ["*", "main"]


def test_a_tree_that_is_not_committed_as_it_stands_is_an_error(stand: Stand) -> None:
    stand.write(CI, HEAD)
    (stand.root / "page.md").write_text("# Another\n")
    with pytest.raises(Trouble, match=r"^page.md: the stages are run on a clone of HEAD, and 1 tracked files differ"):
        stand.stage()
    assert not [*stand.home.iterdir()]


def test_a_tree_without_history_and_a_shallow_clone_are_errors(stand: Stand, tmp_path: Path) -> None:
    stand.write(CI, HEAD)
    run(("git", "clone", "--quiet", "--depth=1", f"file://{stand.root}", tmp_path / "shallow"))
    planned, stand.root = stand.planned("lint"), tmp_path / "shallow"
    with stand.world() as world, pytest.raises(Trouble, match="the clone is shallow"):
        world.run("lint", planned)
    stand.root = tmp_path / "none"
    stand.root.mkdir()
    with stand.world() as world, pytest.raises(Trouble, match="has no history"):
        world.run("lint", planned)


def test_a_run_that_holds_the_engine_itself_does_not_wait_for_itself(stand: Stand, tmp_path: Path) -> None:
    stand.write(CI, HEAD)
    with engine_lock("e", Owner.current(), stand.told.append, folder=tmp_path / "locks"):
        with pytest.raises(Trouble, match="this very run holds the engine") as caught:
            stand.stage()
        assert caught.value.next_command == ALONE
    assert not locking.is_held_here()
    assert verdict(stand.stage()[0]) == "pass"


def test_what_a_dead_run_left_is_removed_and_nothing_else(stand: Stand) -> None:
    stand.write(CI, HEAD)
    dead = Owner("dead", 1, 1.0, Owner.current().machine)
    for owner in (dead, Owner.current(run="living")):
        folder = stand.home / f"soma-verify-{owner.run}"
        folder.mkdir(parents=True)
        text = '{"run": "%s", "pid": %d, "started": %f, "machine": "%s"}'
        (folder / "owner.json").write_text(text % (owner.run, owner.pid, owner.started, owner.machine))
    (stand.home / "other").mkdir()
    with stand.world() as world:
        world.run("lint", stand.planned("lint"))
    assert sorted(path.name for path in stand.home.iterdir()) == ["other", "soma-verify-living"]


def test_a_foreign_pipeline_runs_only_where_its_tree_is_trusted(stand: Stand, tmp_path: Path) -> None:
    stand.write(CI, HEAD)
    chosen = ("--tier=drill", "--long", f"--subject={stand.root}", "-k", "CIC-006 and lint")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    refused = verify(tmp_path / "out", *chosen, env=env)
    assert refused.verdicts("drill")["CIC-006", "lint"] != "pass"
    assert "ci:stage" not in (tmp_path / "out" / "evidence.jsonl").read_text(encoding="utf-8")
    trusted = verify(tmp_path / "out", *chosen, "--trust-subject", env=env)
    case = trusted.cases("drill")["CIC-006", "lint"]
    assert (trusted.exit_code, case["verdict"]) == (0, "pass"), trusted.output
    replayed = verify(
        tmp_path / "again", "--tier=drill", f"--replay={tmp_path / 'out' / 'evidence.jsonl'}", *chosen[3:]
    )
    assert replayed.verdicts("drill")["CIC-006", "lint"] == "pass"
