"""What a workflow names and is not there is found by line; what it makes, installs or has ignored is not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.links import Tree
from blueprint.rules.workflow_names import FILES, Surroundings, mentions, missing_names, what_is_runnable
from blueprint.workflows import CI, Workflow, read_workflow
from worlds.recorder import Recorder
from worlds.shell_syntax import read_by_a_shell

PATHS = (
    *(
        "noxfile.py",
        "Makefile",
        "package.json",
        "requirements/nox.txt",
        "scripts/smoke_test.py",
        "services/__init__.py",
    ),
    *(
        "services/main.py",
        "infra/helm/soma-infra/Chart.yaml",
        ".github/workflows/docs.yml",
        ".github/actions/x/action.yml",
    ),
)
FOLDERS = {str(parent) for path in PATHS for parent in Path(path).parents}
TREE = Tree(frozenset({*PATHS, *FOLDERS}), lambda path: "scripts/smoke_test.py" if "smoke" in path else "")
RUNNABLE = what_is_runnable(
    {
        "noxfile.py": Document(
            "noxfile.py",
            'import nox\nNAMES = ["verify-local"]\n@nox.session\ndef tests(session):\n    """No session."""\n',
        ),
        "Makefile": Document("Makefile", ".PHONY: all\nall: build\nbuild:\n\techo\nX := 1\n"),
        "package.json": Document("package.json", '{"scripts": {"lint": "eslint"}}'),
    }
)


def workflow(run: str, *, shell: str = "", more: str = "") -> Workflow:
    block = "".join(f"          {line}\n" for line in run.split("\n"))
    head = "on: push\njobs:\n  test:\n    runs-on: x\n    steps:\n"
    text = f"{head}{more}      - shell: '{shell}'\n        run: |\n{block}"
    return read_workflow(Document(CI, text))


def offences(made: Workflow, tmp_path: Path | None = None, ignored: frozenset[str] = frozenset()) -> list[str]:
    faults: dict[str, list[tuple[int, str]]] = {}
    if tmp_path:
        with Recorder(tmp_path / "evidence.jsonl") as recorder:
            faults = read_by_a_shell([made], recorder)
    findings = missing_names([made], Surroundings(TREE, RUNNABLE, ignored, faults), [CI])
    return [f"{finding.place.line}: {finding.what}" for finding in findings.found]


@pytest.mark.parametrize(
    "run",
    [
        "python3 -m venv .venv\n.venv/bin/pip install -r requirements/nox.txt\n.venv/bin/nox -s tests verify-local",
        "poetry run python scripts/smoke_test.py --env dev",
        "make all\nnpm run lint",
        "python -m services.main && python -m http.server",
        "cd infra/helm && helm lint soma-infra/Chart.yaml",
        "helm package ./infra/helm/soma-infra -d dist && tar -czf dist.tar.gz dist/",
        "mkdir -p reports/new && cp requirements/nox.txt services/copy.txt && cat services/copy.txt",
        "pytest services/main.py::test_x --junitxml=services/junit.json && cat services/junit.json",
        "echo x > services/new.txt; cat services/new.txt",
        "git clone https://example.org/x/y.git elsewhere && cat elsewhere/a.txt",
        "kubectl -n soma-dev port-forward svc/gateway 8010:8010",
        'docker pull owner/image:1.0 && cat /etc/hosts ~/x.txt "$HOME/y.txt" services/*.py',
        "pip install soma-tool==1.0\nsoma-tool run",
        'cd "$SOMEWHERE"\npython missing.py',
        "echo ${{ matrix.file }}.py",
        "uvicorn services.main:app --host 0.0.0.0 --port 8010 && gunicorn -b localhost:8000 elsewhere.main:app",
    ],
)
def test_what_is_there_or_made_is_left_in_peace(run: str, tmp_path: Path) -> None:
    assert offences(workflow(run), tmp_path) == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            "x=1\npoetry run python scripts/smoke.py",
            "9: scripts/smoke.py is not there; the nearest is scripts/smoke_test.py",
        ),
        ("helm lint infra/helm/soma-stack", "8: infra/helm/soma-stack is not there"),
        ("helm lint --values=infra/helm/values-dev.yaml", "8: infra/helm/values-dev.yaml is not there"),
        ("cd infra/charts", "8: infra/charts is not there"),
        ("cd services && python smoke.py", "8: services/smoke.py is not there; the nearest is scripts/smoke_test.py"),
        ("nox -s test", "8: there is no session of nox test; the nearest is tests"),
        ("python -m nox --session=test", "8: there is no session of nox test; the nearest is tests"),
        ("make al", "8: there is no target of make al; the nearest is all"),
        ("npm run lnt", "8: there is no script of package.json lnt; the nearest is lint"),
        ("python -m services.gateway", "8: there is no module services.gateway"),
        ("uvicorn services.gateway:app", "8: there is no module services.gateway"),
        ("ptyest services", "8: the command ptyest is not known; the nearest is pytest"),
        ("true\nif true; then\n  echo", "11: is no shell: unexpected end of file"),
        ("echo 'open", "8: is no shell: unexpected EOF while looking for matching `''"),
        ("cat services/later.txt\necho > services/other.txt", "8: services/later.txt is not there"),
    ],
)
def test_what_is_not_there_is_told(run: str, expected: str, tmp_path: Path) -> None:
    assert any(each.startswith(expected) for each in offences(workflow(run), tmp_path)), offences(
        workflow(run), tmp_path
    )


def test_what_one_step_makes_the_next_may_use() -> None:
    more = "      - run: echo > services/made.txt\n"
    assert offences(workflow("cat services/made.txt", more=more)) == []


def test_what_git_ignores_is_made() -> None:
    made = workflow("cat services/out.json")
    assert offences(made) == ["8: services/out.json is not there"]
    assert offences(made, ignored=frozenset({"services/out.json"})) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("      - uses: ./.github/actions/x\n", []),
        ("      - uses: ./.github/actions/y\n", ["6: .github/actions/y is not there"]),
        (
            "      - uses: a/b@c\n        with: {python-version-file: services/v.txt}\n",
            ["7: services/v.txt is not there"],
        ),
        ("      - uses: a/b@c\n        with: {path: services/out/, name: services/n}\n", []),
        ("      - working-directory: services\n        run: python gone.py\n", ["7: services/gone.py is not there"]),
    ],
)
def test_actions_and_their_inputs_are_looked_at(more: str, expected: list[str]) -> None:
    assert offences(workflow("true", more=more)) == expected


def test_a_called_workflow_must_be_there() -> None:
    called = "on: push\njobs:\n  docs:\n    uses: ./.github/workflows/{}.yml\n"
    assert offences(read_workflow(Document(CI, called.format("docs")))) == []
    assert offences(read_workflow(Document(CI, called.format("doc")))) == ["4: .github/workflows/doc.yml is not there"]


def test_other_shells_are_left_alone(tmp_path: Path) -> None:
    assert offences(workflow("if (:", shell="python"), tmp_path) == []


def test_a_workflow_that_is_absent_is_told() -> None:
    assert offences(read_workflow(Document(CI, absent=NOT_THERE)))


@pytest.mark.parametrize("name", FILES)
def test_without_the_file_nothing_can_be_run_by_name(name: str) -> None:
    runnable = what_is_runnable({name: Document(name, absent=NOT_THERE)})
    assert (runnable.sessions, runnable.targets, runnable.scripts) == (None, None, None)
    broken = what_is_runnable({name: Document(name, "[(\n")})
    assert not any((broken.sessions, broken.targets, broken.scripts))


def test_a_shell_reads_and_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "was-run"
    made = workflow(f"touch '{trace}'\nx=$(touch '{trace}')\n`touch '{trace}'`\nfi")
    assert offences(made, tmp_path)
    assert not trace.exists()


@given(st.text(st.sampled_from(list("ab/. -=|&;$()'\"\n")), max_size=40))
def test_no_script_breaks_the_reader(run: str) -> None:
    for mention in mentions(workflow(run), TREE):
        assert mention.place.line >= 7
