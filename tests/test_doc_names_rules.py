"""What pages name and is not there is found by line; placeholders, outputs and other people's things are not."""

from __future__ import annotations

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.doc_names import Deployment, unknown_names
from blueprint.rules.links import Tree
from blueprint.rules.workflow_names import Runnable, Surroundings

PATHS = {
    *(
        "infra",
        "infra/docker-compose.yaml",
        "infra/values-dev.yaml",
        "scripts",
        "scripts/smoke_test.py",
        "docs",
        "docs/a.md",
    ),
    *("services", "services/main.py", "noxfile.py", "."),
}
AROUND = Surroundings(
    Tree(PATHS, lambda path: "scripts/smoke_test.py" if "smoke" in path else ""),
    Runnable(frozenset({"tests"}), None, None),
    frozenset({"services/out.txt"}),
    {},
)
DEPLOYED = Deployment(
    services=frozenset({"gateway", "ui"}),
    profiles=frozenset({"default", "kafka"}),
    ports=frozenset({8010}),
    objects=frozenset({"service/gateway", "deployment/gateway"}),
)


def offences(text: str) -> list[str]:
    findings = unknown_names([Document("docs/a.md", text)], AROUND, DEPLOYED, ["docs/a.md"])
    assert not findings.unexamined
    return [f"{finding.place.line}: {finding.what}" for finding in findings.found]


def block(*lines: str, language: str = "bash") -> str:
    return "\n".join((f"```{language}", *lines, "```", ""))


@pytest.mark.parametrize(
    "text",
    [
        "`infra/docker-compose.yaml`, `infra/`, `infra/values-<env>.yaml`, `infra/values-*.yaml`, `services/out.txt`",
        "`owner/image:1.0`, `/health`, `and/or`, `gone/x`, `text/plain`, `a.b.c`, `x.example.org/y`",
        "`nox -s tests`, `poetry run python scripts/smoke_test.py`",
        block(
            "docker compose -f infra/docker-compose.yaml logs -f --tail 10 gateway", "docker compose exec ui ls gone"
        ),
        block("docker compose up --build --wait", "COMPOSE_PROFILES=default,kafka docker compose restart gateway ui"),
        block("kubectl -n x rollout status deployment/gateway", "kubectl port-forward svc/gateway 9000:80")
        + "\nhttp://localhost:9000 http://127.0.0.1:8010/health",
        block(
            "mkdir -p services/logs", 'docker compose logs "$service" > services/logs/x.log', "cat services/logs/x.log"
        ),
        block("python gone.py", language="python"),
        block("$ cat infra/values-dev.yaml", language="console"),
    ],
)
def test_what_is_there_or_is_not_ours_is_left_in_peace(text: str) -> None:
    assert offences(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\n\n`infra/gone.yaml`", ["3: infra/gone.yaml is not there"]),
        ("`scripts/smoke.py`", ["1: scripts/smoke.py is not there; the nearest is scripts/smoke_test.py"]),
        ("`infra/values-<env>.json`", ["1: nothing in the tree has a name like infra/values-<env>.json"]),
        ("`nox -s test`", ["1: there is no session of nox test; the nearest is tests"]),
        (block("true", "python scripts/gone.py"), ["3: scripts/gone.py is not there"]),
        (
            block("docker compose restart gatway"),
            ["2: gatway is no service of the Compose file; the nearest is gateway"],
        ),
        (block("docker-compose logs -f worker"), ["2: worker is no service of the Compose file"]),
        (block("docker compose --profile kafka up -d worker"), ["2: worker is no service of the Compose file"]),
        ("`COMPOSE_PROFILES=default,kafkas`", ["1: kafkas is no profile of the Compose file; the nearest is kafka"]),
        ("http://localhost:8011/", ["1: nothing publishes port 8011 on the host"]),
        (block("kubectl logs deploy/worker"), ["2: deployment/worker is no object that a chart renders"]),
        ("`kubectl port-forward svc/ui 80:80`", ["1: service/ui is no object that a chart renders"]),
    ],
)
def test_what_is_not_there_is_told(text: str, expected: list[str]) -> None:
    found = offences(text)
    assert len(found) == len(expected), found
    assert all(each.startswith(start) for each, start in zip(found, expected, strict=True)), found


def test_a_page_that_is_absent_or_not_read_is_told() -> None:
    pages = [Document("README.md", absent=NOT_THERE), Document("docs/a.md", "[" * 10_000)]
    findings = unknown_names(pages, AROUND, DEPLOYED, ["README.md", "docs/a.md", "docs/b.md"])
    assert [finding.place.file for finding in findings.found] == ["README.md", "docs/a.md"]
    assert findings.unexamined == {"docs/b.md"}
